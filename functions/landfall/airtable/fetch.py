"""The fetch step: reads the tables of a base side by side, and keeps what it has read.

    hold the base ──> schema ──> one reader a table ──┐
                                                      v
                            inbox ──> checkpoint, every second: pages + cursor in one commit

When the step's budget ends, or Airtable does not play along, what was read is kept, and the next
invocation goes on from the cursor. Only the pages in flight are read again.
"""

import asyncio
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from landfall import logs
from landfall.airtable.records import (
    BaseReader,
    OffsetExpiredError,
    Packed,
    ReadPage,
    documents,
    pack,
)
from landfall.airtable.schema import TableSchema, named
from landfall.deadlines import CHECKPOINT, Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.locks import QUIET, BaseHeldError, visiting
from landfall.runs.runs import Claim, Runs
from landfall.scans.scan import BaseScan
from landfall.store.commit_size import MAX_COMMIT_BYTES
from landfall.store.documents import Create, Fields

OpenBase = Callable[[str], BaseReader]
Unresolved = dict[str, str | None]
"""{"table": name, "field": name or None}."""

RESTARTS = 5
"""Times that a table is read again from the start because its listing expired."""

LAST_PAGE = 1.0
"""Seconds before the end of the budget from which no page is asked for."""

TYPICAL_RECORDS = 2000
"""For the progress of a base that was never read: this many records are half of the way."""


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
class Cursor:
    """How far a base was read: as it is stored with the pages that it stands for.

    `unresolved` is what the scan names and the base does not have; the field is None where the
    whole table is missing.
    """

    tables: dict[str, TableCursor] = field(default_factory=dict)
    unresolved: list[Unresolved] = field(default_factory=list)
    documents: int = 0

    @classmethod
    def load(cls, stored: Fields | None) -> "Cursor | None":
        """The cursor from a step's document; None before the first checkpoint."""
        if stored is None:
            return None
        tables = {
            table["name"]: TableCursor(**{k: v for k, v in table.items() if k != "name"})
            for table in stored["tables"]
        }
        fields = stored | {"tables": tables}
        return cls(**{name: value for name, value in fields.items() if name != _NO_MORE})

    def store(self) -> Fields:
        """The cursor as a step keeps it. A list of tables: their names may hold any character."""
        tables = [{"name": name} | vars(table) for name, table in self.tables.items()]
        return vars(self) | {"tables": tables}

    def copy(self) -> "Cursor":
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
        """What a run's `counts` say of it."""
        return {"records": self.records}


_NO_MORE = "requests"
"""What a cursor of an earlier Landfall has besides; a run's meter counts it."""


class Fetch:
    """One invocation of a fetch step."""

    def __init__(self, runs: Runs, claim: Claim, scan: BaseScan, open_base: OpenBase) -> None:
        self._runs = runs
        self._claim = claim
        self._scan = scan
        self._open_base = open_base
        self._cursor = Cursor.load(claim.step.data["cursor"])
        self._inbox: list[ReadPage] = []
        self._progressed = False

    async def run(self, deadline: Deadline) -> str:
        """Read until everything is read or the deadline comes; what became of the step.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        visiting_base = visiting(self._runs, self._claim, self._scan.base, self._open_base)
        try:
            async with visiting_base as visit:
                visit.finished = await self._read(visit.base, deadline)
        except BaseHeldError as held:
            delay = max(held.seconds, QUIET)
            await self._claim.hand_on(delay, run={"progress_step": "waiting_for_base"})
            return "waiting for the base"
        if visit.finished:
            return await self._finish()
        if not self._progressed:
            raise StepError(Reason.STEP_TIMEOUT, "not one page could be read in a whole budget")
        await self._claim.hand_on(QUIET)
        return "to be continued"

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
    def _cursor_now(self) -> Cursor:
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
        while deadline.remaining() > LAST_PAGE:
            until = deadline.sooner(self._runs.ladder.item)
            try:
                page = await reader.page(name, table.ask, table.offset, until)
            except OffsetExpiredError:
                restarts += 1
                table = replace(table, offset=None, listing=table.listing + 1)
                if restarts > RESTARTS:
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
            if packed and _bytes([*packed, *pieces]) > MAX_COMMIT_BYTES:
                await self._keep(cursor, packed)
                cursor, packed = cursor.copy(), []
            packed += pieces
            cursor.advance(page)
        await self._keep(cursor, packed)

    async def _keep(self, cursor: Cursor, packed: Sequence[Packed]) -> None:
        made = documents(packed)
        cursor.documents += len(made)
        first = cursor.documents - len(made)
        writes = [
            Create(f"{self._claim.run.path}/pages/{number:06d}", fields)
            for number, fields in enumerate(made, first)
        ]
        await self._claim.checkpoint(cursor.store(), self._progress(cursor), writes)
        self._cursor = cursor
        self._progressed = True

    def _progress(self, cursor: Cursor) -> Fields:
        expected = self._claim.run.data.get("expected_records")
        records = cursor.records
        share = records / expected if expected else records / (records + TYPICAL_RECORDS)
        percent = int(min(share, 0.99) * self._scan.fetch_share)
        return {
            "progress_pct": max(self._claim.run.data["progress_pct"], percent),
            "counts": self._claim.run.data["counts"] | cursor.counts(),
        }

    async def _finish(self) -> str:
        cursor = self._cursor_now
        run = {"progress_step": "fetched", "progress_pct": self._scan.fetch_share}
        logs.info("fetched", **cursor.counts())
        await self._claim.finish_step("score", cursor.store(), run)
        return "fetched"


def opened(scan: BaseScan, schema: Sequence[TableSchema]) -> Cursor:
    """The cursor at the beginning: what of the scan the base has, and what it has not."""
    cursor = Cursor()
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
        f"the listing of table {table!r} expired {RESTARTS + 1} times in one invocation",
    )


def _too_many(scan: BaseScan) -> str:
    most = scan.limits.max_records
    return f"the base holds more than {most} records; raise limits.max_records of scan {scan.id!r}"
