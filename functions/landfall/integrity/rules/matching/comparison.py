"""Comparison of two records in a field: the keys of a column, and the condition on two of them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from landfall.airtable.dates import Calendar
from landfall.airtable.snapshot import Table
from landfall.airtable.values import display
from landfall.integrity.rules.matching.common_names import common_names
from landfall.integrity.rules.matching.normalisation import cell_text
from landfall.integrity.rules.matching.similarity import NameSimilarity
from landfall.integrity.rules.rule import CannotEvaluateError
from landfall.scans.settings import Name, Settings

CompareKey = Hashable | None
"""The key of a record in a comparison; None if there is nothing to compare."""

KeyTest = Callable[[Any, Any], bool]
"""A test of whether a condition holds for two keys, neither of them None."""

OneOrMoreFields = Annotated[
    Annotated[Name, Tag("(one)")]
    | Annotated[list[Name], Field(min_length=1, max_length=10), Tag("(several)")],
    Discriminator(lambda value: "(one)" if isinstance(value, str) else "(several)"),
]


def field_names(fields: str | list[str]) -> list[str]:
    """Return the fields as a list."""
    return [fields] if isinstance(fields, str) else fields


@dataclass(frozen=True)
class Reading:
    """The reading of cells: dates by a calendar, phone numbers without country by a region."""

    calendar: Calendar
    region: str | None = None


@dataclass
class Column:
    """The keys of all records in a comparison."""

    keys: Sequence[CompareKey]
    meaning: str
    check: Callable[[], None]
    whole: "Column | None" = None
    """The column that this is a part of: keys that are similar there are similar here."""

    @cached_property
    def uncommon(self) -> "Column":
        """Return the column without common values; the keys are words."""
        names: set[Any] = {key for key in self.keys if key is not None}
        frequent = common_names(names)
        keys = [None if key in frequent else key for key in self.keys]
        return Column(keys, self.meaning, self.check, self)

    @cached_property
    def similarity(self) -> NameSimilarity:
        """Return the similarity of keys that are words."""
        if self.whole:
            return self.whole.similarity
        words: set[Any] = {key for key in self.keys if key is not None}
        return NameSimilarity(self.meaning, words, self.check)


class Comparison(Settings):
    """The settings and methods of every condition on two records."""

    field: Any

    @property
    def optional(self) -> bool:
        """Return whether the condition also holds if a record has no value."""
        return bool(getattr(self, "or_missing", False))

    @property
    def label(self) -> str:
        """Return the fields, for a message."""
        return " + ".join(field_names(self.field))

    @property
    def meaning(self) -> str:
        """Return the kind of content that the values are compared as."""
        raise NotImplementedError

    def key(self, reading: Reading) -> Callable[[Any], CompareKey]:
        """Return a function that makes a key of a cell."""
        raise NotImplementedError

    def agree(self, column: Column) -> KeyTest:
        """Return a test of whether the condition holds for two keys."""
        raise NotImplementedError

    def sentence(self) -> str:
        """Return the condition in plain language."""
        missing = f", or no {self.label}" if self.optional else ""
        return f"{self._phrase()}{missing}"

    def explain(self, column: Column, table: Table, one: int, other: int) -> str:  # noqa: ARG002
        """Return how the condition holds for two records, for a message."""
        first, second = display(self.cell(table, one)), display(self.cell(table, other))
        if first == second:
            return f"the same {self.label} {first}"
        return f"{self._phrase()} ({first}, {second})"

    def cell(self, table: Table, row: int) -> Any:
        """Return the content of the field, or of several fields as one text."""
        columns = [table.columns[field] for field in field_names(self.field)]
        if len(columns) == 1:
            return columns[0][row]
        return _together([column[row] for column in columns])

    def column(self, table: Table, reading: Reading, check: Callable[[], None]) -> Column:
        """Return the keys of a table. Raises `CannotEvaluateError` if no value can be compared."""
        make = self.key(reading)
        columns = [table.columns[field] for field in field_names(self.field)]
        cells = columns[0] if len(columns) == 1 else map(_together, zip(*columns, strict=True))
        keys = [*map(make, cells)]
        if all(key is None for key in keys) and any(
            cell is not None for column in columns for cell in column
        ):
            raise CannotEvaluateError(f"no value of {self.label} can be read as {self.meaning}")
        return Column(keys, self.meaning, check)

    def _phrase(self) -> str:
        raise NotImplementedError


def _together(cells: Sequence[Any]) -> str | None:
    """Return the contents of several fields as one text."""
    texts = [cell for cell in cells if cell is not None]
    if all(text.__class__ is str for text in texts):
        return " ".join(texts) or None
    return cell_text(texts) or None
