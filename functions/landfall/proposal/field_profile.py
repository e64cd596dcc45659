"""The profile of a field: what its cells hold, counted once for all that is asked of it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from landfall.airtable.cells import error_of, has_value, values_of
from landfall.airtable.dates import Calendar
from landfall.airtable.fields import Holds, choices, computed, holds, is_list
from landfall.airtable.numbers import counted, is_number
from landfall.airtable.schema import FieldSchema

MAX_KEY = 200
"""Characters of a text that is compared with others; longer ones are prose."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")


def words_of(name: str) -> frozenset[str]:
    """Return the words of a field's name, in small letters: `startDate`, `Start_date`."""
    return frozenset(word.lower() for word in _WORD.findall(name))


@dataclass(frozen=True)
class Profile:
    """A field of a table, and its cells in the order of the records."""

    table: str
    field: FieldSchema
    cells: Sequence[Any]
    calendar: Calendar

    @property
    def name(self) -> str:
        """Return the name of the field."""
        return self.field.name

    @cached_property
    def words(self) -> frozenset[str]:
        """Return the words of the name."""
        return words_of(self.name)

    @cached_property
    def holds(self) -> Holds | None:
        """Return the content by the schema."""
        return holds(self.field)

    @cached_property
    def is_list(self) -> bool:
        """Return whether cells are lists."""
        return is_list(self.field)

    @cached_property
    def computed(self) -> bool:
        """Return whether Airtable computes the field."""
        return computed(self.field)

    @cached_property
    def has_options(self) -> bool:
        """Return whether the field is a select, whose options Airtable enforces."""
        return choices(self.field) is not None

    def __len__(self) -> int:
        return len(self.cells)

    @cached_property
    def filled(self) -> int:
        """Return the number of records with a value."""
        return sum(map(has_value, self.cells))

    @cached_property
    def keys(self) -> list[Any]:
        """Return what each cell is compared by; None for no value, and for what is no key: prose,
        files, a list of several values."""
        return [self._key(cell) for cell in self.cells]

    def _key(self, cell: Any) -> Any:
        of = cell.__class__
        if of is str:
            return cell if len(cell) <= MAX_KEY else None
        if cell is None or cell is False or of is int or of is bool:
            return None if cell is False else cell
        if of is float:
            return counted(cell)
        if of is list:
            return self._key(cell[0]) if len(cell) == 1 and cell[0].__class__ is not list else None
        return None

    @cached_property
    def key_counts(self) -> Counter[Any]:
        """Return how often each key occurs."""
        found = Counter(self.keys)
        del found[None]
        return found

    @cached_property
    def keyed(self) -> int:
        """Return the number of records with a key."""
        return self.key_counts.total()

    @cached_property
    def texts(self) -> Counter[str]:
        """Return how often each text occurs, those in lists too."""
        if self.is_list:
            items = (item for cell in self.cells for item in values_of(cell))
            return Counter(item for item in items if item.__class__ is str)
        return Counter(
            {key: count for key, count in self.key_counts.items() if key.__class__ is str}
        )

    @cached_property
    def values(self) -> Counter[Any]:
        """Return how often each text or number occurs, those in lists too."""
        if not self.is_list:
            return self.key_counts
        items = (item for cell in self.cells for item in values_of(cell))
        return Counter(item for item in items if item.__class__ in (str, int, float))

    @cached_property
    def numbers(self) -> list[int | float]:
        """Return the numbers, the smallest first."""
        return sorted(
            number
            for key, count in self.key_counts.items()
            if is_number(key)
            for number in [key] * count
        )

    @cached_property
    def days(self) -> list[int | None]:
        """Return the day of each cell that is a date, as a number that grows by the day."""
        known: dict[str, int | None] = {}
        for text in self.texts:
            moment = self.calendar.read(text)
            known[text] = self.calendar.day(moment).toordinal() if moment else None
        return [known.get(key) if key.__class__ is str else None for key in self.keys]

    @cached_property
    def has_dates(self) -> bool:
        """Return whether the field has dates: by its type, or nearly all of its texts are."""
        if self.holds == "dates":
            return True
        if self.holds not in ("text", None) or not self.texts or self.is_list:
            return False
        dates = sum(n for text, n in self.texts.items() if self.calendar.read(text) is not None)
        return dates >= 0.9 * self.keyed

    @cached_property
    def errors(self) -> int:
        """Return the number of cells with an error of a formula."""
        return sum(
            any(map(error_of, cell if cell.__class__ is list else (cell,)))
            for cell in self.cells
            if cell.__class__ in (list, dict)
        )

    @cached_property
    def folded(self) -> Counter[Any]:
        """Return how often each key occurs, without case and blanks around it."""
        found: Counter[Any] = Counter()
        for key, count in self.key_counts.items():
            found[key.strip().casefold() if key.__class__ is str else key] += count
        return found
