"""The routes of the api for every kind of scan: runs, definitions, schedules.

Answers are plain JSON values, and datetimes, which the entry point writes as ISO 8601.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from landfall.api.downloads import Download
from landfall.api.request import PAGES, Request, Route
from landfall.kinds.registry import Registry
from landfall.kinds.saves import tag_of
from landfall.process.aside import aside
from landfall.reasons import BadRequestError, NotFoundError, Reason
from landfall.runs import locks
from landfall.runs.documents import run_path
from landfall.runs.lifecycle import RunStatus
from landfall.store.documents import Document, Fields, Query, both, together
from landfall.store.versioned import Found, NewerDocument

DEFAULT_LIMIT = 50
"""Runs in a listing, unless the request has a `limit`."""

MAX_RUNS_LISTED = 30
"""Runs of each scan in a list of scans."""

MAX_LISTED = 1_500
"""Runs in a list of scans: each is a document that is read."""

MAX_MESSAGES = 5
"""Messages about a run: a scan has no more channels."""

LISTED_FIELDS = (
    *("run_id", "scan_id", "scan_version", "kind", "base", "url"),
    *("trigger", "started_by", "slot", "schedule_id"),
    *("status", "progress_step", "progress_pct", "attempt", "verdict", "complete", "counts"),
    "error",
    *("created_at", "started_at", "updated_at", "updated_by", "finished_at", "deadline_at"),
)
"""The fields of a run in a listing: all except its report."""

SCAN_ID = re.compile(r"[a-z0-9-]{1,60}")
"""The form of a scan's id: no query is made for any other text."""


async def start_run(request: Request) -> Fields:
    """Start a run of a scan, outside its schedule; once for each `Idempotency-Key`.

    Raises `ScanNotFoundError`, `KeyReusedError`.
    """
    scan_id = request.settings("scan_id").get("scan_id")
    if not isinstance(scan_id, str) or not scan_id or "/" in scan_id:
        raise BadRequestError('`scan_id` is missing: send {"scan_id": "..."}')
    head = await request.scans.head(scan_id)
    return {"run_id": await request.runs.start(head, request.by, "manual", key=request.key)}


async def list_runs(request: Request) -> Fields:
    """List the newest runs without their reports, in pages; `scan_id` and `status` narrow them.

    `status` may be several, separated by commas.
    """
    parameters, limit = request.parameters, request.limit(DEFAULT_LIMIT)
    if not SCAN_ID.fullmatch(parameters.get("scan_id", "x")):
        raise BadRequestError(
            "`scan_id` is the id of no scan: give up to 60 lower-case letters, digits and hyphens"
        )
    statuses = parameters["status"].split(",") if "status" in parameters else []
    if not set(RunStatus).issuperset(statuses):
        raise BadRequestError(f"`status` must be some of {', '.join(RunStatus)}")
    filters: list[tuple[str, str, Any]] = []
    if "scan_id" in parameters:
        filters.append(("scan_id", "==", parameters["scan_id"]))
    if len(statuses) == 1:
        filters.append(("status", "==", statuses[0]))
    elif statuses:
        filters.append(("status", "in", sorted(set(statuses))))
    place, skip = _place(parameters.get("page_token"))
    if place is not None:
        filters.append(("created_at", "<=", place))
    query = Query(
        "runs",
        where=tuple(filters),
        order=("created_at", "desc"),
        limit=skip + limit + 1,
        fields=LISTED_FIELDS,
    )
    found = (await request.runs.store.find_any(query))[skip:]
    return {
        "runs": [_listed(run) for run in found[:limit]],
        "next_page_token": _token(found[:limit], place, skip) if len(found) > limit else None,
    }


async def show_run(request: Request, run_id: str) -> Fields:
    """Show one run. Raises `RunNotFoundError`."""
    return _shown(await request.runs.document(run_id))


async def follow_run(request: Request, run_id: str) -> Fields:
    """Show a run with its steps and its newest moves, as many as `limit`; for who watches it."""
    path, find = run_path(run_id), request.runs.store.find
    newest = Query(
        f"{path}/events", order=("updated_at", "desc"), limit=request.limit(DEFAULT_LIMIT)
    )
    run, (steps, events) = await both(
        request.runs.get(run_id), both(find(Query(f"{path}/steps")), find(newest))
    )
    return {
        "run": _shown(run.document),
        "steps": [{"step_id": step.id} | step.data for step in steps],
        "events": [{"event_id": event.id} | event.data for event in reversed(events)],
        "moves": run.moves,
    }


