"""The decisions that move a run: from the state as read to a change. Pure.

created ──> claimed ──> (checkpoints) ──> finished, queued again, after an error, or ended
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from landfall.deadlines import Ladder
from landfall.reasons import StepError
from landfall.runs.changes import Change, State, event
from landfall.runs.costs import INITIAL_COUNTS
from landfall.runs.documents import Run, RunFields, Step, StepFields, run_path, step_path
from landfall.runs.lifecycle import STEP_ENDED, RunStatus, StepStatus
from landfall.runs.plan import RunPlan
from landfall.runs.steps import FIRST_STEP, ROLES, StepId
from landfall.store.documents import Create, Fields, Write

MAX_ATTEMPTS = 10
"""Attempts in a row without a checkpoint, after which a step fails."""

FIRST_BACKOFF = 2.0
MAX_BACKOFF = 300.0
"""Seconds: the delay before a retry is drawn from 0 to 2, 4, 8 ... 300 (full jitter)."""

DONE: RunFields = {"status": RunStatus.DONE, "progress_pct": 100}


def longest_backoff(retries: int) -> float:
    """Return the longest delay, in seconds, before the attempt after so many retries in a row."""
    return min(MAX_BACKOFF, FIRST_BACKOFF * 2.0**retries)


def created(plan: RunPlan, by: str, now: datetime, ladder: Ladder) -> list[Write]:
    """Return the writes that create a run and its first step."""
    run: RunFields = {
        **plan.fields,
        "started_by": plan.of_schedule or by,
        "status": RunStatus.QUEUED,
        "progress_step": "queued",
        "progress_pct": 0,
        "attempt": 0,
        "counts": dict(INITIAL_COUNTS),
        "verdict": None,
        "complete": None,
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
        Create(run_path(plan.run_id), {**run}),
        new_step(plan.run_id, FIRST_STEP, by, now, ladder),
        first,
    ]


def new_step(run_id: str, step_id: StepId, by: str, now: datetime, ladder: Ladder) -> Create:
    """Return the write that creates a step, which waits for its first task."""
    step: StepFields = {
        "run_id": run_id,
        "status": StepStatus.QUEUED,
        "attempt": 0,
        "retries": 0,
        "dispatch": 1,
        "next_attempt_at": now,
        "stale_at": _stale_at(now, ladder),
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
    return Create(step_path(run_id, step_id), {**step})


def claimed(
    state: State, step_id: StepId, worker: str, label: str, now: datetime, ladder: Ladder
) -> Change:
    """Give the next attempt of the step, and a lease, to a worker."""
    run, step = state.run, state.steps[step_id]
    return Change(
        run={
            "status": ROLES[step_id].run_status,
            "started_at": run.started_at or now,
            "progress_step": label,
            "progress_pct": 1,
            "attempt": step.attempt + 1,
        },
        steps={
            step_id: {
                "status": StepStatus.RUNNING,
                "attempt": step.attempt + 1,
                "worker": worker,
                "started_at": step.started_at or now,
                "lease_until": now + timedelta(seconds=ladder.lease),
                "stale_at": _stale_at(now, ladder),
            }
        },
    )


def queued(step: Step, at: datetime, ladder: Ladder, fields: StepFields | None = None) -> Change:
    """Have the step wait for a task at that time."""
    waiting: StepFields = {
        "status": StepStatus.QUEUED,
        "dispatch": step.dispatch + 1,
        "next_attempt_at": at,
        "stale_at": _stale_at(at, ladder),
        "lease_until": None,
        "worker": None,
    }
    return Change(steps={step.id: {**waiting, **(fields or {})}})


def after_error(
    state: State, step_id: StepId, error: StepError, traceback: str, at: datetime, ladder: Ladder
) -> Change:
    """Schedule another attempt at that time, or end the run where none is left."""
    step = state.steps[step_id]
    record = _error_record(error, step, traceback)
    tries_left = step.retries + 1 < MAX_ATTEMPTS
    if not (error.retried and tries_left and at < state.run.deadline_at):
        return Change(
            run=_cut_short(state.run, [step_id], RunStatus.ERROR, record),
            steps={step_id: {"status": StepStatus.FAILED, "last_error": record}},
        )
    again: StepFields = {"retries": step.retries + 1, "last_error": record}
    change = queued(step, at, ladder, again)
    return replace(change, run={"progress_step": f"waiting: {error.reason}"})


def ended(state: State, status: RunStatus, error: Fields) -> Change:
    """End a run from outside, with all its steps."""
    live = [step.id for step in state.steps.values() if step.status not in STEP_ENDED]
    run = _cut_short(state.run, live, status, _ENDED_FROM_OUTSIDE | error)
    return Change(run, {step_id: {"status": StepStatus.FAILED} for step_id in live})


_ENDED_FROM_OUTSIDE: Fields = {"step": None, "attempt": None, "traceback": ""}


def _error_record(error: StepError, step: Step, traceback: str) -> Fields:
    """Return an error as stored, in the run and as a step's `last_error`."""
    return {
        "reason": error.reason,
        "message": error.message,
        "step": step.id,
        "attempt": step.attempt,
        "traceback": traceback,
    }


def _cut_short(run: Run, steps: Sequence[str], status: RunStatus, error: Fields) -> RunFields:
    """Return the end of a run without these steps: `done` where all of them are optional."""
    lacking = [role.warning for step_id, role in ROLES.items() if step_id in steps]
    if status == RunStatus.CANCELLED or not all(lacking) or not lacking:
        return {"status": status, "error": error}
    why = {"reason": error["reason"], "message": error["message"]}
    warnings = [{"what": what} | why for what in lacking]
    return {**DONE, "warnings": [*run.warnings, *warnings]}


def _stale_at(moment: datetime, ladder: Ladder) -> datetime:
    return moment + timedelta(seconds=ladder.stale)
