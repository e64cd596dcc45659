"""The routes of the api for the elements of classifications, and their reviews."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from landfall.api.downloads import Download
from landfall.api.request import PAGES, Request, Route, check_kind, paged
from landfall.classification.answer import FLAGS
from landfall.classification.bulk_reviews import BulkReviews
from landfall.classification.labels import Labels
from landfall.classification.review_filters import (
    REVIEWED,
    WantedElements,
    counts_of,
    is_last,
    next_of,
    people_of,
    seen_together,
    states_of,
    wanted_of,
)
from landfall.classification.review_index import ReviewIndex
from landfall.classification.reviews import STATES, ReviewState
from landfall.classification.scan import ClassificationScan
from landfall.classification.views import COLUMNS, Decision, ElementReviews, csv_row
from landfall.reasons import BadRequestError
from landfall.runs.documents import RunFields
from landfall.runs.plan import ALL_ELEMENTS
from landfall.store.documents import Document, Fields

MAX_REGENERATED = 1_000
"""Records in one request; a request without any is for all of them."""

LISTING = ("state", *Labels.model_fields, *FLAGS, "format", *PAGES)
"""The query parameters of a list of elements."""

REVIEWING = (
    *("state", "source", *Labels.model_fields, *FLAGS),
    *("min_confidence", "max_confidence", "by", "act", "anew", "text"),
)
"""The query parameters that choose the elements of a review."""

MAX_TEXT = 200
"""Characters of a text that is looked for."""

MAX_WHY = 500
"""Characters of a person's reason."""


async def elements(request: Request, scan_id: str) -> Fields | Download:
    """List the elements of a scan, in pages; `format=csv`, `xlsx` or `json` gives all in one file.

    `state`, a label output, `regulatory_flag` and `pii_flag` filter them.
    """
    scan = await _scan(request, scan_id)
    found = await _reviewing(request, scan).find(_filters(scan, request.parameters))
    match request.form("csv", "xlsx", "json"):
        case "csv":
            return Download.csv(map(csv_row, found), COLUMNS, f"{scan_id}-elements")
        case "xlsx":
            return Download.xlsx(map(csv_row, found), COLUMNS, f"{scan_id}-elements")
        case "json":
            return Download.json(found, f"{scan_id}-elements")
    return paged(request, "elements", found, {"scan_id": scan_id})


async def element(request: Request, scan_id: str, record_id: str) -> Fields:
    """Show one element, with its previous suggestion and the reviews of it."""
    return await _reviewing(request, await _scan(request, scan_id)).get(record_id)


async def confirm(request: Request, scan_id: str, record_id: str) -> Fields:
    """Confirm a suggestion: {"suggestion_id": ..., "seen": ..., "why": ...}."""
    return await _review(request, scan_id, record_id, "confirmed")


async def reject(request: Request, scan_id: str, record_id: str) -> Fields:
    """Reject a suggestion, as `confirm` does; the element then has no values."""
    return await _review(request, scan_id, record_id, "rejected")


async def change(request: Request, scan_id: str, record_id: str) -> Fields:
    """Set the values of an element, as `confirm` does: {..., "values": {output: value}}.

    `suggestion_id` is null where there is no suggestion.
    """
    return await _review(request, scan_id, record_id, "changed")


async def reopen(request: Request, scan_id: str, record_id: str) -> Fields:
    """Withdraw the latest decision about an element: {"seen": ...}; the one before it is back."""
    scan = await _scan(request, scan_id)
    seen = _seen(request.settings("seen"))
    try:
        return await _reviewing(request, scan).withdraw(record_id, request.by, seen)
    except ValueError as error:
        raise BadRequestError(str(error)) from None


