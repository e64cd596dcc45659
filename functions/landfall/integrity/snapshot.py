"""The records of a base as the rules see them: by column.

A rule looks at a few fields of every record, so a table is a list of values a field, in the order
of the records, with None where a record has no such cell. Pages are decoded straight into the
cells that are wanted; nothing else of them is ever an object.
"""

from collections.abc import Iterable, Mapping, Sequence
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


class TableReader:
    """Turns the pages of a table into columns."""

    def __init__(self, name: str, fields: Iterable[str]) -> None:
        # a field may have any name, an attribute may not
        attributes = {field: f"f{number}" for number, field in enumerate(fields)}
        cells = msgspec.defstruct(
            "Cells",
            [(attribute, Any, None) for attribute in attributes.values()],
            rename={attribute: field for field, attribute in attributes.items()},
            gc=False,
        )
        record = msgspec.defstruct(
            "Record", [("id", str), ("fields", cells), ("createdTime", str, "")], gc=False
        )
        self._decoder = msgspec.json.Decoder(list[record])  # type: ignore[valid-type]
        self._cells = attrgetter(
            "id", "createdTime", *(f"fields.{attribute}" for attribute in attributes.values())
        )
        self.table = Table(name, {field: [] for field in attributes})

    def add(self, records: bytes | msgspec.Raw) -> None:
        """Append a page: the JSON of a list of records, as Airtable has them."""
        table = self.table
        page = self._decoder.decode(records)
        columns = (table.ids, table.created, *table.columns.values())
        for column, values in zip(columns, zip(*map(self._cells, page), strict=True), strict=False):
            column.extend(values)
