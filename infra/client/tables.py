"""Tables and texts: fitted to the width of a terminal, or lines with tabs for other programs."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.local.terminal import COLOURS
from landfall.airtable.values import printable

WIDE = 100
"""Columns of a terminal that has room for every column of a table."""

Row = Sequence[str]


def print_table(
    console: Console,
    headers: Sequence[str],
    rows: Sequence[Row],
    *,
    extra: int = 0,
    grows: int = -1,
) -> None:
    """Print rows below their headers.

    In a terminal, the last `extra` columns are left out where it is narrow; the column `grows` is
    the one that is wrapped, and others are never cut. Elsewhere each row is a line, its cells
    are separated by tabs, and nothing is left out.
    """
    if not console.is_terminal:
        for row in [headers, *rows]:
            sys.stdout.write("\t".join(printable(cell) for cell in row) + "\n")
        return
    shown = len(headers) - (extra if console.width < WIDE else 0)
    table = Table(box=None, pad_edge=False, header_style="bold")
    grows %= shown
    for number, header in enumerate(headers[:shown]):
        table.add_column(header, no_wrap=number != grows, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(it), style=COLOURS.get(it, "")) for it in row[:shown]))
    console.print(table)


def moment(text: Any) -> str:
    """Return a moment of the api in UTC, to the minute; a dash where there is none."""
    if not isinstance(text, str):
        return "-"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def scan_row(scan: Mapping[str, Any]) -> Row:
    """Return the cells of a scan: id, kind, last run, its verdict, next run, name."""
    run: Mapping[str, Any] = next(iter(scan.get("runs") or ()), {})
    schedule = scan.get("schedule") or {}
    due = "paused" if schedule.get("paused") else moment(schedule.get("next_run_at"))
    last = moment(run.get("created_at"))
    problem = scan.get("problem")
    name = f"problem: {problem}" if problem else scan.get("name") or ""
    return scan["scan_id"], scan.get("kind") or "-", state(run), last, due, str(name)


SCANS = ("scan", "kind", "state", "last run", "next run", "name")


def state(run: Mapping[str, Any]) -> str:
    """Return the verdict of a run that is done, else its status; a dash for no run."""
    return str(run.get("verdict") or run.get("status") or run.get("problem") or "-")


def run_row(run: Mapping[str, Any]) -> Row:
    """Return the cells of a run: id, state, start, findings, records, who started it."""
    counts = run.get("counts") or {}
    read = counts.get("records", counts.get("pages", ""))
    return (
        run["run_id"],
        state(run),
        moment(run.get("created_at")),
        str(counts.get("findings", "")),
        str(read),
        str(run.get("started_by") or ""),
    )


RUNS = ("run", "state", "created", "findings", "read", "started by")


def finding_row(finding: Mapping[str, Any]) -> Row:
    """Return the cells of a finding: severity, rule, table, record, message, state, first seen."""
    names = finding.get("record_names") or finding.get("records") or ()
    count = finding.get("record_count") or 0
    record = f"{names[0]}{f' and {count - 1} more' if count > 1 else ''}" if names else ""
    return (
        finding["severity"],
        finding["rule_id"],
        finding["table"],
        record,
        finding["message"],
        finding["state"],
        moment(finding.get("first_seen")),
    )


FINDINGS = ("severity", "rule", "table", "record", "message", "state", "first seen")


def trial_row(rule: Mapping[str, Any]) -> Row:
    """Return the cells of a rule that was tried: id, table, what it finds, its sentence."""
    found = rule.get("inconclusive") or rule.get("unjudged")
    if found is None:
        least = "at least " if rule.get("at_least") else ""
        found = f"{least}{rule['findings']} of {rule['records']}"
    return rule["rule_id"], rule["table"], str(found), rule["sentence"]


TRIALS = ("rule", "table", "finds", "it says")
