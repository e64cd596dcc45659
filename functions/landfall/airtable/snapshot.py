"""The records of a base as the rules see them: by column.

A rule reads a few fields of every record, so a table is a list of cells for each field, in the
order of the records. Pages are decoded straight into the needed cells; nothing else of them ever
becomes an object. Each cell becomes its `content`: None where nothing is.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import compress, count, repeat
from operator import attrgetter, is_
from types import NoneType
from typing import Any

import msgspec

from landfall.airtable.cells import content, contents
from landfall.airtable.dates import Calendar
from landfall.airtable.schema_ids import NO_IDS, SchemaIds


@dataclass
class Table:
    """The records of a table. `columns` has a list of values for each field, all of equal length.

    `created` has the creation time of each record in Airtable's form; None if it was not requested.
    `fetched_at` has the time at which the page of each record was stored; empty if unknown.
    `distinct` has each different value of a field once, if there are few and all are text, whole
    numbers or booleans. `names` has the cell of each record's primary field; empty if unknown.
    """

    name: str
    columns: dict[str, list[Any]]
    ids: list[str] = field(default_factory=list)
    created: list[str] | None = None
    distinct: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    fetched_at: list[datetime] = field(default_factory=list)
    names: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, field: str, find: Callable[[Sequence[Any]], list[int]]) -> list[int]:
        """Return the rows whose value `find` finds; it returns the places of some values.

        If there are few different values, it is given each of them once, and not every cell.
        """
        column, distinct = self.columns[field], self.distinct.get(field)
        if distinct is None:
            return find(column)
        found = {distinct[place] for place in find(distinct)}
        if found == {None}:  # the result of `required`, in half the time
            return list(compress(count(), map(is_, column, repeat(None))))
        return [row for row, value in enumerate(column) if value in found] if found else []

    def select(self, rows: Sequence[int]) -> "Table":
        """Return some of the records, by their rows here."""
        return Table(
            self.name,
            {name: [column[row] for row in rows] for name, column in self.columns.items()},
            [self.ids[row] for row in rows],
            self.created and [self.created[row] for row in rows],
            self.distinct,
            [self.fetched_at[row] for row in rows] if self.fetched_at else [],
        )


@dataclass(frozen=True)
class Snapshot:
    """All records that a run has read, and the time of the run.

    `now` is the moment for which rules are evaluated, the same in every invocation of a run; `zone`
    is the time zone in which its days begin. `ids` are those of the tables and fields. `region` is
    that of phone numbers without a country.
    """

    tables: Mapping[str, Table]
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    zone: tzinfo = UTC
    ids: SchemaIds = NO_IDS
    region: str | None = None

    @property
    def calendar(self) -> Calendar:
        """Return the calendar of this snapshot's rules."""
        return Calendar(self.now, self.zone)


_REVIEW_INTERVAL = 10_000
"""Records between two reviews of whether interning a field's values pays off."""

_PLAIN = {str, int, bool}
"""Types of which a field may have many equal values; each value is stored once."""

_SMALL = range(-5, 257)
"""Numbers that CPython interns anyway."""

_UNSAFE = re.compile(r'["\\\x00-\x1f]')
"""Characters of a field's name that msgspec does not accept in an attribute's."""


def _can_have_types(fields: Iterable[str]) -> bool:
    """Return whether a decoder can check types: fields may have any name, attributes may not."""
    return not any(map(_UNSAFE.search, fields))


@lru_cache(maxsize=256)
def _decoder(
    fields: tuple[str, ...], types: tuple[Any, ...], created: bool
) -> tuple[msgspec.json.Decoder[Any], Callable[[Any], Iterable[Any]]]:
    """Return the decoder of a page of records with these fields, and a getter of a record's values.

    The decoder rejects a value of another type than its field's.
    """
    cells: Any = dict[str, Any]
    values: Callable[[Any], Iterable[Any]] = lambda cells: map(cells.get, fields)  # noqa: E731
    if _can_have_types(fields):
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


class _Interned(dict[Any, Any]):
    """The contents of a field's cells, each of them once: a later equal cell is discarded."""

    def __init__(self, of_checkbox: bool) -> None:
        super().__init__()
        self._of_checkbox = of_checkbox

    def __missing__(self, cell: Any) -> Any:
        self[cell] = it = content(cell, self._of_checkbox)
        return it


