"""An invocation of a worker: however its work ends, that is recorded, and in time."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.integrity.scan import IntegrityScan
from landfall.process.redaction import MAX_MESSAGE, MAX_TRACEBACK
from landfall.reasons import BadRequestError, Reason, StepError
from landfall.runs.claim import Claim, FencedError
from landfall.runs.documents import Run, Step
from landfall.runs.kind import Again, Outcome
from landfall.runs.lifecycle import RunStatus
from landfall.runs.locks import LockedError
from landfall.runs.tasks import Task
from landfall.runs.worker import (
    Invocation,
    OutOfTimeError,
)
from landfall.store.documents import ConflictError, StoreError, Version, Write
from tests.fakes.bases import KEY
from tests.fakes.clients import Do, FakeClients, kinds_doing
from tests.fakes.cursors import At
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import work_on, work_with
from tests.fakes.world import World

SHORT = Ladder(step=0.6, item=0.5, request=0.4, connect=0.3)
LATE = 0.5
"""Seconds after its deadline by which a call must have ended."""

GOOD = {"run_id": "m-1", "step_id": "fetch", "attempt": 0}
BODIES = [
    (None, "the body must be a JSON object"),
    ([GOOD], "the body must be a JSON object"),
    ("m-1", "the body must be a JSON object"),
    ({}, "`run_id` must be the id of a run"),
    (GOOD | {"run_id": ""}, "`run_id` must be the id of a run"),
    (GOOD | {"run_id": 5}, "`run_id` must be the id of a run"),
    (GOOD | {"run_id": "m-1/steps/fetch"}, "`run_id` must be the id of a run"),
    (GOOD | {"step_id": "score"}, "`step_id` must be 'fetch' here"),
    (GOOD | {"step_id": None}, "`step_id` must be 'fetch' here"),
    (GOOD | {"attempt": "0"}, "`attempt` must be a whole number from 0"),
    (GOOD | {"attempt": -1}, "`attempt` must be a whole number from 0"),
    (GOOD | {"attempt": 1.0}, "`attempt` must be a whole number from 0"),
    (GOOD | {"attempt": True}, "`attempt` must be a whole number from 0"),
    ({"run_id": "m-1", "step_id": "fetch"}, "`attempt` must be a whole number from 0"),
]


@pytest.mark.parametrize(("body", "problem"), BODIES)
def test_a_bad_body_is_named(body, problem):
    """Whoever calls a worker by hand reads which field is wrong."""
    with pytest.raises(BadRequestError, match="must") as caught:
        Invocation.parse(body, "fetch")
    assert str(caught.value) == problem


def test_a_task_is_understood():
    """What is enqueued is what is parsed; what more is in a body does not matter."""
    task = Task("m-1", "fetch", 3, 1, World().clock())
    assert Invocation.parse(task.body | {"more": 1}, "fetch") == Invocation("m-1", "fetch", 3)


async def started(world: World) -> Task:
    return await world.start(await world.save())


def raising(error: Exception) -> Do:
    async def work(_: Claim, __: IntegrityScan, ___: Deadline) -> Outcome:
        raise error

    return work


async def hanging(_: Claim, __: IntegrityScan, ___: Deadline) -> Outcome:
    """Work that does not look at its deadline."""
    await asyncio.sleep(60)
    return Outcome.FINISHED


async def test_work_is_given_its_claim_its_scan_and_its_deadline(world):
    """The run's own definition, of the version it was made from, and the step's budget."""
    task = await started(world)
    seen: list[Any] = []

    async def work(claim: Claim, scan: IntegrityScan, deadline: Deadline) -> Outcome:
        seen.extend([claim.attempt, scan, deadline.remaining()])
        return Outcome.FINISHED

    await world.save(name="another", limits={"max_records": 1})
    assert await work_on(world, task, work) == "finished"
    attempt, scan, seconds = seen
    assert (attempt, scan.name, scan.limits.max_records) == (1, "", 500_000)
    assert 0 < seconds <= LADDER.step


async def test_a_bug_ends_the_run_loudly(world, capsys):
    """Recorded on the run, logged as ERROR, and not tried again."""
    task = await started(world)
    assert await work_on(world, task, raising(KeyError("fields"))) == "internal_error"
    run = (await world.run()).data
    assert (run["status"], run["error"]["reason"]) == ("error", "internal_error")
    assert (run["error"]["step"], run["error"]["attempt"]) == ("fetch", 1)
    assert run["error"]["traceback"].endswith("KeyError: 'fields'\n")
    assert world.queue.tasks == [task]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (logged,) = [line for line in lines if line["severity"] == "ERROR"]
    assert (logged["reason"], logged["attempt"]) == ("internal_error", 1)
    assert logged["error"] == "KeyError('fields')"
    assert logged["traceback"] == run["error"]["traceback"]


async def test_a_traceback_is_short_and_without_secrets(world, capsys):
    """Neither the run, the step, nor the log holds the key; a traceback keeps its end."""
    task = await started(world)
    await work_on(world, task, raising(RuntimeError(f"{'x' * 9000} Bearer {KEY} {KEY} end")))
    run, step = await world.run(), await world.step()
    stored = f"{run.data} {step.data} {capsys.readouterr().out}"
    assert KEY not in stored
    assert len(run.data["error"]["traceback"]) == MAX_TRACEBACK
    assert run.data["error"]["traceback"].endswith("end\n")
    assert len(run.data["error"]["message"]) == MAX_MESSAGE


async def test_a_planned_error_is_redacted_too(world):
    """An answer of Airtable that quotes the key is not shown with it."""
    task = await started(world)
    error = StepError(Reason.BASE_UNAUTHORIZED, f"Airtable answered 401: bad token {KEY}")
    assert await work_on(world, task, raising(error)) == "base_unauthorized"
    assert (await world.run()).data["error"]["message"].endswith("bad token [redacted]")


@pytest.mark.parametrize(("seconds", "ended"), [(LADDER.run, True), (LADDER.run - 1, False)])
async def test_a_pause_that_outlasts_the_run_ends_it(world, seconds, ended):
    """With its reason; a shorter one is waited for."""
    task = await started(world)
    pause = StepError(Reason.BASE_UNAVAILABLE, "no requests until noon", retry_after=seconds)
    outcome = await work_on(world, task, raising(LockedError(60.0, "bases", pause)))
    assert outcome == (Reason.BASE_UNAVAILABLE if ended else Outcome.WAITING)
    run, step = (await world.run()).data, (await world.step()).data
    if ended:
        assert (run["status"], run["error"]["message"]) == ("error", "no requests until noon")
    else:
        assert (run["progress_step"], step["retries"]) == ("waiting: base_unavailable", 0)
        assert step["next_attempt_at"] == world.clock() + timedelta(seconds=60)


def going_on(*, progress: bool, waiting: bool = False) -> Do:
    async def work(claim: Claim, _: IntegrityScan, __: Deadline) -> Again:
        if progress:
            await claim.checkpoint()
        return Again(5.0, waiting=waiting, so_far="3 of 9 rows were written")

    return work


@pytest.mark.parametrize(
    ("progress", "waiting", "outcome"),
    [(True, False, "continued"), (False, True, "waiting"), (True, True, "waiting")],
)
async def test_a_step_that_gets_on_or_waits_goes_on_in_a_task_of_its_own(
    world, progress, waiting, outcome
):
    """After as many seconds as it asks for, and without end: that is no attempt of many."""
    task = await started(world)
    work = going_on(progress=progress, waiting=waiting)
    assert await work_on(world, task, work) == outcome
    again = world.queue.tasks[-1]
    assert (again.attempt, again.at) == (1, world.clock() + timedelta(seconds=5))
    assert (await world.step()).data["retries"] == 0


async def test_a_whole_budget_without_progress_is_an_error(world):
    """Else a step could go on for ever with nothing."""
    task = await started(world)
    assert await work_on(world, task, going_on(progress=False)) == "step_timeout"
    step = (await world.step()).data
    assert step["last_error"]["message"] == "no progress in a whole budget of 27 s"


@pytest.mark.parametrize(("left", "outcome"), [(33, "continued"), (32, "run_timeout")])
async def test_an_optional_step_ends_the_run_before_its_deadline_does(world, left, outcome):
    """Where another invocation would not fit; the run says how far it has come."""
    await started(world)
    for step, following in (("fetch", "score"), ("score", "write")):
        claim = await world.runs.claim("m-1", step, 0, "w")
        await claim.finish_step(following, {"verdict": "healthy"})
    world.clock.advance(LADDER.run - left)
    assert await work_on(world, world.queue.tasks[-1], going_on(progress=True)) == outcome
    run = (await world.run()).data
    message = "3 of 9 rows were written when the run's time was over; the next run continues"
    warning = {"what": "write_back", "reason": "run_timeout", "message": message}
    assert run["warnings"] == ([] if outcome == "continued" else [warning])
    assert run["status"] == ("scoring" if outcome == "continued" else "done")


async def test_a_base_that_another_run_has_is_waited_for(world):
    """As the run says; that is no attempt."""
    task = await started(world)
    assert await work_on(world, task, raising(LockedError(7.0, "bases"))) == "waiting"
    run, step = (await world.run()).data, (await world.step()).data
    assert (run["progress_step"], step["retries"]) == ("waiting_for_base", 0)
    assert step["next_attempt_at"] == world.clock() + timedelta(seconds=7)


async def test_an_error_says_when_the_next_attempt_is(world):
    """Not before what the other side asked for; then a task of its own, with the step's name."""
    task = await started(world)
    error = StepError(Reason.BASE_UNAVAILABLE, "down", retry_after=120)
    assert await work_on(world, task, raising(error)) == "base_unavailable"
    step = (await world.step()).data
    assert step["next_attempt_at"] >= world.clock() + timedelta(seconds=120)
    assert (step["status"], step["last_error"]["message"]) == ("queued", "down")
    assert world.queue.tasks[-1].at == step["next_attempt_at"]


