"""The watchdog's tick, over both stores: what does not move is taken up, what is late is ended."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from landfall.deadlines import LADDER, TICK_MISSING, Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.runs import DeclinedError
from landfall.runs.transitions import MAX_ATTEMPTS, new_step
from landfall.store.documents import Create
from landfall.store.indexes import Indexes
from landfall.ticks.marks import health
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import PAGE, Watch, Watchdog
from tests.emulator.whole import edit, everything
from tests.fakes.world import START, World


async def tick(world: World) -> Watch:
    """One tick of the watchdog."""
    return await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))


async def start_many(world: World, count: int, prefix: str = "m") -> None:
    """Runs m-0, m-1 ... of one scan."""
    scan = await world.save()
    await asyncio.gather(*(world.start(scan, f"{prefix}-{n}") for n in range(count)))


async def claim(world: World, worker: str = "w", run_id: str = "m-0") -> None:
    """Have a worker claim the fetch step, which is not heard of again."""
    attempt = (await world.step("fetch", run_id)).data["attempt"]
    await world.runs.claim(run_id, "fetch", attempt, worker)


def fields(data: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(data[name] for name in names)


class TestLostWorkers:
    """A step whose lease ran out is taken from its worker."""

    async def test_are_given_up_and_the_step_tried_again(self, world: World) -> None:
        """The step waits for a later attempt, and says why; its task is under way."""
        await start_many(world, 1)
        await claim(world)
        world.clock.advance(LADDER.stale)
        assert await tick(world) == Watch(retried=1)
        step = (await world.step("fetch", "m-0")).data
        assert fields(step, "status", "attempt", "retries", "worker") == ("queued", 1, 1, None)
        assert step["last_error"]["reason"] == "worker_lost"
        assert [(it.attempt, it.dispatch) for it in world.queue.tasks] == [(0, 1), (1, 2)]

    async def test_end_the_run_after_many_attempts(self, world: World) -> None:
        """A run whose workers all die ends in error, with that reason, not in a loop."""
        await start_many(world, 1)
        watches = []
        for _ in range(MAX_ATTEMPTS):
            world.clock.now = (await world.step("fetch", "m-0")).data["next_attempt_at"]
            await claim(world)
            world.clock.advance(LADDER.stale)
            watches.append(await tick(world))
        assert watches == [Watch(retried=1)] * (MAX_ATTEMPTS - 1) + [Watch(failed=1)]
        run = (await world.run("m-0")).data
        assert fields(run, "status", "updated_by") == ("error", "watchdog")
        assert fields(run["error"], "reason", "step", "attempt") == ("worker_lost", "fetch", 10)

    async def test_are_not_those_that_hold_a_lease(self, world: World) -> None:
        """Live work is left alone to the last second: not one document of it changes."""
        await start_many(world, 1)
        world.clock.advance(10)
        await claim(world)
        before = await everything(world.store)
        world.clock.advance(LADDER.stale - 1)
        assert await tick(world) == Watch()
        after = await everything(world.store)
        assert {path for path in after if before.get(path) != after[path]} == {"system/watchdog"}

    async def test_are_not_those_that_have_handed_on(self, world: World) -> None:
        """A step that was handed on in time has a task of its own, and time for it."""
        await start_many(world, 1)
        holder = await world.runs.claim("m-0", "fetch", 0, "w")
        world.clock.advance(LADDER.step)
        await holder.continue_later()
        world.clock.advance(LADDER.stale - 1)
        assert await tick(world) == Watch()


class TestLostTasks:
    """A step whose task nobody delivered is enqueued again, from its document."""

    async def test_are_sent_again_under_another_name(self, world: World) -> None:
        """Cloud Tasks may know the old name for an hour."""
        await start_many(world, 1)
        world.queue.tasks.clear()
        world.clock.advance(LADDER.stale)
        assert await tick(world) == Watch(redriven=1)
        (task,) = world.queue.tasks
        assert (task.run_id, task.attempt, task.dispatch) == ("m-0", 0, 2)
        await world.runs.claim(task.run_id, task.step_id, task.attempt, "w")

    async def test_get_as_long_as_the_first_one(self, world: World) -> None:
        """A step that was sent again is not stale in the next tick."""
        await start_many(world, 1)
        world.clock.advance(LADDER.stale)
        assert await tick(world) == Watch(redriven=1)
        world.clock.advance(LADDER.stale - 1)
        assert await tick(world) == Watch()

    async def test_are_not_those_that_wait_for_their_moment(self, world: World) -> None:
        """A delayed retry is not lost before its moment, nor within the time it has after it."""
        await start_many(world, 1)
        holder = await world.runs.claim("m-0", "fetch", 0, "w")
        await holder.fail(StepError(Reason.BASE_RATE_LIMITED, "429", retry_after=600), "")
        at = (await world.step("fetch", "m-0")).data["next_attempt_at"]
        for moment in (0, LADDER.stale - 1, LADDER.stale):
            world.clock.now = at + timedelta(seconds=moment)
            assert await tick(world) == Watch(redriven=int(moment == LADDER.stale))

    async def test_are_tried_again_while_the_queue_is_broken(self, world: World) -> None:
        """Until the queue takes one, or the run is over its time."""
        await start_many(world, 1)
        world.queue.broken = True
        for _ in range(3):
            world.clock.advance(LADDER.stale)
            assert await tick(world) == Watch(redriven=1)
        world.clock.now = START + timedelta(seconds=LADDER.run)
        assert await tick(world) == Watch(timed_out=1)


class TestLateRuns:
    """A run that has not ended at its deadline ends then."""

    @pytest.mark.parametrize("claimed", [False, True])
    async def test_end_timed_out_with_their_steps(self, world: World, claimed: bool) -> None:
        """Whatever it was doing: the reason says so, and its worker can write nothing more."""
        await start_many(world, 1)
        world.clock.now = START + timedelta(seconds=LADDER.run)
        if claimed:
            await claim(world)
        assert await tick(world) == Watch(timed_out=1)
        run, step = (await world.run("m-0")).data, (await world.step("fetch", "m-0")).data
        assert fields(run, "status", "finished_at") == ("timed_out", world.clock.now)
        assert run["error"]["reason"] == "run_timeout"
        was = "running (fetch)" if claimed else "queued (queued)"
        assert run["error"]["message"] == f"it was {was} at its deadline"
        assert step["status"] == "failed"
        assert await tick(world) == Watch()

    async def test_are_not_those_with_a_second_left(self, world: World) -> None:
        """A run has the time it was given."""
        await start_many(world, 1)
        world.clock.now = START + timedelta(seconds=LADDER.run - 1)
        assert (await tick(world)).timed_out == 0
        assert (await world.run("m-0")).data["status"] == "queued"

    async def test_have_the_deadline_of_their_scan(self, world: World) -> None:
        """`limits.deadline_seconds` sets it."""
        await world.start(await world.save(limits={"deadline_seconds": 120}))
        world.clock.advance(119)
        assert (await tick(world)).timed_out == 0
        world.clock.advance(1)
        assert (await tick(world)).timed_out == 1

    async def test_end_however_many_they_are(self, world: World) -> None:
        """150 in one tick, which is more than a page of its query."""
        await start_many(world, 150)
        world.clock.now = START + timedelta(seconds=LADDER.run)
        assert await tick(world) == Watch(timed_out=150)
        statuses = {(await world.run(f"m-{n}")).data["status"] for n in (0, 99, 149)}
        assert statuses == {"timed_out"}


class TestTick:
    """One tick deals with all there is, once."""

    async def test_without_time_says_what_it_left(self, world: World) -> None:
        """It looks for nothing, and the next one does."""
        await start_many(world, 1)
        world.clock.advance(LADDER.stale)
        late = await Watchdog(world.runs, "watchdog").tick(Deadline.after(0))
        assert late == Watch(left_over=True)
        assert await tick(world) == Watch(redriven=1)

    async def test_leaves_the_steps_of_late_runs_alone(self, world: World) -> None:
        """They end with their run, also where that does not succeed."""
        await start_many(world, 1)
        world.clock.advance(LADDER.run)
        assert await world.runs.take_up("m-0", "fetch", "watchdog") == "nothing"
        assert len(world.queue.tasks) == 1

    async def test_by_two_at_once_does_each_thing_once(self, world: World) -> None:
        """Late runs, lost workers and lost tasks, and two watchdogs at the same moment."""
        await start_many(world, 10, "late")
        world.clock.advance(LADDER.run - LADDER.stale)
        await start_many(world, 10, "lost")
        for n in range(0, 10, 2):
            await claim(world, run_id=f"lost-{n}")
        world.clock.advance(LADDER.stale)
        one, other = await asyncio.gather(tick(world), tick(world))
        both = {name: vars(one)[name] + vars(other)[name] for name in vars(one)}
        assert both == vars(Watch(timed_out=10, redriven=5, retried=5, left_over=False))
        moves = {(await world.run(f"late-{n}")).data["moves"] for n in range(10)}
        assert moves == {3}
        assert len(world.queue.tasks) == 20 + 10

    async def test_goes_on_past_what_it_cannot_deal_with(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A step whose run is gone, or makes no sense, is passed over; the others are not."""
        await start_many(world, 3)
        lonely = new_step("gone", "fetch", "w", START, LADDER).data | {"stale_at": START}
        await world.store.commit([Create("runs/gone/steps/fetch", lonely)])
        await edit(world.store, "runs/m-1/steps/fetch", status="odd", stale_at=START)
        world.clock.advance(LADDER.stale)
        watch = await tick(world)
        assert (watch.redriven, watch.problems) == (2, 1)
        (named,) = watch.unreadable
        assert named["path"] == "runs/m-1/steps/fetch"
        assert named["why"] in capsys.readouterr().out

    async def test_is_not_blocked_by_steps_without_a_run(self, world: World) -> None:
        """A page full of them, older than all others, hides nothing that is behind."""
        lonely = new_step("gone", "fetch", "w", START, LADDER).data | {"stale_at": START}
        ghosts = [Create(f"runs/gone/steps/fetch-{n}", lonely) for n in range(PAGE)]
        await world.store.commit(ghosts)
        await start_many(world, 1)
        world.clock.advance(LADDER.stale)
        assert (await tick(world)).redriven == 1

    async def test_leaves_a_mark(self, world: World) -> None:
        """The dead man's switch: when it last ticked, and what it did."""
        did = await tick(world)
        (mark,) = await world.store.read("system/watchdog")
        assert mark
        assert mark.data == {
            "last_tick_at": START, "did": vars(did), "updated_at": START, "updated_by": "watchdog",
            "schema_version": 1, "spent": {"firestore_reads": 5, "firestore_writes": 1},
        }  # fmt: skip

    async def test_stamps_every_write(self, world: World) -> None:
        """What the watchdog changed says so, and when."""
        await start_many(world, 2)
        await claim(world)
        before = await everything(world.store)
        world.clock.advance(LADDER.stale)
        assert await tick(world) == Watch(redriven=1, retried=1)
        held = await everything(world.store)
        changed = [it.data for path, it in held.items() if before.get(path) != it]
        stamps = {fields(data, "updated_at", "updated_by") for data in changed}
        assert stamps == {(world.clock.now, "watchdog")}

    async def test_makes_old_tasks_void(self, world: World) -> None:
        """The task that comes at last, after the step was taken up and claimed, does nothing."""
        await start_many(world, 1)
        (late,) = world.queue.tasks
        world.clock.advance(LADDER.stale)
        await tick(world)
        await claim(world)
        with pytest.raises(DeclinedError):
            await world.runs.claim(late.run_id, late.step_id, late.attempt, "late")


