"""Groups of records that have values in common."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from itertools import product
from typing import Any, TypeAlias

from landfall.airtable.cells import values_of
from landfall.airtable.snapshot import Table
from landfall.airtable.values import comparable
from landfall.integrity.rules.rule import CannotEvaluateError

GroupKey: TypeAlias = tuple[Any, ...]
"""The values that a group's records have in common: a comparable value for each field."""

MAX_GROUPS = 10_000
"""Groups of one record: one with several values in several fields is in each combination of
them."""


class RecordGroups:
    """The groups of a table's records. A record with several values in a field is in several.

    `among` are the values of the first field that form a group, if not all do.
    """

    def __init__(
        self, table: Table, fields: Sequence[str], among: Sequence[str] | None = None
    ) -> None:
        self._table = table
        self._fields = fields
        self._among = None if among is None else set(among)
        self._values: dict[Any, Any] = {}

    def rows(self, rows: Sequence[int], check: Callable[[], None]) -> dict[GroupKey, list[int]]:
        """Return the rows of each group, in their order. Raises `CannotEvaluateError`."""
        if not self._fields:
            return {(): list(rows)}
        columns = []
        for number, field in enumerate(self._fields):
            check()
            columns.append(self._column(field, rows, None if number else self._among))
        self._check_number(rows, columns)
        groups: dict[Any, list[int]] = defaultdict(list)
        if len(columns) == 1:
            for row, keys in zip(rows, columns[0], strict=True):
                for key in keys:
                    groups[key].append(row)
            return {(key,): found for key, found in groups.items()}
        for row, *several in zip(rows, *columns, strict=True):
            for key in product(*several):
                groups[key].append(row)
        return dict(groups)

    def members(self, rows: Sequence[int], check: Callable[[], None]) -> list[int]:
        """Return those of the rows that are in a group. Raises `CannotEvaluateError`."""
        return sorted({row for found in self.rows(rows, check).values() for row in found})

    def values(self, key: GroupKey) -> list[Any]:
        """Return the values behind a key, as in the cells."""
        return [self._values.get(part, part) for part in key]

    def _column(
        self, field: str, rows: Sequence[int], among: Collection[str] | None
    ) -> list[list[Any]]:
        """Return the keys of each record, made once for a text, alone in its list or not."""
        column = self._table.columns[field]
        of_text = _TextKeys(among)
        return [
            of_text[cell]
            if cell.__class__ is str
            else of_text[cell[0]]
            if cell.__class__ is list and len(cell) == 1 and cell[0].__class__ is str
            else self._keys(cell, among)
            for cell in map(column.__getitem__, rows)
        ]

    def _keys(self, cell: Any, among: Collection[str] | None) -> list[Any]:
        """Return each value of a cell once, as a key."""
        keys = []
        for value in values_of(cell):
            key = comparable(value)
            if isinstance(key, float) and key.is_integer():
                key = int(key)  # 5 and 5.0 are equal: one key for both
            if key.__class__ is tuple:
                self._values.setdefault(key, value)
            if among is None or key in among:
                keys.append(key)
        return list(dict.fromkeys(keys))

    def _check_number(self, rows: Sequence[int], columns: Sequence[list[list[Any]]]) -> None:
        if math.prod(max(map(len, keys), default=0) for keys in columns) <= MAX_GROUPS:
            return
        for row, *keys in zip(rows, *columns, strict=True):
            number = math.prod(map(len, keys))
            if number > MAX_GROUPS:
                raise CannotEvaluateError(
                    f"record {self._table.ids[row]} is in {number:,} groups of "
                    f"{' + '.join(self._fields)}; at most {MAX_GROUPS:,} are supported"
                )


class _TextKeys(dict[str, list[str]]):
    """The keys of a text: itself, or none if it is blank or not among those wanted."""

    def __init__(self, among: Collection[str] | None) -> None:
        super().__init__()
        self._among = among

    def __missing__(self, text: str) -> list[str]:
        wanted = not text.isspace() and text and (self._among is None or text in self._among)
        self[text] = keys = [text] if wanted else []
        return keys