@pytest.mark.parametrize("error", [StoreError("no answer"), ConflictError("lost 8 races")])
async def test_a_store_that_fails_is_tried_again(world, error):
    """It is nobody's bug: the step waits, and the run says for what."""
    task = await started(world)
    assert await work_on(world, task, raising(error)) == "store_unavailable"
    run, step = await world.run(), await world.step()
    assert (run.data["status"], run.data["progress_step"]) == (
        "running",
        "waiting: store_unavailable",
    )
    assert (step.data["status"], step.data["retries"]) == ("queued", 1)


async def test_what_the_store_refuses_ends_the_run(world):
    """It would refuse it for ever; the message says which document, and what of it."""
    task = await started(world)

    async def work(claim: Claim, _: Any, __: Deadline) -> Outcome:
        await claim.checkpoint(run={"counts": {"pairs": [[1, 2]]}})
        return Outcome.FINISHED

    assert await work_on(world, task, work) == "store_refused"
    run = (await world.run()).data
    assert (run["status"], run["error"]["reason"]) == ("error", "store_refused")
    assert "runs/m-1: `counts.pairs[0]` is an array in an array" in run["error"]["message"]


async def test_a_worker_without_its_step_says_so(world):
    """Fenced is neither an error of the run nor a bug."""
    task = await started(world)
    assert await work_on(world, task, raising(FencedError("over"))) == "fenced"
    assert (await world.run()).data["error"] is None


