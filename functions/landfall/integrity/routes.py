"""The routes of the api for the findings of integrity scans."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from landfall.airtable.dates import Calendar
from landfall.api.downloads import Download
from landfall.api.request import PAGES, Request, Route, check_kind, paged
from landfall.integrity.findings.entry import STATES, Decision
from landfall.integrity.findings.views import FILTERS, ScanFindings, download, findings_of_run
from landfall.reasons import BadRequestError
from landfall.store.documents import Fields

MAX_RECORDS_BYTES = 10_000_000
"""Bytes of the ids and names of all records in an answer: Cloud Run sends 32 MiB."""

LISTING = (*FILTERS, "format", *PAGES)
"""The query parameters of a list of findings."""

MAX_WHY_LENGTH = 500
"""Characters of a person's reason."""


async def run_findings(request: Request, run_id: str) -> Fields | Download:
    """List the findings of a run, in pages; `format=csv` or `json` gives all in one file.

    `rule`, `table`, `severity` and `state` filter them.
    """
    run = await request.runs.get(run_id)
    check_kind("integrity", run.kind, run_id)
    found = await findings_of_run(request.runs.store, run, _filters(request.parameters))
    head = {
        "run_id": run_id,
        "status": run.status,
        "verdict": run.verdict,
        "complete": run.complete,
        "inconclusive": run.inconclusive,
    }
    return _listed(found, request, head, run_id)


async def scan_findings(request: Request, scan_id: str) -> Fields | Download:
    """List the findings as of the scan's last run; like `GET /runs/{id}/findings`."""
    findings = await _findings(request, scan_id)
    found = await findings.listed(_filters(request.parameters))
    return _listed(found, request, {"scan_id": scan_id}, scan_id)


async def finding(request: Request, scan_id: str, finding_id: str) -> Fields:
    """Show one finding with its history. Raises `FindingNotFoundError`."""
    return await (await _findings(request, scan_id)).one(finding_id)


async def ignore(request: Request, scan_id: str, finding_id: str) -> Fields:
    """Ignore a finding: {"why": ..., "until": a day (to its end), a moment, or none}."""
    body = request.settings("why", "until")
    why = body.get("why")
    if not isinstance(why, str) or not why.strip():
        raise BadRequestError('`why` is missing: send {"why": "...", "until": "2026-12-31"}')
    if len(why.strip()) > MAX_WHY_LENGTH:
        raise BadRequestError(f"`why` is longer than {MAX_WHY_LENGTH} characters; shorten it")
    until = None if body.get("until") is None else await _end(request, scan_id, body["until"])
    now = request.runs.clock()
    if until and until <= now:
        raise BadRequestError("`until` must be in the future")
    decision = Decision(now, "ignored", request.by, why.strip(), until)
    return await _decide(request, scan_id, finding_id, decision)


async def reopen(request: Request, scan_id: str, finding_id: str) -> Fields:
    """Stop ignoring a finding."""
    request.settings()
    decision = Decision(request.runs.clock(), "open", request.by, "reopened by hand")
    return await _decide(request, scan_id, finding_id, decision)


ROUTES = [
    Route("GET", "/runs/{id}/findings", 200, run_findings, LISTING),
    Route("GET", "/scans/{id}/findings", 200, scan_findings, LISTING),
    Route("GET", "/scans/{id}/findings/{id}", 200, finding),
    Route("POST", "/scans/{id}/findings/{id}/ignore", 200, ignore),
    Route("POST", "/scans/{id}/findings/{id}/reopen", 200, reopen),
]


async def _decide(request: Request, scan_id: str, finding_id: str, decision: Decision) -> Fields:
    try:
        return await (await _findings(request, scan_id)).decide(finding_id, decision)
    except ValueError as error:
        raise BadRequestError(str(error)) from None


async def _findings(request: Request, scan_id: str) -> ScanFindings:
    head = await request.scans.head(scan_id)
    check_kind("integrity", head.data["kind"], scan_id)
    return ScanFindings(request.runs.store, request.runs.clock, scan_id, head.data["base"])


def _filters(parameters: Mapping[str, str]) -> dict[str, str]:
    wanted = {name: parameters[name] for name in FILTERS if name in parameters}
    if wanted.get("state", "open") not in STATES:
        raise BadRequestError(f"`state` must be one of {', '.join(STATES)}")
    if "severity" in wanted:
        from landfall.scans.settings import SEVERITIES  # with pydantic, 60 ms of a cold start

        if wanted["severity"] not in SEVERITIES:
            raise BadRequestError(f"`severity` must be one of {', '.join(SEVERITIES)}")
    return wanted


def _listed(
    found: Sequence[Fields], request: Request, head: Fields, name: str
) -> Fields | Download:
    """Return a page of findings, or all of them as a file."""
    form = request.form("csv", "json")
    if form:
        return download(found, form, f"{name}-findings")
    return paged(request, "findings", found, head, _fitting)


def _fitting(findings: Sequence[Fields]) -> int:
    sizes = (
        sum(len(text.encode()) + 4 for text in (*finding["records"], *finding["record_names"]))
        for finding in findings
    )
    return sum(size <= MAX_RECORDS_BYTES for size in accumulate(sizes))


async def _end(request: Request, scan_id: str, text: Any) -> datetime:
    """Return a moment, or the last second of a day, in the time zone of the scan."""
    head = await request.scans.head(scan_id)
    scan = await request.scans.definition(scan_id, head.data["version"])
    calendar = Calendar(request.runs.clock(), scan.zone)
    moment = calendar.read(text)
    if moment is None:
        raise BadRequestError(f"`until` must be a date or moment, not {text!r}")
    try:
        return calendar.end(moment).astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise BadRequestError(
            f"`until` is too far away: {text}; leave it out to ignore the finding without an end"
        ) from None
