"""The bounds of a stored report: it is one document, and a reader of it holds it whole.

The usual report has some 100 kB before it is compressed. A page's remarks, a rubric of hundreds of
criteria, and addresses that are cited again and again can make a hundred times that.
"""

import zlib
from dataclasses import dataclass
from typing import Any

from landfall.site.packing import plain
from landfall.store.documents import Fields
from landfall.store.packed import MAX_PACKED_BYTES

MAX_REPORT_BYTES = 4_000_000
"""Bytes of a report as JSON: the api answers with it, twenty requests at once."""


@dataclass(frozen=True)
class _ReportDetails:
    """The details of a report: pages that a statement `cited`, the characters of each `text`, and
    whether it has the parts of a `deep` scan about single pages."""

    cited: int
    text: int
    deep: bool = True


DETAILS = (
    _ReportDetails(5, 200),
    _ReportDetails(5, 100),
    _ReportDetails(1, 60, deep=False),
    _ReportDetails(0, 30, deep=False),
)
"""From the most to the fewest: a report that does not fit as a whole has the first that fit."""

_TEXTS = frozenset(
    {"action", "calls", "contacts", "critique", "description", "headings", "message", "quote"}
) | {"text", "title", "why"}
_CITING = frozenset({"pages"})
_DEEP = frozenset({"critique", "journey", "patterns"})


def stored_report(fields: Fields) -> Fields:
    """Return a report as it is stored: all of it, or what fits, and `shortened` says so."""
    made = fields
    for details in DETAILS:
        if _fits(made):
            break
        made = _cut(fields, details)
    return made


def shortened(text: str, most: int) -> str:
    """Return a text with at most so many characters; the last of a longer one is an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def _fits(fields: Fields) -> bool:
    data = plain(fields)
    return len(data) <= MAX_REPORT_BYTES and len(zlib.compress(data)) <= MAX_PACKED_BYTES


def _cut(fields: Fields, details: _ReportDetails) -> Fields:
    kept = {name: it for name, it in fields.items() if details.deep or name not in _DEEP}
    whole = {name: kept.pop(name) for name in ("pages", "comparison") if name in kept}
    note = (
        f"the whole report is too large to be stored: it has {details.text} characters of each "
        f"text, and cites {details.cited} pages for a statement"
    )
    if not details.deep:
        note += "; critique, patterns and journey are left out"
    return {**_cut_in(kept, details), **whole, "shortened": note}


def _cut_in(value: Any, details: _ReportDetails) -> Any:
    if isinstance(value, list):
        return [_cut_in(one, details) for one in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, one in value.items():
        if name in _CITING:
            made[name] = one[: details.cited]
        elif name in _TEXTS and isinstance(one, str):
            made[name] = shortened(one, details.text)
        elif name in _TEXTS and all(isinstance(text, str) for text in one or ()):
            made[name] = [shortened(text, details.text) for text in one or ()]
        else:
            made[name] = _cut_in(one, details)
    return made
