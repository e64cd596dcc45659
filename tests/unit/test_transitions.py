"""Each decision about a run, field by field: whatever is stored is read by other versions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from landfall.deadlines import LADDER
from landfall.reasons import Reason, StepError
from landfall.runs.changes import Change, State
from landfall.runs.lifecycle import RunStatus, StepStatus
from landfall.runs.plan import RunPlan
from landfall.runs.steps import StepId
from landfall.runs.transitions import (
    DONE,
    MAX_ATTEMPTS,
    MAX_BACKOFF,
    after_error,
    claimed,
    created,
    ended,
    longest_backoff,
    new_step,
    queued,
)
from landfall.store.documents import Create, Document

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
STALE = NOW + timedelta(seconds=LADDER.stale)
LATER = NOW + timedelta(seconds=5)
RETRIED = StepError(Reason.BASE_UNAVAILABLE, "Airtable answered 502")
HOPELESS = StepError(Reason.BASE_NOT_FOUND, "Airtable answered 404")
WHY = {"reason": "cancelled", "message": "by a test"}

NEW_STEP: dict[str, Any] = {
    "run_id": "r",
    "status": "queued",
    "attempt": 0,
    "retries": 0,
    "dispatch": 1,
    "next_attempt_at": NOW,
    "stale_at": STALE,
    "lease_until": None,
    "worker": None,
    "cursor": None,
    "last_error": None,
    "created_at": NOW,
    "started_at": None,
    "finished_at": None,
    "updated_at": NOW,
    "updated_by": "ann",
}


def a_plan(**more: Any) -> RunPlan:
    fields: Any = {"scan_id": "s", "kind": "integrity"} | more
    return RunPlan("r", 600.0, fields)


def a_state(run: dict[str, Any] | None = None, **steps: dict[str, Any]) -> State:
    """A run as it is created, and these steps of it, with changes."""
    first, _, _ = created(a_plan(scan_version="1", trigger="manual"), "ann", NOW, LADDER)
    assert isinstance(first, Create)
    documents = [
        Document(f"runs/r/steps/{step}", NEW_STEP | changed, f"of {step}")
        for step, changed in (steps or {"fetch": {}}).items()
    ]
    return State.load(Document("runs/r", first.data | (run or {}), "1"), documents)


def test_a_created_run_has_all_its_fields() -> None:
    """The first step waits for a task at once, and the event of the creation is number 1."""
    run, step, event = created(a_plan(), "ann", NOW, LADDER)
    assert isinstance(run, Create)
    assert run.path == "runs/r"
    assert {name: value for name, value in run.data.items() if name != "counts"} == {
        "scan_id": "s",
        "kind": "integrity",
        "started_by": "ann",
        "status": "queued",
        "progress_step": "queued",
        "progress_pct": 0,
        "attempt": 0,
        "verdict": None,
        "complete": None,
        "error": None,
        "warnings": [],
        "created_at": NOW,
        "started_at": None,
        "finished_at": None,
        "deadline_at": NOW + timedelta(seconds=600),
        "moves": 1,
        "updated_at": NOW,
        "updated_by": "ann",
    }
    assert run.data["counts"] == {
        "firestore_reads": 0,
        "firestore_writes": 3,
        "tasks": 1,
        "function_seconds": 0.0,
        "airtable_requests": 0,
        "model_tokens": 0,
        "model_cost": 0.0,
    }
    assert step == Create("runs/r/steps/fetch", NEW_STEP)
    assert isinstance(event, Create)
    assert event.path == "runs/r/events/000001"
    assert (event.data["from"], event.data["to"], event.data["step"]) == (None, "queued", None)


def test_a_run_of_a_schedule_says_so() -> None:
    """With the slot in UTC, whoever ticks."""
    plan = a_plan(slot=NOW, schedule_id="s")
    run, *_ = created(plan, "scheduler", NOW, LADDER)
    assert isinstance(run, Create)
    assert run.data["started_by"] == "schedule s, slot 2026-03-02T06:00:00+00:00"
    assert run.data["updated_by"] == "scheduler"


def test_a_later_step_is_created_like_the_first() -> None:
    """Beneath its run, under its own name."""
    assert new_step("r", "write", "ann", NOW, LADDER) == Create("runs/r/steps/write", NEW_STEP)


def test_a_claim_gives_the_next_attempt_and_a_lease() -> None:
    """The run gets the step's status and label; its beginning is that of the first claim."""
    state = a_state(fetch={"attempt": 2})
    assert claimed(state, "fetch", "w", "fetching", LATER, LADDER) == Change(
        {
            "status": RunStatus.RUNNING,
            "started_at": LATER,
            "progress_step": "fetching",
            "progress_pct": 1,
            "attempt": 3,
        },
        {
            "fetch": {
                "status": StepStatus.RUNNING,
                "attempt": 3,
                "worker": "w",
                "started_at": LATER,
                "lease_until": LATER + timedelta(seconds=LADDER.lease),
                "stale_at": LATER + timedelta(seconds=LADDER.stale),
            }
        },
    )
    again = a_state({"started_at": NOW, "status": "scoring"}, score={"started_at": NOW})
    change = claimed(again, "score", "w", "scoring", LATER, LADDER)
    assert change.run.get("status") == RunStatus.SCORING
    assert change.run.get("started_at") == change.steps["score"].get("started_at") == NOW


