"""A sample of a base, read as a run reads, but only into the memory of this process.

Airtable lists a table's records in its own order; the sample is the first of them. A table that a
rule looks records up in is read completely up to `MAX_LOOKED_UP` records: otherwise every link to a
record outside the sample would look broken.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from infra.local.airtable.server import LocalAirtable
from infra.local.endpoints import SAMPLE_BASES, AirtableEndpoint
from landfall import logs
from landfall.airtable.client import AirtableClient
from landfall.airtable.fetch_cursor import FetchCursor, opened, wanted
from landfall.airtable.paging import Repeats, next_page
from landfall.airtable.protocols import MAX_PAGE_BYTES, MAX_RECORD_BYTES, OffsetExpiredError
from landfall.airtable.records import ReadPage, pack, whole_tables
from landfall.airtable.scan import BaseScan
from landfall.airtable.schema import TableSchema
from landfall.airtable.snapshot import Snapshot
from landfall.deadlines import LADDER, Deadline
from landfall.integrity.scan import IntegrityScan
from landfall.process.room import Room
from landfall.reasons import Reason, StepError
from landfall.store.packed import Packed, packed_documents

T = TypeVar("T")

MAX_LOOKED_UP = 5_000
"""Records that are read of a table in which a rule looks records up: 50 requests, 10 s."""

MAX_RETRIES = 3
"""Retries of a request to Airtable."""

RETRY_SECONDS = 1.0
"""Seconds before a retry, unless Airtable asks for more."""


@dataclass
class SampleProgress:
    """The progress of reading. `requests` are those sent to Airtable; `done` counts tables."""

    tables: int = 0
    done: int = 0
    records: int = 0
    requests: int = 0
    wait_seconds: float = 0.0
    """Seconds until the next retry; 0 while no request has failed."""
    wait_why: str = ""
    """Why so long: Airtable's wish, or the error after which we try again of our own accord."""


@dataclass(frozen=True)
class Sample:
    """The part of a base that was read. `incomplete` are the tables with more records."""

    schema: Sequence[TableSchema]
    cursor: FetchCursor
    snapshot: Snapshot
    incomplete: frozenset[str]
    requests: int
    target: Sequence[TableSchema] = ()
    """The tables of the base that findings are written to."""
    target_problem: str = ""
    """The reason for which that base could not be read."""


ShowProgress = Callable[[SampleProgress], None]


async def read_sample(
    scan: BaseScan,
    airtable: AirtableEndpoint | None,
    limit: int | None,
    show: ShowProgress,
    looked_up: Collection[str] = (),
    written: str | None = None,
) -> Sample:
    """Read the first `limit` records of each table, or all.

    Of the tables in `looked_up`, up to `MAX_LOOKED_UP` are read; of the base `written`, only the
    schema. Raises `StepError`.
    """
    async with _endpoint(scan, airtable) as endpoint, _open_reader(scan.base, endpoint) as reader:
        sample_reader = _SampleReader(scan, reader, limit, show, looked_up)
        sample = await sample_reader.run()
        if written in (None, scan.base):
            return replace(sample, target=sample.schema)
        async with _open_reader(written, endpoint) as other:
            try:
                target, problem = await sample_reader.retry(other.schema), ""
            except StepError as error:
                target, problem = (), f"{error.reason}: {error.message}"
            requests = sample.requests + other.requests
        return replace(sample, target=target, target_problem=problem, requests=requests)


async def read_schema(scan: BaseScan, airtable: AirtableEndpoint | None) -> Sequence[TableSchema]:
    """Read the tables and fields of a base. Raises `StepError`."""
    async with _endpoint(scan, airtable) as endpoint, _open_reader(scan.base, endpoint) as reader:
        return await _SampleReader(scan, reader, None, lambda _: None, ()).retry(reader.schema)


@asynccontextmanager
async def _endpoint(
    scan: BaseScan, airtable: AirtableEndpoint | None
) -> AsyncIterator[AirtableEndpoint]:
    """Return the Airtable that is named, or start the stand-in with the scan's base."""
    if airtable:
        yield airtable
        return
    api_key = "patLocal000000000.stand-in"
    async with LocalAirtable([SAMPLE_BASES[scan.base]()], api_key=api_key) as stand_in:
        yield AirtableEndpoint(stand_in.url, api_key)


