"""The base as a fetch step left it, for the later steps of its run."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from landfall.airtable.links import Origin
from landfall.airtable.records import whole_tables
from landfall.airtable.snapshot import Table
from landfall.runs.claim import PAGES_READ, Claim, gone
from landfall.store.documents import ConflictError, Fields, Query, Store, StoreError, Update

Unresolved = dict[str, str | None]
"""{"table": name, "field": name or None}: named by the scan, and not in the base."""


@dataclass(frozen=True)
class FetchedTable:
    """A table that was read.

    `id` is Airtable's, `fields` are those of the scan that the base has, and `listing` is the one
    that was read to its end, with so many `records`.
    """

    id: str
    fields: Sequence[str]
    listing: int
    records: int


@dataclass(frozen=True)
class Fetched:
    """What of the scan was read, into so many page documents, and what the base does not have."""

    tables: Mapping[str, FetchedTable]
    unresolved: Sequence[Unresolved]
    documents: int

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """Read what a fetch step left. Further names, which a cursor has, are passed over."""
        tables = {
            table["name"]: FetchedTable(**{name: table[name] for name in _TABLE_FIELDS})
            for table in stored["tables"]
        }
        return cls(tables, stored["unresolved"], stored["documents"])

    def store(self) -> Fields:
        """Return it as the run holds it. A list of tables: their names may hold any character."""
        tables = [{"name": name} | asdict(table) for name, table in self.tables.items()]
        return {
            "tables": tables,
            "unresolved": list(self.unresolved),
            "documents": self.documents,
        }

    def origin(self, base: str) -> Origin:
        """Return where the records are found, in the base of this id."""
        return Origin(base, {name: table.id for name, table in self.tables.items()})

    @property
    def records(self) -> int:
        """Records that were read."""
        return sum(table.records for table in self.tables.values())


_TABLE_FIELDS = ("id", "fields", "listing", "records")


async def read_tables(
    store: Store, run_path: str, fetched: Fetched, created: Collection[str] = ()
) -> Mapping[str, Table]:
    """Return every table that was read, as `whole_tables` gives it. Raises `StepError`."""
    path = f"{run_path}/pages"
    stored: list[Fields] = []
    last = None
    while len(stored) < fetched.documents:
        found = await store.find(Query(path, limit=PAGES_READ, after=last))
        if not found:
            break
        stored += [document.data for document in found]
        last = found[-1].id
    listings = {name: table.listing for name, table in fetched.tables.items()}
    fields = {name: table.fields for name, table in fetched.tables.items()}
    tables = whole_tables(stored, listings, fields, created)
    for name, table in fetched.tables.items():
        if len(tables[name]) != table.records:
            raise gone(f"a part of table {name!r} ({len(tables[name])} of {table.records} records)")
    return tables


async def remember_size(claim: Claim, records: int) -> None:
    """Store the size for the next run's progress. When it is lost, that progress is a guess."""
    with contextlib.suppress(ConflictError, StoreError):
        store = claim.engine.store
        (head,) = await store.read(f"scans/{claim.run.scan_id}")
        if head and head.data.get("last_records") != records:
            stamp = {"updated_at": claim.engine.clock(), "updated_by": claim.worker}
            update = Update(head.path, {"last_records": records} | stamp, head.version)
            await store.commit([update])
