"""What a fetch step left for the score step of its run."""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from landfall.airtable.fetch import Cursor
from landfall.airtable.records import whole_tables
from landfall.airtable.snapshot import Table
from landfall.reasons import Reason, StepError
from landfall.runs.changes import step_path
from landfall.runs.runs import Claim
from landfall.store.documents import (
    ConflictError,
    Document,
    Fields,
    Query,
    Store,
    StoreError,
    Update,
)

PAGES_AT_ONCE = 20
"""Page documents of a query's answer, which are up to 1 MiB each."""


@dataclass(frozen=True)
class Fetched:
    """How far the base was read, and the step that did so."""

    cursor: Cursor
    step: Document


async def read_fetched(store: Store, run_id: str) -> Fetched:
    """What the fetch step of the run says. Raises `StepError`."""
    (step,) = await store.read(step_path(run_id, "fetch"))
    cursor = Cursor.load(step.data["cursor"] if step else None)
    if step is None or cursor is None:
        raise pages_missing("the fetch step")
    return Fetched(cursor, step)


async def kept_since(store: Store, run: Document, step: Document) -> datetime:
    """When the first page was kept that this fetch step read: the run held the base, or site.

    By this the later of two runs is known. How long a run was interrupted after it says nothing.
    """
    first = await store.find(Query(f"{run.path}/pages", fields=("updated_at",), limit=1))
    at: datetime = first[0].data["updated_at"] if first else step.data["finished_at"]
    return at


async def read_tables(
    store: Store, run: Document, cursor: Cursor, created: Collection[str] = ()
) -> Mapping[str, Table]:
    """Every table that was read, complete, as `whole_tables` gives it. Raises `StepError`."""
    path = f"{run.path}/pages"
    stored: list[Fields] = []
    last = None
    while len(stored) < cursor.documents:
        found = await store.find(Query(path, limit=PAGES_AT_ONCE, after=last))
        if not found:
            break
        stored += [document.data for document in found]
        last = found[-1].id
    listings = {name: table.listing for name, table in cursor.tables.items()}
    fields = {name: table.fields for name, table in cursor.tables.items()}
    tables = whole_tables(stored, listings, fields, created)
    for name, table in cursor.tables.items():
        if len(tables[name]) != table.records:
            raise pages_missing(f"{len(tables[name])} of {table.records} of table {name!r}")
    return tables


async def remember_size(store: Store, claim: Claim, now: datetime, records: int) -> None:
    """For the progress of the next run. When it is lost, that run's progress is a guess."""
    with contextlib.suppress(ConflictError, StoreError):
        (head,) = await store.read(f"scans/{claim.run.data['scan_id']}")
        if head and head.data.get("last_records") != records:
            stamp = {"updated_at": now, "updated_by": claim.worker}
            update = Update(head.path, {"last_records": records} | stamp, head.version)
            await store.commit([update])


def pages_missing(what: str) -> StepError:
    """What ends a run of which something is gone."""
    return StepError(
        Reason.PAGES_MISSING, f"what was fetched is no longer all there: {what}; start a new run"
    )
