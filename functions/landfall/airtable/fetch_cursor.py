"""The cursor of a fetch step that reads a base."""

import copy
import dataclasses
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from landfall.airtable.fetched import (
    Fetched,
    FetchedTable,
    Unresolved,
    loaded_names,
    stored_names,
)
from landfall.airtable.fields import holds
from landfall.airtable.protocols import PAGE_SIZE
from landfall.airtable.records import ReadPage
from landfall.airtable.scan import BaseScan
from landfall.airtable.schema import TableSchema, named
from landfall.runs.documents import RunFields
from landfall.runs.steps import Progress
from landfall.store.documents import Fields

TYPICAL_RECORDS = 2000
"""Records at which the progress of a base of unknown size is one half."""

MAX_LATEST = 10
"""Pages of a listing that are remembered: a listing that goes round in more is not noticed."""

MAX_SHARE = 0.99
"""Highest share of the step's progress before the last page."""


@dataclass
class TableCursor:
    """The progress of a table.

    `id` is Airtable's; `fields` are those of the scan that the base has, as the scan names them,
    and `names` as the base does, with their `field_ids`; `base_name` is that of the table in the
    base. `checkboxes` are those of the fields with checkboxes. `ask` are the requested fields,
    never none: Airtable would send all. `latest` has a number for each of the latest pages, by the
    ids of its records; `size` is the number of records to ask for next. `primary` is the field with
    the names of the records: one of `fields`, or else as the base names it; empty where names are
    not read.
    """

    id: str
    fields: list[str]
    names: list[str]
    ask: list[str]
    offset: str | None = None
    listing: int = 1
    records: int = 0
    done: bool = False
    latest: list[int] = field(default_factory=list)
    size: int = PAGE_SIZE
    checkboxes: list[str] = field(default_factory=list)
    primary: str = ""
    base_name: str = ""
    field_ids: list[str] = field(default_factory=list)

    def remember(self, number: int) -> None:
        """Count a page among the latest."""
        self.latest = [*self.latest, number][-MAX_LATEST:]


def number_of(records: Sequence[Fields]) -> int:
    """Return a number that stands for the records of a page, in any order."""
    return zlib.crc32(" ".join(sorted(record["id"] for record in records)).encode())


@dataclass
class FetchCursor:
    """The progress of a base, stored in one commit with the pages that it counts.

    `unresolved` are the tables and fields of the scan that the base does not have; the field is
    None where the whole table is missing.
    """

    tables: dict[str, TableCursor] = field(default_factory=dict)
    unresolved: list[Unresolved] = field(default_factory=list)
    documents: int = 0

    @classmethod
    def load(cls, stored: Fields | None) -> "FetchCursor | None":
        """Read a step's cursor; None before the first checkpoint."""
        if stored is None:
            return None
        stored = {**loaded_names(stored)}
        tables = {
            table["name"]: TableCursor(**_known(TableCursor, table)) for table in stored["tables"]
        }
        return cls(**_known(cls, stored | {"tables": tables}))

    def store(self) -> Fields:
        """Return the cursor as stored: a list of tables, whose names may have any character."""
        tables = [{"name": name} | vars(table) for name, table in self.tables.items()]
        return vars(self) | stored_names(tables=tables, unresolved=self.unresolved)

    def copy(self) -> "FetchCursor":
        """Return a copy that can be advanced separately."""
        tables = {name: copy.copy(table) for name, table in self.tables.items()}
        return replace(self, tables=tables)

    def advance(self, page: ReadPage, records: int, *, last: bool = True) -> None:
        """Count so many records of a page, of which only the last change the state of its table.

        The first of a new listing restart the table.
        """
        table = self.tables[page.table]
        if page.listing != table.listing:
            table.listing, table.records, table.latest = page.listing, 0, []
        table.records += records
        if last:
            table.remember(page.number)
            table.size, table.offset, table.done = page.size, page.offset, page.offset is None

    @property
    def records(self) -> int:
        """The records read so far."""
        return sum(table.records for table in self.tables.values())

    def counts(self) -> Fields:
        """Return the `counts` of the run so far."""
        return {"records": self.records}

    def run_fields(self, progress: Progress, expected: int | None) -> RunFields:
        """Return the run's fields with this progress, given the expected records."""
        share = self.records / (expected or self.records + TYPICAL_RECORDS)
        return {
            "progress_pct": progress.at(min(share, MAX_SHARE)),
            "counts": self.counts(),
        }

    def fetched(self) -> Fetched:
        """Return the handover to the next step."""
        tables = {
            name: FetchedTable(
                table.id,
                table.fields,
                table.listing,
                table.records,
                table.checkboxes,
                table.primary,
                table.base_name,
                table.names,
                table.field_ids,
            )
            for name, table in self.tables.items()
        }
        return Fetched(tables, self.unresolved, self.documents)


def _known(form: type, stored: Fields) -> Fields:
    """Return the stored fields that a class has: another Landfall's cursor may have others."""
    return {it.name: stored[it.name] for it in dataclasses.fields(form) if it.name in stored}


def opened(scan: BaseScan, schema: Sequence[TableSchema]) -> FetchCursor:
    """Return the first cursor: the scan's tables and fields, resolved in the base's schema."""
    cursor = FetchCursor()
    for name, fields in scan.tables.items():
        table = named(schema, name)
        if table is None:
            cursor.unresolved.append({"table": name, "field": None})
            continue
        there = {field: known for field in fields if (known := named(table.fields, field))}
        cursor.unresolved += [{"table": name, "field": f} for f in fields if f not in there]
        names = [known.name for known in there.values()]
        primary = table.primary.name if table.primary and scan.record_names else ""
        unread = [primary] if primary and primary not in names else []
        ask = names + unread or [field.name for field in table.fields[:1]]
        cursor.tables[name] = TableCursor(
            table.id,
            list(there),
            names,
            ask,
            checkboxes=[field for field, known in there.items() if holds(known) == "booleans"],
            primary=next((field for field in there if there[field].name == primary), primary),
            base_name=table.name,
            field_ids=[known.id for known in there.values()],
        )
    return cursor


def wanted(table: TableCursor, records: Sequence[Fields]) -> list[Fields]:
    """Return the records with only the scan's fields, under the scan's names, and the primary."""
    fields = list(zip(table.fields, table.names, strict=True))
    if table.primary and table.primary not in table.fields:
        fields.append((table.primary, table.primary))
    return [
        {
            "id": record["id"],
            "createdTime": record["createdTime"],
            "fields": {
                field: record["fields"][name] for field, name in fields if name in record["fields"]
            },
        }
        for record in records
    ]
