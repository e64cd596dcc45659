"""The report of a run, for a person and for a script."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.local.scans import Finished
from infra.local.stack import Stack
from landfall.reasons import Reason

LOG_LINES = 12
"""Lines of a function's log that are shown when its run did not end `done`."""

_COLOURS = {
    "healthy": "green",
    "warning": "yellow",
    "critical": "red",
    "inconclusive": "magenta",
    "info": "cyan",
}
_WORST_FIRST = ("critical", "warning", "info")


def as_json(run: Finished) -> str:
    """One line: the run's final document, and its report."""
    report = {
        "verdict": run.document["verdict"],
        "counts": run.document["counts"],
        "inconclusive": run.document.get("inconclusive", []),
        "rules": _rules(run),
        "findings": run.findings,
    }
    return json.dumps({"run": run.document, "report": report}, ensure_ascii=False)


def print_report(run: Finished, console: Console) -> None:
    """What a run came to: a line a rule that found something, the worst first, with an example."""
    document = run.document
    verdict = document["verdict"] or "no verdict"
    console.rule(Text(document["scan_id"], "bold"))
    console.print(
        Text.assemble(
            (document["status"], "bold"), ", ", (verdict, _COLOURS.get(verdict, "red")), ": "
        )
        + Text(_summary(document["counts"]))
    )
    rules = _rules(run)
    for line in _lines(run, [row for row in rules if row["findings"]]):
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
    for row in rules:
        if row["inconclusive"]:
            line = Text.assemble((row["rule_id"], "magenta"), ": ", row["inconclusive"])
            console.print("inconclusive", line, soft_wrap=True)
    clean = [row["rule_id"] for row in rules if not (row["findings"] or row["inconclusive"])]
    if clean:
        console.print(f"nothing found by {', '.join(clean)}", markup=False)
    console.print(f"in Firestore: runs/{document['run_id']}", markup=False)


def print_failure(run: Finished, stack: Stack, console: Console) -> None:
    """Why a run did not end `done`, and the end of the log of the function that failed."""
    error = run.document["error"]
    console.print(f"{run.document['scan_id']}: {error['reason']}", style="red", markup=False)
    console.print(error["message"], soft_wrap=True, markup=False)
    if error["reason"] == Reason.INTERNAL_ERROR:
        console.print(error["traceback"], soft_wrap=True, markup=False)
    process = stack.processes.get(error["step"] or "")
    if process:
        console.print(f"The end of the log of {process.name}:")
        for line in process.log_end(LOG_LINES).splitlines():
            console.print(f"  {_readable(line)}", soft_wrap=True, markup=False, style="dim")


def _readable(line: str) -> str:
    """A JSON line of a function's log for a person: without what is the same in all of them."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    said = f"{fields.pop('severity')} {fields.pop('message')}"
    more = {name: value for name, value in fields.items() if name not in _LEFT_OUT}
    return " ".join([said, *(f"{name}={value}" for name, value in more.items())])


_LEFT_OUT = {"function", "trace", "run_id", "step_id", "traceback"}


def _summary(counts: Mapping[str, Any]) -> str:
    severities = counts.get("findings_by_severity", {})
    by = ", ".join(f"{severities[name]} {name}" for name in _WORST_FIRST if severities.get(name))
    return (
        f"{counts.get('records', 0)} records, {counts.get('airtable_requests', 0)} requests; "
        f"{counts.get('rules_evaluated', 0)} rules evaluated, "
        f"{counts.get('rules_inconclusive', 0)} inconclusive; "
        f"{counts.get('findings', 0)} findings" + (f" ({by})" if by else "")
    )


def _rules(run: Finished) -> list[dict[str, Any]]:
    """A row a rule: what it came to, the worst first."""
    rows: dict[str, dict[str, Any]] = {}
    for part in run.results:
        first = {"rule_id": part["rule_id"], "severity": part["severity"], "findings": 0}
        row = rows.setdefault(part["rule_id"], first)
        row["findings"] += part["count"]
        row["inconclusive"] = part["inconclusive"]
    return sorted(
        rows.values(), key=lambda row: (_WORST_FIRST.index(row["severity"]), -row["findings"])
    )


def _lines(run: Finished, rows: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    examples = {finding["rule_id"]: finding for finding in reversed(run.findings)}
    width = max((len(row["rule_id"]) for row in rows), default=0)
    for row in rows:
        example, severity = examples[row["rule_id"]], row["severity"]
        yield Text.assemble(
            f"{row['findings']:>6}  ",
            (f"{severity:<8}", _COLOURS[severity]),
            f"  {row['rule_id']:<{width}}  {example['records'][0]}: {example['message']}",
        )