class TableReader:
    """Turns the pages of a table into columns. A value that many records have is stored once.

    The types of a field's values are learnt from its cells: pages are decoded for the types seen so
    far, and a page with others adds them. In a field with several types, equal values may not be
    the same: to Python, true is 1.
    """

    def __init__(
        self,
        name: str,
        fields: Iterable[str],
        created: bool,
        checkboxes: Collection[str] = (),
        primary: str = "",
    ) -> None:
        """Create a reader; `created` includes the creation time of each record.

        `checkboxes` are the fields whose cells, or whose lists' items, are false if they are empty.
        `primary` is the field with the records' names, if it was read: one of these fields, or
        another.
        """
        columns: dict[str, list[Any]] = {field: [] for field in fields}
        self._primary, self._only_names = primary, primary not in columns
        if primary:
            columns.setdefault(primary, [])
        self._table = Table(name, columns, created=[] if created else None)
        self._fields = tuple(self._table.columns)
        self._columns = tuple(self._table.columns.values())
        self._of_checkbox = [field in checkboxes for field in self._fields]
        typed = _can_have_types(self._fields)
        self._types: list[Any] = [NoneType if typed else Any for _ in self._fields]
        self._interned: list[_Interned | None] = [
            _Interned(of_checkbox) if typed else None for of_checkbox in self._of_checkbox
        ]
        self._decoder: msgspec.json.Decoder[Any] | None = None
        self._values: Callable[[Any], Iterable[Any]]

    @property
    def table(self) -> Table:
        """Return the table of the pages so far."""
        columns = zip(self._table.columns.items(), self._interned, strict=True)
        few = {
            name: list(dict.fromkeys(interned.values()))
            for (name, column), interned in columns
            if interned and len(interned) <= len(column) / 2
        }
        table = replace(self._table, distinct=few)
        if self._primary:
            table.names = table.columns[self._primary]
        if self._primary and self._only_names:
            table.columns = {k: v for k, v in table.columns.items() if k != self._primary}
        return table

    def add(self, page: bytes | memoryview, fetched_at: datetime | None = None) -> None:
        """Append a page: its JSON in Airtable's form, an object with a list of `records`.

        `fetched_at` is the time at which the page was stored.
        """
        records = self._records(page)
        table, before = self._table, len(self._table)
        table.ids.extend(map(_id, records))
        if table.created is not None:
            table.created.extend(map(_created, records))
        if fetched_at is not None:
            table.fetched_at.extend(repeat(fetched_at, len(records)))
        by_field = zip(*map(self._values, map(_cells, records)), strict=True)
        for number, cells in enumerate(by_field):
            self._columns[number].extend(self._contents(number, cells))
        if before // _REVIEW_INTERVAL < len(table) // _REVIEW_INTERVAL:
            self._interned = [
                interned if interned is not None and _pays_off(interned, len(table)) else None
                for interned in self._interned
            ]

    def _contents(self, number: int, cells: Iterable[Any]) -> Iterable[Any]:
        interned = self._interned[number]
        if interned is not None:
            return map(interned.__getitem__, cells)
        if self._types[number] is int and not self._of_checkbox[number]:
            return cells
        return contents(cells, self._of_checkbox[number])

    def _records(self, page: bytes | memoryview) -> Any:
        if self._decoder is not None:
            with suppress(msgspec.ValidationError):
                return self._decoder.decode(page).records
        return self._widen(page)

    def _widen(self, page: bytes | memoryview) -> Any:
        """Return the records of a page with new types of values, after adding these types."""
        fields, created = self._fields, self._table.created is not None
        decoder, cells = _decoder(fields, (Any,) * len(fields), created)
        by_field = zip(*map(cells, map(_cells, decoder.decode(page).records)), strict=True)
        for number, values in enumerate(by_field):
            for type_ in {*map(type, values)} - {NoneType, self._types[number]}:
                if self._types[number] is NoneType and type_ in _PLAIN:
                    self._types[number] = type_
                else:
                    self._types[number], self._interned[number] = Any, None
        self._decoder, self._values = _decoder(fields, tuple(self._types), created)
        return self._decoder.decode(page).records


def _pays_off(interned: _Interned, records: int) -> bool:
    """Return whether to intern more: not if most values are new, or all are small numbers."""
    values = [value for value in interned if value is not None]
    small = bool(values) and all(value in _SMALL for value in values)
    return not small and len(values) <= records / 2


_id, _created, _cells = map(attrgetter, ("id", "createdTime", "fields"))
