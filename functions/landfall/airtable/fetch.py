"""The fetch step of scans that read a base: read its tables concurrently, and store the pages.

    lock the base ──> schema ──> one reader per table ──┐
                                                      v
                            inbox ──> checkpoint, every second: pages + cursor in one commit

When the step's budget ends, or Airtable fails, the pages so far are stored, and the next invocation
continues from the cursor. Only the pages in flight are read again.
"""

import asyncio
import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

from landfall import logs
from landfall.airtable.fetch_cursor import (
    FetchCursor,
    TableCursor,
    opened,
    wanted,
)
from landfall.airtable.inbox import Inbox
from landfall.airtable.paging import Repeats, next_page
from landfall.airtable.protocols import BaseReader, OffsetExpiredError
from landfall.airtable.scan import BaseScan
from landfall.deadlines import CHECKPOINT, Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.runs.locks import QUIET, locking
from landfall.store.commit_size import MAX_COMMIT_BYTES
from landfall.store.documents import Create
from landfall.store.packed import Packed, packed_documents, page_path

OpenBase = Callable[[str], BaseReader]

MAX_RESTARTS = 5
"""Restarts of one table in an invocation, each because its listing expired."""


class Fetch:
    """One invocation of a fetch step."""

    def __init__(self, claim: Claim, scan: BaseScan, open_base: OpenBase) -> None:
        self._claim = claim
        self._scan = scan
        self._open_base = open_base
        self._cursor = FetchCursor.load(claim.step.cursor)
        self._inbox = Inbox()

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Read until everything is read, or until the deadline.

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
            await self._store(cursor, [])
        readers = [
            asyncio.create_task(self._read_table(reader, name, copy.copy(table), deadline))
            for name, table in cursor.tables.items()
            if not table.done
        ]
        failure = await self._collect(readers, deadline)
        if failure:
            raise failure
        return all(table.done for table in self._cursor_now.tables.values())

    @property
    def _cursor_now(self) -> FetchCursor:
        assert self._cursor is not None
        return self._cursor

    async def _collect(
        self, readers: Sequence[asyncio.Task[None]], deadline: Deadline
    ) -> BaseException | None:
        """Store the pages of the readers, until all have ended or one has failed."""
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
        if deadline.remaining() > 0 or not self._claim.progressed:
            await self._checkpoint()  # else it would end too late, and is read again
        return failure

    async def _read_table(
        self, reader: BaseReader, name: str, table: TableCursor, deadline: Deadline
    ) -> None:
        restarts, repeats = 0, Repeats(name)
        place = await self._inbox.place()
        reserve = self._claim.reserve(self._claim.engine.ladder.last_listing)
        while deadline.remaining() > reserve:
            until = deadline.sooner(self._claim.engine.ladder.item)
            try:
                page = await next_page(reader, name, table, table.offset, place, until)
            except OffsetExpiredError:
                restarts += 1
                table = replace(table, offset=None, listing=table.listing + 1, latest=[])
                if restarts > MAX_RESTARTS:
                    raise _expired(name) from None
                continue
            except StepError as error:
                if error.reason == Reason.BASE_TIMEOUT and deadline.remaining() <= 0:
                    break  # our budget ended: it is no failure of Airtable
                raise
            table.offset = page.offset
            if repeats.nothing_new(table, page):
                continue
            self._inbox.add(name, table, wanted(table, page.records), place)
            if page.offset is None:
                return
            size = page.bytes
            del page  # it takes more room than its place has
            place = await self._inbox.place(size)
        place.shrink(0)

    async def _checkpoint(self) -> None:
        if self._inbox:
            await self._store_inbox()
        if self._cursor_now.records > self._scan.limits.max_records:
            raise StepError(Reason.TOO_MANY_RECORDS, _too_many(self._scan))

    async def _store_inbox(self) -> None:
        cursor, packed = self._cursor_now.copy(), list[Packed]()
        stored = [*self._inbox.taken()]
        for one in stored:
            for piece in one.pieces:
                if packed and _bytes([*packed, piece]) > MAX_COMMIT_BYTES:
                    await self._store(cursor, packed)
                    cursor, packed = cursor.copy(), []
                packed.append(piece)
                cursor.advance(one.page, piece.records, last=piece is one.pieces[-1])
        await self._store(cursor, packed)
        for one in stored:
            one.place.shrink(0)

    async def _store(self, cursor: FetchCursor, packed: Sequence[Packed]) -> None:
        made = packed_documents(packed)
        cursor.documents += len(made)
        first = cursor.documents - len(made)
        writes = [
            Create(page_path(self._claim.run.path, number), fields)
            for number, fields in enumerate(made, first)
        ]
        run = cursor.run_fields(self._claim.progress, self._claim.run.expected_records)
        await self._claim.checkpoint(cursor, run, writes)
        self._cursor = cursor

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
