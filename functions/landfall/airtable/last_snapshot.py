"""The records that the last run of a scan has read, to try another definition on them.

They come from the store: Airtable is not asked, and only `fetch` has a key for it. They stay as
long as fetched records are.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from landfall.airtable.fetched import Fetched, Unresolved, each_once, unfilled
from landfall.airtable.scan import BaseScan
from landfall.airtable.snapshot import Table
from landfall.store.documents import Query, Store
from landfall.store.packed import page_path

MAX_RUNS = 10
"""Newest runs of a scan among which one is looked for that has read its base."""

MAX_RECORDS = 20_000
"""Records that are read of a run: 10 MB with their columns."""

READ_AT_ONCE = 4
"""Documents of records in one read, up to 900 kB each."""


@dataclass(frozen=True)
class LastSnapshot:
    """The tables as a run has read them; of those that are `incomplete`, the first records."""

    run_id: str
    read_at: datetime
    fetched: Fetched
    tables: Mapping[str, Table]
    incomplete: frozenset[str]

    @property
    def records(self) -> int:
        """The records that are here."""
        return sum(map(len, self.tables.values()))


async def read_last_snapshot(
    store: Store, scan: BaseScan, created: Collection[str] = ()
) -> LastSnapshot | None:
    """Return the records of the last run that has read the scan's base; None where there are none.

    `created` are the tables with the creation time of each record.
    """
    query = Query(
        "runs",
        where=(("scan_id", "==", scan.id),),
        order=("created_at", "desc"),
        limit=MAX_RUNS,
        fields=("created_at", "base"),
    )
    runs = [run for run in await store.find(query) if run.data.get("base") == scan.base]
    steps = await store.read(*(f"{run.path}/steps/fetch" for run in runs)) if runs else []
    for run, step in zip(runs, steps, strict=True):
        if step and step.data["status"] == "done" and step.data["cursor"]:
            fetched = Fetched.load(step.data["cursor"])
            tables = await _tables(store, run.path, fetched, created)
            if tables is not None:
                incomplete = {
                    name for name, it in fetched.tables.items() if len(tables[name]) < it.records
                }
                once = {name: each_once(table) for name, table in tables.items()}
                moment = run.data["created_at"]
                return LastSnapshot(run.id, moment, fetched, once, frozenset(incomplete))
    return None


async def _tables(
    store: Store, run_path: str, fetched: Fetched, created: Collection[str]
) -> Mapping[str, Table] | None:
    """Return the tables of a run up to `MAX_RECORDS`; None where they have been deleted."""
    whole = unfilled(fetched, created)
    places = [page_path(run_path, number) for number in range(fetched.documents)]
    records = 0
    for first in range(0, len(places), READ_AT_ONCE):
        pages = [page for page in await store.read(*places[first : first + READ_AT_ONCE]) if page]
        if not pages:
            return None
        whole.add(page.data for page in pages)
        records += sum(page.data["records"] for page in pages)
        await asyncio.sleep(0)  # others go on meanwhile
        if records >= MAX_RECORDS:
            break
    return whole.tables


def unread(scan: BaseScan, fetched: Fetched) -> Sequence[Unresolved]:
    """Return the tables and fields of a scan that a run of an earlier definition has not read."""
    missing: list[Unresolved] = []
    for table, fields in scan.tables.items():
        known = fetched.tables.get(table)
        if known is None:
            missing.append({"table": table, "field": None})
        else:
            missing += [{"table": table, "field": it} for it in fields if it not in known.fields]
    return missing
