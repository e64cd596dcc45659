"""Two runs of a scan beside each other: what is new, resolved, ignored since, and still there."""

from collections.abc import Mapping
from urllib.parse import urlencode

from landfall.api.request import check_kind
from landfall.integrity.findings.run_comparison import CHANGES
from landfall.integrity.history_routes import compare_runs
from landfall.kinds.routes import follow_scan
from landfall.reasons import BadRequestError
from landfall.store.documents import Fields, both
from landfall.window.finding_rows import rows_within
from landfall.window.home_page import STRIP
from landfall.window.visit import View, Visit

PAGE = 100
"""Findings on a page."""


async def compare_page(visit: Visit, scan_id: str) -> View:
    """Compare two runs; unless the address names others, the two newest with a result."""
    query = visit.query
    named = {name: query.get(name, "") for name in ("from", "to")}
    follow = follow_scan(visit.ask(), scan_id, STRIP, ("run_id", "created_at", "verdict"))
    if all(named.values()):
        scan, (found, problem) = await both(follow, _compared(visit, scan_id, named))
    else:
        scan, (found, problem) = await follow, (None, "")
    check_kind("integrity", scan["kind"], scan_id)
    runs = [run for run in scan["runs"] if run.get("verdict")]
    newest = (runs[place]["run_id"] if place < len(runs) else "" for place in (1, 0))
    chosen = {name: named[name] or its for name, its in zip(named, newest, strict=True)}
    if chosen != named and (len(runs) > 1 or named["from"]):
        found, problem = await _compared(visit, scan_id, chosen)
    values = {
        "scan": scan,
        "runs": runs,
        "chosen": chosen,
        "change": _change(visit),
        "changes": CHANGES,
        "found": found,
        "rows": rows_within(found["findings"], f"/scans/{scan_id}") if found else [],
        "problem": problem,
        "query": urlencode(chosen),
    }
    return View("compare.html", values, status=400 if problem else 200)


async def _compared(
    visit: Visit, scan_id: str, chosen: Mapping[str, str]
) -> tuple[Fields | None, str]:
    """Return a page of what differs between two runs, or why they cannot be compared."""
    asked = {**chosen, "change": _change(visit), "limit": str(PAGE)}
    asked["page_token"] = visit.query.get("page_token") or "0"
    try:
        return await compare_runs(visit.ask(asked), scan_id), ""
    except BadRequestError as error:
        return None, str(error)


def _change(visit: Visit) -> str:
    return visit.query.get("change") or "new"
