"""What people see of runs and scans, and what they may do: the routes of the `api` function.

Every answer is plain JSON values but for datetimes, which the entry point writes as ISO 8601.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from landfall.api.downloads import Download
from landfall.api.request import Ask, BadRequestError, Route, check_kind, paged
from landfall.classification.routes import ELEMENT_ROUTES
from landfall.integrity.findings.entry import STATES, Decision
from landfall.integrity.findings.views import FILTERS, ScanFindings, download, findings_of_run
from landfall.kinds.definition import load, parse
from landfall.kinds.registry import Registry
from landfall.reasons import Reason
from landfall.runs.changes import run_path
from landfall.runs.lifecycle import RunStatus
from landfall.runs.plan import plan_run
from landfall.runs.runs import RunNotFoundError, Runs
from landfall.scans.scan import Scan
from landfall.site.packing import REPORT_ID, unpacked
from landfall.store.documents import Document, Fields, Query
from landfall.store.versioned import NewerDocument

RUNS_LISTED = 50
RUN_LISTED = (
    *("run_id", "scan_id", "scan_version", "kind", "base", "url", "trigger", "slot", "schedule_id"),
    *("status", "progress_step", "progress_pct", "attempt", "verdict", "counts", "error"),
    *("created_at", "started_at", "updated_at", "updated_by", "finished_at", "deadline_at"),
)
"""What a listing says of a run: everything but its report."""

YAML_MOST = 100_000
"""Bytes of a definition in YAML, which takes seconds to read when it is longer."""

RECORDS_MOST = 500_000
"""Records of all findings of an answer, of some 20 bytes each: Cloud Run sends 32 MiB."""


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
        return await self.start(scan_id, ask.by, "manual", {})

    async def start(self, scan_id: str, by: str, trigger: str, more: Fields) -> Fields:
        """Start a run that also says this. Raises `ScanNotFoundError`."""
        head = await self.registry.head(scan_id)
        now = self.runs.clock()
        # manual runs have a namespace of their own, which no slot of a schedule can meet
        run_id = f"m-{scan_id}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        plan = plan_run(run_id, head, trigger)
        plan = replace(plan, fields=plan.fields | more)
        await self.runs.store.commit(self.runs.creation(plan, by))
        await self.runs.enqueue(self.runs.first_task(run_id))
        return {"run_id": run_id}

    async def list_runs(self, ask: Ask) -> Fields:
        """The newest runs without their reports; `scan_id`, `status` and `limit` narrow them."""
        parameters = ask.parameters
        where = tuple(
            (name, "==", parameters[name]) for name in ("scan_id", "status") if name in parameters
        )
        if len(where) > 1:
            raise BadRequestError("give `scan_id` or `status`, not both")
        if "status" in parameters and parameters["status"] not in set(RunStatus):
            raise BadRequestError(f"`status` must be one of {', '.join(RunStatus)}")
        query = Query(
            "runs",
            where=where,
            order=("created_at", "desc"),
            limit=ask.limit(RUNS_LISTED),
            fields=RUN_LISTED,
        )
        return {"runs": [_listed_run(run) for run in await self.runs.store.find(query)]}

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
        results = await find(Query(f"{run.path}/results", fields=("records",)))
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

    async def findings(self, ask: Ask, run_id: str) -> Fields | Download:
        """What a run found, by page; `format=csv` or `json` is all of it in one file.

        `rule`, `table`, `severity` and `state` narrow it.
        """
        run = await self._run(run_id)
        check_kind("integrity", run)
        found = await findings_of_run(self.runs.store, run, _filters(ask.parameters))
        head = {
            "run_id": run_id,
            "status": run.data["status"],
            "verdict": run.data["verdict"],
            "inconclusive": run.data.get("inconclusive", []),
        }
        return _listed(found, ask, head, run_id)

    async def report(self, _: Ask, run_id: str) -> Fields:
        """All that a run of a site scan says. Raises `RunNotFoundError`."""
        run = await self._run(run_id)
        check_kind("site", run)
        (found,) = await self.runs.store.read(f"{run.path}/results/{REPORT_ID}")
        head = {
            "run_id": run_id,
            "status": run.data["status"],
            "verdict": run.data["verdict"],
            "inconclusive": run.data.get("inconclusive", []),
        }
        return head | {"report": unpacked(found) if found else None}

    async def scan_findings(self, ask: Ask, scan_id: str) -> Fields | Download:
        """What is to be mended now, after the scan's last run; like `GET /runs/{id}/findings`."""
        findings = await self._findings(scan_id)
        found = await findings.listed(_filters(ask.parameters))
        return _listed(found, ask, {"scan_id": scan_id}, scan_id)

    async def finding(self, _: Ask, scan_id: str, finding_id: str) -> Fields:
        """One finding with its history. Raises `FindingNotFoundError`."""
        return await (await self._findings(scan_id)).one(finding_id)

    async def ignore(self, ask: Ask, scan_id: str, finding_id: str) -> Fields:
        """Leave a finding as it is: {"why": ..., "until": a moment, or none}."""
        body = ask.json()
        why = body.get("why") if isinstance(body, dict) else None
        if not isinstance(why, str) or not why.strip():
            raise BadRequestError('`why` is missing: send {"why": "...", "until": "2026-12-31"}')
        until = _moment(body["until"]) if body.get("until") else None
        now = self.runs.clock()
        if until and until <= now:
            raise BadRequestError("`until` must be in the future")
        decision = Decision(now, "ignored", ask.by, why.strip()[:500], until)
        return await self._decide(scan_id, finding_id, decision)

    async def reopen(self, ask: Ask, scan_id: str, finding_id: str) -> Fields:
        """Ignore a finding no longer."""
        decision = Decision(self.runs.clock(), "open", ask.by, "reopened by hand")
        return await self._decide(scan_id, finding_id, decision)

    async def _decide(self, scan_id: str, finding_id: str, decision: Decision) -> Fields:
        try:
            return await (await self._findings(scan_id)).decide(finding_id, decision)
        except ValueError as error:
            raise BadRequestError(str(error)) from None

    async def _findings(self, scan_id: str) -> ScanFindings:
        head = await self.registry.head(scan_id)
        check_kind("integrity", head)
        return ScanFindings(self.runs.store, self.runs.clock, scan_id, head.data["base"])

    async def save_scan(self, ask: Ask, scan_id: str) -> Fields:
        """Store a scan's definition, which is JSON or YAML. Raises `DefinitionError`."""
        scan = _definition(ask, f"scan {scan_id}")
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


