"""The one writer of runs and steps.

Every move is one commit, guarded by the versions of the documents it was decided on:

    read run and steps ──> decide (a pure function of what was read) ──> commit
            ^                                                              │ somebody was faster
            └──────────────────────────────────────────────────────────────┘

A worker claims a step, which gives it the attempt's number and a lease. All that it writes
afterwards goes through its `Claim`, in commits that hold the step's document to that attempt: a
worker whose lease was taken from it, or whose run has ended, gets a `FencedError` and has
written nothing. A step that waits for a task is its own outbox: it says which task it waits for
(`attempt`, `dispatch`, `next_attempt_at`), so a task that got lost can be made again from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from landfall import logs
from landfall.deadlines import Ladder
from landfall.reasons import Reason, StepError
from landfall.runs.changes import (
    Change,
    State,
    after,
    event,
    moves_of,
    run_path,
    step_path,
    writes_of,
)
from landfall.runs.costs import AT_FIRST, metering, with_costs
from landfall.runs.lifecycle import RUN_ENDED, STEP_ENDED, RunStatus, StepStatus
from landfall.runs.plan import RunPlan
from landfall.runs.tasks import QueueError, Task, TaskQueue
from landfall.store.documents import ConflictError, Create, Document, Fields, Query, Store, Write

Clock = Callable[[], datetime]

MAX_ATTEMPTS = 10
"""Attempts in a row that got nowhere, after which a step fails."""

BACKOFF_FIRST = 2.0
BACKOFF_MOST = 300.0
"""Seconds: the delay before a retry is drawn from 0 to 2, 4, 8 ... 300 (full jitter)."""

COMMIT_TRIES = 8
"""Commits that may lose against another writer of the same run, in one call."""

FIRST_STEP = "fetch"

_RUN_STATUS_OF_STEP = {
    "fetch": RunStatus.RUNNING,
    "score": RunStatus.SCORING,
    "write": RunStatus.SCORING,
}
_PROGRESS_OF_STEP = {"fetch": "fetching", "score": "scoring", "write": "writing_back"}
_PROGRESS_OF_KIND = {"site": {"fetch": "capturing_pages", "score": "calling_model"}}
"""Where a kind of scan has words of its own for what it does."""

OPTIONAL = {"write": "write_back"}
"""Steps that a run is done without, and what a run's `warnings` call what it lacks then."""


class DeclinedError(Exception):
    """There is nothing to do here: the step was claimed before, or its run has ended."""


class FencedError(Exception):
    """This worker's attempt is over: somebody took the step from it. It has written nothing."""


class RunNotFoundError(Exception):
    """There is no such run, or no such step of it."""


def error_record(error: StepError, step: Document, traceback: str) -> Fields:
    """What is stored of an error, on the run and as a step's `last_error`."""
    return {
        "reason": error.reason,
        "message": error.message,
        "step": step.id,
        "attempt": step.data["attempt"],
        "traceback": traceback,
    }


def cut_short(run: Document, steps: Sequence[str], status: RunStatus, error: Fields) -> Fields:
    """What a run says that ends before these steps of it have: `done` where all are optional."""
    if status == RunStatus.CANCELLED or not steps or any(step not in OPTIONAL for step in steps):
        return {"status": status, "error": error}
    why = {"reason": error["reason"], "message": error["message"]}
    warnings = [{"what": OPTIONAL[step]} | why for step in steps]
    return _DONE | {"warnings": [*run.data["warnings"], *warnings]}


_DONE: Fields = {"status": RunStatus.DONE, "progress_pct": 100}


