"""The routes of the api for the findings of integrity scans."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from landfall.airtable.dates import Calendar
from landfall.api.downloads import Download
from landfall.api.request import MAX_LIMIT, PAGES, Request, Route, check_kind
from landfall.integrity.findings.entry import LIVE, STATES, Decision
from landfall.integrity.findings.of_run import listing_of_run
from landfall.integrity.findings.page_token import PageToken
from landfall.integrity.findings.shown import ORDERS, Listing
from landfall.integrity.findings.views import (
    DecisionNotFoundError,
    ScanFindings,
    download,
)
from landfall.integrity.findings.wanted import Wanted
from landfall.reasons import BadRequestError
from landfall.scans.plain import shorten
from landfall.scans.settings import SEVERITIES
from landfall.store.documents import Fields

MAX_RECORDS_BYTES = 2_000_000
"""Bytes of the ids and names of all records in an answer; 20 answers may be made at once."""

FILTERS = ("rule", "table", "severity", "owner", "state", "since", "text")
"""Parameters that filter a list of findings. Without `state`, it has those that exist now."""

MAX_TEXT = 200
"""Characters of a text that is looked for."""

LISTING = (*FILTERS, "sort", "format", *PAGES)
"""The query parameters of a list of findings."""

DECISION_ID_BYTES = 8
"""Random bytes of the id of a decision about many findings."""

MAX_WHY_LENGTH = 500
"""Characters of a person's reason."""


async def run_findings(request: Request, run_id: str) -> Fields | Download:
    """List the findings of a run, in pages; `format=csv`, `xlsx` or `json` gives all in one file.

    `rule`, `table`, `severity`, `owner`, `state`, `since` and `text` filter them.
    """
    run = await request.runs.get(run_id)
    check_kind("integrity", run.kind, run_id)
    wanted, token = _wanted(request.parameters), _token(request)
    listing = await listing_of_run(request.runs.store, run)
    if token.list and (run.findings_list or {}).get("run_id") != token.list:
        raise BadRequestError(f"`page_token` is of another run than {run_id}")
    head = {
        "run_id": run_id,
        "status": run.status,
        "verdict": run.verdict,
        "complete": run.complete,
        "inconclusive": run.inconclusive,
    }
    return await _listed(request, listing, wanted, token, head, run_id)


async def scan_findings(request: Request, scan_id: str) -> Fields | Download:
    """List the findings as of the scan's last run; like `GET /runs/{id}/findings`."""
    wanted, token = _wanted(request.parameters), _token(request)
    listing = await (await findings_of_scan(request, scan_id)).listing(token.list)
    return await _listed(request, listing, wanted, token, {"scan_id": scan_id}, scan_id)


async def findings_and_counts(request: Request, scan_id: str, base: str) -> Fields:
    """Return a page of `scan_findings` with the `counts` of `finding_counts`: one list for both.

    `list` is the run that wrote the scan's current list.
    """
    wanted, token = _wanted(request.parameters), _token(request)
    findings = ScanFindings(request.runs.store, request.runs.clock, scan_id, base)
    listing = await findings.listing(token.list)
    # a page after the first one may be of an earlier list; the counts are those of the current one
    current = await findings.listing() if token.list else listing
    page = await _paged(request, listing, wanted, token, {"scan_id": scan_id})
    return page | {"counts": await current.counts(wanted), "list": current.of_run}


async def finding_counts(request: Request, scan_id: str) -> Fields:
    """Count the findings by `rule`, `table`, `severity`, `owner` and `state`, with the filters.

    A filter does not narrow the numbers of its own values, so they say what another choice gives.
    """
    listing = await (await findings_of_scan(request, scan_id)).listing()
    return {"scan_id": scan_id, "counts": await listing.counts(_wanted(request.parameters))}


async def finding(request: Request, scan_id: str, finding_id: str) -> Fields:
    """Show one finding with its history. Raises `FindingNotFoundError`."""
    return await (await findings_of_scan(request, scan_id)).one(finding_id)


