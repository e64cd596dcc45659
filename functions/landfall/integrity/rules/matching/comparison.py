"""Comparison of two records in a field: the keys of a column, and the condition on two of them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from landfall.airtable.dates import Calendar
from landfall.airtable.snapshot import Table
from landfall.airtable.values import has_value, shown
from landfall.integrity.rules.matching.common_names import common
from landfall.integrity.rules.matching.normalisation import written
from landfall.integrity.rules.matching.similarity import Likeness
from landfall.integrity.rules.rule import CannotEvaluateError
from landfall.scans.settings import Name, Settings

Key = Hashable | None
"""What is compared of a record; None where there is nothing to compare."""

Agree = Callable[[Any, Any], bool]
"""Whether a condition holds of two keys, neither of them None."""

Fields = Annotated[
    Annotated[Name, Tag("(one)")]
    | Annotated[list[Name], Field(min_length=1, max_length=10), Tag("(several)")],
    Discriminator(lambda value: "(one)" if isinstance(value, str) else "(several)"),
]


def names(fields: str | list[str]) -> list[str]:
    """The fields as a list."""
    return [fields] if isinstance(fields, str) else fields


@dataclass
class Column:
    """What a condition compares, of each record."""

    keys: Sequence[Key]
    meaning: str
    check: Callable[[], None]
    whole: "Column | None" = None
    """The column of which this is a part: what is alike there is alike here."""

    @cached_property
    def uncommon(self) -> "Column":
        """Without the values that are common; the keys are words."""
        names: set[Any] = {key for key in self.keys if key is not None}
        left_out = common(names)
        keys = [None if key in left_out else key for key in self.keys]
        return Column(keys, self.meaning, self.check, self)

    @cached_property
    def likeness(self) -> Likeness:
        """Of keys that are words."""
        if self.whole:
            return self.whole.likeness
        words: set[Any] = {key for key in self.keys if key is not None}
        return Likeness(self.meaning, words, self.check)


class Compared(Settings):
    """What every condition on two records has."""

    field: Any

    @property
    def optional(self) -> bool:
        """Whether it also holds where a record has no value."""
        return bool(getattr(self, "or_missing", False))

    @property
    def label(self) -> str:
        """The fields, for people."""
        return " + ".join(names(self.field))

    @property
    def meaning(self) -> str:
        """What the values are taken as."""
        raise NotImplementedError

    def key(self, calendar: Calendar) -> Callable[[Any], Key]:
        """Makes a key of a cell."""
        raise NotImplementedError

    def agree(self, column: Column) -> Agree:
        """Tells whether it holds of two keys."""
        raise NotImplementedError

    def sentence(self) -> str:
        """For people."""
        missing = f", or no {self.label}" if self.optional else ""
        return f"{self._says()}{missing}"

    def because(self, column: Column, table: Table, one: int, other: int) -> str:  # noqa: ARG002
        """How it holds of two records, for a message."""
        first, second = shown(self.cell(table, one)), shown(self.cell(table, other))
        if first == second:
            return f"the same {self.label} {first}"
        return f"{self._says()} ({first}, {second})"

    def cell(self, table: Table, row: int) -> Any:
        """The value of the field, or of several as one text."""
        columns = [table.columns[field] for field in names(self.field)]
        return columns[0][row] if len(columns) == 1 else written([c[row] for c in columns])

    def column(self, table: Table, calendar: Calendar, check: Callable[[], None]) -> Column:
        """What it compares. Raises `CannotEvaluateError` where no value can be compared."""
        make = self.key(calendar)
        keys = [make(self.cell(table, row)) for row in range(len(table))]
        if all(key is None for key in keys) and any(
            has_value(self.cell(table, row)) for row in range(len(table))
        ):
            raise CannotEvaluateError(f"no value of {self.label} can be taken as {self.meaning}")
        return Column(keys, self.meaning, check)

    def _says(self) -> str:
        raise NotImplementedError