class Runs:
    """Creates runs and moves them. The clock and the randomness are arguments."""

    def __init__(
        self, store: Store, queue: TaskQueue, clock: Clock, random: Random, ladder: Ladder
    ) -> None:
        self.store = store
        self.clock = clock
        self.ladder = ladder
        self._queue = queue
        self._random = random

    # Making a run

    def creation(self, plan: RunPlan, by: str) -> list[Write]:
        """The writes that make a run and its first step, for the caller's own commit."""
        now = self.clock()
        run = plan.fields | {
            "status": RunStatus.QUEUED,
            "progress_step": "queued",
            "progress_pct": 0,
            "attempt": 0,
            "counts": dict(AT_FIRST),
            "verdict": None,
            "error": None,
            "warnings": [],
            "created_at": now,
            "started_at": None,
            "finished_at": None,
            "deadline_at": now + timedelta(seconds=plan.deadline_seconds),
            "moves": 1,
            "updated_at": now,
            "updated_by": by,
        }
        stamp = {"updated_at": now, "updated_by": by}
        first = event(plan.run_id, 1, stamp, None, None, RunStatus.QUEUED)
        return [
            Create(run_path(plan.run_id), run),
            self._new_step(plan.run_id, FIRST_STEP, now, by),
            first,
        ]

    def first_task(self, run_id: str) -> Task:
        """The task to enqueue once the writes of `creation` are committed."""
        return Task(run_id, FIRST_STEP, 0, 1, self.clock())

    def _new_step(self, run_id: str, step_id: str, now: datetime, by: str) -> Write:
        step = {
            "run_id": run_id,
            "status": StepStatus.QUEUED,
            "attempt": 0,
            "retries": 0,
            "dispatch": 1,
            "next_attempt_at": now,
            "stale_at": self._stale_at(now),
            "lease_until": None,
            "worker": None,
            "cursor": None,
            "last_error": None,
            "created_at": now,
            "started_at": None,
            "finished_at": None,
            "updated_at": now,
            "updated_by": by,
        }
        return Create(step_path(run_id, step_id), step)

    async def enqueue(self, task: Task) -> bool:
        """Send a task. When that fails the step waits, and the watchdog sends it again."""
        try:
            await self._queue.enqueue(task)
        except QueueError as error:
            logs.warning("task not enqueued", run_id=task.run_id, task=task.name, error=str(error))
            return False
        return True

    # What moves a run

    async def claim(self, run_id: str, step_id: str, attempt: int, worker: str) -> "Claim":
        """Take the step for `worker`: status running, the next attempt, a lease.

        Raises `DeclinedError` when there is nothing to do, `RunNotFoundError`.
        """

        def decide(state: State) -> Change:
            run, step = state.run.data, state.steps[step_id].data
            if run["status"] in RUN_ENDED:
                raise DeclinedError(f"the run has ended: {run['status']}")
            if step["status"] != StepStatus.QUEUED or step["attempt"] != attempt:
                raise DeclinedError(f"attempt {attempt} was claimed before")
            return self._claimed(state, step_id, worker)

        state = await self._read(run_id, [step_id])
        state = await self.commit(state, decide, worker, [step_id], worker_of=step_id)
        return Claim(self, state, step_id, worker)

    def _claimed(self, state: State, step_id: str, worker: str) -> Change:
        now = self.clock()
        run, step = state.run.data, state.steps[step_id].data
        return Change(
            run={
                "status": _RUN_STATUS_OF_STEP[step_id],
                "started_at": run["started_at"] or now,
                "progress_step": _progress_step(run["kind"], step_id),
                "progress_pct": max(run["progress_pct"], 1),
                "attempt": step["attempt"] + 1,
            },
            steps={
                step_id: {
                    "status": StepStatus.RUNNING,
                    "attempt": step["attempt"] + 1,
                    "worker": worker,
                    "started_at": step["started_at"] or now,
                    "lease_until": now + timedelta(seconds=self.ladder.lease),
                    "stale_at": self._stale_at(now),
                }
            },
        )

    async def end(self, run_id: str, status: RunStatus, error: Fields, by: str) -> bool:
        """End a run from outside, with every step of it. False when it had ended before."""

        def decide(state: State) -> Change:
            if state.run.data["status"] in RUN_ENDED:
                raise DeclinedError("the run has ended")
            live = [s.id for s in state.steps.values() if s.data["status"] not in STEP_ENDED]
            run = cut_short(state.run, live, status, _ENDED_FROM_OUTSIDE | error)
            return Change(run, {step_id: {"status": StepStatus.FAILED} for step_id in live})

        try:
            with metering():
                await self.commit(await self._read(run_id, None), decide, by, None)
        except DeclinedError:
            return False
        return True

    async def take_up(self, run_id: str, step_id: str, by: str) -> str:
        """Take up a stale step: send its task again, or take it from a worker that is gone.

        Returns what was done: "redriven", "retried", "failed", or "nothing" where the step had
        moved on.
        """

        def decide(state: State) -> Change:
            step = state.steps[step_id].data
            if not step["stale_at"] or step["stale_at"] > self.clock():
                raise DeclinedError("the step has moved")
            if step["status"] == StepStatus.QUEUED:
                return self._queued(step_id, step, at=self.clock())
            lost = StepError(
                Reason.WORKER_LOST,
                f"the worker of attempt {step['attempt']} gave no sign until its lease ran out",
            )
            return self.after_error(state, step_id, lost, "")

        try:
            with metering():
                found = await self._read(run_id, [step_id])
                taken = await self.commit(found, decide, by, [step_id])
        except (DeclinedError, RunNotFoundError):
            return "nothing"
        return await self._taken_up(found.steps[step_id], taken, step_id)

    async def _taken_up(self, before: Document, taken: State, step_id: str) -> str:
        if taken.steps[step_id].data["status"] == StepStatus.FAILED:
            return "failed"
        await self.enqueue(task_of(taken, step_id))
        return "redriven" if before.data["status"] == StepStatus.QUEUED else "retried"

    # Decisions shared by a worker and the watchdog

    def after_error(self, state: State, step_id: str, error: StepError, traceback: str) -> Change:
        """A later attempt, or the end of the run when there is none to be had."""
        step = state.steps[step_id]
        record = error_record(error, step, traceback)
        at = self.clock() + timedelta(seconds=self.delay(step.data["retries"], error.retry_after))
        tries_left = step.data["retries"] + 1 < MAX_ATTEMPTS
        if not (error.retried and tries_left and at < state.run.data["deadline_at"]):
            return Change(
                run=cut_short(state.run, [step_id], RunStatus.ERROR, record),
                steps={step_id: {"status": StepStatus.FAILED, "last_error": record}},
            )
        again = {"retries": step.data["retries"] + 1, "last_error": record}
        change = self._queued(step_id, step.data, at, again)
        return replace(change, run={"progress_step": f"waiting: {error.reason}"})

    def _queued(
        self, step_id: str, step: Fields, at: datetime, fields: Fields | None = None
    ) -> Change:
        waiting = {
            "status": StepStatus.QUEUED,
            "dispatch": step["dispatch"] + 1,
            "next_attempt_at": at,
            "stale_at": self._stale_at(at),
            "lease_until": None,
            "worker": None,
        }
        return Change(steps={step_id: waiting | (fields or {})})

    def delay(self, retries: int, at_least: float) -> float:
        """Seconds until the next attempt after so many in a row that got nowhere."""
        return at_least + self._random.uniform(0, longest_delay(retries))

    def _stale_at(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self.ladder.stale)

    # The guarded commit

    async def commit(
        self,
        state: State,
        decide: Callable[[State], Change],
        by: str,
        step_ids: Sequence[str] | None,
        worker_of: str | None = None,
    ) -> State:
        """Commit what `decide` makes of the state; when another was faster, of the new state.

        `step_ids` are the steps that are read again then; None is all of them. `worker_of` is the
        step whose worker commits. `decide` may raise to give up.

        Raises `ConflictError` after `COMMIT_TRIES` lost races, `StoreError`.
        """
        for _ in range(COMMIT_TRIES):
            change = with_costs(state, decide(state), worker_of)
            writes = writes_of(state, change, by, self.clock())
            try:
                versions = await self.store.commit(writes)
            except ConflictError:
                state = await self._read(state.run.id, step_ids)
                continue
            _log_moves(state, change, by)
            return after(state, writes, versions)
        raise ConflictError(f"{state.run.path} was written by others {COMMIT_TRIES} times in a row")

    async def _read(self, run_id: str, step_ids: Sequence[str] | None) -> State:
        paths = [step_path(run_id, step_id) for step_id in step_ids or ()]
        run, *steps = await self.store.read(run_path(run_id), *paths)
        if step_ids is None:
            # after the run: whoever makes a step in between moves the run to another version
            steps = [*await self.store.find(Query(f"{run_path(run_id)}/steps"))]
        present = [step for step in steps if step]
        if run is None or len(present) != len(steps):
            raise RunNotFoundError(f"there is no run {run_id} with steps {step_ids}")
        return State(run, {step.id: step for step in present})


