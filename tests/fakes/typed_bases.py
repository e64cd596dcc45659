"""Bases by column, with the type of each field, as a proposal sees them."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from infra.local.airtable.bases import BaseData
from landfall.airtable.fields import Schema
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.airtable.snapshot import Snapshot, TableReader

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

Typed = Mapping[str, tuple[str | tuple[str, Mapping[str, Any]], Sequence[Any]]]
"""Of each field, the type (and its options) and the cells; the first is the primary field."""


def typed_base(
    tables: Mapping[str, Typed], *, shuffle: int | None = None
) -> tuple[Schema, Snapshot]:
    """Return the schema and records of a base; `shuffle` puts tables, fields and records in
    another order, with the same ids."""
    order = random.Random(shuffle)
    known: list[TableSchema] = []
    read = {}
    for number, (name, columns) in enumerate(tables.items()):
        fields = [
            _field(f"fld{number:04}{place:010}", field, kind)
            for place, (field, (kind, _)) in enumerate(columns.items())
        ]
        rows = [
            {field: cell for (field, _), cell in zip(columns.items(), row, strict=True)}
            for row in zip(*(cells for _, cells in columns.values()), strict=True)
        ]
        records = [
            {
                "id": f"rec{number:04}{place:010}",
                "createdTime": "2026-01-01T00:00:00.000Z",
                "fields": {field: cell for field, cell in row.items() if cell is not None},
            }
            for place, row in enumerate(rows)
        ]
        primary = fields[0]
        if shuffle is not None:
            order.shuffle(fields)
            order.shuffle(records)
        known.append(TableSchema(f"tbl{number:014}", name, fields, primary))
        read[name] = _table(name, fields, primary.name, records)
    if shuffle is not None:
        order.shuffle(known)
        read = {table.name: read[table.name] for table in known}
    return Schema(known), Snapshot(read, NOW)


def whole_base(base: BaseData, now: datetime = NOW) -> tuple[Schema, Snapshot]:
    """Return the schema and records of a base that a stand-in serves."""
    known, read = [], {}
    for table in base.tables:
        fields = [FieldSchema(it.id, it.name, it.type, it.options or {}) for it in table.fields]
        known.append(TableSchema(table.id, table.name, fields, fields[0]))
        read[table.name] = _table(table.name, fields, fields[0].name, table.records)
    return Schema(known), Snapshot(read, now)


def _field(id_: str, name: str, kind: str | tuple[str, Mapping[str, Any]]) -> FieldSchema:
    type_, options = (kind, {}) if isinstance(kind, str) else kind
    return FieldSchema(id_, name, type_, options)


def _table(name: str, fields: Sequence[FieldSchema], primary: str, records: Sequence[Any]) -> Any:
    checkboxes = [field.name for field in fields if field.type == "checkbox"]
    reader = TableReader(name, [field.name for field in fields], True, checkboxes, primary)
    reader.add(msgspec.json.encode({"records": records}))
    return reader.table
