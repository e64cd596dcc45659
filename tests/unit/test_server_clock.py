"""The time by the store's clock, on machines whose own clocks are off."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landfall.deadlines import LADDER, Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.locks import LockedError, take_lock
from landfall.runs.runs import DeclinedError, Runs
from landfall.store.server_clock import ServerClock
from landfall.store.versioned import VersionedStore
from landfall.ticks.watchdog import Watchdog
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import START, FakeClock, TimedStore, World

OFF = [-600.0, 0.0, 600.0]
"""Seconds by which a machine's clock is ahead."""


def machine(world: World, ahead: float) -> Runs:
    """Another machine over the same store, whose clock is ahead."""

    def local():
        return world.clock() + timedelta(seconds=ahead)

    clock = ServerClock(local)
    store = TimedStore(world.stored, clock)
    store.ahead = -ahead
    return Runs(VersionedStore(store), world.queue, clock, world.runs._random, LADDER)


@given(
    off=st.floats(-1e5, 1e5),
    answers=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), min_size=1, max_size=8),
)
def test_the_error_is_less_than_the_fastest_answer_took(off, answers):
    """However slow the others were, and whichever way took longer."""
    there = FakeClock()
    clock = ServerClock(lambda: there() + timedelta(seconds=off))
    for way_there, way_back in answers:
        asked = clock.local()
        there.advance(way_there)
        answered = there()
        there.advance(way_back)
        clock.correct(asked, answered)
    error = abs((clock() - there()).total_seconds())
    assert error <= min(sum(answer) for answer in answers) + 1e-5


def test_a_clock_that_agrees_is_left_alone():
    """However long the answers take."""
    local = FakeClock()
    clock = ServerClock(local)
    for seconds in (0.0, 3.0, 14.0):
        asked = local()
        local.advance(seconds)
        clock.correct(asked, asked + timedelta(seconds=seconds / 2))
    assert clock() == local()


def test_a_clock_that_is_set_meanwhile_is_corrected_by_the_next_answer():
    """Forwards or backwards."""
    local = FakeClock()
    clock = ServerClock(local)
    for step in (600, -1200, 600):
        local.advance(step)
        clock.correct(local(), START)
        assert clock() == START


@pytest.mark.parametrize("ahead", OFF)
async def test_a_lease_is_as_long_for_others_as_for_its_worker(ahead):
    """A lease of another clock would be over at once, or in ten minutes."""
    world = World()
    task = await world.start(await world.save())
    claim = await machine(world, ahead).claim("m-1", "fetch", task.attempt, "w")
    assert (claim.lease_until - world.clock()).total_seconds() == LADDER.lease
    assert claim.seconds_left == LADDER.run


@pytest.mark.parametrize("ahead", OFF)
async def test_a_step_that_is_not_stale_is_left_to_its_worker(ahead):
    """A machine that is ahead by more than the lease does not take it."""
    world = World()
    task = await world.start(await world.save())
    await world.runs.claim("m-1", "fetch", task.attempt, "w")
    runs = machine(world, ahead)
    await runs.store.read("system/clock")
    watch = await Watchdog(runs, "watchdog").tick(Deadline.after(20))
    assert (watch.timed_out, watch.retried) == (0, 0)
    world.clock.advance(LADDER.stale)
    watch = await Watchdog(runs, "watchdog").tick(Deadline.after(20))
    assert watch.retried == 1


@pytest.mark.parametrize("ahead", OFF)
async def test_a_pause_is_as_long_for_others(ahead):
    """And a lock that is held is held."""
    world = World()
    until = world.clock() + timedelta(seconds=43)
    lock = await take_lock(world.store, world.server_clock, "app1", "m-1", "w1", until)
    runs = machine(world, ahead)
    with pytest.raises(LockedError):
        await take_lock(runs.store, runs.clock, "app1", "m-2", "w2", until)
    failure = StepError(Reason.BASE_UNAVAILABLE, "503", retry_after=120)
    await lock.leave(120.0, keep=False, failure=failure)
    world.clock.advance(119)
    later = world.clock() + timedelta(seconds=43)
    with pytest.raises(LockedError) as locked:
        await take_lock(runs.store, runs.clock, "app1", "m-2", "w2", later)
    assert locked.value.seconds == pytest.approx(1.0)
    world.clock.advance(1.5)
    await take_lock(runs.store, runs.clock, "app1", "m-2", "w2", later)


@pytest.mark.parametrize("ahead", OFF)
async def test_attempts_wait_as_long_as_they_are_told_to(ahead):
    """The task of a machine that is ahead would be delivered at once."""
    world = World()
    task = await world.start(await world.save())
    runs = machine(world, ahead)
    claim = await runs.claim("m-1", "fetch", task.attempt, "w")
    await claim.continue_later(120.0)
    at = world.clock() + timedelta(seconds=120)
    assert (await world.step()).data["next_attempt_at"] == at
    assert world.queue.tasks[-1].at == at
    with pytest.raises(DeclinedError):
        await runs.claim("m-1", "fetch", 0, "w2")


async def test_a_machine_asks_once_before_it_acts():
    """The first request of an api may write before it reads."""
    local = FakeClock()
    clock = ServerClock(lambda: local() + timedelta(minutes=10))
    memory = MemoryStore()
    store = TimedStore(memory, clock)
    store.ahead = -600
    for _ in range(3):
        await clock.begin(store)
        assert clock() == local()
    assert memory.meter.reads == 1
