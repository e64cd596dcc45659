"""An empty step from its claim to done: our guarded commits, beside two other ways.

All three on the same emulator, in alternating rounds: ours; the very same reads and writes in
read-modify-write transactions; and the minimum, two writes of a bare document.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any

from google.cloud import firestore
from google.cloud.firestore import AsyncClient

from landfall.deadlines import LADDER
from landfall.runs.lifecycle import STEP_ENDED
from landfall.runs.runs import Runs
from landfall.runs.steps import StepId
from landfall.store.documents import Create, Document, Put, Update, Version, Write
from landfall.store.firestore import FirestoreStore
from landfall.store.versioned import VersionedStore
from tests.bench.benchmark import check_same
from tests.bench.databases import database, emulator
from tests.bench.figures import COMPARED, Cell, Sample, Table, compared
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import FakeClock, FakeQueue, World


@dataclass(frozen=True)
class Size:
    """Steps of a round: `alone` one after the other, then `many` concurrently, a run each."""

    rounds: int
    alone: int
    many: int


FULL = Size(rounds=5, alone=30, many=100)
QUICK = Size(rounds=1, alone=2, many=10)

CONCURRENCY = 20

STEP: StepId = "score"
RUN_ID = "m-1"

TakeStep = Callable[[str], Awaitable[None]]
"""Takes the step of a run from its claim to done."""


class RecordingStore(MemoryStore):
    """A store in memory that records its commits."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Sequence[Write]] = []

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Make the writes, and record them."""
        self.commits.append(writes)
        return await super().commit(writes)


@dataclass(frozen=True)
class Recorded:
    """A run and its step that wait for a claim, and the two commits that follow."""

    waiting: Sequence[Document]
    commits: Sequence[Sequence[Write]]


async def measure(size: Size = FULL) -> list[Table]:
    """Measure milliseconds of a step alone, and steps a second of 20 concurrent ones."""
    recorded = await _recorded()
    async with emulator(), database() as client:
        ours, store = _guarded(client)
        ways = {
            "ours": ours,
            "transactions": _transactions(client, recorded.commits),
            "bare": _bare(client),
        }
        run_ids = _run_ids(client, recorded)
        for name, take in ways.items():  # connections, and the emulator's compiler
            taken = await run_ids(size.many)
            await _together(take, taken)
            await _check_done(client, name, taken)
        alone: dict[str, list[float]] = {name: [] for name in ways}
        together: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(size.rounds):
            for name, take in ways.items():
                alone[name].append(await _one_by_one(take, await run_ids(size.alone)))
                together[name].append(await _together(take, await run_ids(size.many)))
    steps = (size.rounds + 1) * size.many + size.rounds * size.alone
    rows = _rows("one after the other, a step", "ms", alone)
    rows += _rows(f"{CONCURRENCY} concurrent", "steps/s", together)
    notes = (
        f"Ours: {store.meter.commits / steps:g} commits, {store.meter.writes / steps:g} documents "
        f"written (run, step, an event for each move) and {store.meter.reads / steps:g} read a "
        "step, in 3 calls. Transactions: the same in 2 transactions, 6 calls. Bare: 2 documents "
        "written, 2 calls.",
    )
    return [Table("Step overhead: claim to done of an empty step", COMPARED, rows, notes)]


def _rows(name: str, unit: str, rounds: dict[str, list[float]]) -> list[list[Cell]]:
    ours, transactions, bare = (Sample(values, unit) for values in rounds.values())
    return [
        compared(name, ours, "the same in transactions", transactions),
        compared(name, ours, "floor: create and one guarded update, bare", bare),
    ]


async def _check_done(client: AsyncClient, way: str, run_ids: Sequence[str]) -> None:
    """Check that every run and step is done. Raises `MismatchError`."""
    paths = ["bare/{}"] if way == "bare" else ["runs/{}", f"runs/{{}}/steps/{STEP}"]
    references = [client.document(path.format(run_id)) for run_id in run_ids for path in paths]
    statuses = [snapshot.get("status") async for snapshot in client.get_all(references)]
    check_same(f"step_overhead, {way}", statuses, ["done"] * len(references))


async def _recorded() -> Recorded:
    store = RecordingStore()
    world = World(store)
    task = await world.start(await world.save(), RUN_ID)
    fetch = await world.runs.claim(RUN_ID, task.step_id, 0, "bench")
    await fetch.finish_step(STEP, {})
    waiting = [await world.run(RUN_ID), await world.step(STEP, RUN_ID)]
    store.commits.clear()
    await _guarded_step(world.runs, RUN_ID)
    return Recorded(waiting, list(store.commits))


async def _guarded_step(runs: Runs, run_id: str) -> None:
    claim = await runs.claim(run_id, STEP, 0, "bench")
    await claim.finish_run({})


def _guarded(client: AsyncClient) -> tuple[TakeStep, FirestoreStore]:
    store = FirestoreStore(client)
    runs = Runs(VersionedStore(store), FakeQueue(), FakeClock(), Random(1), LADDER)
    return lambda run_id: _guarded_step(runs, run_id), store


def _transactions(client: AsyncClient, commits: Sequence[Sequence[Write]]) -> TakeStep:
    @firestore.async_transactional
    async def move(transaction: Any, writes: Sequence[Write]) -> None:
        read = [client.document(write.path) for write in writes if isinstance(write, Update)]
        async for snapshot in client.get_all(read, transaction=transaction):
            if snapshot.get("status") in STEP_ENDED:
                raise RuntimeError(f"{snapshot.reference.path} has ended")
        for write in writes:
            add = transaction.create if isinstance(write, Create) else transaction.update
            add(client.document(write.path), write.data)

    async def take(run_id: str) -> None:
        for writes in commits:
            await move(client.transaction(), [_of(run_id, write) for write in writes])

    return take


def _bare(client: AsyncClient) -> TakeStep:
    async def take(run_id: str) -> None:
        document = client.document(f"bare/{run_id}")
        claimed = await document.create({"status": "running"})
        option = client.write_option(last_update_time=claimed.update_time)
        await document.update({"status": "done"}, option=option)

    return take


def _of(run_id: str, write: Write) -> Write:
    return replace(write, path=write.path.replace(RUN_ID, run_id, 1))


def _run_ids(client: AsyncClient, recorded: Recorded) -> Callable[[int], Awaitable[list[str]]]:
    """Return a function that makes runs whose step waits for a claim; it returns their ids."""
    store = FirestoreStore(client)
    numbers: Iterator[int] = count(1)

    async def make(number: int) -> list[str]:
        run_ids = [f"r-{next(numbers)}" for _ in range(number)]
        waiting = [Put(it.path, it.data) for it in recorded.waiting]
        await store.commit([_of(run_id, put) for run_id in run_ids for put in waiting])
        return run_ids

    return make


async def _one_by_one(take: TakeStep, run_ids: Sequence[str]) -> float:
    """Return milliseconds a step."""
    started = time.perf_counter()
    for run_id in run_ids:
        await take(run_id)
    return (time.perf_counter() - started) / len(run_ids) * 1000


async def _together(take: TakeStep, run_ids: Sequence[str]) -> float:
    """Return steps a second."""
    concurrency = asyncio.Semaphore(CONCURRENCY)

    async def one(run_id: str) -> None:
        async with concurrency:
            await take(run_id)

    started = time.perf_counter()
    await asyncio.gather(*(one(run_id) for run_id in run_ids))
    return len(run_ids) / (time.perf_counter() - started)
