"""Two runs of a scan beside each other: what is new, resolved, ignored since, and still there."""

from urllib.parse import urlencode

from landfall.api.request import check_kind
from landfall.integrity.findings.run_comparison import CHANGES
from landfall.integrity.history_routes import compare_runs
from landfall.kinds.routes import follow_scan
from landfall.reasons import BadRequestError
from landfall.store.documents import Fields
from landfall.window.home_page import STRIP
from landfall.window.visit import View, Visit

PAGE = 100
"""Findings on a page."""


async def compare_page(visit: Visit, scan_id: str) -> View:
    """Compare two runs; unless the address names others, the two newest with a result."""
    scan = await follow_scan(visit.ask(), scan_id, STRIP)
    check_kind("integrity", scan["kind"], scan_id)
    runs = [run for run in scan["runs"] if run.get("verdict")]
    chosen = {
        name: visit.query.get(name) or (runs[place]["run_id"] if place < len(runs) else "")
        for place, name in ((1, "from"), (0, "to"))
    }
    change = visit.query.get("change") or "new"
    found: Fields | None = None
    problem = ""
    if len(runs) > 1 or "from" in visit.query:
        asked = {**chosen, "change": change, "limit": str(PAGE)}
        asked["page_token"] = visit.query.get("page_token") or "0"
        try:
            found = await compare_runs(visit.ask(asked), scan_id)
        except BadRequestError as error:
            problem = str(error)
    values = {
        "scan": scan,
        "runs": runs,
        "chosen": chosen,
        "change": change,
        "changes": CHANGES,
        "found": found,
        "problem": problem,
        "query": urlencode(chosen),
    }
    return View("compare.html", values, status=400 if problem else 200)
