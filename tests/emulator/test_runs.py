"""What moves a run, over both stores: claims, fences, retries and ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from landfall.deadlines import LADDER
from landfall.integrity.kind import KIND
from landfall.reasons import REASONS, Reason, StepError
from landfall.runs.claim import Claim, FencedError
from landfall.runs.commit import MAX_COMMIT_TRIES, RunNotFoundError
from landfall.runs.documents import Step
from landfall.runs.lifecycle import RunStatus, StepStatus
from landfall.runs.runs import DeclinedError, Runs
from landfall.runs.steps import StepId
from landfall.runs.tasks import Task
from landfall.runs.transitions import FIRST_BACKOFF, MAX_ATTEMPTS, MAX_BACKOFF
from landfall.store.documents import (
    ConflictError,
    Create,
    Document,
    Put,
    Query,
    Store,
    StoreError,
    Version,
    Write,
)
from landfall.store.versioned import VersionedStore
from tests.emulator.whole import Contended, Interrupted, edit, everything
from tests.fakes.cursors import At
from tests.fakes.world import START, World

CANCELLED = {"reason": Reason.CANCELLED, "message": "cancelled by a test"}
RETRIED = StepError(Reason.BASE_UNAVAILABLE, "Airtable answered 502")
HOPELESS = StepError(Reason.BASE_NOT_FOUND, "Airtable answered 404")
PAGE = Create("runs/m-1/pages/000007", {"records": 3})
RESULT = Put("runs/m-1/results/name-000000", {"count": 0})

Writing = Callable[[Claim], Awaitable[None]]

WRITES: dict[str, Writing] = {
    "checkpoint": lambda claim: claim.checkpoint(At(n=1), {"progress_pct": 9}, [PAGE]),
    "continue_later": lambda claim: claim.continue_later(run={"progress_step": "waiting"}),
    "fail": lambda claim: claim.fail(RETRIED, ""),
    "fail for good": lambda claim: claim.fail(HOPELESS, ""),
    "finish_step": lambda claim: claim.finish_step("score", {"progress_pct": 70}),
}


@pytest.fixture
async def started(world: World) -> World:
    """A world in which run m-1 has just been made and enqueued."""
    await world.start(await world.save())
    return world


async def claim(world: World, step_id: StepId = "fetch", worker: str = "w") -> Claim:
    """The claim by a worker that has the step's present task."""
    attempt = (await world.step(step_id)).data["attempt"]
    return await world.runs.claim("m-1", step_id, attempt, worker, lambda _: KIND.progress[step_id])


async def claim_score(world: World, worker: str = "s") -> Claim:
    """The claim of the score step, once the fetch step is done."""
    await (await claim(world)).finish_step("score", {"progress_pct": 70})
    return await claim(world, "score", worker)


async def cancel(world: World) -> bool:
    """End the run as a person does."""
    return await world.runs.end("m-1", RunStatus.CANCELLED, CANCELLED, "a person")


async def take_up(world: World) -> str:
    """What a watchdog makes of the fetch step, once nobody has moved it for long enough."""
    world.clock.advance(LADDER.stale)
    return await world.runs.take_up("m-1", "fetch", "watchdog")


