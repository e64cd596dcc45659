"""A worker's claim on one attempt of a step: the only way for a worker to write.

The number of the attempt is the fencing token of every commit through a claim: a worker that has
lost its lease, or whose run has ended, gets a `FencedError` and has written nothing. A step that
waits for a task is its own outbox: it names that task (`attempt`, `dispatch`, `next_attempt_at`),
so a lost task can be created again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from landfall.reasons import LandfallError, Reason, StepError
from landfall.runs.changes import Change, State
from landfall.runs.commit import Engine
from landfall.runs.documents import Cursor, Run, RunFields, Step, StepFields, step_path
from landfall.runs.lifecycle import StepStatus
from landfall.runs.steps import ROLES, Progress, StepId
from landfall.runs.tasks import Task
from landfall.runs.transitions import (
    DONE,
    MAX_ATTEMPTS,
    after_error,
    longest_backoff,
    new_step,
    queued,
)
from landfall.store.documents import Fields, Query, Write

PAGES_READ = 20
"""Page documents in the answer to one query; each has up to 1 MiB."""


class FencedError(LandfallError):
    """The attempt is over: somebody took the step from this worker. Nothing was written."""


@dataclass(frozen=True)
class Handover:
    """The data that a finished step left for the next one, and the time of its end."""

    fields: Fields
    finished_at: datetime


class Companion(Protocol):
    """More that every commit of a claim stores, as it is at that moment."""

    def change(self) -> Change:
        """Return fields of the run, and writes."""
        ...

    def committed(self) -> None:
        """Note that the last change is stored."""
        ...


class Claim:
    """An attempt of a step, claimed by a worker, with the `engine` that moves its run.

    `progressed` is set by a checkpoint. `rest` is the least number of seconds before another
    attempt, whatever error ends this one. `closing` are the seconds by which the
    work's deadline is before the end of the budget, where Firestore is slow. `companion` has more
    to store with every commit.
    """

    def __init__(
        self, engine: Engine, state: State, step_id: StepId, worker: str, progress: Progress
    ) -> None:
        self.engine = engine
        self._state = state
        self.step_id = step_id
        self.worker = worker
        self.progress = progress
        self.attempt = state.steps[step_id].attempt
        self.progressed = False
        self.rest = 0.0
        self.closing = 0.0
        self.companion: Companion | None = None
        self._committing = asyncio.Lock()

    @property
    def run(self) -> Run:
        """The run, as this worker last read or wrote it."""
        return self._state.run

    @property
    def step(self) -> Step:
        """The step, as this worker last read or wrote it."""
        return self._state.steps[self.step_id]

    @property
    def lease_until(self) -> datetime:
        """The moment after which the watchdog may take the step."""
        until = self.step.lease_until
        assert until is not None  # for it is claimed
        return until

    @property
    def seconds_left(self) -> float:
        """Seconds until the run's deadline."""
        return (self.run.deadline_at - self.engine.clock()).total_seconds()

    def has_time_after(self, seconds: float) -> bool:
        """Return whether an attempt that begins in so many seconds can end before the run must."""
        return seconds + self.engine.ladder.step < self.seconds_left

    def reserve(self, seconds: float) -> float:
        """Return how much of a reserve must be left of the work's time; its `closing` is one."""
        return max(0.0, seconds - self.closing)

    def is_last(self, error: StepError) -> bool:
        """Return whether this attempt may be the last, if it ends in this error.

        A step with a partial result ends the run with that instead.
        """
        retries = self.step.retries
        tries_left = error.retried and retries + 1 < MAX_ATTEMPTS
        delay = max(self.rest, error.retry_after) + longest_backoff(retries)
        return not (tries_left and self.has_time_after(delay))

    async def handover(self) -> Handover:
        """Return the handover of the step before. Raises `StepError` where it is gone.

        A run that an earlier Landfall began has none: there the cursor of that step serves.
        """
        before = ROLES[self.step_id].after
        assert before is not None
        handover = self.run.handover
        if handover and handover["step"] == before:
            return Handover(handover, handover["finished_at"])
        (found,) = await self.engine.store.read(step_path(self.run.id, before))
        step = Step.load(found) if found else None
        if step is None or step.cursor is None or step.finished_at is None:
            raise gone(f"the {before} step")
        return Handover(step.cursor, step.finished_at)

    async def first_page_at(self) -> datetime:
        """Return when the fetch step stored its first page, under the lock on the base or site.

        This orders two runs: a run may be interrupted for any time afterwards.
        """
        query = Query(f"{self.run.path}/pages", fields=("updated_at",), limit=1)
        first = await self.engine.store.find(query)
        if not first:
            return (await self.handover()).finished_at
        at: datetime = first[0].data["updated_at"]
        return at

    async def checkpoint(
        self,
        cursor: Cursor | None = None,
        run: RunFields | None = None,
        writes: Sequence[Write] = (),
    ) -> None:
        """Store the work so far: the cursor, its documents, and the run's progress.

        Without a cursor, the stored one stays.
        """
        step: StepFields = {"retries": 0}
        if cursor is not None:
            step["cursor"] = cursor.store()
        change = Change(run or {}, {self.step_id: step}, writes)
        await self._commit(lambda _: change)
        self.progressed = True

    async def store_companion(self) -> None:
        """Store what the companion has, and no progress."""
        await self._commit(lambda _: Change(steps={self.step_id: StepFields()}))

    async def continue_later(self, delay: float = 0.0, run: RunFields | None = None) -> None:
        """End this attempt; the step goes on in a task of its own after `delay` seconds."""

        def decide(state: State) -> Change:
            at = self.engine.clock() + timedelta(seconds=delay)
            change = queued(state.steps[self.step_id], at, self.engine.ladder)
            return replace(change, run=run or {})

        await self._commit(decide)
        await self.engine.enqueue(task_of(self._state, self.step_id))

    async def fail(self, error: StepError, traceback: str) -> None:
        """End this attempt in an error: schedule another attempt, or end the run."""

        def decide(state: State) -> Change:
            step = state.steps[self.step_id]
            at = self.engine.retry_at(step, max(self.rest, error.retry_after))
            return after_error(state, self.step_id, error, traceback, at, self.engine.ladder)

        await self._commit(decide)
        if self.step.status == StepStatus.QUEUED:
            await self.engine.enqueue(task_of(self._state, self.step_id))

    async def finish_step(
        self,
        next_step: StepId,
        run: RunFields,
        *,
        handover: Fields | None = None,
        cursor: Cursor | None = None,
        writes: Sequence[Write] = (),
    ) -> None:
        """End the step; the run goes on with `next_step`, which gets the handover."""
        now = self.engine.clock()
        following = new_step(self.run.id, next_step, self.worker, now, self.engine.ladder)
        left = (handover or {}) | {"step": self.step_id, "finished_at": now}
        await self._finish({**run, "handover": left}, cursor, [*writes, following])
        await self.engine.enqueue(Task(self.run.id, next_step, 0, 1, now))

    async def finish_run(
        self, run: RunFields, *, cursor: Cursor | None = None, writes: Sequence[Write] = ()
    ) -> None:
        """End the step, and the run with it."""
        await self._finish({**run, **DONE}, cursor, writes)

    async def _finish(self, run: RunFields, cursor: Cursor | None, writes: Sequence[Write]) -> None:
        step: StepFields = {"status": StepStatus.DONE}
        if cursor is not None:
            step["cursor"] = cursor.store()
        await self._commit(lambda _: Change(run, {self.step_id: step}, writes))

    async def _commit(self, decide: Callable[[State], Change]) -> None:
        def fenced(state: State) -> Change:
            step = state.steps[self.step_id]
            if step.status != StepStatus.RUNNING or step.attempt != self.attempt:
                raise FencedError(f"attempt {self.attempt} of {step.path} is over")
            change = decide(state)
            return _with(change, self.companion.change()) if self.companion else change

        async with self._committing:  # one after the other: an older companion overwrites no newer
            self._state = await self.engine.commit(
                self._state, fenced, self.worker, [self.step_id], worker_of=self.step_id
            )
            if self.companion:
                self.companion.committed()


def _with(change: Change, along: Change) -> Change:
    counts = {**change.run.get("counts", {}), **along.run.get("counts", {})}
    run: RunFields = {**change.run, **along.run, "counts": counts}
    return Change(run, change.steps, [*change.writes, *along.writes])


def task_of(state: State, step_id: StepId) -> Task:
    """Return the task that a queued step waits for."""
    step = state.steps[step_id]
    assert step.next_attempt_at is not None  # for it is queued
    return Task(state.run.id, step_id, step.attempt, step.dispatch, step.next_attempt_at)


def gone(what: str) -> StepError:
    """Return the error that ends a run whose stored data is no longer complete."""
    return StepError(
        Reason.PAGES_MISSING,
        f"the fetched data is no longer stored completely: {what} is gone; start a new run",
    )
