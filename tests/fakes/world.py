"""Landfall's use cases over fakes: a store in memory, a clock and a queue that the test moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from landfall.deadlines import LADDER, Ladder
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.registry import Registry
from landfall.runs.documents import run_path, step_path
from landfall.runs.plan import plan_run
from landfall.runs.runs import Runs
from landfall.runs.tasks import QueueError, Task
from landfall.scans.scan import Scan
from landfall.store.documents import Document, Query, Store, Version, Write
from landfall.store.server_clock import ServerClock
from landfall.store.versioned import VersionedStore
from tests.fakes.memory_store import MemoryStore

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that stands still until the test moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self.now += timedelta(seconds=seconds)


@dataclass
class FakeQueue:
    """A queue that stores its tasks; it refuses them while `broken`."""

    tasks: list[Task] = field(default_factory=list)
    broken: bool = False

    async def enqueue(self, task: Task) -> None:
        """Store the task. One with a name that was used before is success, and not stored."""
        if self.broken:
            raise QueueError("the queue is broken")
        if task.name not in {known.name for known in self.tasks}:
            self.tasks.append(task)


class TimedStore:
    """A store whose answers correct a clock, by its own that is `ahead` by so many seconds."""

    def __init__(self, store: Store, clock: ServerClock) -> None:
        self.ahead = 0.0
        self._store = store
        self._clock = clock

    async def read(self, *paths: str) -> list[Document | None]:
        """As `Store.read`."""
        self._answer()
        return await self._store.read(*paths)

    async def find(self, query: Query) -> list[Document]:
        """As `Store.find`, which corrects no clock."""
        return await self._store.find(query)

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As `Store.commit`."""
        self._answer()
        return await self._store.commit(writes)

    def _answer(self) -> None:
        now = self._clock.local()
        self._clock.correct(now, now + timedelta(seconds=self.ahead))


class World:
    """The parts of a use case. `store` may be the real one; `stored` has the raw documents.

    `clock` is that of the machine, and of the store unless `timed.ahead` says otherwise.
    """

    def __init__(self, store: Store | None = None, ladder: Ladder = LADDER) -> None:
        self.stored: Store = store or MemoryStore()
        self.clock = FakeClock()
        self.server_clock = ServerClock(self.clock)
        self.timed = TimedStore(self.stored, self.server_clock)
        self.store = VersionedStore(self.timed)
        self.queue = FakeQueue()
        self.runs = Runs(self.store, self.queue, self.server_clock, Random(1), ladder)
        self.registry = Registry(self.store, self.server_clock)

    async def save(self, **changes: Any) -> IntegrityScan:
        """Save `a_scan` with changes."""
        scan = a_scan(**changes)
        await self.registry.save(scan, "tester")
        return scan

    async def start(self, scan: Scan, run_id: str = "m-1") -> Task:
        """Start a run of a saved scan; return its first task."""
        head = await self.registry.head(scan.id)
        await self.store.commit(self.runs.creation(plan_run(run_id, head, "manual"), "tester"))
        task = self.runs.first_task(run_id)
        await self.runs.enqueue(task)
        return task

    async def run(self, run_id: str = "m-1") -> Document:
        """Return the stored run."""
        (run,) = await self.store.read(run_path(run_id))
        assert run is not None
        return run

    async def step(self, step_id: str = "fetch", run_id: str = "m-1") -> Document:
        """Return the stored step."""
        (step,) = await self.store.read(step_path(run_id, step_id))
        assert step is not None
        return step


def integrity(scan: Scan) -> IntegrityScan:
    """Return the scan, which must be of this kind."""
    assert isinstance(scan, IntegrityScan)
    return scan


def a_scan(**changes: Any) -> IntegrityScan:
    """Return a small scan: one table, one rule."""
    content: dict[str, Any] = {
        "id": "people",
        "kind": "integrity",
        "base": "appPeople00000001",
        "tables": {"People": ["Name", "Email"]},
        "rules": [
            {"id": "name", "kind": "required", "table": "People", "field": "Name"},
        ],
    }
    return IntegrityScan.model_validate(content | changes)