def longest_delay(retries: int) -> float:
    """Seconds that may pass before the attempt after so many in a row that got nowhere."""
    return min(BACKOFF_MOST, BACKOFF_FIRST * 2.0**retries)


def _progress_step(kind: str, step_id: str) -> str:
    return _PROGRESS_OF_KIND.get(kind, {}).get(step_id, _PROGRESS_OF_STEP[step_id])


_ENDED_FROM_OUTSIDE: Fields = {"step": None, "attempt": None, "traceback": ""}


class Claim:
    """A worker's hold on one attempt of a step: the only way in which it can write."""

    def __init__(self, runs: Runs, state: State, step_id: str, worker: str) -> None:
        self._runs = runs
        self._state = state
        self.step_id = step_id
        self.worker = worker
        self.attempt: int = state.steps[step_id].data["attempt"]

    @property
    def run(self) -> Document:
        """The run as this worker last saw it."""
        return self._state.run

    @property
    def step(self) -> Document:
        """The step as this worker last saw it."""
        return self._state.steps[self.step_id]

    @property
    def lease_until(self) -> datetime:
        """When the watchdog may take the step away."""
        until: datetime = self.step.data["lease_until"]
        return until

    def has_time_after(self, seconds: float) -> bool:
        """Whether an attempt that begins in so many seconds may still end before the run must."""
        ends = self._runs.clock() + timedelta(seconds=seconds + self._runs.ladder.step)
        deadline_at: datetime = self.run.data["deadline_at"]
        return ends < deadline_at

    def is_last(self, error: StepError) -> bool:
        """Whether there may be no attempt after this one, if it ends in this error.

        A step that has something to show without what failed ends the run with that.
        """
        retries = self.step.data["retries"]
        tries_left = error.retried and retries + 1 < MAX_ATTEMPTS
        return not (tries_left and self.has_time_after(error.retry_after + longest_delay(retries)))

    async def checkpoint(
        self, cursor: Fields, run: Fields | None = None, writes: Sequence[Write] = ()
    ) -> None:
        """Keep what was done so far: the cursor, what it stands for, and the run's progress."""
        change = Change(run or {}, {self.step_id: {"cursor": cursor, "retries": 0}}, writes)
        await self._commit(lambda _: change)

    async def hand_on(
        self, delay: float = 0.0, run: Fields | None = None, step: Fields | None = None
    ) -> None:
        """End this attempt; the step goes on in a task of its own after `delay` seconds."""

        def decide(state: State) -> Change:
            at = self._runs.clock() + timedelta(seconds=delay)
            queued = self._runs._queued(self.step_id, state.steps[self.step_id].data, at, step)
            return replace(queued, run=run or {})

        await self._commit(decide)
        await self._runs.enqueue(task_of(self._state, self.step_id))

    async def fail(self, error: StepError, traceback: str) -> None:
        """End this attempt in an error: a later attempt, or the end of the run."""
        await self._commit(
            lambda state: self._runs.after_error(state, self.step_id, error, traceback)
        )
        if self.step.data["status"] == StepStatus.QUEUED:
            await self._runs.enqueue(task_of(self._state, self.step_id))

    async def finish_step(
        self, next_step: str, cursor: Fields, run: Fields, writes: Sequence[Write] = ()
    ) -> None:
        """The step is done; the run goes on with `next_step`."""
        now = self._runs.clock()
        following = self._runs._new_step(self.run.id, next_step, now, self.worker)
        step = {"status": StepStatus.DONE, "cursor": cursor}
        await self._commit(lambda _: Change(run, {self.step_id: step}, [*writes, following]))
        await self._runs.enqueue(Task(self.run.id, next_step, 0, 1, now))

    async def finish_run(self, cursor: Fields, run: Fields, writes: Sequence[Write] = ()) -> None:
        """The step is done, and the run with it."""
        step = {"status": StepStatus.DONE, "cursor": cursor}
        await self._commit(lambda _: Change(run | _DONE, {self.step_id: step}, writes))

    async def _commit(self, decide: Callable[[State], Change]) -> None:
        def fenced(state: State) -> Change:
            step = state.steps[self.step_id].data
            if step["status"] != StepStatus.RUNNING or step["attempt"] != self.attempt:
                raise FencedError(f"attempt {self.attempt} of {self.step.path} is over")
            return decide(state)

        self._state = await self._runs.commit(
            self._state, fenced, self.worker, [self.step_id], worker_of=self.step_id
        )


def task_of(state: State, step_id: str) -> Task:
    """The task that a queued step waits for."""
    step = state.steps[step_id].data
    return Task(state.run.id, step_id, step["attempt"], step["dispatch"], step["next_attempt_at"])


def _log_moves(state: State, change: Change, by: str) -> None:
    for step_id, old, new in moves_of(state, change):
        logs.info("moved", run_id=state.run.id, step_id=step_id, by=by, old=old, new=new)
