"""The tables of the local Airtable stand-in: records that change, and listings that do not.

StoredTable   the records of one table now; written to by PATCH and by tests
ListOptions   what a list request asks for, from a query string or from a JSON body
Iterators     running listings: each one is a snapshot of its table at its first page
"""

import random
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.local.airtable import errors
from infra.local.airtable.bases import Field, Record, Table

MAX_PAGE = 100  # records a page; airtable.com/developers/web/api/list-records
# Types of fields that an upsert matches by; .../developers/web/api/update-multiple-records
MERGED_ON = frozenset(
    {"number", "singleLineText", "multilineText", "singleSelect", "multipleSelects", "date"}
)

_RECORD_ID = re.compile(r"rec[A-Za-z0-9]{14}")
_OFFSET = re.compile(r"itr[A-Za-z0-9]+/rec[A-Za-z0-9]+")
_ALPHANUMERIC = string.ascii_letters + string.digits


class StoredTable:
    """Records are never changed in place: whoever holds one from before keeps what it was."""

    def __init__(self, schema: Table) -> None:
        self.schema = schema
        self._fields = {key: f for f in schema.fields for key in (f.id, f.name)}
        self._names = {f.name for f in schema.fields}
        self._random = random.Random(schema.id)
        self._records: dict[str, Record] = {}
        for record in schema.records:
            self.put(record)

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(self._records.values())

    def field(self, key: str) -> Field:
        """By id or name. Raises RefusedError."""
        if key not in self._fields:
            raise errors.field_unknown(key)
        return self._fields[key]

    def record(self, record_id: str) -> Record:
        """Raises RefusedError."""
        if record_id not in self._records:
            raise errors.not_found()
        return self._records[record_id]

    def put(self, record: Record) -> None:
        """Adds a record at the end, or replaces the one with this id where it is.

        Raises ValueError for what Airtable could not hold, so that a wrong sample is found here.
        """
        if not _RECORD_ID.fullmatch(record["id"]):
            raise ValueError(f"{record['id']!r} is not 'rec' and 14 letters or digits")
        if unknown := record["fields"].keys() - self._names:
            raise ValueError(f"{record['id']}: no such field in {self.schema.name}: {unknown}")
        if empty := [name for name, value in record["fields"].items() if _is_empty(value)]:
            raise ValueError(f"{record['id']}: an empty cell is left out by Airtable: {empty}")
        self._records[record["id"]] = record

    def remove(self, record_id: str) -> None:
        del self._records[record_id]

    def update(
        self,
        changes: Iterable[tuple[str | None, Mapping[str, Any]]],
        merge_on: Sequence[str] = (),
    ) -> list[Record]:
        """All of the changes or, with a RefusedError, none. Cells that are not named stay.

        A change without a record's id is of the record that has its values in the fields
        `merge_on`, or of a new one.
        """
        columns = [self._merge_field(key) for key in merge_on]
        updated = [
            self._changed(
                self._of_id(record_id) if record_id else self._match(columns, cells), cells
            )
            for record_id, cells in changes
        ]
        keys = [[record["fields"].get(column.name) for column in columns] for record in updated]
        if any(columns and key in keys[:place] for place, key in enumerate(keys)):
            raise errors.not_modelled("two records of an upsert with the same key")
        for record in updated:
            self._records[record["id"]] = record
        return updated

    def _of_id(self, record_id: str) -> Record:
        if record_id not in self._records:
            raise errors.row_unknown(record_id)
        return self._records[record_id]

    def _merge_field(self, key: str) -> Field:
        column = self.field(key)
        if column.type not in MERGED_ON:
            raise errors.no_merge_field(column.name)
        return column

    def _match(self, columns: Sequence[Field], cells: Mapping[str, Any]) -> Record:
        """The record that has the values of the cells in these columns, or an empty new one."""
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
        record_id = "rec" + "".join(self._random.choices(_ALPHANUMERIC, k=14))
        return {"id": record_id, "createdTime": created, "fields": {}}

    def _changed(self, record: Record, cells: Mapping[str, Any]) -> Record:
        fields = dict(record["fields"])
        for key, value in cells.items():
            column = self.field(key)
            _check_choice(column, value)
            fields[column.name] = value
        kept = {name: value for name, value in fields.items() if not _is_empty(value)}
        return {**record, "fields": kept}

    def shown(self, record: Record, options: "ListOptions") -> dict[str, Any]:
        """The record as JSON: the fields asked for, under their names or their ids."""
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
    """Airtable leaves out cells without a value, and an unticked checkbox; 0 is a value."""
    return value is None or value is False or value in ("", [])


