"""The outside of a simulation: a store, a queue and a base, each as treacherous as the real one."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from landfall.airtable.client import MAX_WAIT
from landfall.airtable.protocols import (
    MAX_PAGE_BYTES,
    MAX_ROWS,
    PAGE_SIZE,
    OffsetExpiredError,
    Record,
    RecordPage,
)
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.deadlines import LADDER, Deadline
from landfall.net.http import retry_after
from landfall.reasons import Reason, StepError
from landfall.runs.lifecycle import RUN_ENDED
from landfall.runs.tasks import QueueError, Task
from landfall.store.documents import Document, Fields, Query, StoreError, Version, Write
from landfall.store.metering import count_airtable_request
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import START
from tests.simulation.base import ISSUES
from tests.simulation.faults import Chaos, current
from tests.simulation.virtual_time import wall_clock

CLOCK_ERROR = timedelta(seconds=0.1)
"""By which a clock is wrong that is corrected by the store's answers: most take 0.05 s or less."""

PAGE = 4
"""Records of a simulated page: small, so that there are many."""

_WAITS = ("0.5", "86400", "inf", "1e400")
"""What Airtable asks for, by the header `Retry-After`."""

_AIRTABLE_FAULTS = (
    (Reason.BASE_UNAVAILABLE, 0.0),
    (Reason.BASE_TIMEOUT, 0.0),
    (Reason.BASE_UNREACHABLE, 0.0),
    (Reason.BASE_MALFORMED, 0.0),
    (Reason.BASE_RATE_LIMITED, 30.0),
    *((Reason.BASE_UNAVAILABLE, retry_after({"Retry-After": text}, MAX_WAIT)) for text in _WAITS),
)