async def reviews(request: Request, scan_id: str) -> Fields:
    """Count the elements by state, source, label and person, and name the next one to review.

    Without `state`, it is about those that wait for a review; with `by` or `act`, about those that
    are decided. `after` is the element before the next one; behind the last one is the first.
    """
    scan = await _scan(request, scan_id)
    decided = "by" in request.parameters or "act" in request.parameters
    wanted = _wanted(scan, request.parameters, REVIEWED if decided else ("suggested",))
    lines = await _bulk(request, scan).lines()
    found, after = wanted_of(lines, wanted), request.parameters.get("after")
    return {
        "scan_id": scan_id,
        "count": len(found),
        "seen": seen_together(lines, found),
        "next": next_of(lines, found, after),
        "again": is_last(lines, found, after),
        "states": states_of(lines),
        "counts": counts_of(lines, wanted),
        "people": people_of(lines),
        "labels": scan.labels.model_dump(),
        "mapping": scan.mapping.fields(),
    }


async def review_states(request: Request, scan_id: str) -> Fields:
    """Return the number of elements in each state, as of the last run and people's decisions."""
    await _head(request, scan_id)
    index = ReviewIndex(request.runs.store, request.runs.clock, scan_id)
    shards = await index.shards()
    return states_of({key: line for shard in shards for key, line in shard.lines.items()})


async def confirm_all(request: Request, scan_id: str) -> Fields:
    """Confirm all suggestions that the filters give: {"count": ..., "seen": ..., "why": ...}.

    `count` and `seen` are those of `GET /scans/{id}/reviews` with the same filters: if others are
    there by now, none is confirmed. Of many, it confirms as many as it can in some seconds, and
    says how many are `left`: send `left` as `count`, `seen` and `act` to go on.
    """
    return await _decide_all(request, scan_id, "confirmed")


async def reject_all(request: Request, scan_id: str) -> Fields:
    """Reject all suggestions that the filters give; like `confirm`."""
    return await _decide_all(request, scan_id, "rejected")


async def reopen_all(request: Request, scan_id: str) -> Fields:
    """Withdraw the decisions about all elements that the filters give, such as those of one `act`.

    Like `confirm`.
    """
    return await _decide_all(request, scan_id, "reopened")


async def regenerate(request: Request, scan_id: str) -> Fields:
    """Start a run that asks again, except about settled elements: {"records": [...]}, or {}.

    Its report shows what has changed.
    """
    head = await _head(request, scan_id)
    body = request.settings("records")
    asked: RunFields = {"regenerate": _records(body)}
    start = request.runs.start
    return {"run_id": await start(head, request.by, "regenerate", asked, request.key)}


ROUTES = [
    Route("GET", "/scans/{id}/elements", 200, elements, LISTING),
    Route("GET", "/scans/{id}/elements/{id}", 200, element),
    Route("POST", "/scans/{id}/elements/{id}/confirm", 200, confirm, role="reviewer"),
    Route("POST", "/scans/{id}/elements/{id}/reject", 200, reject, role="reviewer"),
    Route("POST", "/scans/{id}/elements/{id}/change", 200, change, role="reviewer"),
    Route("POST", "/scans/{id}/elements/{id}/reopen", 200, reopen, role="reviewer"),
    Route("GET", "/scans/{id}/reviews", 200, reviews, (*REVIEWING, "after")),
    Route(
        "POST",
        "/scans/{id}/elements/confirm",
        200,
        confirm_all,
        REVIEWING,
        role="reviewer",
    ),
    Route("POST", "/scans/{id}/elements/reject", 200, reject_all, REVIEWING, role="reviewer"),
    Route("POST", "/scans/{id}/elements/reopen", 200, reopen_all, REVIEWING, role="reviewer"),
    Route("POST", "/scans/{id}/regenerate", 202, regenerate, role="reviewer"),
]


async def _scan(request: Request, scan_id: str) -> ClassificationScan:
    """Return the current scan. Raises `BadRequestError` for one of another kind."""
    head = await _head(request, scan_id)
    scan = await request.scans.definition(scan_id, head.data["version"])
    assert isinstance(scan, ClassificationScan)
    return scan


async def _head(request: Request, scan_id: str) -> Document:
    head = await request.scans.head(scan_id)
    check_kind("classification", head.data["kind"], scan_id)
    return head


def _reviewing(request: Request, scan: ClassificationScan) -> ElementReviews:
    return ElementReviews(request.runs.store, request.runs.clock, scan)


def _bulk(request: Request, scan: ClassificationScan) -> BulkReviews:
    return BulkReviews(request.runs.store, request.runs.clock, scan)


