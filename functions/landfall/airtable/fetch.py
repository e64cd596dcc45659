"""The fetch step of scans that read a base: read its tables side by side, and store the pages.

    lock the base ──> schema ──> one reader a table ──┐
                                                      v
                            inbox ──> checkpoint, every second: pages + cursor in one commit

When the step's budget ends, or Airtable fails, the pages so far are stored, and the next invocation
goes on from the cursor. Only the pages in flight are read again.
"""

import asyncio
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from landfall import logs
from landfall.airtable.fetched import Fetched, FetchedTable, Unresolved
from landfall.airtable.protocols import BaseReader, OffsetExpiredError
from landfall.airtable.records import ReadPage, pack
from landfall.airtable.scan import BaseScan
from landfall.airtable.schema import TableSchema, named
from landfall.deadlines import CHECKPOINT, Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.runs.documents import RunFields
from landfall.runs.kind import Again, Outcome
from landfall.runs.locks import QUIET, locking
from landfall.store.commit_size import COMMIT_MOST
from landfall.store.documents import Create, Fields
from landfall.store.packed import Packed, documents

OpenBase = Callable[[str], BaseReader]

MAX_RESTARTS = 5
"""Times that a table is read again from the start because its listing expired."""

TYPICAL_RECORDS = 2000
"""For the progress of a base that was never read: this many records are half of the way."""

MAX_SHARE = 0.99
"""Most of the step's progress that is shown before the last page."""


@dataclass
class TableCursor:
    """How far a table was read.

    `id` is Airtable's; `fields` are those of the scan that the base has, as the scan names them,
    and `names` as the base does. `ask` is what is asked for, which cannot be nothing: Airtable
    takes that for everything.
    """

    id: str
    fields: list[str]
    names: list[str]
    ask: list[str]
    offset: str | None = None
    listing: int = 1
    records: int = 0
    done: bool = False


@dataclass
class FetchCursor:
    """How far a base was read: as it is stored with the pages that it stands for.

    `unresolved` is what the scan names and the base does not have; the field is None where the
    whole table is missing.
    """

    tables: dict[str, TableCursor] = field(default_factory=dict)
    unresolved: list[Unresolved] = field(default_factory=list)
    documents: int = 0

    @classmethod
    def load(cls, stored: Fields | None) -> "FetchCursor | None":
        """The cursor from a step's document; None before the first checkpoint."""
        if stored is None:
            return None
        tables = {
            table["name"]: TableCursor(**{k: v for k, v in table.items() if k != "name"})
            for table in stored["tables"]
        }
        fields = stored | {"tables": tables}
        return cls(**{name: value for name, value in fields.items() if name != _DROPPED})

    def store(self) -> Fields:
        """The cursor as a step keeps it. A list of tables: their names may hold any character."""
        tables = [{"name": name} | vars(table) for name, table in self.tables.items()]
        return vars(self) | {"tables": tables}

    def copy(self) -> "FetchCursor":
        """A cursor that can be advanced without this one."""
        tables = {name: copy.copy(table) for name, table in self.tables.items()}
        return replace(self, tables=tables)

    def advance(self, page: ReadPage) -> None:
        """Count a page in. The first page of a new listing begins its table again."""
        table = self.tables[page.table]
        if page.listing != table.listing:
            table.listing, table.records = page.listing, 0
        table.records += len(page.records)
        table.offset, table.done = page.offset, page.offset is None

    @property
    def records(self) -> int:
        """Records read so far."""
        return sum(table.records for table in self.tables.values())

    def counts(self) -> Fields:
        """Return the `counts` of a run so far."""
        return {"records": self.records}

    def fetched(self) -> Fetched:
        """Return what the next step needs to know."""
        tables = {
            name: FetchedTable(table.id, table.fields, table.listing, table.records)
            for name, table in self.tables.items()
        }
        return Fetched(tables, self.unresolved, self.documents)


_DROPPED = "requests"
"""A field of an earlier Landfall's cursor; a run's meter counts it now."""


