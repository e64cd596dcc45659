from datetime import UTC, datetime
from typing import Any

import pytest

from landfall.runs.changes import Change, State, after, writes_of
from landfall.runs.lifecycle import IllegalMoveError
from landfall.store.documents import Create, Document, Update

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def a_state(run: str = "running", step: str = "running") -> State:
    """A run that made four moves, and its fetch step."""
    return State(
        Document("runs/r", {"status": run, "moves": 4, "progress_pct": 7}, "v1"),
        {"fetch": Document("runs/r/steps/fetch", {"status": step, "cursor": None}, "v2")},
    )


@pytest.mark.parametrize(
    ("state", "change", "message"),
    [
        (a_state(), Change({"status": "done"}), "a run cannot go from running to done"),
        (a_state("done"), Change({"status": "error"}), "a run cannot go from done to error"),
        (
            a_state(step="queued"),
            Change(steps={"fetch": {"status": "done"}}),
            "a step cannot go from queued to done",
        ),
        (
            a_state(step="failed"),
            Change(steps={"fetch": {"status": "running"}}),
            "a step cannot go from failed to running",
        ),
    ],
)
def test_what_the_table_has_not_is_not_written(state: State, change: Change, message: str) -> None:
    """Every status that changes is held against the table of moves."""
    with pytest.raises(IllegalMoveError, match=message):
        writes_of(state, change, "w", NOW)


def test_every_document_is_guarded_by_what_was_read() -> None:
    """Run and step are updates of their versions, also when nothing of the run changes."""
    writes = writes_of(a_state(), Change(steps={"fetch": {"cursor": {}}}), "w", NOW)
    assert [(it.path, it.version) for it in writes if isinstance(it, Update)] == [
        ("runs/r", "v1"),
        ("runs/r/steps/fetch", "v2"),
    ]


def test_every_move_leaves_an_event() -> None:
    """Numbered on from the run's last, and counted in the same commit."""
    change = Change({"status": "error"}, {"fetch": {"status": "failed"}})
    run, _, *events = writes_of(a_state(), change, "w", NOW)
    assert run.data["moves"] == 6
    assert [(type(it), it.path, it.data["from"], it.data["to"]) for it in events] == [
        (Create, "runs/r/events/000005", "running", "failed"),
        (Create, "runs/r/events/000006", "running", "error"),
    ]


def test_what_changes_no_status_leaves_none() -> None:
    """Writing the status that is there already is no move."""
    change = Change({"status": "running"}, {"fetch": {"status": "running"}})
    assert len(writes_of(a_state(), change, "w", NOW)) == 2


def test_the_state_after_a_commit_is_what_a_read_would_give() -> None:
    """New fields over the old, under the versions that the commit gave."""
    state, change = a_state(), Change({"progress_pct": 9}, {"fetch": {"cursor": {"n": 1}}})
    writes = writes_of(state, change, "w", NOW)
    then = after(state, writes, ["v3", "v4"])
    stamp: dict[str, Any] = {"updated_at": NOW, "updated_by": "w"}
    assert then.run == Document("runs/r", state.run.data | {"progress_pct": 9} | stamp, "v3")
    assert then.steps["fetch"].data == {"status": "running", "cursor": {"n": 1}} | stamp
    assert then.steps["fetch"].version == "v4"
