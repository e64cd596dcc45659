"""A schedule that is due: the slots that become runs, and the schedule after them. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from landfall.deadlines import TICK
from landfall.scans.cadence import time_zone
from landfall.scans.schedule import Schedule
from landfall.scans.slots import DueRuns, catch_up, due_slots, first_to_run
from landfall.scans.stored_schedule import StoredSchedule
from landfall.store.documents import Document, Fields
from landfall.store.shape import fitting

MAX_CATCH_UP = 10
"""Missed slots of one schedule that become runs in one tick; the rest follow in the next."""

MAX_MISSED = 24
"""Newest due slots that become runs with `catch_up: all`; those before them are dropped."""

MAX_MISSED_DAYS = 7
"""Days after which a missed slot is dropped with `catch_up: all`."""

MAX_LATENESS = 5 * TICK
"""With `catch_up: none`, seconds by which a slot may be late and still run."""


@dataclass(frozen=True)
class DueSchedule:
    """A stored schedule, and its policies."""

    document: Document
    spec: Schedule

    @classmethod
    def load(cls, document: Document) -> Self:
        """Read a schedule. Raises `ValueError` or `UnreadableError` where it cannot be read."""
        fitting(StoredSchedule, document.path, document.data, "correct it")
        stored = {name: document.data.get(name) for name in Schedule.model_fields}
        spec = Schedule.model_validate({k: v for k, v in stored.items() if v is not None})
        return cls(document, spec)

    def plan(self, now: datetime) -> DueRuns:
        """Return the slots that become runs now, and the next one, within its limits."""
        spec, data = self.spec, self.document.data
        zone = time_zone(spec.time_zone)
        policy = spec.catch_up
        if policy == "all" and spec.overlap != "allow":
            policy = "one"  # slots that are due together overlap
        first: datetime = data["next_run_at"]
        until = min(now, spec.stop_at) if spec.stop_at else now
        if policy == "all":
            oldest = until - timedelta(days=MAX_MISSED_DAYS)
            first = first_to_run(spec.cadence, zone, first, until, oldest, MAX_MISSED)
        due = due_slots(spec.cadence, zone, first, until, MAX_CATCH_UP)
        plan = catch_up(policy, due, now, MAX_LATENESS)
        slots, upcoming = list(plan.runs), plan.next_run_at
        if spec.max_runs is not None:
            slots = slots[: max(0, spec.max_runs - data["runs_started"])]
        if upcoming and spec.stop_at and upcoming > spec.stop_at:
            upcoming = None
        return DueRuns(tuple(slots), upcoming)

    def fields_after(self, plan: DueRuns, started: int, *, skip: bool) -> Fields:
        """Return the fields of the schedule once so many runs of the plan are started."""
        runs_started = self.document.data["runs_started"] + started
        over = self.spec.max_runs is not None and runs_started >= self.spec.max_runs
        fields: Fields = {
            "next_run_at": None if over else plan.next_run_at,
            "runs_started": runs_started,
            "skipped": self.document.data["skipped"] + skip,
        }
        return fields | ({"last_slot": plan.runs[-1]} if plan.runs else {})

    def run_id(self, slot: datetime) -> str:
        """Return the id of the run of a slot."""
        return f"s-{self.document.id}-{slot:%Y%m%dT%H%M%SZ}"