async def debug_run(request: Request, run_id: str) -> Fields:
    """Show everything about a run except its data, which its report has, too."""
    run = await request.runs.document(run_id)
    find = request.runs.store.find
    steps = await find(Query(f"{run.path}/steps"))
    events = await find(Query(f"{run.path}/events"))
    pages = await find(Query(f"{run.path}/pages", fields=("records",)))
    results = await find(Query(f"{run.path}/results", fields=("records",)))
    return {
        "run": {name: value for name, value in _shown(run).items() if name != "report"},
        "steps": [{"step_id": step.id} | step.data for step in steps],
        "events": [{"event_id": event.id} | event.data for event in events],
        "pages": {
            "documents": len(pages),
            "records": sum(page.data["records"] for page in pages),
        },
        "results": [{"result_id": result.id} | result.data for result in results],
    }


async def list_messages(request: Request, run_id: str) -> Fields:
    """List what was sent to people about a run, to which channels, and what became of it.

    Raises `RunNotFoundError`.
    """
    await request.runs.document(run_id)
    query = Query("outbox", where=(("run_id", "==", run_id),), limit=MAX_MESSAGES)
    found = await request.runs.store.find_any(query)
    return {
        "run_id": run_id,
        "messages": [
            {"message_id": one.id, "problem": one.why}
            if isinstance(one, NewerDocument)
            else {"message_id": one.id} | one.data
            for one in found
        ],
    }


async def cancel_run(request: Request, run_id: str) -> Fields:
    """End a run now, also one that cannot be read; one that has ended stays as it is.

    Raises `RunNotFoundError`.
    """
    error = {"reason": Reason.CANCELLED, "message": f"cancelled by {request.by}"}
    cancelled = await request.runs.end(run_id, RunStatus.CANCELLED, error, request.by)
    run = await request.runs.document(run_id)
    return {"run_id": run_id, "cancelled": cancelled, "status": run.data["status"]}


async def save_scan(request: Request, scan_id: str) -> Fields:
    """Store a scan's definition, which is JSON or YAML; with `If-Match`, if it is still that one.

    Raises `DefinitionError`, `ScanChangedError`.
    """
    from landfall.kinds.definition import load
    from landfall.scans.json_text import is_json
    from landfall.scans.yaml_text import MAX_YAML

    text = request.text(MAX_YAML)
    scan, in_json = await aside(lambda: (load(text, f"scan {scan_id}"), is_json(text)))
    if scan.id != scan_id:
        raise BadRequestError(
            f"`id` is {scan.id!r} in the body and {scan_id!r} in the path; a scan keeps its id, so "
            "write that one, or make a new scan"
        )
    saved = await Registry(request.runs.store, request.runs.clock).save(
        scan, request.by, None if in_json else text, request.match
    )
    return {"scan_id": scan_id} | saved


async def list_scans(request: Request) -> Fields:
    """List the scans by their ids, in pages, each with its schedule and its newest runs.

    `runs` is the number of runs of each, 1 unless it is given.
    """
    parameters, limit = request.parameters, request.limit(DEFAULT_LIMIT)
    runs = parameters.get("runs", "1")
    if not re.fullmatch(r"\d{1,2}", runs) or int(runs) > MAX_RUNS_LISTED:
        raise BadRequestError(f"`runs` must be a whole number from 0 to {MAX_RUNS_LISTED}")
    if int(runs) * limit > MAX_LISTED:
        raise BadRequestError(
            f"`limit` times `runs` is more than {MAX_LISTED:,} runs; ask for fewer of either"
        )
    after = parameters.get("page_token")
    if after is not None and not SCAN_ID.fullmatch(after):
        raise BadRequestError("`page_token` must be the `next_page_token` of an earlier answer")
    store = request.runs.store
    scans = await store.find_any(Query("scans", limit=limit + 1, after=after))
    shown = scans[:limit]
    schedules, newest = await both(
        store.read_any(*(f"schedules/{scan.id}" for scan in shown)),
        together(*(_newest(request, scan.id, int(runs)) for scan in shown)),
    )
    return {
        "scans": [
            _scan(scan, schedule) | {"runs": its}
            for scan, schedule, its in zip(shown, schedules, newest, strict=True)
        ],
        "next_page_token": shown[-1].id if len(scans) > limit else None,
    }


async def show_scan(request: Request, scan_id: str) -> Fields | Download:
    """Show the current definition of a scan, with its schedule; `format=yaml` as it was written.

    Raises `ScanNotFoundError`.
    """
    form = request.form("json", "yaml")
    head = await request.scans.head(scan_id)
    (schedule,) = await request.runs.store.read(f"schedules/{scan_id}")
    if form == "yaml":
        text = await request.scans.text(scan_id, head.data["version"], schedule)
        return Download.text(text, f"{scan_id}.yaml", "application/yaml; charset=utf-8")
    definition = await request.scans.definition(scan_id, head.data["version"])
    return {
        "scan_id": scan_id,
        **head.data,
        "etag": tag_of(head),
        "definition": definition.document(),
        "schedule": _schedule(schedule.data) if schedule else None,
    }


