"""Many at once, over the emulator: 10,000 schedules in one minute, 1,000 runs that do not move.

What is asserted is that everything is dealt with once and each tick within its budget; the times
are printed (`-s`).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from landfall.deadlines import LADDER, Deadline
from landfall.runs.plan import plan_run
from landfall.runs.runs import Runs
from landfall.runs.tasks import Task
from landfall.store.documents import Create, Query, Write
from landfall.store.firestore import FirestoreStore
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.fakes.world import START, FakeQueue, World

SCHEDULES = 10_000
OVERDUE = 500
LOST = 500
"""Runs past their deadline, and steps whose lease ran out."""

TOGETHER = 100
"""Documents of a commit that seeds."""

ABREAST = 6
"""Commits that seed side by side."""

SLACK = 5.0
"""Seconds by which a tick may pass its budget: what it had begun."""

MOST_TICKS = 12
SLOT = START + timedelta(minutes=5)

Did = dict[str, Any]
"""What a tick says that it did."""


class LongQueue(FakeQueue):
    """Takes thousands of tasks: `FakeQueue` looks through all of them for each."""

    async def enqueue(self, task: Task) -> None:
        """Keep the task, whatever its name."""
        self.tasks.append(task)


@pytest.fixture
def world(firestore_store: FirestoreStore) -> World:
    """Landfall over the emulator."""
    world = World(firestore_store)
    world.queue = LongQueue()
    world.runs = Runs(world.store, world.queue, world.clock, Random(1), LADDER)
    return world


async def commit_all(world: World, writes: Sequence[Write]) -> None:
    """Commit them, `TOGETHER` at a time, in any order."""
    places = asyncio.Semaphore(ABREAST)

    async def some(at: int) -> None:
        async with places:
            await world.store.commit(writes[at : at + TOGETHER])

    await asyncio.gather(*(some(at) for at in range(0, len(writes), TOGETHER)))


async def seed_schedules(world: World) -> None:
    """Copies of one scan with its schedule, as `Registry.save` writes them, due at `SLOT`."""
    await world.save(schedule={"cadence": {"every_minutes": 5}})
    head, schedule = await world.store.read("scans/people", "schedules/people")
    assert head is not None
    assert schedule is not None
    ids = [f"s{n:05}" for n in range(SCHEDULES - 1)]
    heads = [Create(f"scans/{it}", head.data) for it in ids]
    schedules = [Create(f"schedules/{it}", schedule.data | {"scan_id": it}) for it in ids]
    await commit_all(world, [*heads, *schedules])
    world.clock.now = SLOT


async def ticks_until_done(tick: Callable[[], Awaitable[Did]]) -> tuple[Did, list[float]]:
    """Tick until nothing is left over: what the ticks did together, and the seconds of each."""
    did: Counter[str] = Counter()
    seconds: list[float] = []
    left_over = True
    while left_over:
        assert len(seconds) < MOST_TICKS, did
        started = time.monotonic()
        left_over = (one := await tick())["left_over"]
        seconds.append(time.monotonic() - started)
        assert not one.pop("unreadable", None)
        did += Counter(one)
    del did["left_over"]
    assert max(seconds) < LADDER.step + SLACK
    return dict(did), seconds


async def test_ten_thousand_schedules_of_one_minute_are_each_claimed_once(world: World) -> None:
    """One run and one task each; a tick that runs out of time leaves the rest to the next."""
    await seed_schedules(world)

    async def tick() -> Did:
        deadline = Deadline.after(LADDER.step)
        return vars(await Scheduler(world.runs, "scheduler").tick(deadline))

    did, seconds = await ticks_until_done(tick)
    report(f"{SCHEDULES} schedules of one minute", seconds)
    assert did == {"due": SCHEDULES, "started": SCHEDULES}
    runs = await world.store.find(Query("runs", fields=("status", "schedule_id")))
    assert Counter(run.data["status"] for run in runs) == {"queued": SCHEDULES}
    assert len({run.data["schedule_id"] for run in runs}) == SCHEDULES
    assert Counter(task.run_id for task in world.queue.tasks) == Counter(run.id for run in runs)
    due = [("next_run_at", "<=", SLOT)]
    assert await world.store.find(Query("schedules", where=due, order=("next_run_at", "asc"))) == []


async def seed_stale(world: World) -> None:
    """Runs that nobody moves: `OVERDUE` past their deadline, `LOST` with a worker that is gone."""
    scan = await world.save()
    head = await world.registry.head(scan.id)
    late = [plan_run(f"late-{n:04}", head, "manual") for n in range(OVERDUE)]
    lost = [plan_run(f"lost-{n:04}", head, "manual") for n in range(LOST)]
    plans = [*(replace(plan, deadline_seconds=LADDER.stale) for plan in late), *lost]
    await commit_all(world, [w for plan in plans for w in world.runs.creation(plan, "tester")])
    places = asyncio.Semaphore(ABREAST)

    async def claim(run_id: str) -> None:
        async with places:
            await world.runs.claim(run_id, "fetch", 0, "gone")

    await asyncio.gather(*(claim(plan.run_id) for plan in lost))
    world.clock.advance(LADDER.stale)


async def test_a_thousand_stale_runs_are_dealt_with_in_two_ticks(world: World) -> None:
    """Those past their deadline have ended; the others wait for a worker, each with a task."""
    await seed_stale(world)

    async def tick() -> Did:
        deadline = Deadline.after(LADDER.step)
        return vars(await Watchdog(world.runs, "watchdog").tick(deadline))

    did, seconds = await ticks_until_done(tick)
    report(f"{OVERDUE} runs past their deadline and {LOST} steps without a worker", seconds)
    assert did == {"timed_out": OVERDUE, "retried": LOST}
    assert len(seconds) <= 2
    runs = await world.store.find(Query("runs", fields=("status",)))
    ended = {run.id for run in runs if run.data["status"] == "timed_out"}
    assert ended == {f"late-{n:04}" for n in range(OVERDUE)}
    waiting = Counter(task.run_id for task in world.queue.tasks)
    assert waiting == Counter(f"lost-{n:04}" for n in range(LOST))


def report(what: str, seconds: Sequence[float]) -> None:
    """Print what it took; pytest shows it with `-s`, or when the test fails."""
    ticks = ", ".join(f"{one:.1f}" for one in seconds)
    print(f"\n{what}: {sum(seconds):.1f} s, in ticks of {ticks} s")