def test_a_step_that_waits_has_no_worker() -> None:
    """It is stale when its task could have come and did not."""
    step = a_state(fetch={"dispatch": 4, "worker": "w", "lease_until": NOW}).steps["fetch"]
    assert queued(step, LATER, LADDER, {"retries": 3}) == Change(
        steps={
            "fetch": {
                "status": StepStatus.QUEUED,
                "dispatch": 5,
                "next_attempt_at": LATER,
                "stale_at": LATER + timedelta(seconds=LADDER.stale),
                "lease_until": None,
                "worker": None,
                "retries": 3,
            }
        }
    )


RECORD = {"reason": "base_unavailable", "message": RETRIED.message, "step": "fetch", "attempt": 1}


def test_an_error_that_may_pass_is_followed_by_another_attempt() -> None:
    """The run says why it waits, and the step keeps the error."""
    state = a_state(fetch={"status": "running", "attempt": 1, "retries": MAX_ATTEMPTS - 2})
    change = after_error(state, "fetch", RETRIED, "trace", LATER, LADDER)
    assert change.run == {"progress_step": "waiting: base_unavailable"}
    assert change.steps["fetch"].get("status") == StepStatus.QUEUED
    assert change.steps["fetch"].get("retries") == MAX_ATTEMPTS - 1
    assert change.steps["fetch"].get("last_error") == RECORD | {"traceback": "trace"}
    assert change.steps["fetch"].get("next_attempt_at") == LATER


@pytest.mark.parametrize(
    ("error", "retries", "at"),
    [
        (HOPELESS, 0, LATER),
        (RETRIED, MAX_ATTEMPTS - 1, LATER),
        (RETRIED, 0, NOW + timedelta(seconds=600)),
    ],
    ids=["of a kind that stays", "the last attempt", "at the deadline"],
)
def test_an_error_without_another_attempt_ends_the_run(
    error: StepError, retries: int, at: datetime
) -> None:
    """The step fails with it, and so does the run."""
    state = a_state(fetch={"status": "running", "attempt": 1, "retries": retries})
    change = after_error(state, "fetch", error, "", at, LADDER)
    record = RECORD | {"reason": error.reason, "message": error.message, "traceback": ""}
    assert change == Change(
        {"status": RunStatus.ERROR, "error": record},
        {"fetch": {"status": StepStatus.FAILED, "last_error": record}},
    )


def test_a_run_that_is_ended_fails_the_steps_that_live() -> None:
    """Those that have ended stay as they are; the error has no step."""
    state = a_state(fetch={"status": "done"}, score={"status": "running"})
    assert ended(state, RunStatus.TIMED_OUT, WHY) == Change(
        {
            "status": RunStatus.TIMED_OUT,
            "error": WHY | {"step": None, "attempt": None, "traceback": ""},
        },
        {"score": {"status": StepStatus.FAILED}},
    )


STOPPED = (RunStatus.TIMED_OUT, RunStatus.ERROR)


@pytest.mark.parametrize("status", STOPPED)
def test_a_run_is_done_without_an_optional_step(status: RunStatus) -> None:
    """With a warning, after those that it has."""
    earlier = {"what": "earlier", "reason": "x", "message": "y"}
    state = a_state({"warnings": [earlier]}, score={"status": "done"}, write={"status": "queued"})
    assert ended(state, status, WHY) == Change(
        {**DONE, "warnings": [earlier, {"what": "write_back", **WHY}]},
        {"write": {"status": StepStatus.FAILED}},
    )


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ({"write": {"status": "running"}}, RunStatus.CANCELLED),
        ({"score": {"status": "running"}, "write": {"status": "queued"}}, RunStatus.TIMED_OUT),
        ({"score": {"status": "done"}}, RunStatus.TIMED_OUT),
    ],
    ids=["cancelled", "a step that is needed lives too", "no step lives"],
)
def test_any_other_run_is_cut_short(steps: dict[StepId, dict[str, Any]], status: RunStatus) -> None:
    """A person's wish counts, and so does a step that is needed."""
    change = ended(a_state(**steps), status, WHY)
    assert change.run.get("status") == status
    assert change.run.get("error")
    assert "warnings" not in change.run


def test_the_delay_before_a_retry_doubles_up_to_five_minutes() -> None:
    """2, 4, 8 ... 300 seconds at most."""
    delays = [longest_backoff(retries) for retries in range(10)]
    assert delays == [2, 4, 8, 16, 32, 64, 128, 256, 300, MAX_BACKOFF]