async def end_pause(request: Request, name: str) -> Fields:
    """End the pause of a base (its id) or site (its host) after a failure; `GET /health` has them.

    Raises `NotFoundError` where it has none.
    """
    runs = request.runs
    if not await locks.end_pause(runs.store, runs.clock, name, request.by):
        raise NotFoundError(f"there is no pause of {name!r}; `GET /health` lists them")
    return {"id": name, "ended": True}


ROUTES = [
    Route("POST", "/runs", 202, start_run, role="reviewer"),
    Route("GET", "/runs", 200, list_runs, ("scan_id", "status", *PAGES)),
    Route("GET", "/runs/{id}", 200, show_run),
    Route("GET", "/runs/{id}/timeline", 200, follow_run, ("limit",)),
    Route("GET", "/runs/{id}/debug", 200, debug_run),
    Route("GET", "/runs/{id}/messages", 200, list_messages),
    Route("POST", "/runs/{id}/cancel", 200, cancel_run, role="reviewer"),
    Route("GET", "/scans", 200, list_scans, ("runs", *PAGES)),
    Route("PUT", "/scans/{id}", 200, save_scan, role="editor"),
    Route("GET", "/scans/{id}", 200, show_scan, ("format",)),
    Route("DELETE", "/pauses/{id}", 200, end_pause, role="editor"),
]


async def follow_scan(
    request: Request, scan_id: str, runs: int, fields: Sequence[str] = LISTED_FIELDS
) -> Fields:
    """Return a scan as a list of scans has it, with these fields of so many of its newest runs.

    Raises `ScanNotFoundError`.
    """
    head, ((schedule,), newest) = await both(
        request.scans.head(scan_id),
        both(
            request.runs.store.read_any(f"schedules/{scan_id}"),
            _newest(request, scan_id, runs, fields),
        ),
    )
    return _scan(head, schedule) | {"runs": newest}


async def _newest(
    request: Request, scan_id: str, limit: int, fields: Sequence[str] = LISTED_FIELDS
) -> list[Fields]:
    if limit == 0:
        return []
    query = Query(
        "runs",
        where=(("scan_id", "==", scan_id),),
        order=("created_at", "desc"),
        limit=limit,
        fields=tuple(fields),
    )
    return [_listed(run) for run in await request.runs.store.find_any(query)]


def _scan(scan: Found, schedule: Found | None) -> Fields:
    if isinstance(scan, NewerDocument):
        return {"scan_id": scan.id, "problem": scan.why, "schedule": None}
    if isinstance(schedule, NewerDocument):
        return {"scan_id": scan.id, **scan.data, "problem": schedule.why, "schedule": None}
    planned = _schedule(schedule.data) if schedule else None
    return {"scan_id": scan.id, **scan.data, "schedule": planned}


def _schedule(stored: Fields) -> Fields:
    """Return a schedule for people. One that an earlier Landfall paused still has its slot."""
    return stored | ({"next_run_at": None} if stored.get("paused") else {})


def _place(token: str | None) -> tuple[datetime | None, int]:
    """Return where a page begins: at a moment, and behind so many runs of that same moment.

    Raises `BadRequestError`.
    """
    if token is None:
        return None, 0
    text, _, skip = token.partition("~")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not re.fullmatch(r"\d{1,4}", skip):
        raise BadRequestError("`page_token` must be the `next_page_token` of an earlier answer")
    return moment, int(skip)


def _token(shown: Sequence[Found], place: datetime | None, skip: int) -> str:
    """Return where the page after these runs begins; nobody knows when an unreadable one began."""
    began = [None if isinstance(it, NewerDocument) else it.data["created_at"] for it in shown]
    last: datetime = next(filter(None, reversed(began)), place or datetime.max.replace(tzinfo=UTC))
    behind = len(shown) - began.index(last) if last in began else len(shown)
    skip = behind + (skip if last == place else 0)
    return f"{last.astimezone(UTC).isoformat()}~{skip}"


def _listed(run: Found) -> Fields:
    if isinstance(run, NewerDocument):  # no reason to leave out the others
        return {"run_id": run.id, "problem": run.why}
    return _shown(run)


def _shown(run: Document) -> Fields:
    """Return a run for people, without the handover between its steps."""
    run_fields = {k: v for k, v in run.data.items() if k != "handover"}
    return {"run_id": run.id, "started_by": None, "complete": None} | run_fields