async def ignore(request: Request, scan_id: str, finding_id: str) -> Fields:
    """Ignore a finding: {"why": ..., "until": a day (to its end), a moment, or none}."""
    decision = await _ignoring(request, scan_id, request.settings("why", "until"))
    return await _decide(request, scan_id, finding_id, decision)


async def reopen(request: Request, scan_id: str, finding_id: str) -> Fields:
    """Stop ignoring a finding."""
    request.settings()
    return await _decide(request, scan_id, finding_id, _reopening(request))


async def ignore_all(request: Request, scan_id: str) -> Fields:
    """Ignore all findings that the filters give: {"why": ..., "until": ..., "count": ...}.

    `count` is that of the list with the same filters: if others are there by now, none is ignored.
    The answer has a `decision_id`, by which it can be undone.
    """
    wanted = _wanted(request.parameters)
    body = request.settings("why", "until", "count")
    return await _decide_all(
        request, scan_id, wanted, body, await _ignoring(request, scan_id, body)
    )


async def reopen_all(request: Request, scan_id: str) -> Fields:
    """Stop ignoring all findings that the filters give, such as `state=ignored`: {"count": ...}."""
    wanted = _wanted(request.parameters)
    body = request.settings("count")
    return await _decide_all(request, scan_id, wanted, body, _reopening(request))


async def decision(request: Request, scan_id: str, decision_id: str) -> Fields:
    """Show a decision about many findings. Raises `DecisionNotFoundError`."""
    findings = await findings_of_scan(request, scan_id)
    parts = await findings.decided_all(_decision_id(decision_id))
    decided = sum(part.count for part in parts)
    return {"decision_id": decision_id, **asdict(parts[0].decision), "decided": decided}


async def undo(request: Request, scan_id: str, decision_id: str) -> Fields:
    """Undo a decision about many findings: each is again as it was before.

    Those that a run or a person has moved since stay as they are: `left` is their number.
    Raises `DecisionNotFoundError`.
    """
    request.settings()
    findings = await findings_of_scan(request, scan_id)
    undone, left = await findings.undo(_decision_id(decision_id), request.by)
    return {"decision_id": decision_id, "undone": undone, "left": left}


ROUTES = [
    Route("GET", "/runs/{id}/findings", 200, run_findings, LISTING),
    Route("GET", "/scans/{id}/findings", 200, scan_findings, LISTING),
    Route("GET", "/scans/{id}/counts", 200, finding_counts, FILTERS),
    Route("GET", "/scans/{id}/findings/{id}", 200, finding),
    Route("POST", "/scans/{id}/findings/ignore", 200, ignore_all, FILTERS, role="reviewer"),
    Route("POST", "/scans/{id}/findings/reopen", 200, reopen_all, FILTERS, role="reviewer"),
    Route("POST", "/scans/{id}/findings/{id}/ignore", 200, ignore, role="reviewer"),
    Route("POST", "/scans/{id}/findings/{id}/reopen", 200, reopen, role="reviewer"),
    Route("GET", "/scans/{id}/decisions/{id}", 200, decision),
    Route("POST", "/scans/{id}/decisions/{id}/undo", 200, undo, role="reviewer"),
]


async def _ignoring(request: Request, scan_id: str, body: Mapping[str, Any]) -> Decision:
    why = body.get("why")
    if not isinstance(why, str) or not why.strip():
        raise BadRequestError("`why` is missing: give the reason in a few words")
    if len(why.strip()) > MAX_WHY_LENGTH:
        raise BadRequestError(f"`why` is longer than {MAX_WHY_LENGTH} characters; shorten it")
    until = None if body.get("until") is None else await _end(request, scan_id, body["until"])
    now = request.runs.clock()
    if until and until <= now:
        raise BadRequestError("`until` must be in the future")
    return Decision(now, "ignored", request.by, why.strip(), until)


def _reopening(request: Request) -> Decision:
    return Decision(request.runs.clock(), "open", request.by, "reopened by hand")