class TestHealth:
    """Whether both tick: what an alarm asks."""

    async def _ticks(self, world: World) -> None:
        await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
        await tick(world)

    async def test_is_good_while_both_tick(self, world: World) -> None:
        """Up to the limit; the answer says how old each tick is."""
        await self._ticks(world)
        world.clock.advance(TICK_MISSING)
        healthy, answer = await health(
            world.store, world.clock, Indexes(world.store, world.clock), world.server_clock
        )
        assert healthy
        assert fields(answer["watchdog"], "last_tick_at", "age_seconds", "ok") == (
            START, TICK_MISSING, True
        )  # fmt: skip

    @pytest.mark.parametrize("missing", ["scheduler", "watchdog"])
    async def test_is_bad_when_one_is_too_old(self, world: World, missing: str) -> None:
        """Either is enough, and is the one that the answer names."""
        await self._ticks(world)
        world.clock.advance(0.1)
        ticks = {name: START + timedelta(seconds=1) for name in ("scheduler", "watchdog")}
        for name, at in (ticks | {missing: START}).items():
            await edit(world.store, f"system/{name}", last_tick_at=at)
        world.clock.now = START + timedelta(seconds=TICK_MISSING + 1)
        healthy, answer = await health(
            world.store, world.clock, Indexes(world.store, world.clock), world.server_clock
        )
        assert (healthy, answer["status"]) == (False, "ticks missing")
        assert [name for name in ticks if not answer[name]["ok"]] == [missing]

    async def test_is_bad_before_the_first_tick(self, world: World) -> None:
        """A watchdog that never ticked is missing, not new."""
        await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
        healthy, answer = await health(
            world.store, world.clock, Indexes(world.store, world.clock), world.server_clock
        )
        assert not healthy
        assert fields(answer["watchdog"], "last_tick_at", "age_seconds", "ok") == (
            None, None, False
        )  # fmt: skip
