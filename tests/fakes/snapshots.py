"""Snapshots of records in Airtable's form, built from pages as in a run."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from landfall.airtable.protocols import Record
from landfall.airtable.snapshot import Snapshot, Table, TableReader


def snapshot(tables: Mapping[str, Sequence[Record]], **more: Any) -> Snapshot:
    """Return the records by column, with every field that a record of the table has, or that is
    read.

    `reads` are additional (table, field) pairs, and `checkboxes` the fields with checkboxes; the
    other settings are the snapshot's.
    """
    reads, checkboxes = more.pop("reads", ()), more.pop("checkboxes", ())
    return Snapshot(
        {
            name: table(name, records, (f for t, f in reads if t == name), checkboxes)
            for name, records in tables.items()
        },
        **more,
    )


def table(
    name: str,
    records: Sequence[Record],
    fields: Iterable[str] = (),
    checkboxes: Collection[str] = (),
) -> Table:
    """Return one table of a snapshot."""
    there = [field for record in records for field in record["fields"]]
    reader = TableReader(name, dict.fromkeys([*there, *fields]), True, checkboxes)
    reader.add(msgspec.json.encode({"records": records}))
    return reader.table


def records_of(table: Table) -> list[Record]:
    """Return the records of a table. A cell with null is absent."""
    cells = [
        {name: column[row] for name, column in table.columns.items() if column[row] is not None}
        for row in range(len(table))
    ]
    assert table.created is not None
    heads = zip(table.ids, table.created, cells, strict=True)
    return [{"id": id_, "createdTime": made, "fields": fields} for id_, made, fields in heads]
