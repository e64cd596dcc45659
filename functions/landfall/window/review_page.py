"""Review: the suggestions of a classification, one element at a time, or many at once."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from landfall.classification import routes
from landfall.classification.answer import FLAGS
from landfall.classification.reviews import SETTLED
from landfall.classification.views import OutdatedError
from landfall.reasons import BadRequestError, NotFoundError
from landfall.store.documents import Fields
from landfall.window.visit import Elsewhere, Shown, View, Visit
from landfall.window.wording import OUTPUTS, PARTS

PLACE = ("record", "after", "last", "act", "verb", "decided", "left", "passed", "seen")
"""Names of an address that say where a person is; what was done last is among them."""

MANY = {"confirm": routes.confirm_all, "reject": routes.reject_all, "reopen": routes.reopen_all}
"""Decisions about all that the filters give."""


NUMBERS = ("decided", "left", "passed")
"""Names of an address that are numbers of elements."""

NOT_OURS = "the form is not as this page sends it; load the page again"


async def review_page(visit: Visit, scan_id: str) -> View:
    """Show the element that an address names, or the next one to review."""
    return await _page(visit, scan_id, filters_of(visit.query))


async def decide(visit: Visit, scan_id: str, record_id: str) -> Shown:
    """Decide about an element, or undo what was decided, and go on to the next one.

    Values that differ from those in effect are a change. A form that does not fit, or that somebody
    was faster than, is shown again, and says so.
    """
    form = visit.form()
    filters = filters_of(dict(parse_qsl(form.get("filters", ""))))
    try:
        did = await _decided(visit, scan_id, record_id, form)
    except (BadRequestError, OutdatedError) as error:
        chosen = form if form.get("decision") == "confirm" else {}
        return await _page(visit, scan_id, filters, record_id, chosen, error)
    there = {"record": record_id} if did == "undone" else {"after": record_id, "last": record_id}
    return Elsewhere(f"/scans/{scan_id}/review", did, {**filters, **there})


async def decide_all(visit: Visit, scan_id: str) -> Shown:
    """Decide about all elements that the filters give, as many as there is time for."""
    form = visit.form()
    filters = filters_of(dict(parse_qsl(form.get("filters", ""))))
    verb, number = form.get("decision", ""), form.get("count", "")
    if verb not in MANY or not number_of(number):
        raise BadRequestError(NOT_OURS)
    act = form.get("act", "")
    asked = {"act": act} if verb == "reopen" else filters
    body: Fields = {"count": int(number), "seen": form.get("seen", ""), "why": form.get("why", "")}
    if verb == "reopen" and not form.get("begun"):
        found = await routes.reviews(visit.ask(asked), scan_id)
        body |= {"count": found["count"], "seen": found["seen"]}
    elif act:
        body["act"] = act
    try:
        done = await MANY[verb](visit.ask(asked, body), scan_id)
    except (BadRequestError, OutdatedError) as error:
        return await _page(visit, scan_id, filters, None, form, error)
    before = int(number_of(form.get("begun", "")) or 0)
    there = {
        **filters,
        "act": act if verb == "reopen" else done["act"],
        "verb": verb,
        "decided": str(before + done["decided"]),
        "left": str(done["left"]),
        "passed": str(done["passed_over"]),
        "seen": done["seen"],
    }
    return Elsewhere(f"/scans/{scan_id}/review", "", there)


def number_of(text: str) -> str:
    """Return a number of elements as it was written; empty where it is none."""
    return text if re.fullmatch("[0-9]{1,8}", text) else ""


def filters_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of an address or a form; an empty one is none."""
    names = [name for name in routes.REVIEWING if name != "act"]
    return {name: query[name] for name in names if query.get(name)}


async def _decided(visit: Visit, scan_id: str, record_id: str, form: Mapping[str, str]) -> str:
    """Store what a form says, and return a key of `DONE`."""
    decision, seen = form.get("decision"), {"seen": form.get("seen", "")}
    if decision not in ("confirm", "reject", "undo"):
        raise BadRequestError(NOT_OURS)
    if decision == "undo":
        await routes.reopen(visit.ask(body=seen), scan_id, record_id)
        return "undone"
    body = {"suggestion_id": form.get("suggestion_id") or None, **seen}
    if decision == "reject":
        await routes.reject(visit.ask(body=body), scan_id, record_id)
        return "rejected"
    element = await routes.element(visit.ask(), scan_id, record_id)
    values = _chosen(form, _values(element))
    if not values and element["state"] in SETTLED:
        raise BadRequestError("these are its values already: choose others, or skip it")
    if not values:
        await routes.confirm(visit.ask(body=body), scan_id, record_id)
        return "confirmed"
    await routes.change(visit.ask(body={**body, "values": values}), scan_id, record_id)
    return "changed"


def _values(element: Fields) -> Mapping[str, Any]:
    """Return the values in effect, or those that are suggested; none where there are none."""
    return element["values"] or (element["suggestion"] or {}).get("values") or {}


def _chosen(form: Mapping[str, str], values: Mapping[str, Any]) -> Fields:
    """Return the values of a form that differ from those in effect."""
    given: Fields = {
        name: form[name] for name in OUTPUTS if name in form and name not in FLAGS and form[name]
    }
    if "flags" in form:
        given |= {name: name in form for name in FLAGS}
    chosen = {name: value for name, value in given.items() if values.get(name) != value}
    if chosen.get("regulatory_flag") is False and values.get("regulatory_references"):
        chosen["regulatory_references"] = []
    return chosen


async def _last(visit: Visit, scan_id: str, record_id: str | None) -> Fields | None:
    """Return the element that was decided last, unless it is gone."""
    try:
        return await routes.element(visit.ask(), scan_id, record_id) if record_id else None
    except NotFoundError:
        return None


async def _page(
    visit: Visit,
    scan_id: str,
    filters: Mapping[str, str],
    record_id: str | None = None,
    form: Mapping[str, str] | None = None,
    error: BadRequestError | OutdatedError | None = None,
) -> View:
    query: Mapping[str, str] = {} if error else visit.query
    after = {"after": query["after"]} if query.get("after") else {}
    found = await routes.reviews(visit.ask({**filters, **after}), scan_id)
    shown = record_id or query.get("record") or found["next"]
    element = await routes.element(visit.ask(), scan_id, shown) if shown else None
    last = await _last(visit, scan_id, query.get("last"))
    typed = form or {}
    outdated = isinstance(error, OutdatedError)
    values = _values(element) if element else {}
    kept = (
        {}
        if outdated or "flags" not in typed
        else {
            **{name: typed[name] for name in found["labels"] if name in typed},
            **{name: name in typed for name in FLAGS},
        }
    )
    states, total = found["states"], sum(found["states"].values())
    view = {
        "scan_id": scan_id,
        "found": found,
        "element": element,
        "last": last,
        "values": values,
        "form": {**values, **kept},
        "chosen": _chosen(typed, values) if outdated and element else {},
        "parts": [
            (found["mapping"].get(part, word), element["told"][part])
            for part, word in PARTS.items()
            if element and part in element["told"] and part != "name"
        ],
        "filters": filters,
        "query": urlencode(filters),
        "place": {name: query.get(name, "") for name in PLACE}
        | {name: number_of(query.get(name, "")) for name in NUMBERS},
        "again": bool(after and not query.get("record") and found["again"]),
        "left": states.get("suggested", 0),
        "total": total,
        "why": typed.get("why", ""),
        "problem": str(error) if error else "",
        "max_why": routes.MAX_WHY,
    }
    return View("review.html", view, status=error.status if error else 200)
