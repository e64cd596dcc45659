"""Records in groups, by the values that they have in common."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, TypeAlias

from landfall.integrity.base import CannotEvaluateError
from landfall.integrity.snapshot import Table
from landfall.integrity.values import comparable, values_of

Key: TypeAlias = tuple[Any, ...]
"""What a group's records have in common: a comparable value for each field."""

GROUPS_OF_A_RECORD = 10_000
"""A record with several values in several fields is in as many groups as they make together."""


class Groups:
    """The groups of a table's records. A record with several values in a field is in several.

    `among` are the values of the first field that make a group, where not all do.
    """

    def __init__(
        self, table: Table, fields: Sequence[str], among: Sequence[str] | None = None
    ) -> None:
        self._table = table
        self._fields = fields
        self._among = None if among is None else set(among)
        self._values: dict[Any, Any] = {}

    def rows(self, rows: Sequence[int], check: Callable[[], None]) -> dict[Key, list[int]]:
        """The rows of each group, in their order. Raises `CannotEvaluateError`."""
        if not self._fields:
            return {(): list(rows)}
        columns = []
        for field in self._fields:
            check()
            column = self._table.columns[field]
            columns.append([self._keys(column[row]) for row in rows])
        if self._among is not None:
            among = self._among
            columns[0] = [[key for key in keys if key in among] for keys in columns[0]]
        groups: dict[Key, list[int]] = defaultdict(list)
        for row, *keys in zip(rows, *columns, strict=True):
            for key in self._combined(row, keys):
                groups[key].append(row)
        return dict(groups)

    def values(self, key: Key) -> list[Any]:
        """The values behind a key, as the cells have them."""
        return [self._values.get(part, part) for part in key]

    def _keys(self, cell: Any) -> list[Any]:
        """Each value of a cell once, as a key."""
        if cell.__class__ is list and len(cell) == 1 and cell[0].__class__ is str and cell[0]:
            return cell if not cell[0].isspace() else []
        keys = []
        for value in values_of(cell):
            key = comparable(value)
            if isinstance(key, float) and key.is_integer():
                key = int(key)  # equal, and then told apart by nothing
            if key.__class__ is tuple:
                self._values.setdefault(key, value)
            keys.append(key)
        return list(dict.fromkeys(keys))

    def _combined(self, row: int, keys: Sequence[list[Any]]) -> Sequence[Key]:
        if len(keys) == 1:
            return [(key,) for key in keys[0]]
        number = math.prod(map(len, keys))
        if number > GROUPS_OF_A_RECORD:
            raise CannotEvaluateError(
                f"record {self._table.ids[row]} is in {number:,} groups of "
                f"{' + '.join(self._fields)}; at most {GROUPS_OF_A_RECORD:,} are followed"
            )
        return list(product(*keys))
