"""Firestore takes seconds for each call: every step gets on, and every tick, within its time."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from unittest.mock import patch

import pytest

from landfall import logs
from landfall.airtable import send as airtable_send
from landfall.classification import scan as classification_scan
from landfall.deadlines import LADDER, TICK, Deadline
from landfall.llm import batch_submission
from landfall.runs.lifecycle import RUN_LIVE, RunStatus
from landfall.store.documents import StoreError
from landfall.ticks.watchdog import Watchdog
from tests.fakes.slow_store import SlowStore
from tests.fakes.world import World
from tests.simulation.elements import BATCHED
from tests.simulation.simulator import ASKED, ROWS, Outcome, Simulation, broken_rules
from tests.simulation.test_outage import CALM
from tests.simulation.virtual_time import run as run_virtually

SLOW = 3.0
"""Seconds of a call of Firestore, which takes 0.01 to 0.1."""

SLOW_BESIDE_A_MODEL = 1.5
"""The same for steps that ask a model: a call of it has its receipt before, and its answer after.
It is in the documents (infra/docs/operate.md)."""

SEEDS = range(1, 9)
KINDS = [
    ("integrity", SLOW),
    ("site", SLOW_BESIDE_A_MODEL),
    ("classification", SLOW_BESIDE_A_MODEL),
]

TOO_SLOW = ("and its batch", "writing_back) at its deadline")
"""Faults that are none here: a run that a person ends has no time left to stop its batch at the
model's service, and five minutes may be too short to write all back. What is left is written by the
next run."""


def simulated(kind: str, seed: int, seconds: float) -> Outcome:
    """A day without faults, on which each call of Firestore takes so many seconds."""
    day = Simulation(seed, CALM, {kind: 1.0})
    day.store.seconds = seconds
    with (
        logs.silenced(),
        patch.object(airtable_send, "MAX_ROWS", ROWS),
        patch.object(batch_submission, "MAX_QUESTIONS", ASKED),
        patch.object(classification_scan, "MIN_BATCH_SECONDS", BATCHED),
    ):
        return run_virtually(day.run())


@pytest.mark.parametrize(("kind", "seconds"), KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_step_gets_on(kind, seconds, seed):
    """All runs end as they should, and no attempt is without progress."""
    outcome = simulated(kind, seed, seconds)
    assert [what for what in broken_rules(outcome) if not any(it in what for it in TOO_SLOW)] == []
    runs = outcome.store.memory.all("runs")
    assert {run.data["status"] for run in runs} <= {RunStatus.DONE, RunStatus.CANCELLED}
    steps = [step for run in runs for step in outcome.store.memory.all(f"{run.path}/steps")]
    assert max(step.data["retries"] for step in steps) <= 1


async def late_runs(number: int) -> tuple[World, SlowStore]:
    """So many runs past their deadline, and one with a step that does not move."""
    store = SlowStore()
    world = World(store)
    scan = await world.save()
    for run in range(number):
        await world.start(scan, f"late-{run:03d}")
        world.clock.advance(1)
    world.clock.advance(LADDER.run)
    await world.start(scan, "stale")
    world.clock.advance(LADDER.stale)
    return world, store


async def tick(world: World) -> float:
    """A tick of the watchdog; the seconds that it took. An error is answered, and no more."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with suppress(StoreError):
        await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    world.clock.advance(TICK)
    return loop.time() - began


def live(store: SlowStore) -> Iterator[str]:
    """The late runs that have not ended, the oldest first."""
    return (run.id for run in store.all("runs") if run.data["status"] in RUN_LIVE)


def test_the_watchdog_ends_forty_late_runs():
    """In one tick, within its time; and the step that does not move is taken up, too."""

    async def day() -> None:
        world, store = await late_runs(40)
        store.seconds = SLOW
        assert await tick(world) <= LADDER.step
        assert [*live(store)] == ["stale"]
        assert (await world.step("fetch", "stale")).data["dispatch"] == 2

    with logs.silenced():
        run_virtually(day())


@pytest.mark.parametrize("seconds", [0.02, SLOW])
def test_no_late_run_waits_for_ever(seconds):
    """More of them than a tick can end: the oldest are ended first, and no tick takes too long."""

    async def day() -> None:
        world, store = await late_runs(130)
        store.seconds = seconds
        for _ in range(4):
            before = [*live(store)]
            assert await tick(world) <= LADDER.answer
            assert {task.run_id for task in world.queue.tasks[131:]} <= {"stale"}
            ended = len(before) - len([*live(store)])
            assert ended >= min(40, len(before) - 1)
            assert [*live(store)] == before[ended:]
        assert (await world.step("fetch", "stale")).data["dispatch"] >= 2
        assert [*live(store)] == ["stale"]

    with logs.silenced():
        run_virtually(day())


@pytest.mark.parametrize("seed", range(10))
def test_four_of_five_commits_are_refused(seed):
    """Each tick ends some of the runs, and the last has ended within minutes."""

    async def day() -> None:
        world, store = await late_runs(40)
        random = Random(seed)
        store.seconds, store.refuses = SLOW, lambda: random.random() < 0.8
        left = [41]
        while left[-1] > 1 and len(left) < 30:
            assert await tick(world) <= LADDER.answer
            left.append(len([*live(store)]))
        assert left[-1] <= 1
        assert left[1] < 41
        assert left[5] < 25

    with logs.silenced():
        run_virtually(day())