async def _review(request: Request, scan_id: str, record_id: str, state: ReviewState) -> Fields:
    scan = await _scan(request, scan_id)
    values = ("values",) if state == "changed" else ()
    body = request.settings("suggestion_id", "seen", "why", *values)
    if "suggestion_id" not in body:
        raise BadRequestError(
            "`suggestion_id` is missing: send that of the element's `suggestion`, as you saw it; "
            "null where there is none"
        )
    decision = Decision(
        state, body["suggestion_id"], request.by, body.get("values"), _seen(body), _why(body)
    )
    try:
        return await _reviewing(request, scan).review(record_id, decision)
    except ValueError as error:
        raise BadRequestError(str(error)) from None


async def _decide_all(request: Request, scan_id: str, state: ReviewState) -> Fields:
    scan = await _scan(request, scan_id)
    allowed = REVIEWED if state == "reopened" else ("suggested",)
    wanted = _wanted(scan, request.parameters, allowed)
    if not set(wanted.states) <= set(allowed):
        raise BadRequestError(f"`state` must be one of {', '.join(allowed)}, or left out")
    body = request.settings("count", "seen", "why", "act")
    if type(body.get("count")) is not int:
        raise BadRequestError("`count` must be a number: that of the reviews with these filters")
    act = body.get("act", "")
    if not isinstance(act, str) or not re.fullmatch("([0-9a-f]{12})?", act):
        raise BadRequestError("`act` must be that of an earlier answer, to go on with what is left")
    decision = Decision(state, None, request.by, None, _seen(body), _why(body), act)
    return await _bulk(request, scan).decide(wanted, decision, body["count"])


def _seen(body: Mapping[str, Any]) -> str | None:
    seen = body.get("seen")
    if seen is not None and not isinstance(seen, str):
        raise BadRequestError("`seen` must be a text: that of the answer that you saw")
    return seen


def _why(body: Mapping[str, Any]) -> str:
    why = body.get("why", "")
    if not isinstance(why, str) or len(why) > MAX_WHY:
        raise BadRequestError(f"`why` must be a text of at most {MAX_WHY} characters")
    return why.strip()


def _wanted(
    scan: ClassificationScan, parameters: Mapping[str, str], states: Sequence[str]
) -> WantedElements:
    """Return the filters of a review. Raises `BadRequestError`."""
    given = _filters(scan, parameters)
    state, get = given.pop("state", None), parameters.get
    if get("anew") not in (None, "true"):
        raise BadRequestError("`anew` must be true, or left out")
    if len(get("text", "")) > MAX_TEXT:
        raise BadRequestError(f"`text` is longer than {MAX_TEXT} characters; shorten it")
    return WantedElements(
        tuple(it for it in STATES if it == state) or tuple(states),
        given,
        get("source"),
        get("by"),
        get("act"),
        get("text"),
        _percent(parameters, "min_confidence", 0),
        _percent(parameters, "max_confidence", 100),
        "anew" in parameters,
    )


def _percent(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= 100):
        raise BadRequestError(f"`{name}` must be a whole number from 0 to 100")
    return int(text)


def _records(body: Mapping[str, Any]) -> Sequence[str] | str:
    if "records" not in body:
        return ALL_ELEMENTS
    records = body["records"]
    if not isinstance(records, list) or not all(isinstance(one, str) for one in records):
        raise BadRequestError("`records` must be a list of record ids")
    if not 1 <= len(records) <= MAX_REGENERATED:
        raise BadRequestError(
            f"`records` must have 1 to {MAX_REGENERATED} ids; leave it out for all elements"
        )
    return list(dict.fromkeys(records))


def _filters(scan: ClassificationScan, parameters: Mapping[str, str]) -> dict[str, str]:
    flags = dict.fromkeys(FLAGS, ("true", "false"))
    known: dict[str, Sequence[str]] = {"state": STATES, **scan.labels.choices(), **flags}
    wanted = {name: value for name, value in parameters.items() if name in known}
    for name, value in wanted.items():
        if value not in known[name]:
            raise BadRequestError(f"`{name}` must be one of {', '.join(known[name])}")
    return wanted