class TreacherousStore:
    """The store in memory, over a network that fails, with processes that die on the way.

    Each call takes `seconds` at least.
    """

    seconds = 0.0

    def __init__(self, chaos: Chaos, check: Callable[[Write], Iterable[str]]) -> None:
        self.memory = MemoryStore()
        self.broken: list[str] = []
        self._chaos = chaos
        self._check = check

    async def read(self, *paths: str) -> list[Document | None]:
        """As `Store.read`."""
        clock = current.get().clock
        asked = clock.local()
        await self._request()
        clock.correct(asked, wall_clock())
        return await self.memory.read(*paths)

    async def find(self, query: Query) -> list[Document]:
        """As `Store.find`."""
        await self._request()
        return await self.memory.find(query)

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As `Store.commit`; now and then it happens and nobody is told."""
        clock = current.get().clock
        asked = clock.local()
        cancelled = await self._request()
        if not self.memory.would_conflict(writes):
            self.broken += [*self._late(writes), *self._impatient(writes)]
        versions = await self.memory.commit(writes)
        committed = wall_clock()
        for write in writes:
            self.broken += self._check(write)
        if cancelled:
            raise asyncio.CancelledError
        if self._chaos.strikes("ambiguous_commit"):
            raise StoreError("simulated: committed, and the answer was lost")
        await self._chaos.pass_by(0.0, 0.01)
        clock.correct(asked, committed)
        return versions

    def _late(self, writes: Sequence[Write]) -> Iterator[str]:
        """What belongs to a run that has ended is never written again."""
        for write in writes:
            if not write.path.startswith("runs/"):
                continue
            run = self.memory.get("/".join(write.path.split("/", 2)[:2]))
            if run and run.data.get("status") in RUN_ENDED:
                yield f"{write.path} was written after the end of its run"

    def _impatient(self, writes: Sequence[Write]) -> Iterator[str]:
        """Nobody takes a step from a worker within its lease, unless the run ends with it."""
        if any(write.data.get("status") in RUN_ENDED for write in writes):
            return
        for write in writes:
            step = self.memory.get(write.path)
            if step is None or not step.data.get("lease_until"):
                continue
            other = write.data.get("updated_by") != step.data["worker"]
            if other and "status" in write.data and step.data["lease_until"] > wall_clock():
                yield f"{write.path} was taken from a worker within its lease"

    async def _request(self) -> bool:
        slow = 0.0 if current.get().quiet else self.seconds
        cancelled = await self._chaos.pass_by(slow + 0.001, slow + 0.05)
        if self._chaos.strikes("store_error"):
            raise StoreError("simulated: Firestore did not answer")
        return cancelled


class TreacherousQueue:
    """Delivers at least once, mostly; late, doubled, out of order; and sometimes never."""

    def __init__(self, chaos: Chaos, deliver: Callable[[Task], Coroutine[Any, Any, bool]]) -> None:
        self._chaos = chaos
        self._deliver = deliver
        self._names: set[str] = set()
        self.broken: list[str] = []
        self.deliveries: set[asyncio.Task[Any]] = set()
        self.dispatch_seconds = LADDER.dispatch

    async def enqueue(self, task: Task) -> None:
        """As `TaskQueue.enqueue`."""
        await self._chaos.pass_by(0.001, 0.05)
        if self._chaos.strikes("refuse_task"):
            raise QueueError("simulated: Cloud Tasks did not answer")
        if task.name in self._names:
            self.broken.append(f"{task.name} was enqueued again: the queue takes no name twice")
        self._names.add(task.name)
        if not self._chaos.strikes("lose_task"):
            self._schedule(task)
        if self._chaos.strikes("refuse_task"):
            raise QueueError("simulated: created, and the answer was lost")

    def _schedule(self, task: Task) -> None:
        copies = 2 if self._chaos.strikes("duplicate_task") else 1
        for _ in range(copies):
            delay = self._chaos.random.uniform(0.0, 0.5)
            if self._chaos.strikes("late_task"):
                delay += self._chaos.random.uniform(5, 400)
            # a task of its own context: the queue is no part of the process that enqueues
            delivery = asyncio.create_task(self._dispatch(task, delay))
            self.deliveries.add(delivery)
            delivery.add_done_callback(self.deliveries.discard)

    def _gone(self, worker: asyncio.Task[bool]) -> None:
        self.deliveries.discard(worker)
        worker.exception()  # looked at, whether or not the dispatcher still waits

    async def _dispatch(self, task: Task, delay: float) -> None:
        ahead = (task.at - wall_clock()).total_seconds()
        await asyncio.sleep(max(0.0, ahead) + delay)
        for retry in range(5):
            worker = asyncio.create_task(self._deliver(task))
            self.deliveries.add(worker)  # it goes on when the dispatcher hangs up
            worker.add_done_callback(self._gone)
            done, _ = await asyncio.wait([worker], timeout=self.dispatch_seconds)
            if done and worker.exception() is None and worker.result():
                return
            await asyncio.sleep(2.0**retry)


class IssueTable:
    """What was written back, by the value that the rows are merged on; and what people wrote."""

    def __init__(self) -> None:
        self.rows: dict[str, Fields] = {}
        self.remarks: dict[str, str] = {}

    def upsert(self, merge_on: str, rows: Sequence[Fields], random: Random) -> None:
        """As Airtable does; now and then a person remarks on one of the rows."""
        for row in rows:
            self.rows.setdefault(row[merge_on], {}).update(row)
            if row[merge_on] not in self.remarks and random.random() < 0.2:
                self.remarks[row[merge_on]] = self.rows[row[merge_on]]["Remark"] = "looked at it"

    def lost_remarks(self) -> list[str]:
        """What people wrote beside a finding, and is not there any more."""
        return [
            f"the remark on {key} is gone"
            for key, remark in self.remarks.items()
            if self.rows[key].get("Remark") != remark
        ]


class Quiet:
    """The moment before which no request may be sent to a base, and the requests that were."""

    def __init__(self) -> None:
        self.until = START
        self.broken: list[str] = []

    def look_at(self, memory: MemoryStore, write: Write) -> None:
        """Take the moment from a lock that is written."""
        lock = memory.get(write.path) if write.path.startswith("bases/") else None
        if lock:
            # a lock that is taken too early begins anew at its own moment
            self.until = max(self.until, lock.data["not_before"])

    def request(self) -> None:
        """Take note of a request that begins now.

        A process that was frozen sends what it was about to send, and cannot know of the pause.
        """
        if wall_clock() + CLOCK_ERROR < self.until and not current.get().frozen_until:
            self.broken.append(f"a request at {wall_clock()}, and none was allowed by {self.until}")


class TreacherousBase:
    """A `BaseReader` and `BaseWriter` over tables in memory.

    `looks` are the runs and tables of which it has said that there are no records.
    """

    def __init__(
        self,
        chaos: Chaos,
        tables: Mapping[str, Sequence[Record]],
        issues: IssueTable,
        quiet: Quiet,
        looks: set[tuple[str, str]],
    ) -> None:
        self._chaos = chaos
        self._tables = tables
        self._issues = issues
        self._quiet = quiet
        self._looks = looks

    async def schema(self, deadline: Deadline) -> Sequence[TableSchema]:
        """As `BaseReader.schema`."""
        await self._request(deadline)
        names = {name: set[str]() for name in self._tables}
        for table, records in self._tables.items():
            for record in records:
                names[table] |= set(record["fields"])
        return [
            TableSchema(f"tbl{table}", table, [FieldSchema(f"fld{n}", n) for n in sorted(fields)])
            for table, fields in names.items()
        ]

    async def page(
        self,
        table: str,
        fields: Sequence[str],
        offset: str | None,
        deadline: Deadline,
        size: int = PAGE_SIZE,
        max_bytes: int = MAX_PAGE_BYTES,
    ) -> RecordPage:
        """As `BaseReader.page`. The offset is the number of the next record."""
        await self._request(deadline)
        if offset and self._chaos.strikes("expired_offset"):
            raise OffsetExpiredError(table)
        if offset is None and self._chaos.strikes("empty_look"):
            self._looks.add((current.get().run_id, table))
            return RecordPage([], None)
        if self._chaos.strikes("empty_page"):
            return RecordPage([], offset or "0")
        start = int(offset or 0)
        assert max_bytes > 0
        if start and self._chaos.strikes("same_page"):
            start = max(0, start - min(PAGE, size))
        end = start + min(PAGE, size)
        records = [_with(record, fields) for record in self._tables[table][start:end]]
        more = end < len(self._tables[table])
        return RecordPage(records, str(end) if more else None)

    async def upsert(
        self, table: str, merge_on: str, rows: Sequence[Fields], deadline: Deadline
    ) -> None:
        """As `BaseWriter.upsert`."""
        assert table == ISSUES
        assert len(rows) <= MAX_ROWS
        await self._write(deadline, lambda: self._issues.upsert(merge_on, rows, self._chaos.random))

    async def update(self, table: str, rows: Mapping[str, Fields], deadline: Deadline) -> None:
        """As `BaseWriter.update`."""
        assert len(rows) <= MAX_ROWS
        records = {record["id"]: record for record in self._tables[table]}

        def change() -> None:
            for record_id, cells in rows.items():
                records[record_id]["fields"] |= cells

        await self._write(deadline, change)

    async def _write(self, deadline: Deadline, change: Callable[[], None]) -> None:
        """Now and then it happens and nobody is told."""
        lost: StepError | None = None
        try:
            await self._request(deadline)
        except StepError as error:
            lost = error
        if deadline.remaining() <= 0:  # it was frozen, and not on the wire
            lost = lost or StepError(Reason.BASE_TIMEOUT, "simulated: found its deadline passed")
        elif lost is None or self._chaos.random.random() < 0.5:
            change()
        if lost:
            raise lost

    async def close(self) -> None:
        """As `BaseReader.close`."""

    async def _request(self, deadline: Deadline) -> None:
        count_airtable_request()
        self._quiet.request()
        try:
            async with deadline.limit():
                await self._chaos.pass_by(0.1, 4.0)
        except TimeoutError:
            raise StepError(Reason.BASE_TIMEOUT, "simulated: too slow") from None
        if self._chaos.strikes("airtable_error"):
            reason, retry_after = self._chaos.random.choice(_AIRTABLE_FAULTS)
            raise StepError(reason, "simulated", retry_after=retry_after)


def _with(record: Record, fields: Sequence[str]) -> dict[str, Any]:
    kept = {name: value for name, value in record["fields"].items() if name in fields}
    return {"id": record["id"], "createdTime": record["createdTime"], "fields": kept}
