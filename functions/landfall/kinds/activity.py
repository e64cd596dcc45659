"""The steps that are at work or wait, and the runs that failed last: for who operates Landfall."""

from datetime import UTC, datetime
from typing import Any

from landfall.api.request import Request, Route
from landfall.runs.lifecycle import RunStatus, StepStatus
from landfall.store.documents import Fields, Query, both
from landfall.store.versioned import Found, NewerDocument

STEPS_SHOWN = 20
"""Steps that are shown, those first that somebody looks after first."""

FAILURES_SHOWN = 5
"""Failed runs that are shown, and as many that ran out of time."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


async def activity(request: Request) -> Fields:
    """Show the steps at work, those that wait, with why and until when, and the last failures."""
    store = request.runs.store
    # only a step that has not ended has a moment at which the watchdog takes it up
    moving = Query(
        "steps",
        where=(("stale_at", ">", _NEVER),),
        order=("stale_at", "asc"),
        limit=STEPS_SHOWN + 1,
        group=True,
        fields=("status", "attempt", "next_attempt_at", "lease_until", "stale_at", "last_error"),
    )
    found, failed = await both(
        store.find_any(moving),
        both(_ended(request, RunStatus.ERROR), _ended(request, RunStatus.TIMED_OUT)),
    )
    failures = sorted(
        (run for some in failed for run in some),
        key=lambda run: run.get("created_at") or _NEVER,
        reverse=True,
    )
    now = request.runs.clock()
    return {
        "steps": [_moving(step, now) for step in found[:STEPS_SHOWN]],
        "more_steps": len(found) > STEPS_SHOWN,
        "failures": failures[:FAILURES_SHOWN],
    }


def _moving(step: Found, now: datetime) -> Fields:
    """Return a step that has not ended, and what it waits for."""
    _, run_id, _, step_id = step.path.split("/")
    named: dict[str, Any] = {"run_id": run_id, "step_id": step_id}
    if isinstance(step, NewerDocument):
        return named | {"problem": step.why}
    its = step.data
    return named | {
        "status": its["status"],
        "waits_for": _waits_for(its, now),
        "attempt": its["attempt"],
        "next_attempt_at": its["next_attempt_at"],
        "lease_until": its["lease_until"],
        "stale_at": its["stale_at"],
        "last_error": its["last_error"],
    }


def _waits_for(step: Fields, now: datetime) -> str | None:
    """Return what a step waits for: `retry`, `turn`, its `task`, or None for one at work.

    `retry` and `turn` have a moment, after a failure and without one; with a `task`, the queue has
    it, or has lost it, which the watchdog finds out at `stale_at`.
    """
    if step["status"] != StepStatus.QUEUED:
        return None
    if step["next_attempt_at"] is None or step["next_attempt_at"] <= now:
        return "task"
    return "retry" if step["last_error"] else "turn"


async def _ended(request: Request, status: RunStatus) -> list[Fields]:
    """Return the newest runs that ended with a status."""
    fields = ("run_id", "scan_id", "status", "created_at", "finished_at", "error")
    query = Query(
        "runs",
        where=(("status", "==", status),),
        order=("created_at", "desc"),
        limit=FAILURES_SHOWN,
        fields=fields,
    )
    found = await request.runs.store.find_any(query)
    return [
        {"run_id": run.id, "problem": run.why}
        if isinstance(run, NewerDocument)
        else {"run_id": run.id} | run.data
        for run in found
    ]


ACTIVITY_ROUTES = [Route("GET", "/activity", 200, activity)]
