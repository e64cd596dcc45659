"""The conditions on two records, by the settings that name them."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from landfall.airtable.cells import values_of
from landfall.airtable.snapshot import Table
from landfall.airtable.values import comparable, display
from landfall.integrity.rules.matching import phones
from landfall.integrity.rules.matching.comparison import (
    Column,
    CompareKey,
    Comparison,
    KeyTest,
    OneOrMoreFields,
    Reading,
)
from landfall.integrity.rules.matching.normalisation import Meaning, Wording, normaliser
from landfall.scans.settings import Name, Plain, Settings, Whole, got, shape

OrMissing = Annotated[
    bool, Field(description="Hold also if one of the two records, or both, have no value.")
]

Uncommon = Annotated[
    bool,
    Field(
        description="Hold only for values whose words are not so common that others have them by "
        "chance; among fewer than 1,000 different values, none is common."
    ),
]


_OneOrSeveral = Field(
    description="A field, or several whose values are combined: [First name, Last name]."
)


class Exact(Comparison):
    """The values are the same, once differences that do not count for such values are removed."""

    field: OneOrMoreFields = _OneOrSeveral

    exact: Meaning = Field(description="The content of the field. `value` compares it unchanged.")
    or_missing: OrMissing = False
    uncommon: Uncommon = False

    @model_validator(mode="after")
    def _of_words(self) -> Self:
        if self.uncommon and self.exact in ("email", "phone", "postcode", "value"):
            raise ValueError("uncommon: applies to words, such as `exact: name`; remove it")
        return self

    @property
    def meaning(self) -> str:
        """Return the kind of content that the values are compared as."""
        return self.exact

    def key(self, reading: Reading) -> Callable[[Any], CompareKey]:
        """Return a function that makes a key of a cell."""
        return normaliser(self.exact, reading.region)

    def column(self, table: Table, reading: Reading, check: Callable[[], None]) -> Column:
        """Return the keys of a table; a phone number without country may get that of another."""
        column = super().column(table, reading, check)
        if self.exact == "phone":
            column.keys = phones.keys(column.keys)
        return column

    def agree(self, column: Column) -> KeyTest:  # noqa: ARG002
        """Return a test of whether the condition holds for two keys."""
        return lambda one, other: bool(one == other)

    def _phrase(self) -> str:
        return f"the same {self.label}"


class Similar(Comparison):
    """The words are similar: each word of the shorter value has a counterpart in the other."""

    field: OneOrMoreFields = _OneOrSeveral

    similar: Wording = Field(description="The content of the field.")
    at_least: Whole = Field(
        90, ge=50, le=100, description="Minimum similarity; 100 is the same words in any order."
    )
    or_missing: OrMissing = False
    uncommon: Uncommon = False

    @property
    def meaning(self) -> str:
        """Return the kind of content that the values are compared as."""
        return self.similar

    def key(self, reading: Reading) -> Callable[[Any], CompareKey]:  # noqa: ARG002
        """Return a function that makes a key of a cell."""
        return normaliser(self.similar)

    def agree(self, column: Column) -> KeyTest:
        """Return a test of whether the condition holds for two keys."""
        similarity, bound = column.similarity, self.at_least / 100
        return lambda one, other: similarity.reaches(one, other, bound)

    def explain(self, column: Column, table: Table, one: int, other: int) -> str:
        """Return how the condition holds for two records, for a message."""
        keys: Sequence[Any] = column.keys
        because = super().explain(column, table, one, other)
        if keys[one] == keys[other]:
            return because
        score = column.similarity.score(keys[one], keys[other]) * 100
        return f"{because}, similarity {score:.0f} of 100"

    def _phrase(self) -> str:
        return f"a similar {self.label}"


class DateWithin(Comparison):
    """The dates are at most this many days apart."""

    field: Name
    date_within: Whole = Field(ge=0, le=36_500, description="Days. 0 is the same day.")
    or_missing: OrMissing = False

    @property
    def meaning(self) -> str:
        """Return the kind of content that the values are compared as."""
        return "date"

    def key(self, reading: Reading) -> Callable[[Any], CompareKey]:
        """Return a function that makes a key of a cell."""

        def day(cell: Any) -> CompareKey:
            moment = reading.calendar.read(cell)
            return None if moment is None else reading.calendar.day(moment).toordinal()

        of_text = cache(day)

        def first_day(cell: Any) -> CompareKey:
            if cell.__class__ is str:
                return of_text(cell)
            return next((key for item in values_of(cell) if (key := day(item))), None)

        return first_day

    def agree(self, column: Column) -> KeyTest:  # noqa: ARG002
        """Return a test of whether the condition holds for two keys."""
        return lambda one, other: bool(abs(one - other) <= self.date_within)

    def _phrase(self) -> str:
        days = f"within {self.date_within} days" if self.date_within else "on the same day"
        return f"{self.label} {days}"


def _overlap(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and re.fullmatch(_PART, value):
        return value
    raise ValueError(f"must be {_COMMON} {got(value)}")


_COMMON = 'a whole number from 1, or a share such as "50%"'
_PART = r"([1-9]\d?|100)%"


class Overlap(Comparison):
    """The lists have items in common."""

    field: Name
    overlap: Annotated[
        int | str,
        BeforeValidator(_overlap),
        shape("integer", "string", minimum=1, pattern=f"^{_PART}$", says=_COMMON),
    ] = Field(description='Minimum number of items, or share of the shorter list such as "50%".')
    or_missing: OrMissing = False

    @property
    def meaning(self) -> str:
        """Return the kind of content that the values are compared as."""
        return "items"

    def key(self, reading: Reading) -> Callable[[Any], CompareKey]:  # noqa: ARG002
        """Return a function that makes a key of a cell."""
        return lambda cell: frozenset(comparable(item) for item in values_of(cell)) or None

    def agree(self, column: Column) -> KeyTest:  # noqa: ARG002
        """Return a test of whether the condition holds for two keys."""
        least = self.overlap
        if isinstance(least, int):
            return lambda one, other: len(one & other) >= least
        percent = int(least[:-1])  # 7% of 100 as a fraction in binary is more than 7
        return lambda one, other: 100 * len(one & other) >= percent * min(len(one), len(other))

    def _phrase(self) -> str:
        number = "an item" if self.overlap == 1 else f"{self.overlap} of the items"
        return f"{number} of {self.label} in common"


class Equals(Comparison):
    """Both values are this one, or contain it."""

    field: Name
    equals: Plain

    @property
    def meaning(self) -> str:
        """Return the kind of content that the values are compared as."""
        return f"equals {self.equals!r}"

    def key(self, reading: Reading) -> Callable[[Any], CompareKey]:  # noqa: ARG002
        """Return a function that makes a key of a cell."""
        wanted = comparable(self.equals)
        return lambda cell: any(comparable(item) == wanted for item in values_of(cell)) or None

    def agree(self, column: Column) -> KeyTest:  # noqa: ARG002
        """Return a test of whether the condition holds for two keys."""
        return lambda one, other: bool(one == other)

    def column(self, table: Table, reading: Reading, check: Callable[[], None]) -> Column:
        """Return the keys of a table, even if no record has the value."""
        make = self.key(reading)
        return Column([make(cell) for cell in table.columns[self.field]], self.meaning, check)

    def _phrase(self) -> str:
        return f"{self.label} {display(self.equals)}"


KINDS: dict[str, type[Comparison]] = {
    "exact": Exact,
    "similar": Similar,
    "date_within": DateWithin,
    "overlap": Overlap,
    "equals": Equals,
}


def _which(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else vars(value) if isinstance(value, Settings) else ()
    return next((f"({name})" for name in KINDS if name in keys), None)


PairCondition = Annotated[
    Annotated[Exact, Tag("(exact)")]
    | Annotated[Similar, Tag("(similar)")]
    | Annotated[DateWithin, Tag("(date_within)")]
    | Annotated[Overlap, Tag("(overlap)")]
    | Annotated[Equals, Tag("(equals)")],
    Discriminator(
        _which,
        custom_error_type="no_comparison",
        custom_error_message=f"give a comparison: one of {', '.join(KINDS)}",
    ),
]
