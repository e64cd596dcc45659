"""The only writer of runs and steps: it creates, claims, ends and rescues them.

Every move is one commit, guarded by the versions of the documents that it was decided on (see
`commit`). A worker that claims a step gets the number of the attempt and a lease; it writes only
through this `Claim`.
"""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import replace

from landfall.reasons import LandfallError, Reason, StepError
from landfall.runs.changes import Change, State
from landfall.runs.claim import Claim, task_of
from landfall.runs.commit import Engine, RunNotFoundError
from landfall.runs.documents import Run, RunFields, Step, run_path
from landfall.runs.lifecycle import RUN_ENDED, RunStatus, StepStatus
from landfall.runs.plan import RunPlan, plan_run
from landfall.runs.repair import end_repaired
from landfall.runs.steps import FIRST_STEP, Progress, StepId
from landfall.runs.tasks import Task
from landfall.runs.transitions import after_error, claimed, created, ended, queued
from landfall.store.documents import (
    ConflictError,
    Document,
    Fields,
    UnreadableError,
    Write,
)
from landfall.store.metering import metering


class DeclinedError(LandfallError):
    """There is nothing to do: the step was claimed before, or its run has ended."""


class KeyReusedError(LandfallError):
    """The key of a request is that of an earlier request for something else."""

    status = 422
    code = "key_reused"


class Runs(Engine):
    """Creates and moves runs."""

    def creation(self, plan: RunPlan, by: str) -> list[Write]:
        """Return the writes that create a run and its first step, for the caller's own commit."""
        return created(plan, by, self.clock(), self.ladder)

    def first_task(self, run_id: str) -> Task:
        """Return the task to enqueue once the writes of `creation` are committed."""
        return Task(run_id, FIRST_STEP, 0, 1, self.clock())

    async def start(
        self,
        head: Document,
        by: str,
        trigger: str,
        more: RunFields | None = None,
        key: str | None = None,
    ) -> str:
        """Start a run of a scan, outside its schedule, with further fields; return its id.

        With the `key` of an earlier request of the same person for this scan, that run's id.
        Raises `KeyReusedError` where that request was another one.
        """
        # these ids have a prefix of their own: no slot of a schedule has such an id
        unique = f"{self.clock():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        if key is not None:
            unique = f"key-{hashlib.sha256(json.dumps([by, key]).encode()).hexdigest()[:32]}"
        run_id = f"m-{head.id}-{unique}"
        plan = plan_run(run_id, head, trigger)
        asked: RunFields = {"trigger": trigger, **(more or {})}
        plan = replace(plan, fields={**plan.fields, **asked})
        try:
            await self.store.commit(self.creation(plan, by))
        except ConflictError:
            if key is None:
                raise
            there = (await self.get(run_id)).document.data
            if any(there.get(name) != value for name, value in asked.items()):
                raise KeyReusedError(
                    f"this Idempotency-Key belongs to another request, which began run {run_id}; "
                    "send a new key"
                ) from None
        else:
            await self.enqueue(self.first_task(run_id))
        return run_id

    async def get(self, run_id: str) -> Run:
        """Read a run. Raises `RunNotFoundError`, `UnreadableError`."""
        return Run.load(await self.document(run_id))

    async def document(self, run_id: str) -> Document:
        """Read the document of a run, whatever is in it. Raises `RunNotFoundError`."""
        (found,) = await self.store.read(run_path(run_id))
        if found is None:
            raise RunNotFoundError(f"there is no run {run_id!r}")
        return found

    async def claim(
        self,
        run_id: str,
        step_id: StepId,
        attempt: int,
        worker: str,
        progress_of: Callable[[Run], Progress | None] = lambda _: None,
    ) -> Claim:
        """Claim the step for `worker`: status running, the next attempt, a lease.

        `progress_of` gives the part of the run's progress that the step covers, where its kind of
        scan is known. Raises `DeclinedError` when there is nothing to do, `RunNotFoundError`.
        """

        def progress(run: Run) -> Progress:
            return progress_of(run) or Progress(0, 99, step_id)

        def decide(state: State) -> Change:
            run, step = state.run, state.steps[step_id]
            if run.status in RUN_ENDED:
                raise DeclinedError(f"the run has ended: {run.status}")
            if step.status != StepStatus.QUEUED or step.attempt != attempt:
                raise DeclinedError(f"attempt {attempt} was claimed before")
            label = progress(run).label
            return claimed(state, step_id, worker, label, self.clock(), self.ladder)

        state = await self.read(run_id, [step_id])
        state = await self.commit(state, decide, worker, [step_id], worker_of=step_id)
        return Claim(self, state, step_id, worker, progress(state.run))

    async def end(self, run_id: str, status: RunStatus, error: Fields, by: str) -> bool:
        """End a run from outside, with all its steps; return False when it had ended before.

        Documents of it that cannot be read are repaired on the way. Raises `RunNotFoundError`.
        """

        def decide(state: State) -> Change:
            if state.run.status in RUN_ENDED:
                raise DeclinedError("the run has ended")
            return ended(state, status, error)

        try:
            with metering():
                await self.commit(await self.read(run_id, None), decide, by, None)
        except UnreadableError:
            return await end_repaired(self, run_id, status, error, by)
        except DeclinedError:
            return False
        return True

    async def take_up(self, run_id: str, step_id: StepId, by: str) -> str:
        """Take up a stale step: send its task again, or take it from a worker that is gone.

        Return what was done: "redriven", "retried", "failed", or "nothing" where the step had
        moved, or its run is past its deadline.
        """

        def decide(state: State) -> Change:
            step = state.steps[step_id]
            if not step.stale_at or step.stale_at > self.clock():
                raise DeclinedError("the step has moved")
            if state.run.deadline_at <= self.clock():
                raise DeclinedError("it ends with its run")
            if step.status == StepStatus.QUEUED:
                return queued(step, self.clock(), self.ladder)
            return after_error(state, step_id, _lost(step), "", self.retry_at(step), self.ladder)

        try:
            with metering():
                found = await self.read(run_id, [step_id])
                taken = await self.commit(found, decide, by, [step_id])
        except (DeclinedError, RunNotFoundError):
            return "nothing"
        if taken.steps[step_id].status == StepStatus.FAILED:
            return "failed"
        await self.enqueue(task_of(taken, step_id))
        return "redriven" if found.steps[step_id].status == StepStatus.QUEUED else "retried"


def _lost(step: Step) -> StepError:
    return StepError(
        Reason.WORKER_LOST,
        f"the worker of attempt {step.attempt} did not respond until its lease ran out",
    )
