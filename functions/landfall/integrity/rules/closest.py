"""The targets of a link by key: of several records with one key, the one that fits best."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from landfall.airtable.cells import values_of
from landfall.airtable.values import comparable


def value_set(value: Any) -> set[Any]:
    """Return the different values of a cell, as keys of equality."""
    return {comparable(item) for item in values_of(value)}


Columns = Sequence[tuple[str, Sequence[Any], str, Sequence[Any]]]
"""The fields that must have the same values: here with its column, and there."""


class ClosestTargets:
    """For each link, the record of the target whose values come closest."""

    def __init__(
        self,
        rows: Mapping[Any, Sequence[int]],
        fit: Collection[int],
        columns: Columns,
        check: Callable[[], None],
    ) -> None:
        self._rows = rows
        self._fit = fit
        self._columns = columns
        self._check = check
        self._candidates: dict[Any, dict[Any, int]] = {}
        self._found: dict[Any, int] = {}

    def row(self, row: int, key: Any) -> int | None:
        """Return the row of the target that a record's link refers to; None if there is none."""
        rows = self._rows.get(key)
        if not rows or len(rows) == 1:
            return rows[0] if rows else None
        ours = tuple(frozenset(value_set(column[row])) for _, column, *_ in self._columns)
        candidates = self._candidates_of(key)
        if ours in candidates:
            return candidates[ours]
        known = key, ours
        if known not in self._found:
            self._check()
            closest = min(candidates.items(), key=lambda it: self._distance(ours, *it))
            self._found[known] = closest[1]
        return self._found[known]

    def _candidates_of(self, key: Any) -> dict[Any, int]:
        """Return a row for each combination of values of the records with a key.

        They are those that satisfy the condition, or all if none does.
        """
        if key not in self._candidates:
            rows = self._rows[key]
            rows = [row for row in rows if row in self._fit] or rows
            found: dict[Any, int] = {}
            for row in sorted(rows, key=self._shown, reverse=True):
                found[tuple(frozenset(value_set(it[row])) for *_, it in self._columns)] = row
            self._candidates[key] = found
        return self._candidates[key]

    def _distance(self, ours: Any, theirs: Any, row: int) -> tuple[Any, ...]:
        """Return the order of a record among those with other values, in any order of records."""
        different = [one != other for one, other in zip(ours, theirs, strict=True)]
        return sum(different), different, self._shown(row)

    def _shown(self, row: int) -> str:
        return repr([column[row] for *_, column in self._columns])
