"""What people see of runs and scans, and what they may do: the routes of the `api` function.

Every answer is plain JSON values but for datetimes, which the entry point writes as ISO 8601.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from landfall.changes import run_path
from landfall.definition import parse
from landfall.documents import Document, Fields, Query
from landfall.lifecycle import RunStatus
from landfall.reasons import Reason
from landfall.registry import Registry, plan_run
from landfall.runs import RunNotFoundError, Runs

RUNS_LISTED = 50
"""Runs of a listing when its `limit` is not given; 500 at most."""

FINDING_DOCUMENTS = 4
"""Result documents of one answer with findings, of up to 500 findings each."""


class BadRequestError(ValueError):
    """The request cannot be used; the message names the field and the fix."""


@dataclass(frozen=True)
class Ask:
    """A request: who makes it, its query parameters and its body."""

    by: str
    parameters: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's value. Raises `BadRequestError`."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise BadRequestError("the body is not JSON") from None


@dataclass(frozen=True)
class Api:
    """What people can do."""

    runs: Runs
    registry: Registry

    async def start_run(self, ask: Ask) -> Fields:
        """Start a run of a scan, besides its schedule. Raises `ScanNotFoundError`."""
        body = ask.json()
        scan_id = body.get("scan_id") if isinstance(body, dict) else None
        if not isinstance(scan_id, str) or not scan_id or "/" in scan_id:
            raise BadRequestError('`scan_id` is missing: send {"scan_id": "..."}')
        head = await self.registry.head(scan_id)
        now = self.runs.clock()
        # manual runs have a namespace of their own, which no slot of a schedule can meet
        run_id = f"m-{scan_id}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        await self.runs.store.commit(self.runs.creation(plan_run(run_id, head, "manual"), ask.by))
        await self.runs.enqueue(self.runs.first_task(run_id))
        return {"run_id": run_id}

    async def list_runs(self, ask: Ask) -> Fields:
        """The newest runs; `scan_id`, `status` and `limit` narrow them."""
        parameters = ask.parameters
        where = tuple(
            (name, "==", parameters[name]) for name in ("scan_id", "status") if name in parameters
        )
        if len(where) > 1:
            raise BadRequestError("give `scan_id` or `status`, not both")
        if "status" in parameters and parameters["status"] not in set(RunStatus):
            raise BadRequestError(f"`status` must be one of {', '.join(RunStatus)}")
        query = Query("runs", where=where, order=("created_at", "desc"), limit=_limit(parameters))
        return {"runs": [_shown(run) for run in await self.runs.store.find(query)]}

    async def run(self, _: Ask, run_id: str) -> Fields:
        """One run. Raises `RunNotFoundError`."""
        return _shown(await self._run(run_id))

    async def debug(self, _: Ask, run_id: str) -> Fields:
        """Everything about a run but its data. Raises `RunNotFoundError`."""
        run = await self._run(run_id)
        find = self.runs.store.find
        steps = await find(Query(f"{run.path}/steps"))
        events = await find(Query(f"{run.path}/events"))
        pages = await find(Query(f"{run.path}/pages", fields=("records",)))
        results = await find(
            Query(f"{run.path}/results", fields=("rule_id", "severity", "count", "inconclusive"))
        )
        return {
            "run": _shown(run),
            "steps": [{"step_id": step.id} | step.data for step in steps],
            "events": [{"event_id": event.id} | event.data for event in events],
            "pages": {
                "documents": len(pages),
                "records": sum(page.data["records"] for page in pages),
            },
            "results": [{"result_id": result.id} | result.data for result in results],
        }

    async def cancel(self, ask: Ask, run_id: str) -> Fields:
        """End a run now; one that has ended stays as it is. Raises `RunNotFoundError`."""
        error = {"reason": Reason.CANCELLED, "message": f"cancelled by {ask.by}"}
        cancelled = await self.runs.end(run_id, RunStatus.CANCELLED, error, ask.by)
        run = await self._run(run_id)
        return {"run_id": run_id, "cancelled": cancelled, "status": run.data["status"]}

    async def findings(self, ask: Ask, run_id: str) -> Fields:
        """What a run found, by rule; `next_page_token` where there is more."""
        run = await self._run(run_id)
        found = await self.runs.store.find(
            Query(
                f"{run.path}/results",
                limit=FINDING_DOCUMENTS,
                after=ask.parameters.get("page_token"),
            )
        )
        more = len(found) == FINDING_DOCUMENTS
        return {
            "run_id": run_id,
            "status": run.data["status"],
            "verdict": run.data["verdict"],
            "count": run.data["counts"].get("findings", 0),
            "inconclusive": run.data.get("inconclusive", []),
            "findings": [finding for part in found for finding in part.data["findings"]],
            "next_page_token": found[-1].id if more else None,
        }

    async def save_scan(self, ask: Ask, scan_id: str) -> Fields:
        """Store a scan's definition. Raises `DefinitionError`."""
        body = ask.json()
        if not isinstance(body, dict):
            raise BadRequestError("the body must be a scan definition, as a JSON object")
        scan = parse(body, f"scan {scan_id}")
        if scan.id != scan_id:
            raise BadRequestError(f"`id` is {scan.id!r} in the body and {scan_id!r} in the path")
        saved = await self.registry.save(scan, ask.by)
        return {"scan_id": scan_id} | saved

    async def scan(self, _: Ask, scan_id: str) -> Fields:
        """What a scan is now, with its schedule. Raises `ScanNotFoundError`."""
        head = await self.registry.head(scan_id)
        (schedule,) = await self.runs.store.read(f"schedules/{scan_id}")
        definition = await self.registry.definition(scan_id, head.data["version"])
        return {
            "scan_id": scan_id,
            **head.data,
            "definition": definition.document(),
            "schedule": schedule.data if schedule else None,
        }

    async def _run(self, run_id: str) -> Document:
        (run,) = await self.runs.store.read(run_path(run_id))
        if run is None:
            raise RunNotFoundError(f"there is no run {run_id!r}")
        return run


def _shown(run: Document) -> Fields:
    return {"run_id": run.id} | run.data


def _limit(parameters: Mapping[str, str]) -> int:
    text = parameters.get("limit", str(RUNS_LISTED))
    if not text.isdecimal() or not 1 <= int(text) <= 500:
        raise BadRequestError("`limit` must be a whole number from 1 to 500")
    return int(text)


@dataclass(frozen=True)
class Route:
    """A method and a path, and what they do. `{id}` in the path is an argument."""

    method: str
    path: str
    status: int
    use: Callable[..., Awaitable[Fields]]


ROUTES = [
    Route("POST", "/runs", 202, Api.start_run),
    Route("GET", "/runs", 200, Api.list_runs),
    Route("GET", "/runs/{id}", 200, Api.run),
    Route("GET", "/runs/{id}/debug", 200, Api.debug),
    Route("POST", "/runs/{id}/cancel", 200, Api.cancel),
    Route("GET", "/runs/{id}/findings", 200, Api.findings),
    Route("PUT", "/scans/{id}", 200, Api.save_scan),
    Route("GET", "/scans/{id}", 200, Api.scan),
]
