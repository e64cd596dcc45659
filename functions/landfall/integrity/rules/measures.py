"""The numbers that a metric computes for a group of records. None depends on their order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

from landfall.airtable.cells import contents_of
from landfall.airtable.dates import Calendar
from landfall.airtable.numbers import Number, counted, is_number, mean
from landfall.integrity.rules.levels import SeverityLimit
from landfall.integrity.rules.rule import CannotEvaluateError

UNREADABLE = 0
"""The day of a date that cannot be read; the first possible day has number 1."""


def days_of(column: Sequence[Any], calendar: Calendar) -> list[int]:
    """Return the number of each cell's day (`date.toordinal`), or `UNREADABLE`."""
    days = _Days(calendar)
    return [days[cell if cell.__class__ is str else _text(cell)] for cell in column]


def _text(cell: Any) -> str:
    """Return the only text of a list, as in a lookup of a date."""
    values = contents_of(cell)
    return values[0] if len(values) == 1 and isinstance(values[0], str) else ""


class _Days(dict[str, int]):
    """Days by the text of their date; each text is parsed once."""

    def __init__(self, calendar: Calendar) -> None:
        super().__init__()
        self._calendar = calendar

    def __missing__(self, text: str) -> int:
        moment = self._calendar.read(text)
        day = UNREADABLE if moment is None else self._calendar.day(moment).toordinal()
        self[text] = day
        return day


def numbers_of(cell: Any) -> list[float] | None:
    """Return the numbers of a cell, none if it has no value; None if there is anything else."""
    if cell.__class__ is float:
        return [cell]  # JSON has none that is infinite
    values = contents_of(cell)
    return values if all(map(is_number, values)) else None


_RELATIVE, _ABSOLUTE = 1e-12, 1e-9
"""Differences of a sum in binary fractions and one in decimals at most: a part of the absolute
numbers, and what is left of rounding the sum."""


@dataclass(frozen=True)
class Measures:
    """The measures by their names. Each is given a group's rows, and is None if it cannot be
    computed.

    By row: `fits` is whether the rule's `where` holds, `days` come from `days_of` and `numbers`
    from `numbers_of`, if the measure needs them. A sum or mean that may reach one of the
    `limits` is computed in decimals.
    """

    fits: Sequence[int]
    days: Sequence[int]
    numbers: Mapping[int, list[float] | None]
    limits: Sequence[SeverityLimit]
    minimum: int
    current: bool

    def count(self, rows: Sequence[int]) -> int:
        """Return the number of rows for which `where` holds."""
        return sum(map(self.fits.__getitem__, rows))

    def share(self, rows: Sequence[int]) -> Fraction | None:
        """Return the share of rows for which `where` holds."""
        return Fraction(self.count(rows), len(rows)) if len(rows) >= self.minimum else None

    def sum(self, rows: Sequence[int]) -> float:
        """Return the sum of the numbers. Raises `CannotEvaluateError`."""
        return self._mean(self._numbers(rows), 1)

    def mean(self, rows: Sequence[int]) -> float | None:
        """Return the mean of the numbers. Raises `CannotEvaluateError`."""
        numbers = self._numbers(rows)
        return self._mean(numbers, len(numbers)) if len(numbers) >= self.minimum else None

    def _mean(self, numbers: Sequence[float], parts: int) -> float:
        try:
            rough = math.fsum(numbers) / parts
            margin = (math.fsum(map(abs, numbers)) * _RELATIVE + _ABSOLUTE) / parts
            if any(limit.near(rough, margin) for limit in self.limits):
                return float(mean(numbers, parts))
        except OverflowError:
            raise CannotEvaluateError("the sum is too large to compute") from None
        return rough

    def min(self, rows: Sequence[int]) -> Number | None:
        """Return the smallest of the numbers."""
        numbers = self._numbers(rows)
        return counted(min(numbers)) if numbers else None

    def max(self, rows: Sequence[int]) -> Number | None:
        """Return the largest of the numbers."""
        numbers = self._numbers(rows)
        return counted(max(numbers)) if numbers else None

    def days_in_a_row(self, rows: Sequence[int]) -> int:
        """Return the days in a row, of those with records, that `where` holds for throughout."""
        fits: dict[int, int] = {}
        for row in rows:
            day = self.days[row]
            fits[day] = fits.get(day, 1) & self.fits[row]
        ordered = [fits[day] for day in sorted(fits)]
        return self._longest([place for place, fit in enumerate(ordered) if fit], len(fits) - 1)

    def weeks_in_a_row(self, rows: Sequence[int]) -> int:
        """Return the calendar weeks in a row, from Monday, with a record that satisfies `where`."""
        fits, days = self.fits, self.days
        weeks = {_week(day) for day in {days[row] for row in rows if fits[row]}}
        newest = max(map(days.__getitem__, rows), default=0)
        return self._longest(sorted(weeks), _week(newest))

    def _longest(self, ordered: Sequence[int], newest: int) -> int:
        """Return the longest run of numbers; with `current`, the one that ends at the newest."""
        rows = groupby(enumerate(ordered), lambda numbered: numbered[1] - numbered[0])
        lengths = [len(list(row)) for _, row in rows]
        if self.current:
            return lengths[-1] if ordered and ordered[-1] == newest else 0
        return max(lengths, default=0)

    def _numbers(self, rows: Sequence[int]) -> list[float]:
        return [number for row in rows if self.fits[row] for number in self.numbers[row] or ()]


def _week(day: int) -> int:
    return (day - 1) // 7  # day 1 was a Monday