async def test_a_run_that_is_not_there_is_declined(world):
    """A task of a run that was deleted does nothing, and is not repeated."""
    task = Task("nobody", "fetch", 0, 1, world.clock())
    assert await work_on(world, task, hanging) == "declined"


async def test_a_definition_that_is_gone_ends_the_run():
    """The version a run was made from was deleted: there is nothing to go by."""
    store = MemoryStore()
    world = World(store)
    task = await started(world)
    version = (await world.run()).data["scan_version"]
    store.delete(f"scans/people/versions/{version}")
    assert await work_on(world, task, hanging) == "scan_missing"
    run = (await world.run()).data
    assert (run["status"], run["finished_at"]) == ("error", world.clock())
    assert f"has no version {version}" in run["error"]["message"]


@pytest.mark.parametrize("path", ["runs/m-1", "runs/m-1/steps/fetch"])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_run_that_is_deleted_meanwhile_is_declined(path, fails):
    """There is nothing to write to; the task is not repeated, and nothing is made anew."""
    store = MemoryStore()
    world = World(store)
    task = await started(world)

    async def work(claim: Claim, _: Any, __: Deadline) -> Outcome:
        store.delete(path)
        if fails:
            raise StepError(Reason.BASE_UNAVAILABLE, "down")
        await claim.checkpoint(run={"progress_pct": 7})
        return Outcome.FINISHED

    assert await work_on(world, task, work) == "declined"
    assert path not in store.whole()
    assert len(world.queue.tasks) == 1


class _Left:
    """Work that is left at a vendor, and what was stopped of it: a step, and its run's status."""

    def __init__(self, error: Exception | None = None) -> None:
        self.stopped: list[tuple[str, str]] = []
        self._error = error

    async def abandon(self, run: Run, step: Step, *_: Any) -> None:
        self.stopped.append((step.step_id, run.status))
        if self._error:
            raise self._error

    async def work_on(self, world: World, task: Task, do: Do) -> Outcome | Reason:
        kinds = kinds_doing(do).items()
        theirs = {name: replace(kind, on_abandoned={"fetch": self.abandon}) for name, kind in kinds}
        return await work_with(world, task, FakeClients(), theirs)