def fields(data: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(data[name] for name in names)


class TestCreation:
    """A run begins queued, with its first step and its first event, in one commit."""

    async def test_makes_a_run_that_waits(self, started: World) -> None:
        """The bound on its end is known when it starts."""
        run = (await started.run()).data
        assert fields(run, "status", "progress_pct", "attempt", "moves") == ("queued", 0, 0, 1)
        assert fields(run, "started_at", "finished_at", "error", "verdict") == (None,) * 4
        assert run["deadline_at"] - run["created_at"] == timedelta(seconds=LADDER.run)

    async def test_makes_a_step_that_waits_for_its_task(self, started: World) -> None:
        """The step's document says which task it waits for, and since when that is too long."""
        step = (await started.step()).data
        assert fields(step, "status", "attempt", "retries", "dispatch") == ("queued", 0, 0, 1)
        assert step["stale_at"] == START + timedelta(seconds=LADDER.stale)
        assert started.queue.tasks == [Task("m-1", "fetch", 0, 1, START)]

    async def test_of_a_run_that_is_there_writes_nothing(self, started: World) -> None:
        """The run's id is the lock: a second creation changes nothing of the first."""
        scan = await started.save()
        before = await everything(started.store)
        with pytest.raises(ConflictError):
            await started.start(scan)
        assert await everything(started.store) == before


class TestClaim:
    """A worker takes a step by compare-and-set, and by nothing else."""

    async def test_first_says_that_the_step_is_running(self, started: World) -> None:
        """The first write has the status, when it started, how far it is, the attempt, a lease."""
        started.clock.advance(3)
        now = started.clock()
        await started.runs.claim("m-1", "fetch", 0, "w1", lambda _: KIND.progress["fetch"])
        run, step = (await started.run()).data, (await started.step()).data
        assert fields(run, "status", "started_at", "progress_step", "progress_pct", "attempt") == (
            "running", now, "fetching", 1, 1
        )  # fmt: skip
        assert fields(step, "status", "started_at", "attempt", "worker", "lease_until") == (
            "running", now, 1, "w1", now + timedelta(seconds=LADDER.lease)
        )  # fmt: skip

    async def test_of_the_score_step_makes_the_run_score(self, started: World) -> None:
        """The run's status says which kind of step is under way; `started_at` stays."""
        await claim(started)
        started.clock.advance(5)
        await claim_score(await again(started))
        run = (await started.run()).data
        assert fields(run, "status", "progress_step", "progress_pct") == ("scoring", "scoring", 70)
        assert run["started_at"] == START

    async def test_of_a_task_that_comes_twice_is_declined(self, started: World) -> None:
        """A duplicate delivery agrees, and writes nothing."""
        await started.runs.claim("m-1", "fetch", 0, "w1")
        before = await everything(started.store)
        with pytest.raises(DeclinedError, match="attempt 0 was claimed before"):
            await started.runs.claim("m-1", "fetch", 0, "w2")
        assert await everything(started.store) == before

    async def test_of_an_old_task_is_declined(self, started: World) -> None:
        """A late delivery does nothing, though the step waits: for the task of a later attempt."""
        await (await claim(started)).continue_later()
        before = await everything(started.store)
        with pytest.raises(DeclinedError):
            await started.runs.claim("m-1", "fetch", 0, "late")
        assert await everything(started.store) == before

    async def test_of_a_step_that_is_running_is_declined(self, started: World) -> None:
        """Only a step that waits can be claimed, also by a task with the right number."""
        await started.runs.claim("m-1", "fetch", 0, "w1")
        before = await everything(started.store)
        with pytest.raises(DeclinedError):
            await started.runs.claim("m-1", "fetch", 1, "w2")
        assert await everything(started.store) == before

    async def test_of_one_task_by_ten_workers_succeeds_once(self, started: World) -> None:
        """Ten deliveries at the same moment: one worker has the step, nine are declined."""
        claims = (started.runs.claim("m-1", "fetch", 0, f"w{number}") for number in range(10))
        ends = await asyncio.gather(*claims, return_exceptions=True)
        (winner,) = [end for end in ends if isinstance(end, Claim)]
        assert sum(isinstance(end, DeclinedError) for end in ends) == 9
        assert fields((await started.step()).data, "worker", "attempt") == (winner.worker, 1)

    async def test_of_what_is_not_there(self, started: World) -> None:
        """A task whose run is gone, or has no such step, is told from one that lost."""
        with pytest.raises(RunNotFoundError):
            await started.runs.claim("m-2", "fetch", 0, "w")
        with pytest.raises(RunNotFoundError):
            await started.runs.claim("m-1", "score", 0, "w")


async def again(world: World) -> World:
    """The step goes on in a task of its own."""
    assert await take_up(world) == "retried"
    return world


class TestProgress:
    """What a worker writes while it has the step."""

    async def test_checkpoint_keeps_cursor_progress_and_data_together(self, started: World) -> None:
        """One commit; the step stays claimed, and has got somewhere: its retries begin anew."""
        await edit(started.store, "runs/m-1/steps/fetch", retries=3)
        await (await claim(started)).checkpoint(At(n=1), {"progress_pct": 9}, [PAGE])
        step, (page,) = (await started.step()).data, await started.store.read(PAGE.path)
        assert fields(step, "status", "cursor", "retries") == ("running", {"n": 1}, 0)
        assert (await started.run()).data["progress_pct"] == 9
        assert page
        assert page.data["records"] == 3

    async def test_checkpoints_follow_on_without_a_read(self, started: World) -> None:
        """A commit gives the versions for the next: progress costs writes only."""
        holder = await claim(started)
        reads = started.stored.meter.reads  # type: ignore[attr-defined]  # both stores have one
        for n in range(3):
            await holder.checkpoint(At(n=n))
        assert started.stored.meter.reads == reads  # type: ignore[attr-defined]
        assert (await started.step()).data["cursor"] == {"n": 2}

    async def test_hand_on_waits_for_a_task_of_its_own(self, started: World) -> None:
        """The attempt is over; the next task has another name and its own moment."""
        await (await claim(started)).continue_later(30, run={"progress_step": "waiting_for_base"})
        at = START + timedelta(seconds=30)
        step = (await started.step()).data
        assert fields(step, "status", "attempt", "dispatch", "worker") == ("queued", 1, 2, None)
        assert fields(step, "next_attempt_at", "lease_until") == (at, None)
        assert started.queue.tasks[-1] == Task("m-1", "fetch", 1, 2, at)
        assert (await started.run()).data["progress_step"] == "waiting_for_base"

    async def test_finish_step_makes_and_enqueues_the_next(self, started: World) -> None:
        """The old step is done and the new one there in one commit; the run goes on."""
        await (await claim(started)).finish_step(
            "score", {"progress_step": "fetched"}, cursor=At(n=1)
        )
        old, new = (await started.step()).data, (await started.step("score")).data
        assert fields(old, "status", "cursor", "stale_at") == ("done", {"n": 1}, None)
        assert fields(new, "status", "attempt") == ("queued", 0)
        assert started.queue.tasks[-1] == Task("m-1", "score", 0, 1, START)
        assert fields((await started.run()).data, "status", "progress_step") == (
            "running", "fetched"
        )  # fmt: skip

    async def test_finish_run_ends_the_run_with_its_verdict(self, started: World) -> None:
        """Result, step and run end in one commit."""
        await (await claim_score(started)).finish_run({"verdict": "warning"}, writes=[RESULT])
        run, (result,) = (await started.run()).data, await started.store.read(RESULT.path)
        assert fields(run, "status", "verdict", "progress_pct", "progress_step") == (
            "done", "warning", 100, "done"
        )  # fmt: skip
        assert run["finished_at"] == (await started.step("score")).data["finished_at"] == START
        assert result

    async def test_loses_nothing_to_a_write_of_somebody_else(self, started: World) -> None:
        """Somebody else's fields stay, and the worker's are written all the same."""
        holder = await claim(started)
        await edit(started.store, "runs/m-1", note="looked at by Ann", progress_pct=3)
        await holder.checkpoint(At(n=1), {"progress_pct": 9}, [PAGE])
        await edit(started.store, "runs/m-1/steps/fetch", note="and by Ben")
        await holder.checkpoint(At(n=2))
        run, step = (await started.run()).data, (await started.step()).data
        assert fields(run, "note", "progress_pct") == ("looked at by Ann", 9)
        assert fields(step, "note", "cursor") == ("and by Ben", {"n": 2})

    @pytest.mark.parametrize("times", [MAX_COMMIT_TRIES - 1, MAX_COMMIT_TRIES])
    async def test_gives_up_after_many_lost_races(self, started: World, times: int) -> None:
        """A commit is tried a bounded number of times; then it is a `ConflictError`."""
        lost = times >= MAX_COMMIT_TRIES
        store = VersionedStore(Contended(started.stored, "runs/m-1", times))
        runs = Runs(store, started.queue, started.clock, Random(1), LADDER)
        with pytest.raises(ConflictError) if lost else contextlib.nullcontext():
            await runs.claim("m-1", "fetch", 0, "w")
        assert (await started.step()).data["status"] == ("queued" if lost else "running")


async def taken_up(world: World) -> None:
    """The watchdog took the step from its worker."""
    assert await take_up(world) == "retried"


async def claimed_again(world: World) -> None:
    """Another worker has the step by now."""
    await taken_up(world)
    await claim(world, worker="another")


async def cancelled(world: World) -> None:
    """A person ended the run."""
    assert await cancel(world)


async def finished(world: World) -> None:
    """Another worker has finished the step."""
    await taken_up(world)
    await (await claim(world, worker="another")).finish_step("score", {})


class TestFence:
    """A worker whose attempt is over can write nothing, however long it goes on."""

    @pytest.mark.parametrize("meanwhile", [taken_up, claimed_again, cancelled, finished])
    @pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
    async def test_keeps_a_zombie_out(
        self, started: World, write: Writing, meanwhile: Callable[[World], Awaitable[None]]
    ) -> None:
        """Not one document differs after its try, nor does a task go out."""
        zombie = await claim(started, worker="zombie")
        await meanwhile(started)
        before, tasks = await everything(started.store), list(started.queue.tasks)
        with pytest.raises(FencedError):
            await write(zombie)
        assert await everything(started.store) == before
        assert started.queue.tasks == tasks

    async def test_keeps_a_late_verdict_out(self, started: World) -> None:
        """Results and verdict of a worker that lost its step are not stored, nor its end."""
        zombie = await claim_score(started)
        started.clock.advance(LADDER.stale)
        assert await started.runs.take_up("m-1", "score", "watchdog") == "retried"
        before = await everything(started.store)
        with pytest.raises(FencedError):
            await zombie.finish_run({"verdict": "healthy"}, writes=[RESULT])
        assert await everything(started.store) == before

    async def test_holds_in_a_race(self, started: World) -> None:
        """Checkpoints against a cancel at the same moment: nothing is written after the end."""
        holder = await claim(started)
        ends = await asyncio.gather(
            cancel(started),
            *(holder.checkpoint(At(n=n), {"progress_pct": n}) for n in range(2, 6)),
            return_exceptions=True,
        )
        assert ends[0] is True
        assert {type(end) for end in ends[1:]} <= {type(None), FencedError, ConflictError}
        assert (await started.run()).data["status"] == "cancelled"
        assert (await started.step()).data["status"] == "failed"


async def end_done(world: World) -> None:
    await (await claim_score(world)).finish_run({"verdict": "healthy"})


async def end_error(world: World) -> None:
    await (await claim(world)).fail(HOPELESS, "")


async def end_timed_out(world: World) -> None:
    late = {"reason": Reason.RUN_TIMEOUT, "message": "late"}
    await world.runs.end("m-1", RunStatus.TIMED_OUT, late, "watchdog")


ENDS = {
    "done": end_done,
    "error": end_error,
    "timed_out": end_timed_out,
    "cancelled": cancelled,
}


class TestEnd:
    """A run ends once, with all of its steps, and never changes afterwards."""

    @pytest.mark.parametrize("status", ENDS)
    async def test_ended_is_for_good(self, started: World, status: str) -> None:
        """Whatever is tried on an ended run leaves every document as it is."""
        await ENDS[status](started)
        before = await everything(started.store)
        started.clock.advance(2 * LADDER.run)
        assert await cancel(started) is False
        assert await take_up(started) == "nothing"
        for attempt in range(3):
            with pytest.raises(DeclinedError):
                await started.runs.claim("m-1", "fetch", attempt, "late")
        assert (await started.run()).data["status"] == status
        assert await everything(started.store) == before

    @pytest.mark.parametrize("status", ENDS)
    async def test_leaves_nothing_to_be_taken_up(self, started: World, status: str) -> None:
        """Every step of an ended run has ended: no lease, nothing due, nothing stale."""
        await ENDS[status](started)
        run, held = (await started.run()).data, await everything(started.store)
        steps = [it.data for path, it in held.items() if "/steps/" in path]
        assert run["finished_at"] == START
        for step in steps:
            assert step["status"] in {StepStatus.DONE, StepStatus.FAILED}
            assert fields(step, "stale_at", "lease_until", "next_attempt_at") == (None,) * 3

    async def test_from_outside_takes_the_live_step_along(self, started: World) -> None:
        """Run and live step end in one commit; a step that was done stays done."""
        await claim_score(started)
        commits = started.stored.meter.commits  # type: ignore[attr-defined]
        assert await cancel(started) is True
        assert started.stored.meter.commits == commits + 1  # type: ignore[attr-defined]
        assert (await started.step("fetch")).data["status"] == "done"
        assert (await started.step("score")).data["status"] == "failed"
        assert (await started.run()).data["error"] == CANCELLED | {
            "step": None, "attempt": None, "traceback": ""
        }  # fmt: skip

    async def test_meets_a_step_that_is_just_being_made(self, started: World) -> None:
        """A step that is made while a cancel looks around ends with the others."""
        holder = await claim(started)
        store = VersionedStore(Interrupted(started.stored, lambda: holder.finish_step("score", {})))
        runs = Runs(store, started.queue, started.clock, Random(1), LADDER)
        assert await runs.end("m-1", RunStatus.CANCELLED, CANCELLED, "a person")
        assert (await started.step("fetch")).data["status"] == "done"
        assert (await started.step("score")).data["status"] == "failed"

    async def test_by_two_at_once_happens_once(self, started: World) -> None:
        """Of ten cancels at the same moment one ends the run; the others find it ended."""
        ends = await asyncio.gather(*(cancel(started) for _ in range(10)))
        assert sorted(ends) == [False] * 9 + [True]


class TestFail:
    """An attempt that met an error: a later attempt, or the end of the run."""

    async def test_of_a_retried_reason_waits_for_a_later_attempt(self, started: World) -> None:
        """The step says what happened and when it goes on; its task comes at that moment."""
        await (await claim(started)).fail(RETRIED, "a traceback")
        step, run = (await started.step()).data, (await started.run()).data
        assert fields(step, "status", "retries", "dispatch", "attempt") == ("queued", 1, 2, 1)
        assert START <= step["next_attempt_at"] <= START + timedelta(seconds=FIRST_BACKOFF)
        assert started.queue.tasks[-1].at == step["next_attempt_at"]
        assert fields(run, "status", "progress_step", "error") == (
            "running", "waiting: base_unavailable", None
        )  # fmt: skip

    async def test_says_what_happened_where(self, started: World) -> None:
        """The record is the same on the run and on the step."""
        await (await claim(started)).fail(HOPELESS, "a traceback")
        record = {
            "reason": "base_not_found",
            "message": "Airtable answered 404",
            "step": "fetch",
            "attempt": 1,
            "traceback": "a traceback",
        }
        assert (await started.run()).data["error"] == record
        assert (await started.step()).data["last_error"] == record

    @pytest.mark.parametrize("reason", Reason)
    async def test_follows_the_list_of_reasons(self, started: World, reason: Reason) -> None:
        """Only what the closed list says is repeated; all else ends the run at once."""
        await (await claim(started)).fail(StepError(reason, "x"), "")
        retried = REASONS[reason].retried
        assert (await started.run()).data["status"] == ("running" if retried else "error")
        assert (await started.step()).data["status"] == ("queued" if retried else "failed")
        assert len(started.queue.tasks) == (2 if retried else 1)

    async def test_ends_after_many_attempts_in_a_row(self, started: World) -> None:
        """A step that gets nowhere ends the run with the last reason, and stops being sent."""
        while (await started.run()).data["status"] in {"queued", "running"}:
            started.clock.now = (await started.step()).data["next_attempt_at"]
            await (await claim(started)).fail(RETRIED, "")
        run = (await started.run()).data
        assert run["error"]["attempt"] == MAX_ATTEMPTS == len(started.queue.tasks)
        assert fields(run, "status", "attempt") == ("error", MAX_ATTEMPTS)

    async def test_progress_gives_new_attempts(self, started: World) -> None:
        """Only attempts that got nowhere are counted: a long fetch may meet many errors."""
        for number in range(MAX_ATTEMPTS + 2):
            started.clock.now = (await started.step()).data["next_attempt_at"]
            holder = await claim(started)
            await holder.checkpoint(At(n=number))
            await holder.fail(RETRIED, "")
        assert (await started.step()).data["retries"] == 1

    async def test_never_waits_past_the_runs_deadline(self, started: World) -> None:
        """A retry that could only come too late is no retry: the run ends at once."""
        last = StepError(Reason.BASE_RATE_LIMITED, "locked", retry_after=LADDER.run)
        await (await claim(started)).fail(last, "")
        run = (await started.run()).data
        assert fields(run, "status", "finished_at") == ("error", START)
        assert run["error"]["reason"] == "base_rate_limited"

    @pytest.mark.parametrize("retries", range(MAX_ATTEMPTS - 1))
    async def test_draws_the_delay_with_full_jitter(self, started: World, retries: int) -> None:
        """From 0 to twice as long each time, and on top of what the other side asked for."""
        error = StepError(Reason.BASE_RATE_LIMITED, "locked", retry_after=30)
        await edit(started.store, "runs/m-1/steps/fetch", retries=retries)
        step = Step.load(await started.step())
        moments = [started.runs.retry_at(step, error.retry_after) for _ in range(200)]
        delays = [(at - START).total_seconds() - 30 for at in moments]
        longest = min(MAX_BACKOFF, FIRST_BACKOFF * 2**retries)
        assert 0 <= min(delays) < 0.1 * longest
        assert 0.9 * longest < max(delays) <= longest

    @pytest.mark.parametrize(
        ("retries", "left", "error", "last"),
        [
            (0, 3600, RETRIED, False),
            (0, 3600, HOPELESS, True),
            (MAX_ATTEMPTS - 2, 3600, RETRIED, False),
            (MAX_ATTEMPTS - 1, 3600, RETRIED, True),
            (0, LADDER.step, RETRIED, True),
            (MAX_ATTEMPTS - 2, MAX_BACKOFF, RETRIED, True),
            (0, 60, StepError(Reason.BASE_RATE_LIMITED, "locked", retry_after=60), True),
        ],
    )
    async def test_whoever_is_not_the_last_is_followed(
        self, started: World, retries: int, left: float, error: StepError, last: bool
    ) -> None:
        """A worker that knows itself to be the last can show what it has; the others need not."""
        await edit(started.store, "runs/m-1/steps/fetch", retries=retries)
        started.clock.advance(LADDER.run - left)
        holder = await claim(started)
        assert holder.is_last(error) is last
        await holder.fail(error, "")
        assert last or (await started.step()).data["status"] == "queued"


class TestQueue:
    """The step's document is the outbox: a task that got lost is made again from it."""

    async def test_that_is_broken_leaves_the_step_waiting(self, started: World) -> None:
        """A failed enqueue fails nothing: the step waits, and is sent again under a new name."""
        started.queue.broken = True
        await (await claim(started)).continue_later()
        started.queue.broken = False
        assert fields((await started.step()).data, "status", "dispatch") == ("queued", 2)
        assert await take_up(started) == "redriven"
        assert [(task.attempt, task.dispatch) for task in started.queue.tasks] == [(0, 1), (1, 3)]

    async def test_that_is_still_broken_is_tried_again(self, started: World) -> None:
        """Each time under another name, as Cloud Tasks may know the last one."""
        started.queue.broken = True
        for dispatch in (2, 3, 4):
            assert await take_up(started) == "redriven"
            assert (await started.step()).data["dispatch"] == dispatch

    async def test_that_was_slow_delivers_one_attempt(self, started: World) -> None:
        """The task that was given up and the one sent for it are the same attempt: one works."""
        assert await take_up(started) == "redriven"
        late, resent = started.queue.tasks
        await started.runs.claim("m-1", "fetch", resent.attempt, "w1")
        with pytest.raises(DeclinedError):
            await started.runs.claim("m-1", "fetch", late.attempt, "w2")

    async def test_take_up_leaves_alone_what_has_moved(self, started: World) -> None:
        """Before its moment nothing is stale, whoever asks."""
        started.clock.advance(LADDER.stale - 1)
        before = await everything(started.store)
        assert await started.runs.take_up("m-1", "fetch", "watchdog") == "nothing"
        assert await started.runs.take_up("m-2", "fetch", "watchdog") == "nothing"
        assert await everything(started.store) == before


async def a_life(world: World) -> AsyncIterator[str]:
    """A run with everything in it; after each write, who made it."""
    scan = await world.save()
    yield "tester"
    await world.start(scan)
    yield "tester"
    holder = await world.runs.claim("m-1", "fetch", 0, "w1")
    yield "w1"
    await holder.checkpoint(At(n=1), {"progress_pct": 9}, [PAGE])
    yield "w1"
    await holder.continue_later()
    yield "w1"
    holder = await claim(world, worker="w2")
    yield "w2"
    await holder.fail(RETRIED, "")
    yield "w2"
    await take_up(world)
    yield "watchdog"
    holder = await claim(world, worker="w3")
    yield "w3"
    await take_up(world)
    yield "watchdog"
    holder = await claim(world, worker="w4")
    yield "w4"
    await holder.finish_step("score", {})
    yield "w4"
    holder = await claim(world, "score", "w5")
    yield "w5"
    await holder.checkpoint(At(), {"progress_pct": 80}, [RESULT])
    yield "w5"
    await holder.finish_run({"verdict": "healthy"}, cursor=At(n=1))
    yield "w5"


class TestHistory:
    """Anyone can see in the console what happened, when, and by whom."""

    async def test_every_write_says_when_and_by_whom(self, world: World) -> None:
        """No document is written without `updated_at` and `updated_by`, in any operation."""
        before = await everything(world.store)
        async for writer in a_life(world):
            held = await everything(world.store)
            changed = [it.data for path, it in held.items() if before.get(path) != it]
            stamps = {fields(data, "updated_at", "updated_by") for data in changed}
            assert stamps == {(world.clock.now, writer)}
            before = held
            world.clock.advance(1)

    async def test_cancel_says_when_and_by_whom(self, started: World) -> None:
        """A person's write is stamped as a worker's is: the run, its step, and both events."""
        started.clock.advance(1)
        before = await everything(started.store)
        await cancel(started)
        held = await everything(started.store)
        changed = [it.data for path, it in held.items() if before.get(path) != it]
        assert [fields(it, "updated_at", "updated_by") for it in changed] == [
            (started.clock.now, "a person")
        ] * 4

    async def test_events_replay_to_where_everything_is(self, world: World) -> None:
        """Numbered without a gap, each move once, from where the last one led."""
        async for _ in a_life(world):
            world.clock.advance(1)
        held = await everything(world.store)
        events = {it.id: it.data for path, it in held.items() if "/events/" in path}
        assert list(events) == [f"{number:06d}" for number in range(1, len(events) + 1)]
        now: dict[str | None, Any] = {None: None, "fetch": "queued", "score": "queued"}
        for event in events.values():
            assert now[event["step"]] == event["from"] != event["to"]
            now[event["step"]] = event["to"]
        assert now == {None: "done", "fetch": "done", "score": "done"}
        assert (await world.run()).data["moves"] == len(events)


class Unanswered:
    """A store that gives no answer to a commit, which it makes, or somebody else; then it is as
    ever.
    """

    def __init__(
        self,
        store: Store,
        *,
        makes: bool,
        meanwhile: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._store = store
        self._makes = makes
        self._meanwhile = meanwhile
        self.silent = True

    async def read(self, *paths: str) -> list[Document | None]:
        """As the store."""
        return await self._store.read(*paths)

    async def find(self, query: Query) -> list[Document]:
        """As the store."""
        return await self._store.find(query)

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As the store, but nobody is told."""
        if not self.silent:
            return await self._store.commit(writes)
        self.silent = False
        if self._makes:
            await self._store.commit(writes)
        if self._meanwhile:
            await self._meanwhile()
        raise StoreError("no answer")


def over(world: World, store: Unanswered) -> Runs:
    """Return what moves the runs of a world, over another store."""
    return Runs(VersionedStore(store), world.queue, world.clock, Random(0), LADDER)


async def test_a_claim_whose_answer_is_lost_is_a_claim(started: World) -> None:
    """Its worker goes on; otherwise nobody would work until the lease is over."""
    silent = over(started, Unanswered(started.stored, makes=True))
    claimed = await silent.claim("m-1", "fetch", 0, "w")
    assert (claimed.attempt, claimed.step.worker) == (1, "w")
    await claimed.checkpoint(At(n=1))
    assert (await started.step()).data["cursor"] == {"n": 1}


async def test_a_claim_that_was_not_made_is_none(started: World) -> None:
    """The error of the store is the worker's, and the task is delivered again."""
    before = await everything(started.store)
    with pytest.raises(StoreError, match="no answer"):
        await over(started, Unanswered(started.stored, makes=False)).claim("m-1", "fetch", 0, "w")
    assert await everything(started.store) == before


async def test_another_claim_is_not_taken_for_ones_own(started: World) -> None:
    """Of two workers in the same moment, one of which is not answered, the other has the step."""
    others = Unanswered(
        started.stored, makes=False, meanwhile=lambda: claim(started, worker="other")
    )
    with pytest.raises(StoreError, match="no answer"):
        await over(started, others).claim("m-1", "fetch", 0, "w")
    assert (await started.step()).data["worker"] == "other"


@pytest.mark.parametrize("name", WRITES)
async def test_what_a_worker_writes_without_an_answer_is_written(started: World, name: str) -> None:
    """It goes on from there, with the tasks that follow, and nothing is written twice."""
    mine = await claim(started)
    mine.engine = over(started, Unanswered(started.stored, makes=True))
    sent = len(started.queue.tasks)
    await WRITES[name](mine)
    waits = (await started.step()).data["status"] == StepStatus.QUEUED
    follows = waits or name == "finish_step"
    assert len(started.queue.tasks) == sent + follows
    events = await started.store.find(Query("runs/m-1/events"))
    assert len(events) == (await started.run()).data["moves"]