@asynccontextmanager
async def _open_reader(base: str, airtable: AirtableEndpoint) -> AsyncIterator[AirtableClient]:
    """Open a reader of a base."""
    reader = AirtableClient(base, airtable.api_key, airtable.endpoint)
    try:
        with logs.silenced():
            yield reader
    finally:
        await reader.close()


@dataclass
class _SampleReader:
    scan: BaseScan
    reader: AirtableClient
    limit: int | None
    show: ShowProgress
    looked_up: Collection[str]
    progress: SampleProgress = field(default_factory=SampleProgress)
    pieces: list[Packed] = field(default_factory=list)

    async def run(self) -> Sample:
        schema = await self.retry(self.reader.schema)
        cursor = opened(self.scan, schema)
        self.progress.tables = len(cursor.tables)
        try:
            async with asyncio.TaskGroup() as tables:
                for name in cursor.tables:
                    tables.create_task(self._read_table(cursor, name, self._limit(name)))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        listings = {name: table.listing for name, table in cursor.tables.items()}
        fields = {name: table.fields for name, table in cursor.tables.items()}
        checkboxes = {name: table.checkboxes for name, table in cursor.tables.items()}
        primaries = {name: table.primary for name, table in cursor.tables.items()}
        pages = packed_documents(self.pieces)
        read = whole_tables(pages, listings, fields, fields, checkboxes, primaries)
        incomplete = frozenset(name for name, table in cursor.tables.items() if not table.done)
        region = self.scan.region if isinstance(self.scan, IntegrityScan) else None
        snapshot = Snapshot(read, datetime.now(UTC), self.scan.zone, region=region)
        return Sample(schema, cursor, snapshot, incomplete, self.reader.requests)

    def _limit(self, name: str) -> float:
        if self.limit is None:
            return math.inf
        return max(self.limit, MAX_LOOKED_UP) if name in self.looked_up else self.limit

    async def _read_table(self, cursor: FetchCursor, name: str, limit: float) -> None:
        """Read until the table's end or `limit`; only at the end its cursor is `done`."""
        table = cursor.tables[name]
        listing, offset, read = 1, None, 0
        seen, repeats = replace(table), Repeats(name)
        place = await Room(MAX_RECORD_BYTES).take(MAX_PAGE_BYTES)
        while not table.done and read < limit:
            ask = partial(next_page, self.reader, name, table, offset, place)
            try:
                page = await self.retry(ask)
            except OffsetExpiredError:
                listing, offset, read, seen.latest = listing + 1, None, 0, []
                if listing > MAX_RETRIES + 1:
                    raise StepError(
                        Reason.LISTING_EXPIRED,
                        f"the listing of {name!r} expired {MAX_RETRIES + 1} times",
                    ) from None
                continue
            offset = page.offset
            if repeats.nothing_new(seen, page):
                continue
            records = page.records[: int(min(len(page.records), limit - read))]
            read += len(records)
            last = offset is None and len(records) == len(page.records)
            page_read = ReadPage(
                name, listing, wanted(table, records), None if last else "more", table.size
            )
            self.pieces += pack(page_read)
            cursor.advance(page_read, len(records))
            self.progress.records = cursor.records
            self.progress.done += last or read >= limit
            self._show_progress()

    async def retry(self, ask: Callable[[Deadline], Awaitable[T]]) -> T:
        """Return an answer of Airtable, after retries. Raises `StepError`."""
        retries = 0
        while True:
            try:
                return await ask(Deadline.after(LADDER.item))
            except StepError as error:
                retries += 1
                if not error.retried or retries > MAX_RETRIES:
                    raise
                self.progress.wait_seconds = max(RETRY_SECONDS, error.retry_after)
                self.progress.wait_why = (
                    "Airtable asks to wait"
                    if 0 < error.retry_after >= RETRY_SECONDS
                    else f"{error.reason}, trying again in"
                )
            self._show_progress()
            await asyncio.sleep(self.progress.wait_seconds)
            self.progress.wait_seconds = 0.0

    def _show_progress(self) -> None:
        self.progress.requests = self.reader.requests
        self.show(self.progress)
