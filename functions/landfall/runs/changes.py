"""What a commit does to a run: from what was read and what is to change, to the writes.

Pure. Every status that changes is checked against the table of moves and leaves an event, in the
same commit; every document written says when and by whom.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from landfall.runs.lifecycle import (
    RUN_ENDED,
    STEP_ENDED,
    RunStatus,
    StepStatus,
    check_run_move,
    check_step_move,
)
from landfall.store.documents import Create, Document, Fields, Update, Version, Write

Move = tuple[str | None, Any, Any]
"""(step, or None for the run itself; old status; new status)."""


@dataclass(frozen=True)
class State:
    """A run and some of its steps, as they were read or last written."""

    run: Document
    steps: Mapping[str, Document]


@dataclass(frozen=True)
class Change:
    """What a commit does to a state: fields of the run and of steps, and what goes along."""

    run: Fields = field(default_factory=dict)
    steps: Mapping[str, Fields] = field(default_factory=dict)
    writes: Sequence[Write] = ()


def run_path(run_id: str) -> str:
    """Where a run is stored."""
    return f"runs/{run_id}"


def step_path(run_id: str, step_id: str) -> str:
    """Where a step of a run is stored."""
    return f"runs/{run_id}/steps/{step_id}"


def writes_of(state: State, change: Change, by: str, now: datetime) -> list[Write]:
    """The writes of a commit, each of run and steps guarded by the version that was read.

    Raises `IllegalMoveError`.
    """
    stamp = {"updated_at": now, "updated_by": by}
    events = _events(state, change, stamp)
    run = change.run | stamp | {"moves": state.run.data["moves"] + len(events)}
    if change.run.get("status") in RUN_ENDED:
        run |= {"finished_at": now, "progress_step": change.run["status"]}
    writes: list[Write] = [Update(state.run.path, run, state.run.version)]
    for step_id, fields in change.steps.items():
        step = state.steps[step_id]
        ended = _STEP_ENDED_FIELDS | {"finished_at": now}
        more = stamp | (ended if fields.get("status") in STEP_ENDED else {})
        writes.append(Update(step.path, fields | more, step.version))
    along = [replace(write, data=write.data | stamp) for write in change.writes]
    return [*writes, *events, *along]


_STEP_ENDED_FIELDS: Fields = {"stale_at": None, "lease_until": None, "next_attempt_at": None}


def moves_of(state: State, change: Change) -> list[Move]:
    """The statuses that change. Raises `IllegalMoveError`."""
    moves: list[Move] = []
    for step_id, fields in change.steps.items():
        before = state.steps[step_id].data["status"]
        if fields.get("status", before) != before:
            old, new = StepStatus(before), StepStatus(fields["status"])
            check_step_move(old, new)
            moves.append((step_id, old, new))
    run_before = state.run.data["status"]
    if change.run.get("status", run_before) != run_before:
        old_run, new_run = RunStatus(run_before), RunStatus(change.run["status"])
        check_run_move(old_run, new_run)
        moves.append((None, old_run, new_run))
    return moves


def _events(state: State, change: Change, stamp: Fields) -> list[Write]:
    first = state.run.data["moves"] + 1
    return [
        event(state.run.id, number, stamp, step_id, old, new)
        for number, (step_id, old, new) in enumerate(moves_of(state, change), first)
    ]


def event(
    run_id: str, number: int, stamp: Fields, step_id: str | None, old: Any, new: Any
) -> Create:
    """The document of a run's n-th move."""
    data = {"step": step_id, "from": old, "to": new} | stamp
    return Create(f"{run_path(run_id)}/events/{number:06d}", data)


def after(state: State, writes: Sequence[Write], versions: Sequence[Version]) -> State:
    """The state once the writes are committed, with its new versions: no need to read again."""
    written = {
        write.path: (write.data, version)
        for write, version in zip(writes, versions, strict=True)
        if isinstance(write, Update)
    }

    def merged(document: Document) -> Document:
        data, version = written.get(document.path, ({}, document.version))
        return Document(document.path, document.data | data, version)

    steps = {step_id: merged(step) for step_id, step in state.steps.items()}
    return State(merged(state.run), steps)