def _check_choice(column: Field, value: Any) -> None:
    if column.type not in ("singleSelect", "multipleSelects"):
        return
    choices = {choice["name"] for choice in (column.options or {}).get("choices", ())}
    for name in value if isinstance(value, list) else [value]:
        if not _is_empty(name) and name not in choices:
            raise errors.choice_unknown(str(name))


@dataclass(frozen=True)
class ListOptions:
    """What a list request asks for. `fields` None means every field."""

    page_size: int = MAX_PAGE
    max_records: int | None = None
    offset: str | None = None
    fields: tuple[str, ...] | None = None
    by_field_id: bool = False

    @classmethod
    def from_query(cls, query: Mapping[str, list[str]]) -> "ListOptions":
        """From GET parameters; the fields are repeated as `fields[]`. Raises RefusedError."""
        if "fields" in query:
            raise errors.not_modelled("the parameter fields without []")
        named = {key: values[-1] for key, values in query.items() if key != "fields[]"}
        chosen = {"fields": query["fields[]"]} if "fields[]" in query else {}
        return cls.from_json({**named, **chosen})

    @classmethod
    def from_json(cls, data: Any) -> "ListOptions":
        """From the body of POST …/listRecords. Raises RefusedError."""
        if not isinstance(data, dict):
            raise errors.parameter_invalid()
        modelled = {"pageSize", "maxRecords", "offset", "fields", "returnFieldsByFieldId"}
        if other := sorted(data.keys() - modelled):
            raise errors.not_modelled(f"the parameter {other[0]}")
        offset, fields = data.get("offset"), data.get("fields")
        if not isinstance(offset, str | None) or not isinstance(fields, list | None):
            raise errors.parameter_invalid()
        return cls(
            page_size=_page_size(data.get("pageSize", MAX_PAGE)),
            max_records=_whole(data["maxRecords"]) if "maxRecords" in data else None,
            offset=offset or None,
            fields=None if fields is None else tuple(map(str, fields)),
            by_field_id=truth(data.get("returnFieldsByFieldId", False)),
        )


def _page_size(value: Any) -> int:
    size = _whole(value)
    if size > MAX_PAGE:
        raise errors.page_size_invalid()
    return size


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)):
        raise errors.parameter_invalid()
    return int(value)


def truth(value: Any) -> bool:
    """A boolean as JSON has it, or as a query string may spell it. Raises RefusedError."""
    spelled = {"true": True, "1": True, "false": False, "0": False}
    if str(value).lower() not in spelled:
        raise errors.parameter_invalid()
    return spelled[str(value).lower()]


@dataclass
class _Iterator:
    table: StoredTable
    records: tuple[Record, ...]
    used: float
    positions: dict[str, int] = field(default_factory=dict)


class Iterators:
    """Running listings. An offset may be sent again, and then answers the same page again.

    A listing ends `lifetime` seconds after its last use. Times are monotonic seconds.
    """

    def __init__(self, lifetime: float, seed: int = 0) -> None:
        self._lifetime = lifetime
        self._random = random.Random(seed)
        self._running: dict[str, _Iterator] = {}

    def page(
        self, table: StoredTable, options: ListOptions, now: float
    ) -> tuple[tuple[Record, ...], str | None]:
        """The records of a page, and the offset of the next one or None. Raises RefusedError."""
        self._drop_expired(now)
        if options.offset is None:
            key, at = self._new_key(), 0
            listing = _Iterator(table, table.records[: options.max_records], now)
        else:
            key, listing, at = self._resumed(table, options.offset)
        listing.used = now
        end = at + options.page_size
        if options.page_size == 0 or end >= len(listing.records):
            return listing.records[at:end], None
        following = listing.records[end]["id"]
        listing.positions[following] = end
        self._running[key] = listing
        return listing.records[at:end], f"{key}/{following}"

    def forget(self, offset: str) -> None:
        """Ends the listing behind an offset, as a restart of Airtable's servers would."""
        self._running.pop(offset.partition("/")[0], None)

    def _resumed(self, table: StoredTable, offset: str) -> tuple[str, _Iterator, int]:
        if not _OFFSET.fullmatch(offset):
            raise errors.offset_invalid(offset)
        key, _, record_id = offset.partition("/")
        listing = self._running.get(key)
        if listing is None:
            raise errors.offset_expired()
        if listing.table is not table or record_id not in listing.positions:
            raise errors.offset_invalid(offset)
        return key, listing, listing.positions[record_id]

    def _drop_expired(self, now: float) -> None:
        live = {k: v for k, v in self._running.items() if now - v.used <= self._lifetime}
        self._running = live

    def _new_key(self) -> str:
        return "itr" + "".join(self._random.choices(_ALPHANUMERIC, k=14))
