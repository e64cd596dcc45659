"""The rules of a scan with their last results, and charts over its last runs."""

from collections.abc import Sequence
from typing import Any

from landfall.integrity.history_routes import rules_of_scan
from landfall.kinds.routes import follow_scan
from landfall.store.documents import Fields, both
from landfall.window.charts import RUNS, Chart, Series
from landfall.window.rendering import duration, number
from landfall.window.standing import SEVERITIES
from landfall.window.visit import View, Visit
from landfall.window.wording import STATES

MAX_RULES = 200
"""Rules of a page; those with the most to correct come first."""

MAX_TABLES = 12
"""Tables whose records are drawn: those with the most."""

LOUDNESS = ("critical", "inconclusive", "warning", "info", "healthy")
"""The order of rules by their newest result."""


async def rules_page(visit: Visit, scan_id: str) -> View:
    """Show the rules of a scan and its charts."""
    scan, found = await both(
        follow_scan(visit.ask(), scan_id, RUNS), rules_of_scan(visit.ask(), scan_id)
    )
    rules = sorted(found["rules"], key=_rank)
    runs = [run for run in scan["runs"][::-1] if run.get("finished_at")]
    known = found["runs"][::-1]
    values = {
        "scan": scan,
        "rules": [rule | {"results": rule["results"][::-1]} for rule in rules[:MAX_RULES]],
        "more": len(rules) - MAX_RULES,
        "runs_of_rules": known,
        "charts": [(chart, runs) for chart in charts_of_runs(runs)],
        "tables": [(chart, known) for chart in charts_of_tables(known)],
    }
    return View("rules.html", values)


def _rank(rule: Fields) -> tuple[int, int]:
    newest = rule["results"][0]
    state = newest["state"]
    return (LOUDNESS.index(state) if state in LOUDNESS else 0, -newest["findings"])


def charts_of_runs(runs: Sequence[Fields]) -> list[Chart]:
    """Return the charts of what runs have found and how long they took, the oldest first."""

    def counted(*names: str) -> list[float | None]:
        return [
            sum(run["counts"].get(name, 0) for name in names) if run.get("verdict") else None
            for run in runs
        ]

    def open_of(severity: str) -> list[float | None]:
        return [
            run["counts"].get("findings_by_severity", {}).get(severity, 0)
            if run.get("verdict")
            else None
            for run in runs
        ]

    seconds: list[float | None] = [
        (run["finished_at"] - run["created_at"]).total_seconds() for run in runs
    ]
    by_severity = [
        Series(STATES[name].word, STATES[name].tone, open_of(name)) for name in SEVERITIES
    ]
    new = Series("New", "notice", counted("findings_new", "findings_reopened"))
    return [
        Chart("Open findings", by_severity, number),
        Chart("New findings", [new], number),
        Chart(
            "Resolved findings", [Series("Resolved", "good", counted("findings_resolved"))], number
        ),
        Chart("Duration", [Series("Took", "busy", seconds)], duration),
    ]


def charts_of_tables(runs: Sequence[Fields]) -> list[Chart]:
    """Return a chart of the records of each table, those with the most first."""
    newest: dict[str, Any] = runs[-1]["records"] if runs else {}
    most = sorted(newest, key=lambda name: -newest[name])[:MAX_TABLES]
    return [
        Chart(name, [Series("Records", "busy", [run["records"].get(name) for run in runs])], number)
        for name in most
    ]
