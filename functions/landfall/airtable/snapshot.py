"""The records of a base as the rules see them: by column.

A rule looks at a few fields of every record, so a table is a list of values a field, in the order
of the records, with None where a record has no such cell. Pages are decoded straight into the
cells that are wanted; nothing else of them is ever an object.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import compress, count, repeat
from operator import attrgetter, is_
from types import NoneType
from typing import Any

import msgspec

from landfall.airtable.dates import Calendar


@dataclass
class Table:
    """A table's records. `columns` has a list of values for each field; all are equally long.

    `created` is when each record was made, as Airtable has it; None where that was not asked for.
    `fetched_at` is when the page of each was kept; empty where that is not known.
    `different` has the values of a field, each once, where there are few and all are text, whole
    numbers or ticks.
    """

    name: str
    columns: dict[str, list[Any]]
    ids: list[str] = field(default_factory=list)
    created: list[str] | None = None
    different: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    fetched_at: list[datetime] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, field: str, find: Callable[[Sequence[Any]], list[int]]) -> list[int]:
        """The rows whose value `find` finds, which says at what places of some values.

        It is asked of each different value once, where there are few, and not of each cell.
        """
        column, different = self.columns[field], self.different.get(field)
        if different is None:
            return find(column)
        found = {different[place] for place in find(different)}
        if found == {None}:  # what `required` finds, in half the time
            return list(compress(count(), map(is_, column, repeat(None))))
        return [row for row, value in enumerate(column) if value in found] if found else []

    def select(self, rows: Sequence[int]) -> "Table":
        """Some of the records, by their places here."""
        return Table(
            self.name,
            {name: [column[row] for row in rows] for name, column in self.columns.items()},
            [self.ids[row] for row in rows],
            self.created and [self.created[row] for row in rows],
            self.different,
            [self.fetched_at[row] for row in rows] if self.fetched_at else [],
        )


@dataclass(frozen=True)
class Snapshot:
    """All that a run has read, and when.

    `now` is the moment for which rules are evaluated, the same in every invocation of a run;
    `zone` is where its days begin.
    """

    tables: Mapping[str, Table]
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    zone: tzinfo = UTC

    @property
    def calendar(self) -> Calendar:
        """Dates as this snapshot's rules take them."""
        return Calendar(self.now, self.zone)


_TRIED = 10_000
"""Records after which, each time, it is seen whether looking up a field's values is worth it."""

_PLAIN = {str, int, bool}
"""Types of values of which a field may have many that are the same; each is kept once."""

_SMALL = range(-5, 257)
"""Numbers that there are once anyway, in CPython."""

_AWKWARD = re.compile(r'["\\\x00-\x1f]')
"""In a field's name: what msgspec takes in no attribute's."""


def _have_types(fields: Iterable[str]) -> bool:
    """Whether a decoder can look at types: a field may have any name, an attribute may not."""
    return not any(map(_AWKWARD.search, fields))


@lru_cache(maxsize=256)
def _reading(
    fields: tuple[str, ...], types: tuple[Any, ...], created: bool
) -> tuple[msgspec.json.Decoder[Any], Callable[[Any], Iterable[Any]]]:
    """What decodes a page of records with these fields, and what gives a record's values.

    The decoder takes no value of another type than its field's.
    """
    cells: Any = dict[str, Any]
    values: Callable[[Any], Iterable[Any]] = lambda cells: map(cells.get, fields)  # noqa: E731
    if _have_types(fields):
        names = {f"f{number}": field for number, field in enumerate(fields)}
        typed = [(name, type_ | None, None) for name, type_ in zip(names, types, strict=True)]
        cells = msgspec.defstruct("Cells", typed, rename=names, gc=False)
        values = msgspec.structs.astuple
    parts: list[Any] = [("id", str), ("fields", cells)]
    if created:
        parts.append(("createdTime", str, ""))
    record = msgspec.defstruct("Record", parts, gc=False)
    page = msgspec.defstruct("Page", [("records", list[record])])  # type: ignore[valid-type]
    return msgspec.json.Decoder(page), values


class _Once(dict[Any, Any]):
    """The values of a field, each of them once: an equal one that comes later is let go of."""

    def __missing__(self, value: Any) -> Any:
        self[value] = value
        return value


class TableReader:
    """Turns the pages of a table into columns. A value that many records have is kept once.

    What type of values a field has is learnt from its cells: pages are decoded for those that have
    come so far, and a page with others widens that. Where a field has several, equal ones may not
    be the same: to Python true is 1.
    """

    def __init__(self, name: str, fields: Iterable[str], created: bool) -> None:
        """`created`: whether to keep when each record was made."""
        self._table = Table(name, {field: [] for field in fields}, created=[] if created else None)
        self._fields = tuple(self._table.columns)
        typed = _have_types(self._fields)
        self._types: list[Any] = [NoneType if typed else Any for _ in self._fields]
        self._once: list[_Once | None] = [_Once() if typed else None for _ in self._fields]
        self._decoder: msgspec.json.Decoder[Any] | None = None
        self._values: Callable[[Any], Iterable[Any]]

    @property
    def table(self) -> Table:
        """What was read."""
        columns = zip(self._table.columns.items(), self._once, strict=True)
        few = {
            name: list(once)
            for (name, column), once in columns
            if once and len(once) <= len(column) / 2
        }
        return replace(self._table, different=few)

    def add(self, page: bytes | memoryview, fetched_at: datetime | None = None) -> None:
        """Append a page: its JSON as Airtable has it, an object with a list of `records`.

        `fetched_at` is when the page was kept.
        """
        records = self._records(page)
        table, before = self._table, len(self._table)
        table.ids.extend(map(_id, records))
        if table.created is not None:
            table.created.extend(map(_created, records))
        if fetched_at is not None:
            table.fetched_at.extend(repeat(fetched_at, len(records)))
        by_field = zip(*map(self._values, map(_cells, records)), strict=True)
        for column, once, values in zip(table.columns.values(), self._once, by_field, strict=False):
            column.extend(values if once is None else map(once.__getitem__, values))
        if before // _TRIED < len(table) // _TRIED:
            self._once = [
                once if once is not None and _worth_it(once, len(table)) else None
                for once in self._once
            ]

    def _records(self, page: bytes | memoryview) -> Any:
        if self._decoder is not None:
            with suppress(msgspec.ValidationError):
                return self._decoder.decode(page).records
        return self._widened(page)

    def _widened(self, page: bytes | memoryview) -> Any:
        """The records of a page with types of values that have not come before; now they have."""
        fields, created = self._fields, self._table.created is not None
        decoder, cells = _reading(fields, (Any,) * len(fields), created)
        by_field = zip(*map(cells, map(_cells, decoder.decode(page).records)), strict=True)
        for number, values in enumerate(by_field):
            for type_ in {*map(type, values)} - {NoneType, self._types[number]}:
                if self._types[number] is NoneType and type_ in _PLAIN:
                    self._types[number] = type_
                else:
                    self._types[number], self._once[number] = Any, None
        self._decoder, self._values = _reading(fields, tuple(self._types), created)
        return self._decoder.decode(page).records


def _worth_it(once: _Once, records: int) -> bool:
    """Whether to look up more: not where most values are new, or all are small numbers."""
    values = [value for value in once if value is not None]
    small = bool(values) and all(value in _SMALL for value in values)
    return not small and len(values) <= records / 2


_id, _created, _cells = map(attrgetter, ("id", "createdTime", "fields"))
