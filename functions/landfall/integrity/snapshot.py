"""The records of a base as the rules see them: by column.

A rule looks at a few fields of every record, so a table is a list of values a field, in the order
of the records, with None where a record has no such cell. Pages are decoded straight into the
cells that are wanted; nothing else of them is ever an object.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from landfall.integrity.calendars import Calendar


@dataclass
class Table:
    """A table's records. `columns` has a list of values for each field; all are equally long.

    `created` is when each record was made, as Airtable has it; None where that was not asked for.
    """

    name: str
    columns: dict[str, list[Any]]
    ids: list[str] = field(default_factory=list)
    created: list[str] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Sequence[int]) -> "Table":
        """Some of the records, by their places here."""
        return Table(
            self.name,
            {name: [column[row] for row in rows] for name, column in self.columns.items()},
            [self.ids[row] for row in rows],
            self.created and [self.created[row] for row in rows],
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

_TEXT_OR_NONE = {str, type(None)}
"""Types of values of which equal ones are the same: 1 is not to stand for true."""

_AWKWARD = re.compile(r'["\\\x00-\x1f]')
"""In a field's name: what msgspec takes in no attribute's."""


@lru_cache(maxsize=64)
def _reading(
    fields: tuple[str, ...], created: bool
) -> tuple[msgspec.json.Decoder[Any], Callable[[Any], Iterable[Any]]]:
    """What decodes a page of records with these fields, and what gives a record's values."""
    cells: Any = dict[str, Any]
    values: Callable[[Any], Iterable[Any]] = lambda cells: map(cells.get, fields)  # noqa: E731
    if not any(map(_AWKWARD.search, fields)):
        # a field may have any name, an attribute may not
        names = {f"f{number}": field for number, field in enumerate(fields)}
        cells = msgspec.defstruct("Cells", [(n, Any, None) for n in names], rename=names, gc=False)
        values = msgspec.structs.astuple
    parts: list[Any] = [("id", str), ("fields", cells)]
    if created:
        parts.append(("createdTime", str, ""))
    record = msgspec.defstruct("Record", parts, gc=False)
    page = msgspec.defstruct("Page", [("records", list[record])])  # type: ignore[valid-type]
    return msgspec.json.Decoder(page), values


class TableReader:
    """Turns the pages of a table into columns. A text that many records have is kept once."""

    def __init__(self, name: str, fields: Iterable[str], created: bool) -> None:
        """`created`: whether to keep when each record was made."""
        self.table = Table(name, {field: [] for field in fields}, created=[] if created else None)
        self._decoder, self._cells = _reading(tuple(self.table.columns), created)
        self._texts: list[dict[str | None, str | None] | None] = [{} for _ in self.table.columns]

    def add(self, page: bytes) -> None:
        """Append a page: its JSON as Airtable has it, an object with a list of `records`."""
        table = self.table
        records = self._decoder.decode(page).records
        table.ids.extend(map(_id, records))
        if table.created is not None:
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
            if _TEXT_OR_NONE.issuperset(map(type, values)):
                column.extend(map(once, values, values))
            else:
                column.extend([once(it, it) if it.__class__ is str else it for it in values])
            if len(column) >= _TRIED and not 0 < len(texts) < len(column) / 2:
                self._texts[number] = None


_id, _created, _fields = map(attrgetter, ("id", "createdTime", "fields"))
