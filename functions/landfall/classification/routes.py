"""What people see of a classification, and what they say of it: its routes of the `api`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from landfall.api.downloads import Download
from landfall.api.request import Ask, BadRequestError, Route, check_kind, paged
from landfall.classification.answer import FLAGS
from landfall.classification.reviews import STATES, Verb
from landfall.classification.scan import ClassificationScan
from landfall.classification.views import COLUMNS, Reviewing, Word, row
from landfall.runs.plan import ALL_ELEMENTS
from landfall.store.documents import Fields

if TYPE_CHECKING:
    from landfall.entry.routes import Api

REGENERATED_MOST = 1_000
"""Records that one request may name; without any it is all of them."""


async def elements(api: "Api", ask: Ask, scan_id: str) -> Fields | Download:
    """What the elements of a scan are now, by page; `format=csv` or `json` is all in one file.

    `state`, a label output, `regulatory_flag` and `pii_flag` narrow it.
    """
    scan = await _scan(api, scan_id)
    found = await _reviewing(api, scan).listed(_filters(scan, ask.parameters))
    match ask.form():
        case "csv":
            return Download.csv(map(row, found), COLUMNS, f"{scan_id}-elements")
        case "json":
            return Download.json(found, f"{scan_id}-elements")
    return paged(ask, "elements", found, {"scan_id": scan_id})


async def element(api: "Api", _: Ask, scan_id: str, record_id: str) -> Fields:
    """One element, with the suggestion before and what was said of it."""
    return await _reviewing(api, await _scan(api, scan_id)).one(record_id)


async def confirm(api: "Api", ask: Ask, scan_id: str, record_id: str) -> Fields:
    """Say that a suggestion is right: {"suggestion_id": ...}."""
    return await _review(api, ask, scan_id, record_id, "confirmed")


async def reject(api: "Api", ask: Ask, scan_id: str, record_id: str) -> Fields:
    """Say that a suggestion is wrong: {"suggestion_id": ...}; the element has no values then."""
    return await _review(api, ask, scan_id, record_id, "rejected")


async def change(api: "Api", ask: Ask, scan_id: str, record_id: str) -> Fields:
    """Say what an element is: {"suggestion_id": ... or null, "values": {output: value}}."""
    return await _review(api, ask, scan_id, record_id, "changed")


async def regenerate(api: "Api", ask: Ask, scan_id: str) -> Fields:
    """Start a run that asks again, but for what is confirmed or changed: {"records": [...]}, or {}.

    Its report says what is other than before.
    """
    await _scan(api, scan_id)
    body = ask.json() if ask.body.strip() else {}
    if not isinstance(body, dict) or not set(body) <= {"records"}:
        raise BadRequestError('send {"records": ["rec..."]}, or {} for all of them')
    return await api.start(scan_id, ask.by, "regenerate", {"regenerate": _records(body)})


ELEMENT_ROUTES = [
    Route("GET", "/scans/{id}/elements", 200, elements),
    Route("GET", "/scans/{id}/elements/{id}", 200, element),
    Route("POST", "/scans/{id}/elements/{id}/confirm", 200, confirm),
    Route("POST", "/scans/{id}/elements/{id}/reject", 200, reject),
    Route("POST", "/scans/{id}/elements/{id}/change", 200, change),
    Route("POST", "/scans/{id}/regenerate", 202, regenerate),
]


async def _scan(api: "Api", scan_id: str) -> ClassificationScan:
    """The scan as it is now. Raises `BadRequestError` for one of another kind."""
    head = await api.registry.head(scan_id)
    check_kind("classification", head)
    scan = await api.registry.definition(scan_id, head.data["version"])
    assert isinstance(scan, ClassificationScan)
    return scan


def _reviewing(api: "Api", scan: ClassificationScan) -> Reviewing:
    return Reviewing(api.runs.store, api.runs.clock, scan)


async def _review(api: "Api", ask: Ask, scan_id: str, record_id: str, state: Verb) -> Fields:
    scan = await _scan(api, scan_id)
    body = ask.json()
    if not isinstance(body, dict) or "suggestion_id" not in body:
        raise BadRequestError(
            "`suggestion_id` is missing: send that of the element's `suggestion`, as you saw it; "
            "null where there is none"
        )
    word = Word(state, body["suggestion_id"], ask.by, body.get("values"))
    try:
        return await _reviewing(api, scan).review(record_id, word)
    except ValueError as error:
        raise BadRequestError(str(error)) from None


def _records(body: Mapping[str, Any]) -> Sequence[str] | str:
    if "records" not in body:
        return ALL_ELEMENTS
    records = body["records"]
    if not isinstance(records, list) or not all(isinstance(one, str) for one in records):
        raise BadRequestError("`records` must be a list of record ids")
    if not 1 <= len(records) <= REGENERATED_MOST:
        raise BadRequestError(
            f"`records` must have 1 to {REGENERATED_MOST} ids; leave it out for all elements"
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
