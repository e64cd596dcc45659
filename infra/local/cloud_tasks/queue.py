"""One queue of the local Cloud Tasks: names, order, limits and retries."""

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from google.cloud.tasks_v2 import Queue, Task

from infra.local.cloud_tasks.attempt import Answer, Entry, Sender
from infra.local.cloud_tasks.faults import Dice
from infra.local.cloud_tasks.queue_settings import backoff, exhausted, with_defaults
from infra.local.cloud_tasks.throttle import Congestion, TokenBucket


@dataclass
class Statistics:
    """Counted over all queues since the start. A deliberate second delivery counts as dispatched
    and as succeeded or failed too, so succeeded can exceed created."""

    # Accepted by CreateTask, the lost ones included.
    created: int = 0
    # CreateTask refused with ALREADY_EXISTS.
    duplicates_refused: int = 0
    dispatched: int = 0
    succeeded: int = 0
    failed: int = 0
    # Retries exhausted; production says nothing about it.
    dropped: int = 0
    # By `Faults.drop`, by `Faults.duplicate` and by `Faults.lose_create_response`.
    lost: int = 0
    redelivered: int = 0
    unanswered: int = 0
    in_flight: int = 0


@dataclass
class Office:
    """What all queues of one server share."""

    sender: Sender
    statistics: Statistics
    dice: Dice
    tombstone_seconds: float


class TaskExistsError(Exception):
    """A task with this name exists, or existed too recently."""


class TaskQueue:
    """Made inside a running loop: an asyncio task of its own sends what is due until `close`."""

    def __init__(self, queue: Queue, office: Office) -> None:
        self.queue = with_defaults(queue)
        self._office = office
        self._entries: dict[str, Entry] = {}
        # Name to the second it is free again. One lifetime for all keeps them in order.
        self._tombstones: dict[str, float] = {}
        # (due, tie-break, entry, whether it was delivered before)
        self._heap: list[tuple[float, int, Entry, bool]] = []
        self._numbers = itertools.count(1)
        limits = self.queue.rate_limits
        self._bucket = TokenBucket(limits.max_dispatches_per_second, limits.max_burst_size)
        self._congestion = Congestion()
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._pump_task = asyncio.create_task(self._pump())

    async def close(self) -> None:
        self._entries.clear()
        self._heap.clear()
        tasks = [self._pump_task, *self._running]
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    # --- what the API asks for

    def add(self, task: Task) -> Entry:
        """Raises TaskExistsError; the message tells a living task from a remembered one."""
        self._refuse_known(task.name)
        entry = Entry(task, task.schedule_time.timestamp(), next(self._numbers))
        self._entries[task.name] = entry
        self._office.statistics.created += 1
        if self._office.dice.hits("drop"):
            self._office.statistics.lost += 1
            self._end(entry)
        else:
            self._schedule(entry, entry.due)
        return entry

    def get(self, name: str) -> Entry | None:
        return self._entries.get(name)

    def entries(self, after: int) -> Iterator[Entry]:
        """In order of creation, from the one after that number."""
        return (entry for entry in self._entries.values() if entry.number > after)

    def delete(self, name: str) -> bool:
        """An attempt under way goes on, but is not repeated."""
        entry = self._entries.get(name)
        if entry:
            self._end(entry)
        return entry is not None

    def pause(self) -> None:
        self.queue.state = Queue.State.PAUSED  # type: ignore[assignment]  # proto-plus enums look like int

    def resume(self) -> None:
        self.queue.state = Queue.State.RUNNING  # type: ignore[assignment]  # as above
        self._wake.set()

    def purge(self) -> None:
        self.queue.purge_time = datetime.now(UTC)
        for entry in list(self._entries.values()):
            self._end(entry)
        self._heap.clear()

    def remembers(self, name: str) -> bool:
        self._forget_old_names()
        return name in self._tombstones

    # --- names

    def _refuse_known(self, name: str) -> None:
        if name in self._entries:
            problem = "Requested entity already exists"
        elif self.remembers(name):
            problem = (
                "The task cannot be created because a task with this name existed too recently."
            )
        else:
            return
        self._office.statistics.duplicates_refused += 1
        raise TaskExistsError(problem)

    def _forget_old_names(self) -> None:
        now = time.time()
        while self._tombstones:
            name, free_at = next(iter(self._tombstones.items()))
            if free_at > now:
                return
            del self._tombstones[name]

    def _end(self, entry: Entry) -> None:
        if entry.ended:
            return
        entry.ended = True
        del self._entries[entry.task.name]
        self._tombstones[entry.task.name] = time.time() + self._office.tombstone_seconds

    # --- sending

    def _schedule(self, entry: Entry, due: float, again: bool = False) -> None:
        due += self._office.dice.delay()
        heapq.heappush(self._heap, (due, next(self._numbers), entry, again))
        self._wake.set()

    async def _pump(self) -> None:
        while True:
            self._wake.clear()
            seconds = self._seconds_to_next()
            if seconds > 0:
                await self._sleep(seconds)
            else:
                self._launch()
                await asyncio.sleep(0)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _seconds_to_next(self) -> float:
        """Infinite when only an event can change it."""
        self._skip_ended()
        limit = self.queue.rate_limits.max_concurrent_dispatches
        paused = self.queue.state != Queue.State.RUNNING
        if not self._heap or paused or len(self._running) >= limit:
            return math.inf
        return max(self._heap[0][0] - time.time(), self._congestion.wait(), self._bucket.wait())

    def _skip_ended(self) -> None:
        while self._heap:
            _, _, entry, again = self._heap[0]
            if again or not entry.ended:
                return
            heapq.heappop(self._heap)

    def _launch(self) -> None:
        _, _, entry, again = heapq.heappop(self._heap)
        self._bucket.take()
        task = asyncio.create_task(self._attempt(entry, again))
        self._running.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _attempt(self, entry: Entry, again: bool) -> None:
        statistics, sent_at = self._office.statistics, time.time()
        if not again:
            entry.started()
        statistics.dispatched += 1
        statistics.in_flight += 1
        try:
            answer = await self._office.sender.send(entry, self.queue.name.rpartition("/")[2])
        finally:
            statistics.in_flight -= 1
        self._congestion.note(answer, sent_at)
        if answer.succeeded:
            self._succeeded(entry, again)
        else:
            self._failed(entry, answer, again)

    def _succeeded(self, entry: Entry, again: bool) -> None:
        self._office.statistics.succeeded += 1
        self._end(entry)
        if not again and self._office.dice.hits("duplicate"):
            self._office.statistics.redelivered += 1
            self._schedule(entry, time.time(), again=True)

    def _failed(self, entry: Entry, answer: Answer, again: bool) -> None:
        self._office.statistics.failed += 1
        if again or entry.ended:
            return
        entry.failed(answer)
        config = self.queue.retry_config
        if exhausted(config, entry.attempts, answer.at - entry.first_attempt):
            self._office.statistics.dropped += 1
            self._end(entry)
        else:
            entry.due = answer.at + backoff(config, entry.attempts)
            self._schedule(entry, entry.due)
