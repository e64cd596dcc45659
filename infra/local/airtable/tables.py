"""The tables of the Airtable stand-in: records that requests and tests change."""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.local.airtable import errors
from infra.local.airtable.bases import Field, Record, TableData, random_id
from infra.local.airtable.list_options import ListOptions

# Types of fields that an upsert matches by; .../developers/web/api/update-multiple-records
MERGED_ON = frozenset(
    {"number", "singleLineText", "multilineText", "singleSelect", "multipleSelects", "date"}
)

_RECORD_ID = re.compile(r"rec[A-Za-z0-9]{14}")


class StoredTable:
    """The records of a table. A change replaces a record: earlier references stay as they were."""

    def __init__(self, schema: TableData) -> None:
        self.schema = schema
        self._fields = {key: f for f in schema.fields for key in (f.id, f.name)}
        self._names = {f.name for f in schema.fields}
        self._random = random.Random(schema.id)
        self._records: dict[str, Record] = {}
        for record in schema.records:
            self.put(record)

    @property
    def records(self) -> tuple[Record, ...]:
        """The present records, in the order of a listing."""
        return tuple(self._records.values())

    def field(self, key: str) -> Field:
        """Return a field by id or name. Raises `RefusedError`."""
        if key not in self._fields:
            raise errors.field_unknown(key)
        return self._fields[key]

    def record(self, record_id: str) -> Record:
        """Return a record. Raises `RefusedError`."""
        if record_id not in self._records:
            raise errors.not_found()
        return self._records[record_id]

    def put(self, record: Record) -> None:
        """Add a record at the end, or replace the one with this id in its place.

        Raises `ValueError` for a record that Airtable could not hold: a wrong sample fails early.
        """
        if not _RECORD_ID.fullmatch(record["id"]):
            raise ValueError(f"{record['id']!r} is not 'rec' and 14 letters or digits")
        if unknown := record["fields"].keys() - self._names:
            raise ValueError(f"{record['id']}: no such field in {self.schema.name}: {unknown}")
        if empty := [name for name, value in record["fields"].items() if _is_empty(value)]:
            raise ValueError(f"{record['id']}: an empty cell is left out by Airtable: {empty}")
        self._records[record["id"]] = record

    def remove(self, record_id: str) -> None:
        """Remove a record. Raises `KeyError`."""
        del self._records[record_id]

    def update(
        self,
        changes: Iterable[tuple[str | None, Mapping[str, Any]]],
        merge_on: Sequence[str] = (),
    ) -> list[Record]:
        """Make all of the changes or, with a `RefusedError`, none. Other cells stay.

        A change without an id applies to the record with the same values in the fields `merge_on`,
        or to a new one.
        """
        columns = [self._merge_field(key) for key in merge_on]
        updated = [
            self._apply(
                self._existing(record_id) if record_id else self._matching(columns, cells), cells
            )
            for record_id, cells in changes
        ]
        keys = [[record["fields"].get(column.name) for column in columns] for record in updated]
        if any(columns and key in keys[:place] for place, key in enumerate(keys)):
            raise errors.not_modelled("two records of an upsert with the same key")
        for record in updated:
            self._records[record["id"]] = record
        return updated

    def _existing(self, record_id: str) -> Record:
        if record_id not in self._records:
            raise errors.row_unknown(record_id)
        return self._records[record_id]

    def _merge_field(self, key: str) -> Field:
        column = self.field(key)
        if column.type not in MERGED_ON:
            raise errors.no_merge_field(column.name)
        return column

    def _matching(self, columns: Sequence[Field], cells: Mapping[str, Any]) -> Record:
        """Return the record with the values of the cells in these columns, or an empty new one."""
        named = {self.field(key).name: value for key, value in cells.items()}
        if any(_is_empty(named.get(column.name)) for column in columns):
            raise errors.records_invalid()
        found = [
            record
            for record in self._records.values()
            if all(record["fields"].get(c.name) == named[c.name] for c in columns)
        ]
        if len(found) > 1:
            raise errors.several_match(", ".join(column.name for column in columns))
        return found[0] if found else self._new()

    def _new(self) -> Record:
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return {"id": random_id("rec", self._random), "createdTime": created, "fields": {}}

    def _apply(self, record: Record, cells: Mapping[str, Any]) -> Record:
        fields = dict(record["fields"])
        for key, value in cells.items():
            column = self.field(key)
            _check_choice(column, value)
            fields[column.name] = value
        kept = {name: value for name, value in fields.items() if not _is_empty(value)}
        return {**record, "fields": kept}

    def as_json(self, record: Record, options: "ListOptions") -> dict[str, Any]:
        """Return the requested fields of the record as JSON, under their names or ids."""
        wanted = self.schema.fields
        if options.fields is not None:
            wanted = tuple({f.id: f for f in map(self.field, options.fields)}.values())
        cells = record["fields"]
        fields = {
            f.id if options.by_field_id else f.name: cells[f.name]
            for f in wanted
            if f.name in cells
        }
        return {"id": record["id"], "createdTime": record["createdTime"], "fields": fields}


def _is_empty(value: Any) -> bool:
    """Return whether Airtable omits a cell: no value, or an unticked checkbox; 0 is a value."""
    return value is None or value is False or value in ("", [])


def _check_choice(column: Field, value: Any) -> None:
    if column.type not in ("singleSelect", "multipleSelects"):
        return
    choices = {choice["name"] for choice in (column.options or {}).get("choices", ())}
    for name in value if isinstance(value, list) else [value]:
        if not _is_empty(name) and name not in choices:
            raise errors.choice_unknown(str(name))
