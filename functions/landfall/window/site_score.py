"""The score of a site on the page of its scan: the last one, and those of its newest runs. Pure."""

from dataclasses import dataclass
from typing import Any

from landfall.store.documents import Fields
from landfall.window.report_content import MAX_LABEL, text_of
from landfall.window.standing import Standing


@dataclass(frozen=True)
class SiteScore:
    """The last report of a site, in short: `trend` are the runs with a score, the oldest first."""

    run_id: str
    report: Fields
    change: float | None
    parts: list[Fields]
    trend: list[Fields]


def score_of(standing: Standing, report: Fields | None) -> SiteScore | None:
    """Return the score of a site; None before its first report."""
    if not report or not standing.judged:
        return None
    comparison = report.get("comparison")
    return SiteScore(
        standing.judged["run_id"],
        report,
        comparison["total_score_60"] if comparison else None,
        [_part(report, name) for name in report["dimensions"]],
        [_point(run) for run in reversed(standing.scan["runs"]) if _total(run) is not None],
    )


def _part(report: Fields, name: str) -> Fields:
    shown = report.get("names", {}).get(name) or name.replace("_", " ").capitalize()
    return {"name": text_of(shown, MAX_LABEL), "score": report["scores"][name]}


def _total(run: Fields) -> Any:
    return run.get("counts", {}).get("total_score_60")


def _point(run: Fields) -> Fields:
    return {
        "run_id": run["run_id"],
        "created_at": run["created_at"],
        "total": _total(run),
        "leaks": run["counts"]["leaks"],
        "coverage": run["counts"]["coverage_pct"],
    }