class Fetch:
    """One invocation of a fetch step."""

    def __init__(self, claim: Claim, scan: BaseScan, open_base: OpenBase) -> None:
        self._claim = claim
        self._scan = scan
        self._open_base = open_base
        self._cursor = FetchCursor.load(claim.step.cursor)
        self._inbox: list[ReadPage] = []

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Read until everything is read or the deadline comes.

        Raises `LockedError`, `StepError`, `FencedError`, `StoreError`.
        """
        lock = locking(self._claim, self._scan.base, self._open_base)
        async with lock as locked:
            locked.finished = await self._read(locked.client, deadline)
        return await self._finish() if locked.finished else Again(QUIET)

    async def _read(self, reader: BaseReader, deadline: Deadline) -> bool:
        cursor = self._cursor
        if cursor is None:
            cursor = self._cursor = opened(self._scan, await reader.schema(deadline))
            await self._keep(cursor, [])
        readers = [
            asyncio.create_task(self._read_table(reader, name, copy.copy(table), deadline))
            for name, table in cursor.tables.items()
            if not table.done
        ]
        failure = await self._collect(readers)
        if failure:
            raise failure
        return all(table.done for table in self._cursor_now.tables.values())

    @property
    def _cursor_now(self) -> FetchCursor:
        assert self._cursor is not None
        return self._cursor

    async def _collect(self, readers: Sequence[asyncio.Task[None]]) -> BaseException | None:
        """Keep what the readers bring, until all have ended or one has failed."""
        failure: BaseException | None = None
        pending = set(readers)
        try:
            while pending and failure is None:
                done, pending = await asyncio.wait(
                    pending, timeout=CHECKPOINT, return_when=asyncio.FIRST_EXCEPTION
                )
                ended = [task for task in readers if task in done]  # a set is in no order
                failures = [error for task in ended if (error := task.exception())]
                failure = failures[0] if failures else None
                if pending and failure is None:
                    await self._checkpoint()
        finally:
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        await self._checkpoint()
        return failure

    async def _read_table(
        self, reader: BaseReader, name: str, table: TableCursor, deadline: Deadline
    ) -> None:
        restarts = 0
        while deadline.remaining() > self._claim.engine.ladder.last_listing:
            until = deadline.sooner(self._claim.engine.ladder.item)
            try:
                page = await reader.page(name, table.ask, table.offset, until)
            except OffsetExpiredError:
                restarts += 1
                table = replace(table, offset=None, listing=table.listing + 1)
                if restarts > MAX_RESTARTS:
                    raise _expired(name) from None
                continue
            except StepError as error:
                if error.reason == Reason.BASE_TIMEOUT and deadline.remaining() <= 0:
                    return  # our budget ended, not Airtable's patience
                raise
            table.offset = page.offset
            self._inbox.append(
                ReadPage(name, table.listing, wanted(table, page.records), page.offset)
            )
            if page.offset is None:
                return

    async def _checkpoint(self) -> None:
        if self._inbox:
            await self._keep_inbox()
        if self._cursor_now.records > self._scan.limits.max_records:
            raise StepError(Reason.TOO_MANY_RECORDS, _too_many(self._scan))

    async def _keep_inbox(self) -> None:
        inbox, self._inbox = self._inbox, []
        cursor, packed = self._cursor_now.copy(), list[Packed]()
        for page in inbox:
            pieces = pack(page)
            if packed and _bytes([*packed, *pieces]) > COMMIT_MOST:
                await self._keep(cursor, packed)
                cursor, packed = cursor.copy(), []
            packed += pieces
            cursor.advance(page)
        await self._keep(cursor, packed)

    async def _keep(self, cursor: FetchCursor, packed: Sequence[Packed]) -> None:
        made = documents(packed)
        cursor.documents += len(made)
        first = cursor.documents - len(made)
        writes = [
            Create(f"{self._claim.run.path}/pages/{number:06d}", fields)
            for number, fields in enumerate(made, first)
        ]
        await self._claim.checkpoint(cursor, self._progress(cursor), writes)
        self._cursor = cursor

    def _progress(self, cursor: FetchCursor) -> RunFields:
        expected, records = self._claim.run.expected_records, cursor.records
        share = records / expected if expected else records / (records + TYPICAL_RECORDS)
        percent = self._claim.progress.at(min(share, MAX_SHARE))
        return {"progress_pct": percent, "counts": cursor.counts()}

    async def _finish(self) -> Outcome:
        cursor = self._cursor_now
        logs.info("fetched", **cursor.counts())
        await self._claim.finish_step(
            "score",
            {"progress_step": "fetched", "progress_pct": self._claim.progress.last},
            handover=cursor.fetched().store(),
            cursor=cursor,
        )
        return Outcome.FINISHED


def opened(scan: BaseScan, schema: Sequence[TableSchema]) -> FetchCursor:
    """The cursor at the beginning: what of the scan the base has, and what it has not."""
    cursor = FetchCursor()
    for name, fields in scan.tables.items():
        table = named(schema, name)
        if table is None:
            cursor.unresolved.append({"table": name, "field": None})
            continue
        there = {field: known.name for field in fields if (known := named(table.fields, field))}
        cursor.unresolved += [{"table": name, "field": f} for f in fields if f not in there]
        names = list(there.values())
        ask = names or [field.name for field in table.fields[:1]]
        cursor.tables[name] = TableCursor(table.id, list(there), names, ask)
    return cursor


def wanted(table: TableCursor, records: Sequence[Fields]) -> list[Fields]:
    """The records with the scan's fields alone, under the names that the scan has for them."""
    fields = list(zip(table.fields, table.names, strict=True))
    return [
        {
            "id": record["id"],
            "createdTime": record["createdTime"],
            "fields": {
                field: record["fields"][name] for field, name in fields if name in record["fields"]
            },
        }
        for record in records
    ]


def _bytes(pieces: Sequence[Packed]) -> int:
    return sum(len(piece.data) for piece in pieces)


def _expired(table: str) -> StepError:
    return StepError(
        Reason.LISTING_EXPIRED,
        f"the listing of table {table!r} expired {MAX_RESTARTS + 1} times in one invocation",
    )


def _too_many(scan: BaseScan) -> str:
    most = scan.limits.max_records
    return f"the base holds more than {most} records; raise limits.max_records of scan {scan.id!r}"
