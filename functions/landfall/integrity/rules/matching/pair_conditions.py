"""The conditions on two records, by the settings that name them."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from landfall.airtable.dates import Calendar
from landfall.airtable.snapshot import Table
from landfall.airtable.values import comparable, shown, values_of
from landfall.integrity.rules.matching.comparison import Agree, Column, Compared, Fields, Key
from landfall.integrity.rules.matching.normalisation import Meaning, Wording, normaliser
from landfall.scans.settings import Name, Plain, Settings, it_is

OrMissing = Annotated[
    bool, Field(description="Let it also hold where one of the two records has no value.")
]


Uncommon = Annotated[
    bool,
    Field(
        description="Let it hold only of values whose words are not so common that others have "
        "them by chance; of fewer than 1,000 different values none is common."
    ),
]


_OneOrSeveral = Field(
    description="A field, or several whose values count together: [First name, Last name]."
)


class Exact(Compared):
    """The values are the same, once what does not count for such values is left out."""

    field: Fields = _OneOrSeveral

    exact: Meaning = Field(description="What the field holds. `value` compares it as it is.")
    or_missing: OrMissing = False
    uncommon: Uncommon = False

    @model_validator(mode="after")
    def _of_words(self) -> Self:
        if self.uncommon and self.exact in ("email", "phone", "value"):
            raise ValueError("uncommon: is told of words, such as `exact: name`; remove it")
        return self

    @property
    def meaning(self) -> str:
        """What the values are taken as."""
        return self.exact

    def key(self, calendar: Calendar) -> Callable[[Any], Key]:  # noqa: ARG002
        """Makes a key of a cell."""
        return normaliser(self.exact)

    def agree(self, column: Column) -> Agree:  # noqa: ARG002
        """Tells whether it holds of two keys."""
        return lambda one, other: bool(one == other)

    def _says(self) -> str:
        return f"the same {self.label}"


class Similar(Compared):
    """The words are alike: each of the shorter value has a counterpart in the other."""

    field: Fields = _OneOrSeveral

    similar: Wording = Field(description="What the field holds.")
    at_least: int = Field(
        90, ge=50, le=100, description="How alike; 100 is the same words in any order."
    )
    or_missing: OrMissing = False
    uncommon: Uncommon = False

    @property
    def meaning(self) -> str:
        """What the values are taken as."""
        return self.similar

    def key(self, calendar: Calendar) -> Callable[[Any], Key]:  # noqa: ARG002
        """Makes a key of a cell."""
        return normaliser(self.similar)

    def agree(self, column: Column) -> Agree:
        """Tells whether it holds of two keys."""
        likeness, bound = column.likeness, self.at_least / 100
        return lambda one, other: likeness.alike(one, other, bound)

    def because(self, column: Column, table: Table, one: int, other: int) -> str:
        """How it holds of two records, for a message."""
        keys: Sequence[Any] = column.keys
        score = column.likeness.score(keys[one], keys[other]) * 100
        return f"{super().because(column, table, one, other)}, {score:.0f} of 100 alike"

    def _says(self) -> str:
        return f"a similar {self.label}"


class DateWithin(Compared):
    """The dates are no more days apart than this."""

    field: Name
    date_within: int = Field(ge=0, le=36_500, description="Days. 0 is the same day.")
    or_missing: OrMissing = False

    @property
    def meaning(self) -> str:
        """What the values are taken as."""
        return "date"

    def key(self, calendar: Calendar) -> Callable[[Any], Key]:
        """Makes a key of a cell."""

        def day(cell: Any) -> Key:
            moment = calendar.read(cell)
            return None if moment is None else calendar.day(moment).toordinal()

        return lambda cell: next((key for item in values_of(cell) if (key := day(item))), None)

    def agree(self, column: Column) -> Agree:  # noqa: ARG002
        """Tells whether it holds of two keys."""
        return lambda one, other: bool(abs(one - other) <= self.date_within)

    def _says(self) -> str:
        days = f"within {self.date_within} days" if self.date_within else "on the same day"
        return f"{self.label} {days}"


def _overlap(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and re.fullmatch(r"([1-9]\d?|100)%", value):
        return value
    raise ValueError(f'must be a whole number from 1, or a share such as "50%" {it_is(value)}')


class Overlap(Compared):
    """The lists have items in common."""

    field: Name
    overlap: Annotated[int | str, BeforeValidator(_overlap)] = Field(
        description='How many at least, or which share of the shorter list, such as "50%".'
    )
    or_missing: OrMissing = False

    @property
    def meaning(self) -> str:
        """What the values are taken as."""
        return "items"

    def key(self, calendar: Calendar) -> Callable[[Any], Key]:  # noqa: ARG002
        """Makes a key of a cell."""
        return lambda cell: frozenset(comparable(item) for item in values_of(cell)) or None

    def agree(self, column: Column) -> Agree:  # noqa: ARG002
        """Tells whether it holds of two keys."""
        least = self.overlap
        if isinstance(least, int):
            return lambda one, other: len(one & other) >= least
        share = int(least[:-1]) / 100
        return lambda one, other: len(one & other) >= share * min(len(one), len(other))

    def _says(self) -> str:
        number = "an item" if self.overlap == 1 else f"{self.overlap} of the items"
        return f"{number} of {self.label} in common"


class Equals(Compared):
    """Both have this value, or it among others."""

    field: Name
    equals: Plain

    @property
    def meaning(self) -> str:
        """What the values are taken as."""
        return f"equals {self.equals!r}"

    def key(self, calendar: Calendar) -> Callable[[Any], Key]:  # noqa: ARG002
        """Makes a key of a cell."""
        wanted = comparable(self.equals)
        return lambda cell: any(comparable(item) == wanted for item in values_of(cell)) or None

    def agree(self, column: Column) -> Agree:  # noqa: ARG002
        """Tells whether it holds of two keys."""
        return lambda one, other: bool(one == other)

    def column(self, table: Table, calendar: Calendar, check: Callable[[], None]) -> Column:
        """What it compares. That no record has the value is no fault."""
        make = self.key(calendar)
        return Column([make(cell) for cell in table.columns[self.field]], self.meaning, check)

    def _says(self) -> str:
        return f"{self.label} {shown(self.equals)}"


KINDS: dict[str, type[Compared]] = {
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
        custom_error_message=f"say how the two compare: one of {', '.join(KINDS)}",
    ),
]
