"""`type`: a cell holds a value of this type."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from types import NoneType
from typing import Any, ClassVar, Literal

from pydantic import Field

from landfall.airtable.cells import contents_of, error_of, has_value
from landfall.airtable.dates import Moment
from landfall.airtable.fields import Holds, Schema, content_misfits, holds, is_list
from landfall.airtable.numbers import counted, is_number
from landfall.airtable.values import TextCache, display
from landfall.integrity.rules.rule import FieldRule, Hit, Scope

_RECORD_ID = re.compile(r"rec[A-Za-z0-9]{14}")

_PHRASES = {
    "any": "a value",
    "text": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "date": "a date without a time",
    "datetime": "a date with a time",
    "list": "a list",
    "record_links": "a list of record ids",
    "attachments": "a list of attachments",
    "collaborator": "a collaborator",
}


_HOLDS: dict[str, Holds] = {
    "text": "text",
    "number": "numbers",
    "integer": "numbers",
    "boolean": "booleans",
    "date": "dates",
    "datetime": "dates",
    "record_links": "record ids",
    "attachments": "objects",
    "collaborator": "objects",
}


class Type(FieldRule):
    """The cell holds a value of this type and no formula error. No value is no finding.

    - `any`: any value that is not an error. Errors are those of Airtable, `{"error": "#ERROR!"}`
      and `{"specialValue": "NaN"}` (or Infinity), alone or in a list; they have none of the types.
    - `text`, `boolean`, `list`; `number`; `integer`: 5 and 5.0, not 5.5.
    - `date`: text that is a date such as `2026-03-01`; `datetime`: one with a time. "Dates and
      times" has the forms.
    - `record_links`: a list of record ids. `attachments`: a list of files with `id` and `url`.
      `collaborator`: a person or a group with an `id`; the e-mail address and name may be missing.

    A lookup's cell is a list, whatever it contains.
    """

    kind: Literal["type"]
    type: Literal[
        "any",
        "text",
        "number",
        "integer",
        "boolean",
        "date",
        "datetime",
        "list",
        "record_links",
        "attachments",
        "collaborator",
    ] = Field(description="The type of the cell's value.")

    example: ClassVar[str] = "{id: age, kind: type, table: Students, field: Age, type: integer}"

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return f"{self.field} is {_PHRASES[self.type]} and not an error"

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about a field of another type, or of lists instead of one value."""
        field, why = schema.field(self.table, self.field), f"`type: {self.type}`"
        wanted = _HOLDS.get(self.type)
        if wanted:
            yield from content_misfits(field, wanted, f"{why} needs {wanted}")
        needs_list = self.type in ("list", "record_links", "attachments")
        if self.type != "any" and holds(field) and is_list(field) != needs_list:
            has, needs = ("a list", "one value") if is_list(field) else ("one value", "a list")
            yield f"{why} needs {needs}, but each cell of {self.field!r} is {has}"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the records with something else."""
        ids, column = scope.table.ids, scope.table.columns[self.field]
        fits = _TESTS[self.type]
        moments = TextCache(scope.snapshot.calendar.read, scope.check)
        plain = {NoneType, *_ALWAYS.get(self.type, ())}
        for row in [row for row, value in enumerate(column) if value.__class__ not in plain]:
            value = column[row]
            error = next(filter(None, map(error_of, contents_of(value))), "")
            if error or (not fits(value, moments) and has_value(value)):
                what = f"holds the error {error}" if error else self._is_not(value)
                yield Hit((ids[row],), self.field, value, f"{self.field} {what}")

    def _is_not(self, value: Any) -> str:
        return f"is {display(value)}, which is not {_PHRASES[self.type]}"


_ALWAYS: dict[str, set[type]] = {
    "any": {str, int, float, bool},
    "text": {str},
    "number": {int, float},
    "integer": {int},
    "boolean": {bool},
}
"""Classes of which every value fits."""


Moments = Mapping[str, Moment | None]


def _is_list_of(test: Callable[[Any], bool]) -> Callable[[Any, Moments], bool]:
    return lambda value, _: isinstance(value, list) and all(map(test, value))


def _is_moment(value: Any, moments: Moments) -> bool:
    return isinstance(value, str) and isinstance(moments[value], datetime)


def _is_day(value: Any, moments: Moments) -> bool:
    return isinstance(value, str) and moments[value].__class__ is date


def _has(value: Any, *names: str) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)


def _is_user(id_: str) -> bool:
    return id_.startswith(("usr", "ugp"))  # of a group


_TESTS: dict[str, Callable[[Any, Moments], bool]] = {
    "any": lambda _value, _: True,
    "text": lambda value, _: isinstance(value, str),
    "number": lambda value, _: is_number(value),
    "integer": lambda value, _: is_number(value) and float(counted(value)).is_integer(),
    "boolean": lambda value, _: isinstance(value, bool),
    "date": _is_day,
    "datetime": _is_moment,
    "list": _is_list_of(lambda _: True),
    "record_links": _is_list_of(
        lambda item: isinstance(item, str) and _RECORD_ID.fullmatch(item) is not None
    ),
    "attachments": _is_list_of(lambda item: _has(item, "id", "url")),
    "collaborator": lambda value, _: (
        _has(value, "id") and (_has(value, "email") or _has(value, "name") or _is_user(value["id"]))
    ),
}
