"""The report of a run, for a person and for a script."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.local.scans import Finished

EXAMPLES = 1
"""Findings of each rule that are shown."""

_COLOURS = {"healthy": "green", "warning": "yellow", "critical": "red", "inconclusive": "magenta"}


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
    """What a run came to, by rule, with an example of each."""
    document = run.document
    console.rule(f"[bold]{document['scan_id']}")
    colour = _COLOURS.get(document["verdict"], "red")
    verdict = document["verdict"] or "no verdict"
    console.print(
        f"status [bold]{document['status']}[/], verdict [bold {colour}]{verdict}[/], "
        f"{_summary(document['counts'])}"
    )
    if document["error"]:
        error = document["error"]
        console.print(f"[red]{error['reason']}[/]: {escape(error['message'])}", soft_wrap=True)
    if run.results:
        console.print(_table(run))
    console.print(
        f"In Firestore: runs/{document['run_id']}. To look around: infra/local/run --serve, then "
        f"GET /runs/{document['run_id']}/debug or /findings of a run that you start there.",
        soft_wrap=True,
    )


def _summary(counts: dict[str, Any]) -> str:
    severities = counts.get("findings_by_severity", {})
    worst_first = [name for name in ("critical", "warning", "info") if severities.get(name)]
    by = ", ".join(f"{severities[name]} {name}" for name in worst_first)
    return (
        f"{counts.get('records', 0)} records, {counts.get('airtable_requests', 0)} requests, "
        f"{counts.get('rules_evaluated', 0)} rules evaluated, "
        f"{counts.get('rules_inconclusive', 0)} inconclusive, "
        f"{counts.get('findings', 0)} findings" + (f" ({by})" if by else "")
    )


def _rules(run: Finished) -> list[dict[str, Any]]:
    """A row a rule, in the order of their ids: what it came to."""
    rows: dict[str, dict[str, Any]] = {}
    for part in run.results:
        row = rows.setdefault(part["rule_id"], {"rule_id": part["rule_id"], "findings": 0})
        row["findings"] += part["count"]
        row["inconclusive"] = part["inconclusive"]
    return list(rows.values())


def _table(run: Finished) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("rule", "findings", "severity", "for example"):
        table.add_column(name, justify="right" if name == "findings" else "left")
    first: dict[str, Mapping[str, Any]] = {}
    for finding in run.findings:
        first.setdefault(finding["rule_id"], finding)
    for row in _rules(run):
        example = first.get(row["rule_id"])
        shown = f"{example['records'][0]}: {example['message']}" if example else ""
        table.add_row(
            row["rule_id"],
            "-" if row["inconclusive"] else str(row["findings"]),
            example["severity"] if example else "",
            escape(row["inconclusive"] or shown),
        )
    return table
