"""The runs of all scans, or of one, the newest first: filters and place are in the address."""

from urllib.parse import urlencode

from landfall.kinds.routes import list_runs
from landfall.runs.lifecycle import RUN_LIVE, RunStatus
from landfall.window.standing import FAILED
from landfall.window.visit import LATER, SOON, View, Visit
from landfall.window.wording import STATES

PAGE = 50
"""Runs on a page."""


async def runs_page(visit: Visit) -> View:
    """Show runs."""
    filters = {name: visit.query[name] for name in ("scan_id", "status") if visit.query.get(name)}
    asked = {**filters, "limit": str(PAGE)}
    if token := visit.query.get("page_token"):
        asked["page_token"] = token
    listed = await list_runs(visit.ask(asked))
    moving = any(run.get("status") in RUN_LIVE for run in listed["runs"])
    following = listed["next_page_token"]
    values = {
        "runs": listed["runs"],
        "filters": filters,
        "statuses": {",".join(FAILED): "All that failed"}
        | {status: STATES[status].word for status in RunStatus},
        "beyond": "page_token" in visit.query,
        "following": following and f"/runs?{urlencode(filters | {'page_token': following})}",
    }
    return View("runs.html", values, refresh=SOON if moving else LATER)