async def _leaving(claim: Claim, _: IntegrityScan, __: Deadline) -> Outcome:
    await claim.checkpoint(At(batch="b-1"))
    raise StepError(Reason.MODEL_REJECTED, "no")


async def _cancelled(world: World) -> None:
    why = {"reason": Reason.CANCELLED, "message": "by a test"}
    assert await world.runs.end("m-1", RunStatus.CANCELLED, why, "tester")


async def test_what_a_failed_run_left_at_a_vendor_is_stopped(world):
    """By the invocation that ends it, once; not where another attempt goes on with it."""
    left, task = _Left(), await started(world)

    async def retried(claim: Claim, _: IntegrityScan, __: Deadline) -> Outcome:
        await claim.checkpoint(At(batch="b-1"))
        raise StepError(Reason.MODEL_UNAVAILABLE, "down")

    assert await left.work_on(world, task, retried) == "model_unavailable"
    assert left.stopped == []
    (_, again) = world.queue.tasks
    world.clock.now = again.at
    assert await left.work_on(world, again, _leaving) == "model_rejected"
    assert left.stopped == [("fetch", "error")]


@pytest.mark.parametrize("error", [None, StepError(Reason.MODEL_UNAVAILABLE, "down")])
async def test_what_a_cancelled_run_left_at_a_vendor_is_stopped(world, error):
    """By the task that comes too late, or the worker that has lost the step."""
    left, task = _Left(error), await started(world)

    async def overtaken(claim: Claim, _: IntegrityScan, __: Deadline) -> Outcome:
        await claim.checkpoint(At(batch="b-1"))
        await _cancelled(world)
        return await _leaving(claim, _, __)

    assert await left.work_on(world, task, overtaken) == "fenced"
    assert left.stopped == [("fetch", "cancelled")]
    assert await left.work_on(world, task, hanging) == "declined"
    assert left.stopped == [("fetch", "cancelled")] * 2


async def test_nothing_is_stopped_that_is_not_there_or_goes_on(world):
    """A task that comes twice, and a run that ended before it began."""
    left, task = _Left(), await started(world)
    await world.runs.claim("m-1", "fetch", 0, "another")
    assert await left.work_on(world, task, hanging) == "declined"
    await _cancelled(world)
    assert await left.work_on(world, task, hanging) == "declined"
    assert left.stopped == []


class _Stuck(MemoryStore):
    """Takes this many commits; the ones after them hang, or fail."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.taken = 100
        self.error = error

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        self.taken -= 1
        if self.taken < 0 and self.error:
            raise self.error
        if self.taken < 0:
            await asyncio.sleep(60)
        return await super().commit(writes)


async def test_a_store_that_hangs_does_not_hold_the_invocation():
    """Not even the error can be recorded: the invocation ends, and the watchdog takes it up."""
    store = _Stuck()
    world = World(store, SHORT)
    task = await started(world)
    store.taken = 1  # the claim
    deadline = Deadline.after(SHORT.record)
    with pytest.raises(OutOfTimeError):
        await work_on(world, task, raising(KeyError("fields")))
    assert deadline.remaining() > -LATE
    assert (await world.step()).data["status"] == "running"
    store.taken = 100
    world.clock.advance(SHORT.stale)
    assert await world.runs.take_up("m-1", "fetch", "watchdog") == "retried"


async def test_work_that_hangs_is_ended():
    """Nothing that a worker does can hold its invocation beyond budget and grace."""
    world = World(ladder=SHORT)
    task = await started(world)
    deadline = Deadline.after(SHORT.record)
    with pytest.raises(OutOfTimeError, match=r"nothing recorded within 1.4 s"):
        await work_on(world, task, hanging)
    assert deadline.remaining() > -LATE


@pytest.mark.parametrize("taken", [0, 1])
async def test_a_store_that_is_down_is_the_invocations_error(taken):
    """The claim, or the end of the step, cannot be written: the queue, or the watchdog, repeats."""
    store = _Stuck(StoreError("down"))
    world = World(store)
    task = await started(world)
    store.taken = taken
    with pytest.raises(StoreError):
        await work_on(world, task, raising(KeyError("fields")))
    assert (await world.step()).data["status"] == ("running" if taken else "queued")
