"""Home: what has to be corrected first, and where every scan stands."""

import asyncio
from collections import Counter

from landfall.classification.routes import review_states
from landfall.kinds.routes import list_scans
from landfall.runs.lifecycle import RUN_LIVE
from landfall.store.documents import Fields, Query, both
from landfall.store.versioned import NewerDocument
from landfall.window.standing import LOUD, Standing, items_of, rank_of, standing_of
from landfall.window.visit import LATER, SOON, View, Visit

STRIP = 30
"""Runs in the strip of a scan."""

SCANS = 50
"""Scans on a page."""

MAX_ITEMS = 10
"""Entries of what to correct first."""

MAX_OF_A_SCAN = 5
"""Entries of one scan among them: no scan hides the others."""

PULSE_MINUTES = 5
"""A page at rest is made anew this often, since a missed run changes no document."""


async def home(visit: Visit) -> View:
    """Show what has to be corrected first, and every scan."""
    parameters = {"runs": str(STRIP), "limit": str(SCANS)}
    if "page_token" in visit.query:
        parameters["page_token"] = visit.query["page_token"]
    listed = await list_scans(visit.ask(parameters))
    standings = [standing_of(scan, visit.now) for scan in listed["scans"]]
    results, to_review = await both(_results(visit, standings), _to_review(visit, standings))
    found = [
        sorted(items_of(one, results.get(one.scan["scan_id"], {})), key=rank_of)
        for one in standings
    ]
    items = sorted((item for its in found for item in its[:MAX_OF_A_SCAN]), key=rank_of)
    owners = {
        one.scan["scan_id"]: _owners(results.get(one.scan["scan_id"], {})) for one in standings
    }
    order = [*LOUD, "warning"]
    standings.sort(key=lambda one: order.index(one.state) if one.state in order else len(order))
    moving = any(one.moving for one in standings)
    values = {
        "standings": standings,
        "to_review": to_review,
        "owners": owners,
        "strips": {one.scan["scan_id"]: one.scan["runs"][::-1] for one in standings},
        "items": items[:MAX_ITEMS],
        "more": sum(map(len, found)) - len(items[:MAX_ITEMS]),
        "tally": _tally(standings),
        "next": listed["next_page_token"],
        "beyond": "page_token" in visit.query,
        "looked": visit.looked,
        "new": sum(one.new_since(visit.looked) for one in standings),
    }
    return View("home.html", values, refresh=SOON if moving else LATER)


async def _results(visit: Visit, standings: list[Standing]) -> dict[str, Fields]:
    """Return the last run with a verdict of each scan, whole."""
    runs = {one.judged["run_id"]: one.scan["scan_id"] for one in standings if one.judged}
    if not runs:
        return {}
    found = await visit.asked.runs.store.read_any(*(f"runs/{run_id}" for run_id in runs))
    return {runs[run.id]: run.data for run in found if run and not isinstance(run, NewerDocument)}


async def _to_review(visit: Visit, standings: list[Standing]) -> dict[str, int]:
    """Return how many suggestions wait in each classification: four documents of each."""
    ids = [one.scan["scan_id"] for one in standings if one.scan.get("kind") == "classification"]
    states = await asyncio.gather(*(review_states(visit.ask(), scan_id) for scan_id in ids))
    return {scan_id: its.get("suggested", 0) for scan_id, its in zip(ids, states, strict=True)}


def _owners(result: Fields) -> list[str]:
    report = result.get("report") or {}
    owners = Counter(rule["owner"] for rule in report.get("rules", ()) if rule["owner"])
    return [owner for owner, _ in owners.most_common(3)]


def _tally(standings: list[Standing]) -> dict[str, int]:
    """Return the number of scans that need a person, have warnings, or are in order."""
    loud = sum(one.loud for one in standings)
    warning = sum(one.state == "warning" for one in standings)
    return {
        "all": len(standings),
        "loud": loud,
        "warning": warning,
        "healthy": sum(one.state == "healthy" for one in standings),
    }


async def home_pulse(visit: Visit) -> str:
    """Return what changes with the newest run, with runs in motion, and with a saved scan."""
    find = visit.asked.runs.store.find_any
    newest, live, saved = await asyncio.gather(
        find(Query("runs", order=("created_at", "desc"), limit=1, fields=("created_at",))),
        find(
            Query(
                "runs",
                where=(("status", "in", sorted(RUN_LIVE)),),
                limit=SCANS,
                fields=("updated_at",),
            )
        ),
        find(Query("scans", order=("updated_at", "desc"), limit=1, fields=("updated_at",))),
    )
    seen = [
        (one.path, "" if isinstance(one, NewerDocument) else one.data.get("updated_at"))
        for one in (*newest, *live, *saved)
    ]
    minutes = int(visit.now.timestamp()) // (60 * PULSE_MINUTES)
    return repr((seen, minutes))