async def _decide_all(
    request: Request, scan_id: str, wanted: Wanted, body: Mapping[str, Any], decision: Decision
) -> Fields:
    count = body.get("count")
    if type(count) is not int:
        raise BadRequestError("`count` must be a number: that of the list with the same filters")
    if "resolved" in wanted.states:
        raise BadRequestError("`state` must not be resolved: there is nothing to decide")
    together = secrets.token_hex(DECISION_ID_BYTES)
    findings = await findings_of_scan(request, scan_id)
    try:
        decided = await findings.decide_all(wanted, decision, count, together)
    except ValueError as error:
        raise BadRequestError(str(error)) from None
    return {"decided": decided, "decision_id": together if decided else None}


def _decision_id(text: str) -> str:
    """Return the id of a decision. Raises `DecisionNotFoundError` for a text that is none."""
    if re.fullmatch(rf"[0-9a-f]{{{2 * DECISION_ID_BYTES}}}", text):
        return text
    raise DecisionNotFoundError(f"{shorten(text)!r} is the id of no decision about many findings")


async def _decide(request: Request, scan_id: str, finding_id: str, decision: Decision) -> Fields:
    try:
        return await (await findings_of_scan(request, scan_id)).decide(finding_id, decision)
    except ValueError as error:
        raise BadRequestError(str(error)) from None


async def findings_of_scan(request: Request, scan_id: str) -> ScanFindings:
    """Return the findings of a scan. Raises `NotFoundError`, `BadRequestError`."""
    head = await request.scans.head(scan_id)
    check_kind("integrity", head.data["kind"], scan_id)
    return ScanFindings(request.runs.store, request.runs.clock, scan_id, head.data["base"])


def _wanted(parameters: Mapping[str, str]) -> Wanted:
    """Return the filters of a request. Raises `BadRequestError`."""
    get = parameters.get
    state, since, text = get("state"), get("since"), get("text")
    if state not in (None, *STATES):
        raise BadRequestError(f"`state` must be one of {', '.join(STATES)}")
    if get("severity") not in (None, *SEVERITIES):
        raise BadRequestError(f"`severity` must be one of {', '.join(SEVERITIES)}")
    if text is not None and len(text) > MAX_TEXT:
        raise BadRequestError(f"`text` is longer than {MAX_TEXT} characters; shorten it")
    return Wanted(
        get("rule"),
        get("table"),
        get("severity"),
        get("owner"),
        tuple(it for it in STATES if it == state) or LIVE,
        None if since is None else _moment(since),
        text,
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadRequestError(
            "`since` must be a day such as 2026-12-31, or a moment such as 2026-12-31T08:00Z"
        ) from None


def _token(request: Request) -> PageToken:
    return PageToken.parse(request.parameters.get("page_token", "0"))


async def _listed(
    request: Request,
    listing: Listing,
    wanted: Wanted,
    token: PageToken,
    head: Fields,
    name: str,
) -> Fields | Download:
    """Return a page of findings, or all of them as a file."""
    form = request.form("csv", "xlsx", "json")
    if form and _order(request):
        raise BadRequestError("`sort` is for pages: a file is in the order of the list")
    if form:
        return download(listing, wanted, form, f"{name}-findings")
    return await _paged(request, listing, wanted, token, head)


def _order(request: Request) -> str | None:
    order = request.parameters.get("sort")
    if order not in (None, *ORDERS):
        raise BadRequestError(f"`sort` must be one of {', '.join(ORDERS)}; leave it out otherwise")
    return order


async def _paged(
    request: Request, listing: Listing, wanted: Wanted, token: PageToken, head: Fields
) -> Fields:
    """Return a page of the findings."""
    order, limit = _order(request), request.limit(MAX_LIMIT)
    if order:
        try:
            start = token.position + token.skip
            page = await listing.sorted_page(wanted, order, limit, start, MAX_RECORDS_BYTES)
        except ValueError as error:
            raise BadRequestError(f"`sort`: {error}") from None
    else:
        page = await listing.page(wanted, limit, token.position, token.skip, MAX_RECORDS_BYTES)
    following = None if page.next is None else str(PageToken(page.next, list=listing.of_run))
    return head | {
        "count": page.count,
        "findings": page.findings,
        "next_page_token": following,
    }


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
