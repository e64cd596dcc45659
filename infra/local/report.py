"""The report of a run, for a person and for a script."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.local.scans import Finished
from infra.local.stack import Stack
from infra.local.terminal import COLOURS
from landfall.reasons import Reason

LOG_LINES = 12
"""Lines of a function's log that are shown when its run did not end `done`."""

_WORST_FIRST = ("critical", "warning", "info")


def as_json(run: Finished) -> str:
    """One line: the run's final document, and its report."""
    report = {
        "verdict": run.document["verdict"],
        "counts": run.document["counts"],
        "inconclusive": run.document.get("inconclusive", []),
        **(run.document.get("report") or {}),
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
            (document["status"], "bold"), ", ", (verdict, COLOURS.get(verdict, "red")), ": "
        )
        + Text(_summary(document["counts"]))
    )
    rules = (document.get("report") or {}).get("rules", [])
    for line in _lines([rule for rule in rules if rule["findings"]]):
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
    for rule in rules:
        if rule["inconclusive"]:
            line = Text.assemble((rule["rule_id"], "magenta"), ": ", rule["inconclusive"])
            console.print("inconclusive", line, soft_wrap=True)
    for warning in document["warnings"]:
        line = Text.assemble(
            (warning["what"], "yellow"), f": {warning['reason']}: {warning['message']}"
        )
        console.print("warning", line, soft_wrap=True)
    clean = [rule["rule_id"] for rule in rules if not (rule["findings"] or rule["inconclusive"])]
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
        f"{counts.get('findings', 0)} findings"
        + (f" ({by})" if by else "")
        + _news(counts)
        + _written(counts)
    )


def _news(counts: Mapping[str, Any]) -> str:
    """What is not as it was in the run before; nothing where all of it is new."""
    names = ("new", "reopened", "resolved", "ignored")
    news = {name: counts.get(f"findings_{name}", 0) for name in names}
    if news["new"] == counts.get("findings", 0):
        del news["new"]
    said = ", ".join(f"{count} {name}" for name, count in news.items() if count)
    return f"; {said}" if said else ""


def _written(counts: Mapping[str, Any]) -> str:
    due = counts.get("findings_to_write", 0)
    return f"; {counts['findings_written']} of {due} written back" if due else ""


def _lines(rules: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """A line a rule, the worst first, with what it found and an example."""
    width = max((len(rule["rule_id"]) for rule in rules), default=0)
    for rule in sorted(rules, key=lambda rule: (_worst(rule), -rule["findings"])):
        example, severity = rule["samples"][0], _WORST_FIRST[_worst(rule)]
        news = "".join(
            f", {rule[name]} {name}"
            for name in ("new", "reopened", "resolved")
            if rule[name] and rule[name] != rule["findings"]
        )
        yield Text.assemble(
            f"{rule['findings']:>6}  ",
            (f"{severity:<8}", COLOURS[severity]),
            f"  {rule['rule_id']:<{width}}{news}  {example['record'] or rule['table']}: "
            f"{example['message']}",
        )


def _worst(rule: Mapping[str, Any]) -> int:
    return min(_WORST_FIRST.index(severity) for severity in rule["by_severity"])
