"""Each shape in which Airtable sends a cell, by the type of the field, and its content.

Types and shapes are those of https://airtable.com/developers/web/api/field-model and of the types
of pyairtable (`pyairtable.api.types`). Neither has the errors of formulas; they are `{"error":
"#ERROR!"}`, and `{"specialValue": "NaN"}`, `Infinity` or `-Infinity` for numbers that are none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

ABSENT = UNSET
"""The cell of a record that lacks it: Airtable leaves out what is empty."""

PERSON = {"id": "usrAnnAnnAnnAnn00", "email": "ann@clinic.example", "name": "Ann"}
BARE: dict[str, Any] = {"id": "usrAnnAnnAnnAnn00"}
GROUP = {"id": "ugpNursesNurses00", "name": "Nurses"}
FILE = {
    "id": "attScanScanScan00",
    "url": "https://v5.airtableusercontent.com/v3/u/1/a",
    "filename": "scan.pdf",
    "size": 1024,
    "type": "application/pdf",
}
LINK, OTHER_LINK = "recAnnAnnAnnAnn00", "recBobBobBobBob00"


def ai(state: str, value: Any, **more: Any) -> dict[str, Any]:
    """Return the cell of a field with AI."""
    return {"state": state, "isStale": False, "value": value, **more}


@dataclass(frozen=True)
class Shape:
    """A cell as Airtable sends it, its content; ABSENT if that is the cell itself.

    `of_checkbox` is whether the schema says that it is a checkbox, or a lookup of some.
    """

    sent: Any
    content: Any = ABSENT
    of_checkbox: bool = False

    @property
    def expected(self) -> Any:
        """The content."""
        return self.sent if self.content is ABSENT else self.content


def _texts(*examples: str) -> list[Shape]:
    return [Shape(ABSENT, None), *map(Shape, examples), *(Shape(it, None) for it in BLANKS)]


BLANKS = [
    "",
    " ",
    "\t\n",
    "\u00a0",
    " \u00a0\u2003",
    "\u200b",
    "\ufeff",
    "\u2060 \u200d",
    "\u3164\u115f",
    "\u0000\u007f",
    "\ufe0f\U000e0101",
]
"""Texts that show nothing."""

NOTHING: list[Any] = [
    ABSENT,
    None,
    *BLANKS,
    [],
    {},
    [None],
    [None, None],
    [""],
    [" ", None, "\u200b"],
    [[]],
    [[None], [" "]],
    [{}],
    ai("empty", None),
    ai("loading", None),
    ai("generated", " \n"),
    ai("empty", ""),
    [ai("empty", None)],
    [ai("loading", None), None],
    {"text": None, "type": None},
    {"text": ""},
    {"type": "upce"},
    [{"text": " "}],
    {"label": None, "url": None},
    {"id": None},
]
"""Everything that looks like something and is nothing."""

ERRORS: list[Any] = [
    {"error": "#ERROR!"},
    {"error": "#DIV/0!"},
    {"specialValue": "NaN"},
    {"specialValue": "Infinity"},
    {"specialValue": "-Infinity"},
    [{"error": "#ERROR!"}],
    [None, {"specialValue": "NaN"}],
    ai("error", None, errorType="emptyDependency"),
    [ai("error", "", errorType="contentFiltered")],
]
"""Errors, alone and in lists: no values, and not nothing."""

SHAPES: Mapping[str, list[Shape]] = {
    "aiText": [
        Shape(ai("generated", "A summary."), "A summary."),
        Shape(ai("loading", "An old one."), "An old one."),
        Shape({**ai("generated", "A stale one."), "isStale": True}, "A stale one."),
        Shape(ai("error", "What it was.", errorType="unknown"), "What it was."),
        Shape(ai("error", None, errorType="emptyDependency"), {"error": "emptyDependency"}),
        Shape(ai("error", None), {"error": "unknown"}),
        Shape(ai("empty", None), None),
        Shape(ai("loading", None), None),
    ],
    "autoNumber": [Shape(7)],
    "barcode": [
        Shape({"text": "01234567", "type": "upce"}, "01234567"),
        Shape({"text": "01234567"}, "01234567"),
        Shape({"text": "01234567", "type": None}, "01234567"),
        Shape({"type": "upce"}, None),
    ],
    "button": [
        Shape({"label": "Open", "url": "https://clinic.example"}),
        Shape({"label": "Open", "url": None}),
    ],
    "checkbox": [Shape(True, of_checkbox=True), Shape(ABSENT, False, of_checkbox=True)],
    "count": [Shape(0), Shape(3)],
    "createdBy": [Shape(PERSON), Shape(BARE)],
    "createdTime": [Shape("2026-03-01T10:00:00.000Z"), Shape("2026-03-01")],
    "currency": [Shape(12.5), Shape(0)],
    "date": [Shape("2026-03-01"), Shape(ABSENT, None)],
    "dateTime": [Shape("2026-03-01T10:00:00.000Z")],
    "duration": [Shape(5400), Shape(0.5)],
    "email": _texts("ann@clinic.example"),
    "externalSyncSource": [Shape("Clinics of 2026")],
    "formula": [
        Shape("a text"),
        Shape(4.5),
        Shape(0),
        Shape(True),
        Shape(["a", 1]),
        Shape({"error": "#ERROR!"}),
        Shape({"specialValue": "NaN"}),
        Shape({"specialValue": "Infinity"}),
        Shape({"specialValue": "-Infinity"}),
    ],
    "lastModifiedBy": [Shape(PERSON)],
    "lastModifiedTime": [Shape("2026-03-01T10:00:00.000Z")],
    "manualSort": [Shape("a0")],
    "multilineText": _texts("two\nlines", "@Ann", " with blanks "),
    "multipleAttachments": [Shape([FILE]), Shape(ABSENT, None)],
    "multipleCollaborators": [Shape([PERSON, GROUP])],
    "multipleLookupValues": [
        Shape(["a", "b"]),
        Shape([5, 0]),
        Shape([LINK]),
        Shape([PERSON]),
        Shape([FILE]),
        Shape(["2026-03-01"]),
        Shape([None], None),
        Shape(["", None], None),
        Shape(["a", None, ""], ["a"]),
        Shape([["a", "b"], ["c"]], ["a", "b", "c"]),
        Shape([True, None], [True, False], of_checkbox=True),
        Shape([None], [False], of_checkbox=True),
        Shape([ai("generated", "A summary."), ai("empty", None)], ["A summary."]),
        Shape([{"text": "01234567", "type": "upce"}], ["01234567"]),
        Shape([{"label": "Open", "url": None}]),
        Shape([{"error": "#ERROR!"}]),
        Shape([1, {"specialValue": "NaN"}, None], [1, {"specialValue": "NaN"}]),
    ],
    "multipleRecordLinks": [Shape([LINK, OTHER_LINK]), Shape([LINK, LINK]), Shape([], None)],
    "multipleSelects": [Shape(["Active", "New"])],
    "number": [Shape(5), Shape(5.0), Shape(-0.1), Shape(0), Shape(2**53 + 1)],
    "percent": [Shape(0.123)],
    "phoneNumber": _texts("(415) 555-9876"),
    "rating": [Shape(3)],
    "richText": _texts("**bold**"),
    "rollup": [
        Shape("a, b"),
        Shape(12),
        Shape(True),
        Shape({"error": "#ERROR!"}),
        Shape({"specialValue": "NaN"}),
    ],
    "singleCollaborator": [Shape(PERSON), Shape(GROUP)],
    "singleLineText": _texts("Ann"),
    "singleSelect": [Shape("Active")],
    "url": _texts("https://clinic.example"),
}
"""The shapes by the type of the field."""
