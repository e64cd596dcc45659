"""Reads a sample of a base, in the way of a run, but into this process's memory and nowhere else.

Airtable gives a table's records in its own order, so a sample is the first of them. A table that a
rule looks things up in is read completely up to `LOOKED_UP_MOST` records: without that, every link
to a record outside the sample would look broken.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from infra.local.airtable import LocalAirtable
from infra.local.endpoint import SAMPLE_BASES, Airtable
from landfall import logs
from landfall.airtable.client import AirtableReader
from landfall.airtable.fetch import FetchCursor, opened, wanted
from landfall.airtable.protocols import OffsetExpiredError
from landfall.airtable.records import ReadPage, pack, whole_tables
from landfall.airtable.scan import BaseScan
from landfall.airtable.schema import TableSchema
from landfall.airtable.snapshot import Snapshot
from landfall.deadlines import LADDER, Deadline
from landfall.reasons import Reason, StepError
from landfall.store.packed import Packed, documents

T = TypeVar("T")

LOOKED_UP_MOST = 5_000
"""Records of a table that are read because a rule looks things up in it: 50 requests, 10 s."""

RETRIES = 3
"""Times that a request is sent again where Airtable did not play along."""

RETRY_SECONDS = 1.0
"""Before a request is sent again, unless Airtable asks for more."""


@dataclass
class Progress:
    """How far the reading is. `requests` are those sent to Airtable."""

    tables: int = 0
    done: int = 0
    records: int = 0
    requests: int = 0
    waits: float = 0.0
    """Seconds for which Airtable is left alone before the next try; 0 while all goes well."""


@dataclass(frozen=True)
class Sample:
    """What was read of a base. `incomplete` are the tables that have more records than these."""

    schema: Sequence[TableSchema]
    cursor: FetchCursor
    snapshot: Snapshot
    incomplete: frozenset[str]
    requests: int


Show = Callable[[Progress], None]


async def read_sample(
    scan: BaseScan,
    airtable: Airtable | None,
    most: int | None,
    show: Show,
    looked_up: Collection[str] = (),
) -> Sample:
    """The first `most` records of each table, or all; of those that are looked things up in, up
    to `LOOKED_UP_MOST`. Raises `StepError`."""
    async with _reader(scan, airtable) as reader:
        return await _Reading(scan, reader, most, show, looked_up).run()


@asynccontextmanager
async def _reader(scan: BaseScan, airtable: Airtable | None) -> AsyncIterator[AirtableReader]:
    """A reader of the scan's base, at the stand-in where no Airtable is named."""
    if airtable is None:
        api_key = "patLocal000000000.stand-in"
        async with (
            LocalAirtable([SAMPLE_BASES[scan.base]()], api_key=api_key) as stand_in,
            _reader(scan, Airtable(stand_in.url, api_key)) as reader,
        ):
            yield reader
        return
    reader = AirtableReader(scan.base, airtable.api_key, airtable.endpoint)
    try:
        with logs.silenced():
            yield reader
    finally:
        await reader.close()


@dataclass
class _Reading:
    scan: BaseScan
    reader: AirtableReader
    most: int | None
    show: Show
    looked_up: Collection[str]
    progress: Progress = field(default_factory=Progress)
    pieces: list[Packed] = field(default_factory=list)

    async def run(self) -> Sample:
        schema = await self._asked(self.reader.schema)
        cursor = opened(self.scan, schema)
        self.progress.tables = len(cursor.tables)
        try:
            async with asyncio.TaskGroup() as tables:
                for name in cursor.tables:
                    tables.create_task(self._read_table(cursor, name, self._most(name)))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        listings = {name: table.listing for name, table in cursor.tables.items()}
        fields = {name: table.fields for name, table in cursor.tables.items()}
        read = whole_tables(documents(self.pieces), listings, fields, created=fields)
        incomplete = frozenset(name for name, table in cursor.tables.items() if not table.done)
        snapshot = Snapshot(read, datetime.now(UTC), self.scan.zone)
        return Sample(schema, cursor, snapshot, incomplete, self.reader.requests)

    def _most(self, name: str) -> float:
        if self.most is None:
            return math.inf
        return max(self.most, LOOKED_UP_MOST) if name in self.looked_up else self.most

    async def _read_table(self, cursor: FetchCursor, name: str, most: float) -> None:
        """Read until the table's end or `most`; its cursor is `done` at the end alone."""
        table = cursor.tables[name]
        listing, offset, read = 1, None, 0
        while not table.done and read < most:
            ask = partial(self.reader.page, name, table.ask, offset)
            try:
                page = await self._asked(ask)
            except OffsetExpiredError:
                listing, offset, read = listing + 1, None, 0
                if listing > RETRIES + 1:
                    raise StepError(
                        Reason.LISTING_EXPIRED,
                        f"the listing of {name!r} expired {RETRIES + 1} times",
                    ) from None
                continue
            records = page.records[: int(min(len(page.records), most - read))]
            offset, read = page.offset, read + len(records)
            last = offset is None and len(records) == len(page.records)
            kept = ReadPage(name, listing, wanted(table, records), None if last else "more")
            self.pieces += pack(kept)
            cursor.advance(kept)
            self.progress.records = cursor.records
            self.progress.done += last or read >= most
            self._shown()

    async def _asked(self, ask: Callable[[Deadline], Awaitable[T]]) -> T:
        retries = 0
        while True:
            try:
                return await ask(Deadline.after(LADDER.item))
            except StepError as error:
                retries += 1
                if not error.retried or retries > RETRIES:
                    raise
                self.progress.waits = max(RETRY_SECONDS, error.retry_after)
            self._shown()
            await asyncio.sleep(self.progress.waits)
            self.progress.waits = 0.0

    def _shown(self) -> None:
        self.progress.requests = self.reader.requests
        self.show(self.progress)
