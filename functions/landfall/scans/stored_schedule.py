"""The fields of a stored schedule that no person writes: its progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from landfall.store.documents import Document, Fields


@dataclass(frozen=True)
class StoredSchedule:
    """The slots of a schedule so far. An older Landfall stored no `open_runs` and no `pause`."""

    next_run_at: datetime | None
    runs_started: int
    skipped: int
    paused: bool
    last_slot: datetime | None = None
    open_runs: Sequence[str] = ()
    pause: Fields | None = None
    """The last pause by a person: `by`, `at`, `why`, `first` (the first slot that it skipped), and
    once it has ended `ended_by`, `ended_at` and `slots`, the number of those that it skipped."""


def paused_by_person(schedule: Document) -> bool:
    """Return whether a person has paused the schedule, whatever its definition says."""
    pause = schedule.data.get("pause")
    return schedule.data.get("paused") is True and pause is not None and not pause.get("ended_at")
