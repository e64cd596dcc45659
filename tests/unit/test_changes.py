from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from landfall.runs.changes import Change, State, after, moves_of, writes_of
from landfall.runs.documents import Run, RunFields, Step, StepFields, Stored
from landfall.runs.lifecycle import IllegalMoveError, RunStatus, StepStatus
from landfall.store.documents import Create, Document, Update, Write

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def a_state(run: str = "running", step: str = "running") -> State:
    """A run that made four moves, and its fetch step."""
    at = {"created_at": NOW, "updated_at": NOW, "updated_by": "w"}
    of_run = {
        **{"scan_id": "s", "scan_version": "1", "kind": "integrity", "trigger": "manual"},
        **{"status": run, "progress_step": "fetching", "progress_pct": 7, "attempt": 1},
        **{"counts": {"records": 3}, "verdict": None, "error": None, "warnings": [], "moves": 4},
        "deadline_at": NOW,
    }
    of_step = {
        **{"run_id": "r", "status": step, "attempt": 1, "retries": 0, "dispatch": 1},
        **{"next_attempt_at": None, "stale_at": None, "lease_until": None, "worker": None},
        **{"cursor": None, "last_error": None},
    }
    return State.load(
        Document("runs/r", of_run | at, "v1"),
        [Document("runs/r/steps/fetch", of_step | at, "v2")],
    )


def to(run: RunStatus | None = None, step: StepStatus | None = None) -> Change:
    """The change to these statuses."""
    return Change({"status": run} if run else {}, {"fetch": {"status": step}} if step else {})


def written(state: State, change: Change) -> list[Write]:
    """The writes of a commit."""
    return writes_of(state, change, moves_of(state, change), "w", NOW)


@pytest.mark.parametrize(
    ("state", "change", "message"),
    [
        (a_state(), to(RunStatus.DONE), "a run cannot go from running to done"),
        (a_state("done"), to(RunStatus.ERROR), "a run cannot go from done to error"),
        (
            a_state(step="queued"),
            to(step=StepStatus.DONE),
            "a step cannot go from queued to done",
        ),
        (
            a_state(step="failed"),
            to(step=StepStatus.RUNNING),
            "a step cannot go from failed to running",
        ),
    ],
)
def test_what_the_table_has_not_is_not_written(state: State, change: Change, message: str) -> None:
    """Every status that changes is held against the table of moves."""
    with pytest.raises(IllegalMoveError, match=message):
        written(state, change)


def test_every_document_is_guarded_by_what_was_read() -> None:
    """Run and step are updates of their versions, also when nothing of the run changes."""
    writes = written(a_state(), Change(steps={"fetch": {"cursor": {}}}))
    assert [(it.path, it.version) for it in writes if isinstance(it, Update)] == [
        ("runs/r", "v1"),
        ("runs/r/steps/fetch", "v2"),
    ]


def test_every_move_leaves_an_event() -> None:
    """Numbered on from the run's last, and counted in the same commit."""
    change = to(RunStatus.ERROR, StepStatus.FAILED)
    run, _, *events = written(a_state(), change)
    assert run.data["moves"] == 6
    assert [(type(it), it.path, it.data["from"], it.data["to"]) for it in events] == [
        (Create, "runs/r/events/000005", "running", "failed"),
        (Create, "runs/r/events/000006", "running", "error"),
    ]


def test_what_changes_no_status_leaves_none() -> None:
    """Writing the status that is there already is no move."""
    change = to(RunStatus.RUNNING, StepStatus.RUNNING)
    assert len(written(a_state(), change)) == 2


def test_the_state_after_a_commit_is_what_a_read_would_give() -> None:
    """New fields over the old, under the versions that the commit gave."""
    state, change = a_state(), Change({"progress_pct": 9}, {"fetch": {"cursor": {"n": 1}}})
    writes = written(state, change)
    then = after(state, writes, ["v3", "v4"])
    stamp: dict[str, Any] = {"updated_at": NOW, "updated_by": "w"}
    run, step = state.run.document, state.steps["fetch"].document
    assert then.run.document == Document("runs/r", run.data | {"progress_pct": 9} | stamp, "v3")
    assert then.steps["fetch"].document.data == step.data | {"cursor": {"n": 1}} | stamp
    assert then.steps["fetch"].version == "v4"


def test_progress_never_falls() -> None:
    """Whatever a step says of itself."""
    run, *_ = written(a_state(), Change({"progress_pct": 5}))
    assert run.data["progress_pct"] == 7


def test_counts_are_added_to_those_that_are_there() -> None:
    """A step writes only the counts that it changes."""
    run, *_ = written(a_state(), Change({"counts": {"rules_done": 2}}))
    assert run.data["counts"] == {"records": 3, "rules_done": 2}


@pytest.mark.parametrize(("read", "written"), [(Run, RunFields), (Step, StepFields)])
def test_what_is_read_and_what_is_written_have_the_same_fields(read: Any, written: Any) -> None:
    """But for those that nobody reads: the id, which is in the path, and the stamp of a write."""
    unread = {"run_id", "updated_at", "updated_by"}
    names = {field.name for field in fields(read)} - {field.name for field in fields(Stored)}
    assert set(written.__annotations__) - unread == names - unread
