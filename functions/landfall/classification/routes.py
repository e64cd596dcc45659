"""The routes of the api for the elements of classifications, and their reviews."""

from collections.abc import Mapping, Sequence
from typing import Any

from landfall.api.downloads import Download
from landfall.api.request import PAGES, Request, Route, check_kind, paged
from landfall.classification.answer import FLAGS
from landfall.classification.labels import Labels
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


async def elements(request: Request, scan_id: str) -> Fields | Download:
    """List the elements of a scan, in pages; `format=csv` or `json` gives all in one file.

    `state`, a label output, `regulatory_flag` and `pii_flag` filter them.
    """
    scan = await _scan(request, scan_id)
    found = await _reviewing(request, scan).find(_filters(scan, request.parameters))
    match request.form("csv", "json"):
        case "csv":
            return Download.csv(map(csv_row, found), COLUMNS, f"{scan_id}-elements")
        case "json":
            return Download.json(found, f"{scan_id}-elements")
    return paged(request, "elements", found, {"scan_id": scan_id})


async def element(request: Request, scan_id: str, record_id: str) -> Fields:
    """Show one element, with its previous suggestion and the reviews of it."""
    return await _reviewing(request, await _scan(request, scan_id)).get(record_id)


async def confirm(request: Request, scan_id: str, record_id: str) -> Fields:
    """Confirm a suggestion: {"suggestion_id": ...}."""
    return await _review(request, scan_id, record_id, "confirmed")


async def reject(request: Request, scan_id: str, record_id: str) -> Fields:
    """Reject a suggestion: {"suggestion_id": ...}; the element then has no values."""
    return await _review(request, scan_id, record_id, "rejected")


async def change(request: Request, scan_id: str, record_id: str) -> Fields:
    """Set the values of an element: {"suggestion_id": ... or null, "values": {output: value}}."""
    return await _review(request, scan_id, record_id, "changed")


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
    Route("POST", "/scans/{id}/elements/{id}/confirm", 200, confirm),
    Route("POST", "/scans/{id}/elements/{id}/reject", 200, reject),
    Route("POST", "/scans/{id}/elements/{id}/change", 200, change),
    Route("POST", "/scans/{id}/regenerate", 202, regenerate),
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


async def _review(request: Request, scan_id: str, record_id: str, state: ReviewState) -> Fields:
    scan = await _scan(request, scan_id)
    body = request.settings("suggestion_id", *(("values",) if state == "changed" else ()))
    if "suggestion_id" not in body:
        raise BadRequestError(
            "`suggestion_id` is missing: send that of the element's `suggestion`, as you saw it; "
            "null where there is none"
        )
    decision = Decision(state, body["suggestion_id"], request.by, body.get("values"))
    try:
        return await _reviewing(request, scan).review(record_id, decision)
    except ValueError as error:
        raise BadRequestError(str(error)) from None


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
