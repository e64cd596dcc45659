"""The fields of a stored schedule that no person writes: its progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class StoredSchedule:
    """The slots of a schedule so far. An older Landfall stored no `open_runs`."""

    next_run_at: datetime | None
    runs_started: int
    skipped: int
    paused: bool
    last_slot: datetime | None = None
    open_runs: Sequence[str] = ()