def _definition(ask: Ask, source: str) -> Scan:
    """What was sent, as JSON or as it lies in a person's file. Raises `DefinitionError`."""
    try:
        body = ask.json()
    except BadRequestError:
        return load(ask.text(YAML_MOST), source)
    if not isinstance(body, dict):
        raise BadRequestError("the body must be a scan definition: an object in JSON, or YAML")
    return parse(body, source)


def _listed_run(run: Document) -> Fields:
    if isinstance(run, NewerDocument):  # no reason to leave out the others
        return {"run_id": run.id, "problem": run.why}
    return _shown(run)


def _shown(run: Document) -> Fields:
    return {"run_id": run.id} | run.data


def _filters(parameters: Mapping[str, str]) -> dict[str, str]:
    wanted = {name: parameters[name] for name in FILTERS if name in parameters}
    if wanted.get("state", "open") not in STATES:
        raise BadRequestError(f"`state` must be one of {', '.join(STATES)}")
    return wanted


def _listed(found: Sequence[Fields], ask: Ask, head: Fields, name: str) -> Fields | Download:
    """A page of findings, or all of them as a file."""
    form = ask.form()
    if form:
        return download(found, form, f"{name}-findings")
    return paged(ask, "findings", found, head, _fitting)


def _fitting(findings: Sequence[Fields]) -> int:
    records = accumulate(len(finding["records"]) for finding in findings)
    return sum(count <= RECORDS_MOST for count in records)


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadRequestError(f"`until` must be a date or moment, not {text!r}") from None


ROUTES = [
    Route("POST", "/runs", 202, Api.start_run),
    Route("GET", "/runs", 200, Api.list_runs),
    Route("GET", "/runs/{id}", 200, Api.run),
    Route("GET", "/runs/{id}/debug", 200, Api.debug),
    Route("POST", "/runs/{id}/cancel", 200, Api.cancel),
    Route("GET", "/runs/{id}/findings", 200, Api.findings),
    Route("GET", "/runs/{id}/report", 200, Api.report),
    Route("GET", "/scans/{id}/findings", 200, Api.scan_findings),
    Route("GET", "/scans/{id}/findings/{id}", 200, Api.finding),
    Route("POST", "/scans/{id}/findings/{id}/ignore", 200, Api.ignore),
    Route("POST", "/scans/{id}/findings/{id}/reopen", 200, Api.reopen),
    *ELEMENT_ROUTES,
    Route("PUT", "/scans/{id}", 200, Api.save_scan),
    Route("GET", "/scans/{id}", 200, Api.scan),
]
