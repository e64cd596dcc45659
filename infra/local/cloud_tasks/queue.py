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

from infra.local.cloud_tasks.attempt import AttemptResult, Sender, StoredTask
from infra.local.cloud_tasks.faults import Dice
from infra.local.cloud_tasks.queue_settings import backoff, exhausted, with_defaults
from infra.local.cloud_tasks.throttle import Congestion, TokenBucket


@dataclass
class Statistics:
    """Counts over all queues since the start.

    A deliberate second delivery counts as dispatched and as succeeded or failed too, so succeeded
    can exceed created.
    """

    # Tasks accepted by CreateTask, including those lost later.
    created: int = 0
    # Calls of CreateTask refused with ALREADY_EXISTS.
    duplicates_refused: int = 0
    dispatched: int = 0
    succeeded: int = 0
    failed: int = 0
    # Tasks whose retries are exhausted; production does not report them.
    dropped: int = 0
    # Effects of `Faults.drop`, `Faults.duplicate` and `Faults.lose_create_response`.
    lost: int = 0
    redelivered: int = 0
    unanswered: int = 0
    in_flight: int = 0


@dataclass
class Shared:
    """The parts that all queues of one server share."""

    sender: Sender
    statistics: Statistics
    dice: Dice
    tombstone_seconds: float


class TaskExistsError(Exception):
    """A task with this name exists, or ended too recently."""


class LocalQueue:
    """A queue in the running event loop: a task of its own dispatches what is due until `close`."""

    def __init__(self, queue: Queue, shared: Shared) -> None:
        self.queue = with_defaults(queue)
        self._shared = shared
        self._tasks: dict[str, StoredTask] = {}
        # Name to the time at which it is free again; in order, as all have one lifetime.
        self._tombstones: dict[str, float] = {}
        # (due, tie-break, task, whether this is a second delivery)
        self._heap: list[tuple[float, int, StoredTask, bool]] = []
        self._numbers = itertools.count(1)
        limits = self.queue.rate_limits
        self._bucket = TokenBucket(limits.max_dispatches_per_second, limits.max_burst_size)
        self._congestion = Congestion()
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._dispatcher = asyncio.create_task(self._dispatch_forever())

    async def close(self) -> None:
        """Forget every task and cancel every attempt. Raises what the dispatcher has raised."""
        self._tasks.clear()
        self._heap.clear()
        tasks = [self._dispatcher, *self._running]
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    # --- methods of the API

    def add(self, task: Task) -> StoredTask:
        """Add a task. Raises `TaskExistsError`, which tells an existing task from an ended one."""
        self._check_name_is_free(task.name)
        stored = StoredTask(task, task.schedule_time.timestamp(), next(self._numbers))
        self._tasks[task.name] = stored
        self._shared.statistics.created += 1
        if self._shared.dice.hits("drop"):
            self._shared.statistics.lost += 1
            self._remove(stored)
        else:
            self._schedule(stored, stored.due)
        return stored

    def get(self, name: str) -> StoredTask | None:
        """Return the task of this name, if there is one."""
        return self._tasks.get(name)

    def listed(self, after: int) -> Iterator[StoredTask]:
        """Return the tasks in order of creation, after that number."""
        return (stored for stored in self._tasks.values() if stored.number > after)

    def delete(self, name: str) -> bool:
        """Delete a task. An attempt in flight goes on, but is not repeated."""
        stored = self._tasks.get(name)
        if stored:
            self._remove(stored)
        return stored is not None

    def pause(self) -> None:
        """Dispatch nothing until `resume`."""
        self.queue.state = Queue.State.PAUSED  # type: ignore[assignment]  # proto-plus enums look like int

    def resume(self) -> None:
        """Dispatch again."""
        self.queue.state = Queue.State.RUNNING  # type: ignore[assignment]  # as above
        self._wake.set()

    def purge(self) -> None:
        """Delete all tasks."""
        self.queue.purge_time = datetime.now(UTC)
        for stored in list(self._tasks.values()):
            self._remove(stored)
        self._heap.clear()

    def is_remembered(self, name: str) -> bool:
        """Return whether a task of this name ended too recently."""
        self._forget_old_names()
        return name in self._tombstones

    # --- names

    def _check_name_is_free(self, name: str) -> None:
        if name in self._tasks:
            problem = "Requested entity already exists"
        elif self.is_remembered(name):
            problem = (
                "The task cannot be created because a task with this name existed too recently."
            )
        else:
            return
        self._shared.statistics.duplicates_refused += 1
        raise TaskExistsError(problem)

    def _forget_old_names(self) -> None:
        now = time.time()
        while self._tombstones:
            name, free_at = next(iter(self._tombstones.items()))
            if free_at > now:
                return
            del self._tombstones[name]

    def _remove(self, stored: StoredTask) -> None:
        if stored.ended:
            return
        stored.ended = True
        del self._tasks[stored.task.name]
        self._tombstones[stored.task.name] = time.time() + self._shared.tombstone_seconds

    # --- sending

    def _schedule(self, stored: StoredTask, due: float, again: bool = False) -> None:
        due += self._shared.dice.delay()
        heapq.heappush(self._heap, (due, next(self._numbers), stored, again))
        self._wake.set()

    async def _dispatch_forever(self) -> None:
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
        """Return the seconds to the next dispatch: infinity while only an event can change it."""
        self._skip_ended()
        limit = self.queue.rate_limits.max_concurrent_dispatches
        paused = self.queue.state != Queue.State.RUNNING
        if not self._heap or paused or len(self._running) >= limit:
            return math.inf
        return max(self._heap[0][0] - time.time(), self._congestion.wait(), self._bucket.wait())

    def _skip_ended(self) -> None:
        while self._heap:
            _, _, stored, again = self._heap[0]
            if again or not stored.ended:
                return
            heapq.heappop(self._heap)

    def _launch(self) -> None:
        _, _, stored, again = heapq.heappop(self._heap)
        self._bucket.take()
        task = asyncio.create_task(self._run_attempt(stored, again))
        self._running.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _run_attempt(self, stored: StoredTask, again: bool) -> None:
        statistics, started = self._shared.statistics, time.time()
        if not again:
            stored.record_start()
        statistics.dispatched += 1
        statistics.in_flight += 1
        try:
            result = await self._shared.sender.send(stored, self.queue.name.rpartition("/")[2])
        finally:
            statistics.in_flight -= 1
        self._congestion.record(result, started)
        if result.succeeded:
            self._record_success(stored, again)
        else:
            self._record_failure(stored, result, again)

    def _record_success(self, stored: StoredTask, again: bool) -> None:
        self._shared.statistics.succeeded += 1
        self._remove(stored)
        if not again and self._shared.dice.hits("duplicate"):
            self._shared.statistics.redelivered += 1
            self._schedule(stored, time.time(), again=True)

    def _record_failure(self, stored: StoredTask, result: AttemptResult, again: bool) -> None:
        self._shared.statistics.failed += 1
        if again or stored.ended:
            return
        stored.record_failure(result)
        config = self.queue.retry_config
        if exhausted(config, stored.attempts, result.at - stored.first_attempt):
            self._shared.statistics.dropped += 1
            self._remove(stored)
        else:
            stored.due = result.at + backoff(config, stored.attempts)
            self._schedule(stored, stored.due)
