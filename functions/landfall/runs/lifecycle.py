"""The life cycles of runs and steps: a table of moves each.

A move is one guarded commit (`runs.commit`). The ended states are derived: no move leaves them.
"""

from collections.abc import Mapping
from enum import StrEnum


class RunStatus(StrEnum):
    """The status of a run: waiting, in progress or ended. Its result is the verdict."""

    QUEUED = "queued"
    RUNNING = "running"
    SCORING = "scoring"
    DONE = "done"
    ERROR = "error"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    """The status of a step of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class IllegalMoveError(Exception):
    """The table of moves has no such move."""


_CUT_SHORT = frozenset({RunStatus.ERROR, RunStatus.TIMED_OUT, RunStatus.CANCELLED})

RUN_MOVES: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: _CUT_SHORT | {RunStatus.RUNNING},
    RunStatus.RUNNING: _CUT_SHORT | {RunStatus.SCORING},
    RunStatus.SCORING: _CUT_SHORT | {RunStatus.DONE},
    RunStatus.DONE: frozenset(),
    RunStatus.ERROR: frozenset(),
    RunStatus.TIMED_OUT: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}

STEP_MOVES: Mapping[StepStatus, frozenset[StepStatus]] = {
    StepStatus.QUEUED: frozenset({StepStatus.RUNNING, StepStatus.FAILED}),
    # back to queued: a continuation, or a retry that waits for its moment
    StepStatus.RUNNING: frozenset({StepStatus.QUEUED, StepStatus.DONE, StepStatus.FAILED}),
    StepStatus.DONE: frozenset(),
    StepStatus.FAILED: frozenset(),
}

RUN_ENDED = frozenset(status for status, onward in RUN_MOVES.items() if not onward)
RUN_LIVE = frozenset(RUN_MOVES) - RUN_ENDED
STEP_ENDED = frozenset(status for status, onward in STEP_MOVES.items() if not onward)


def check_run_move(old: RunStatus, new: RunStatus) -> None:
    """Raise `IllegalMoveError` unless a run may go from `old` to `new`."""
    if new not in RUN_MOVES[old]:
        raise IllegalMoveError(f"a run cannot go from {old} to {new}")


def check_step_move(old: StepStatus, new: StepStatus) -> None:
    """Raise `IllegalMoveError` unless a step may go from `old` to `new`."""
    if new not in STEP_MOVES[old]:
        raise IllegalMoveError(f"a step cannot go from {old} to {new}")
