"""The fetched base: the handover of a fetch step to the later steps of its run."""

import asyncio
import contextlib
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from landfall.airtable.links import Origin
from landfall.airtable.records import WholeTables
from landfall.airtable.schema_ids import SchemaIds
from landfall.airtable.snapshot import Table
from landfall.runs.claim import PAGES_READ, Claim, gone
from landfall.store.documents import ConflictError, Fields, Store, StoreError, Update
from landfall.store.packed import page_path

Unresolved = dict[str, str | None]
"""{"table": name, "field": name or None}: in the scan, but not in the base."""


MAX_PLAIN = 300_000
"""Bytes of the names and ids of a base in a document, as JSON, above which they are compressed: 32
tables of 400 fields have 1.3 MB of them in a cursor, and a document has 1 MiB."""


MAX_NAMES = 500_000
"""Bytes of compressed names above which each name is stored once: a cursor has it up to four times,
too far apart for the compression to find it again. An earlier Landfall hardly stored so many."""


def stored_names(**lists: Sequence[Fields]) -> Fields:
    """Return lists with the names of a base as the fields of a document."""
    data = json.dumps(lists).encode()
    if len(data) <= MAX_PLAIN:
        return {name: [*items] for name, items in lists.items()}
    packed = zlib.compress(data)
    if len(packed) > MAX_NAMES:
        packed = zlib.compress(_each_name_once(lists))
    return {**dict.fromkeys(lists, ()), "names": packed}


def loaded_names(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a document with the lists that `stored_names` made of them."""
    packed = stored.get("names")
    if packed is None:
        return stored
    lists = json.loads(zlib.decompress(packed).decode(errors=_HALVES))
    return {**stored, **(_named(lists["of"], lists["texts"]) if "texts" in lists else lists)}


_HALVES = "surrogatepass"
"""Half a character, which UTF-8 cannot encode, is stored all the same."""


def _each_name_once(lists: Mapping[str, Sequence[Fields]]) -> bytes:
    """Return lists as JSON, with the place of each text in place of it."""
    places: dict[str, int] = {}

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: placed(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [placed(one) for one in value]
        return str(places.setdefault(value, len(places))) if isinstance(value, str) else value

    of = placed({**lists})
    made = {"of": of, "texts": [*places]}
    return json.dumps(made, ensure_ascii=False).encode(errors=_HALVES)


def _named(value: Any, texts: Sequence[str]) -> Any:
    """Return a value with its texts, of which it has the places."""
    if isinstance(value, dict):
        return {name: _named(one, texts) for name, one in value.items()}
    if isinstance(value, list):
        return [_named(one, texts) for one in value]
    return texts[int(value)] if isinstance(value, str) else value


@dataclass(frozen=True)
class FetchedTable:
    """A table that was read.

    `id` is Airtable's, `fields` are those of the scan that the base has, and `listing` is the
    number of the complete listing, with so many `records`. `checkboxes` are the fields with
    checkboxes, and `primary` is the field with the records' names, if these were read. `base_name`
    and `names` are those of the table and the fields in the base, with the `field_ids`. What an
    earlier Landfall stored may have none of these.
    """

    id: str
    fields: Sequence[str]
    listing: int
    records: int
    checkboxes: Sequence[str] = ()
    primary: str = ""
    base_name: str = ""
    names: Sequence[str] = ()
    field_ids: Sequence[str] = ()


@dataclass(frozen=True)
class Fetched:
    """The tables that were read, the number of page documents, and what the base does not have."""

    tables: Mapping[str, FetchedTable]
    unresolved: Sequence[Unresolved]
    documents: int

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """Read a handover. Further names, which a cursor has, are ignored."""
        stored = loaded_names(stored)
        tables = {
            table["name"]: FetchedTable(
                **{name: table[name] for name in _TABLE_FIELDS if name in table}
            )
            for table in stored["tables"]
        }
        return cls(tables, stored["unresolved"], stored["documents"])

    def store(self) -> Fields:
        """Return the handover as stored: a list of tables, whose names may have any character."""
        tables = [{"name": name} | asdict(table) for name, table in self.tables.items()]
        names = stored_names(tables=tables, unresolved=self.unresolved)
        return names | {"documents": self.documents}

    def origin(self, base: str) -> Origin:
        """Return the origin of the records, in the base of this id."""
        return Origin(base, {name: table.id for name, table in self.tables.items()})

    @property
    def ids(self) -> SchemaIds:
        """The ids of the tables and fields, by the names of the scan and of the base."""
        tables: dict[str, str] = {}
        fields: dict[str, dict[str, str]] = {}
        names: dict[str, str] = {}
        for name, table in self.tables.items():
            tables |= {it: table.id for it in (table.base_name, name) if it}
            by_name = fields.setdefault(table.id, {})
            by_name.update(zip(table.names, table.field_ids, strict=False))
            by_name.update(zip(table.fields, table.field_ids, strict=False))
            names[table.id] = table.base_name or name
            names.update(zip(table.field_ids, table.names, strict=False))
        return SchemaIds(tables, fields, names)

    @property
    def records(self) -> int:
        """The records that were read."""
        return sum(table.records for table in self.tables.values())


READS_AT_ONCE = 4
"""Reads of `PAGES_READ` page documents at the same time."""

_TABLE_FIELDS = [one.name for one in fields(FetchedTable)]


def unfilled(fetched: Fetched, created: Collection[str] = ()) -> WholeTables:
    """Return the tables of a run before a record is added; `created` have its creation time."""
    listings = {name: table.listing for name, table in fetched.tables.items()}
    fields = {name: table.fields for name, table in fetched.tables.items()}
    checkboxes = {name: table.checkboxes for name, table in fetched.tables.items()}
    primaries = {name: table.primary for name, table in fetched.tables.items()}
    return WholeTables(listings, fields, created, checkboxes, primaries)


async def read_tables(
    store: Store, run_path: str, fetched: Fetched, created: Collection[str] = ()
) -> Mapping[str, Table]:
    """Read the tables from the pages of a run, and each record once.

    Raises `StepError`.
    """
    whole = unfilled(fetched, created)
    places = [page_path(run_path, number) for number in range(fetched.documents)]
    for first in range(0, len(places), PAGES_READ * READS_AT_ONCE):
        some = places[first : first + PAGES_READ * READS_AT_ONCE]
        reads = [store.read(*some[at : at + PAGES_READ]) for at in range(0, len(some), PAGES_READ)]
        for found in await asyncio.gather(*reads):
            whole.add(document.data for document in found if document)
    tables = whole.tables
    for name, table in fetched.tables.items():
        if len(tables[name]) != table.records:
            raise gone(f"a part of table {name!r} ({len(tables[name])} of {table.records} records)")
    return {name: each_once(table) for name, table in tables.items()}


def each_once(table: Table) -> Table:
    """Return the table without the earlier readings of records that the listing had twice.

    It has, where a record moves while the pages are read.
    """
    if len(set(table.ids)) == len(table):
        return table
    rows = {record: row for row, record in enumerate(table.ids)}
    return table.select(sorted(rows.values()))


async def remember_size(claim: Claim, records: int) -> None:
    """Store the size for the progress of the next run. If this fails, that is an estimate."""
    with contextlib.suppress(ConflictError, StoreError):
        store = claim.engine.store
        (head,) = await store.read(f"scans/{claim.run.scan_id}")
        if head and head.data.get("last_records") != records:
            stamp = {"updated_at": claim.engine.clock(), "updated_by": claim.worker}
            update = Update(head.path, {"last_records": records} | stamp, head.version)
            await store.commit([update])
