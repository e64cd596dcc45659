"""Changes of a run: from the state that was read and a decision, to the writes of a commit.

Pure. Every change of a status is checked against the table of moves, and recorded as an event in
the same commit. Every document has the time and author of its last write. A run's progress never
falls, and its counts are merged, not replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from landfall.runs.documents import Run, RunFields, Step, StepFields, run_path
from landfall.runs.lifecycle import (
    RUN_ENDED,
    STEP_ENDED,
    RunStatus,
    StepStatus,
    check_run_move,
    check_step_move,
)
from landfall.store.documents import Create, Delete, Document, Fields, Update, Version, Write

Move = tuple[str | None, Any, Any]
"""(step, or None for the run itself; old status; new status)."""


@dataclass(frozen=True)
class State:
    """A run and some of its steps, as last read or written."""

    run: Run
    steps: Mapping[str, Step]

    @classmethod
    def load(cls, run: Document, steps: Sequence[Document]) -> "State":
        """Read the documents of a run and of some of its steps."""
        return cls(Run.load(run), {step.id: Step.load(step) for step in steps})


@dataclass(frozen=True)
class Change:
    """The fields of a run and of its steps that a commit writes, and its further writes.

    `run["counts"]` has only those counts that change.
    """

    run: RunFields = field(default_factory=RunFields)
    steps: Mapping[str, StepFields] = field(default_factory=dict)
    writes: Sequence[Write] = ()


def writes_of(
    state: State, change: Change, moves: Sequence[Move], by: str, now: datetime
) -> list[Write]:
    """Return the writes of a commit, guarded by the versions of the run and steps as read.

    `moves` are those of the change; each leaves an event.
    """
    stamp: Fields = {"updated_at": now, "updated_by": by}
    events = [
        event(state.run.id, number, stamp, *move)
        for number, move in enumerate(moves, state.run.moves + 1)
    ]
    run = _run_fields(state.run, change.run) | stamp | {"moves": state.run.moves + len(events)}
    if change.run.get("status") in RUN_ENDED:
        run |= {"finished_at": now, "progress_step": change.run["status"]}
    writes: list[Write] = [Update(state.run.path, run, state.run.version)]
    for step_id, fields in change.steps.items():
        step = state.steps[step_id]
        ended = _STEP_ENDED_FIELDS | {"finished_at": now}
        more = stamp | (ended if fields.get("status") in STEP_ENDED else {})
        writes.append(Update(step.path, {**fields, **more}, step.version))
    along = [
        write if isinstance(write, Delete) else replace(write, data=write.data | stamp)
        for write in change.writes
    ]
    return [*writes, *events, *along]


_STEP_ENDED_FIELDS: Fields = {"stale_at": None, "lease_until": None, "next_attempt_at": None}


def _run_fields(run: Run, changed: RunFields) -> Fields:
    fields: Fields = {**changed}
    if "progress_pct" in changed:
        fields["progress_pct"] = max(run.progress_pct, changed["progress_pct"])
    if "counts" in changed:
        fields["counts"] = {**run.counts, **changed["counts"]}
    return fields


def moves_of(state: State, change: Change) -> list[Move]:
    """Return the moves of a change. Raises `IllegalMoveError`."""
    moves: list[Move] = []
    for step_id, fields in change.steps.items():
        before = state.steps[step_id].status
        if fields.get("status", before) != before:
            old, new = StepStatus(before), StepStatus(fields["status"])
            check_step_move(old, new)
            moves.append((step_id, old, new))
    run_before = state.run.status
    if change.run.get("status", run_before) != run_before:
        old_run, new_run = RunStatus(run_before), RunStatus(change.run["status"])
        check_run_move(old_run, new_run)
        moves.append((None, old_run, new_run))
    return moves


def event(
    run_id: str, number: int, stamp: Fields, step_id: str | None, old: Any, new: Any
) -> Create:
    """Return the write of the event of a run's n-th move."""
    data = {"step": step_id, "from": old, "to": new} | stamp
    return Create(f"{run_path(run_id)}/events/{number:06d}", data)


def after(state: State, writes: Sequence[Write], versions: Sequence[Version]) -> State:
    """Return the state after the writes, with its new versions, without a read."""
    written = {
        write.path: (write.data, version)
        for write, version in zip(writes, versions, strict=True)
        if isinstance(write, Update)
    }

    def merged(document: Document) -> Document:
        data, version = written.get(document.path, ({}, document.version))
        return Document(document.path, document.data | data, version)

    steps = [merged(step.document) for step in state.steps.values()]
    return State.load(merged(state.run.document), steps)
