"""Conditions on the fields of a record, such as the `when` of a rule."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from landfall.airtable.dates import DATE_FORMS, DATE_PATTERN, Calendar, is_date
from landfall.airtable.numbers import is_number
from landfall.airtable.snapshot import Table
from landfall.airtable.values import display, display_list
from landfall.integrity.rules.value_tests import OF_ONE_ITEM, TESTS, ValueTest, compiled
from landfall.scans.settings import Name, Plain, Settings, got, shape


def _pattern(text: str) -> str:
    import re2

    try:
        compiled(text)
    except re2.error as error:
        why = error.args[0].decode()
        raise ValueError(f"this is not a regular expression of RE2: {why}") from None
    return text


Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_pattern)]
"""A regular expression of RE2."""


def _bound(value: Any) -> Any:
    if is_number(value) or (isinstance(value, str) and is_date(value)):
        return value
    raise ValueError(f"must be a number, {DATE_FORMS} {got(value)}{_number_meant(value)}")


def _number_meant(value: Any) -> str:
    """Return the fix for a number in quotes, or with commas as people write them."""
    text = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text):
        return f"; write {text} without quotes"
    bare = text.replace("\u2212", "-").rstrip("%").strip("$\u20ac\u00a3 ")
    if re.fullmatch(r"-?\d{1,3}([,. ']\d{3})*([.,]\d+)?|-?\d+[.,]\d+", bare[:40]):
        return "; a number has digits and one point: 1234.5"
    return ""


Bound = Annotated[
    int | float | str,
    BeforeValidator(_bound),
    shape("number", "string", pattern=DATE_PATTERN, says=f"a number, {DATE_FORMS}"),
]
"""A number or a date. A cell of the other kind is on neither side of it."""


class FieldCondition(Settings):
    """A test of a field's value. All of its settings must hold; in a list, for the same item."""

    field: Name = Field(description="A field of the records that are checked.")
    has_value: bool | None = Field(None, description="Whether the field has a value.")
    equals: Plain | None = Field(
        None,
        description="The value is this one, of the same type. An unchecked checkbox is false, and "
        "'' is no value.",
    )
    not_equals: Plain | None = Field(
        None,
        description="The value, or each one of a list, is another one, or there is none.",
    )
    one_of: list[Plain] | None = Field(
        None, min_length=1, max_length=1000, description="The value is one of these."
    )
    none_of: list[Plain] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="The value, or each one of a list, is none of these, or there is none.",
    )
    contains: str | None = Field(
        None, min_length=1, description="The value contains this text, ignoring case."
    )
    matches: Pattern | None = Field(
        None, description="The whole text matches a regular expression."
    )
    above: Bound | None = Field(
        None,
        description="A number, a date, or a relative date such as `today-30d`. A cell of the other "
        "kind is on neither side of it.",
    )
    at_least: Bound | None = None
    below: Bound | None = None
    at_most: Bound | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if len(self.model_dump(exclude_none=True)) < 2:
            raise ValueError("give a test for the field, such as `equals: Active`")
        return self

    def reads(self) -> Iterator[str]:
        """Yield the fields that the condition reads."""
        yield self.field

    def sentence(self) -> str:
        """Return the condition in plain language."""
        tests = self.model_dump(exclude_none=True, exclude={"field"})
        return " and ".join(f"{self.field} {_phrase(name, value)}" for name, value in tests.items())

    def holds(self, table: Table, rows: Sequence[int], calendar: Calendar) -> list[int]:
        """Return those of the rows for which the condition holds."""
        column = table.columns[self.field]
        tests = self.model_dump(exclude_none=True, exclude={"field"})
        of_items = []
        for name, value in tests.items():
            test = TESTS[name](value, calendar)
            rows = [row for row in rows if test(column[row])]
            of_items += [test] if name in OF_ONE_ITEM else []
        if len(of_items) > 1:
            rows = [row for row in rows if _an_item_passes(column[row], of_items)]
        return list(rows)


def _an_item_passes(cell: Any, tests: Sequence[ValueTest]) -> bool:
    """Return whether one item of a list passes all tests, of which each is passed by some item."""
    return cell.__class__ is not list or any(all(test(item) for test in tests) for item in cell)


class AllOf(Settings):
    """All of these conditions hold."""

    all: list["Condition"] = Field(min_length=1, max_length=50)

    def reads(self) -> Iterator[str]:
        """Yield the fields that the condition reads."""
        for condition in self.all:
            yield from condition.reads()

    def sentence(self) -> str:
        """Return the condition in plain language."""
        return " and ".join(_bracketed(condition) for condition in self.all)

    def holds(self, table: Table, rows: Sequence[int], calendar: Calendar) -> list[int]:
        """Return those of the rows for which the condition holds."""
        for condition in self.all:
            rows = condition.holds(table, rows, calendar)
        return list(rows)


class AnyOf(Settings):
    """At least one of these conditions holds."""

    any: list["Condition"] = Field(min_length=1, max_length=50)

    def reads(self) -> Iterator[str]:
        """Yield the fields that the condition reads."""
        for condition in self.any:
            yield from condition.reads()

    def sentence(self) -> str:
        """Return the condition in plain language."""
        return " or ".join(_bracketed(condition) for condition in self.any)

    def holds(self, table: Table, rows: Sequence[int], calendar: Calendar) -> list[int]:
        """Return those of the rows for which the condition holds."""
        fits: set[int] = set()
        for condition in self.any:
            fits.update(condition.holds(table, rows, calendar))
        return [row for row in rows if row in fits]


class Not(Settings):
    """This condition does not hold."""

    not_: "Condition" = Field(alias="not")

    def reads(self) -> Iterator[str]:
        """Yield the fields that the condition reads."""
        yield from self.not_.reads()

    def sentence(self) -> str:
        """Return the condition in plain language."""
        return f"not {_bracketed(self.not_)}"

    def holds(self, table: Table, rows: Sequence[int], calendar: Calendar) -> list[int]:
        """Return those of the rows for which the condition holds."""
        fits = set(self.not_.holds(table, rows, calendar))
        return [row for row in rows if row not in fits]


def _which(value: Any) -> str:
    keys = vars(value) if isinstance(value, Settings) else value if isinstance(value, dict) else ()
    names = ("all", "any", "not")
    return next((f"({name})" for name in names if {name, f"{name}_"} & set(keys)), "(field)")


Condition = Annotated[
    Annotated[FieldCondition, Tag("(field)")]
    | Annotated[AllOf, Tag("(all)")]
    | Annotated[AnyOf, Tag("(any)")]
    | Annotated[Not, Tag("(not)")],
    Discriminator(_which),
]


def _bracketed(condition: Any) -> str:
    text: str = condition.sentence()
    return text if isinstance(condition, FieldCondition) else f"({text})"


_PHRASES = {
    "not_equals": "is not",
    "contains": "contains",
    "matches": "matches",
    "above": "is above",
    "at_least": "is at least",
    "below": "is below",
    "at_most": "is at most",
}


def _phrase(name: str, value: Any) -> str:
    match name:
        case "has_value":
            return "has a value" if value else "has no value"
        case "equals":
            return f"is {display(value)}"
        case "one_of":
            return f"is one of {display_list(value)}"
        case "none_of":
            return f"is none of {display_list(value)}"
        case _:
            return f"{_PHRASES[name]} {display(value)}"
