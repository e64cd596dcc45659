"""The records of a base as the rules see them: by column.

A rule looks at a few fields of every record, so a table is a list of values a field, in the order
of the records, with None where a record has no such cell. Pages are decoded straight into the
cells that are wanted; nothing else of them is ever an object.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from operator import attrgetter
from typing import Any

import msgspec

from landfall.integrity.calendars import Calendar


@dataclass
class Table:
    """A table's records. `columns` has a list of values for each field; all are equally long."""

    name: str
    columns: dict[str, list[Any]]
    ids: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Sequence[int]) -> "Table":
        """Some of the records, by their places here."""
        return Table(
            self.name,
            {name: [column[row] for row in rows] for name, column in self.columns.items()},
            [self.ids[row] for row in rows],
            [self.created[row] for row in rows],
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
"""Records after which texts of a field are no longer looked up, if most of them were new."""

_AWKWARD = re.compile(r'["\\\x00-\x1f]')
"""In a field's name: what msgspec takes in no attribute's."""


class TableReader:
    """Turns the pages of a table into columns. A text that many records have is kept once."""

    def __init__(self, name: str, fields: Iterable[str]) -> None:
        # a field may have any name, an attribute may not
        attributes = {field: f"f{number}" for number, field in enumerate(fields)}
        self.table = Table(name, {field: [] for field in attributes})
        cells: Any = dict[str, Any]
        self._cells: Callable[[Any], Iterable[Any]] = lambda fields: map(fields.get, attributes)
        if not any(map(_AWKWARD.search, attributes)):
            cells = msgspec.defstruct(
                "Cells",
                [(attribute, Any, None) for attribute in attributes.values()],
                rename={attribute: field for field, attribute in attributes.items()},
                gc=False,
            )
            self._cells = msgspec.structs.astuple
        record = msgspec.defstruct(
            "Record", [("id", str), ("fields", cells), ("createdTime", str, "")], gc=False
        )
        page = msgspec.defstruct("Page", [("records", list[record])])  # type: ignore[valid-type]
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page)
        self._texts: list[dict[str, str] | None] = [{} for _ in attributes]

    def add(self, page: bytes) -> None:
        """Append a page: its JSON as Airtable has it, an object with a list of `records`."""
        table = self.table
        records = self._decoder.decode(page).records
        table.ids.extend(map(_id, records))
        table.created.extend(map(_created, records))
        by_field = zip(*map(self._cells, map(_fields, records)), strict=True)
        for number, (column, values) in enumerate(
            zip(table.columns.values(), by_field, strict=False)
        ):
            texts = self._texts[number]
            if texts is None:
                column.extend(values)
                continue
            once = texts.setdefault
            column.extend([once(it, it) if it.__class__ is str else it for it in values])
            if len(column) >= _TRIED and not 0 < len(texts) < len(column) / 2:
                self._texts[number] = None


_id, _created, _fields = map(attrgetter, ("id", "createdTime", "fields"))
