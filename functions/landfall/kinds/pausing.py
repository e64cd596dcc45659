"""The pause of a scan by a person: its schedule stays, and starts nothing until it is resumed.

It is a switch of its own, beside `paused` in the definition: saving the scan does not resume it.
Slots that pass meanwhile are skipped, counted, and not made up for.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from landfall.kinds.registry import MAX_SAVE_TRIES, ScanNotFoundError, next_run_at
from landfall.reasons import BadRequestError
from landfall.runs.commit import Clock
from landfall.scans.stored_schedule import StoredSchedule, paused_by_person
from landfall.store.conflicts import until_committed
from landfall.store.documents import Document, Fields, Store, Update
from landfall.store.shape import fitting

if TYPE_CHECKING:
    from landfall.scans.schedule import Schedule

MAX_SLOTS = 1_000
"""Skipped slots of a pause that are counted."""

SECOND = timedelta(seconds=1)

Decide = Callable[[Document], Fields]
"""Returns the fields of a schedule to change; none where there is nothing to do."""


async def pause(store: Store, clock: Clock, scan_id: str, by: str, why: str) -> bool:
    """Pause the schedule of a scan; return False where it was paused before.

    Raises `BadRequestError` where it has none.
    """

    def decide(schedule: Document) -> Fields:
        if schedule.data["paused"]:
            return {}
        first = schedule.data["next_run_at"]
        return {
            "paused": True,
            "next_run_at": None,
            "pause": {"by": by, "at": clock(), "why": why, "first": first, "ended_at": None},
        }

    return await _change(store, clock, scan_id, by, decide)


async def resume(store: Store, clock: Clock, scan_id: str, by: str) -> bool:
    """End the pause of a scan; return False where it was not paused. The next slot is ahead.

    Raises `BadRequestError` where the pause is another one: of the definition, or of the scheduler.
    """
    from landfall.scans.schedule import Schedule

    def decide(schedule: Document) -> Fields:
        data, now = schedule.data, clock()
        if not data["paused"]:
            return {}
        if not paused_by_person(schedule):
            raise BadRequestError(
                data.get("problem")
                or "its definition has `paused: true` in `schedule`; remove that, and save the scan"
            )
        stored = {name: data.get(name) for name in Schedule.model_fields} | {"paused": False}
        spec = Schedule.model_validate({k: v for k, v in stored.items() if v is not None})
        skipped = skipped_slots(spec, schedule, now)
        ended = {"ended_by": by, "ended_at": now, "slots": skipped}
        return {
            "paused": False,
            "next_run_at": next_run_at(spec, now, schedule, stored),
            "skipped": data["skipped"] + skipped,
            "pause": data["pause"] | ended,
        }

    return await _change(store, clock, scan_id, by, decide)


def skipped_slots(spec: "Schedule", schedule: Document, now: datetime) -> int:
    """Return how many slots a pause has skipped so far, up to `MAX_SLOTS`.

    They are no runs, so `max_runs` does not bound them.
    """
    from landfall.scans.slots import slots_ahead

    first = schedule.data["pause"]["first"]
    if first is None:
        return 0
    every = spec.model_copy(update={"max_runs": None})
    slots = takewhile(lambda slot: slot <= now, slots_ahead(every, first - SECOND))
    return sum(1 for _ in islice(slots, MAX_SLOTS))


async def _change(store: Store, clock: Clock, scan_id: str, by: str, decide: Decide) -> bool:
    async def attempt() -> bool:
        head, schedule = await store.read(f"scans/{scan_id}", f"schedules/{scan_id}")
        if head is None:
            raise ScanNotFoundError(
                f"there is no scan {scan_id!r}: it was not saved yet, or has been deleted"
            )
        if schedule is None or not schedule.data.get("cadence"):
            raise BadRequestError(
                f"scan {scan_id} has no schedule, so nothing starts by itself; add `schedule`"
            )
        fitting(StoredSchedule, schedule.path, schedule.data, "save the scan again")
        changes = decide(schedule)
        if changes:
            stamp = {"updated_at": clock(), "updated_by": by}
            await store.commit([Update(schedule.path, changes | stamp, schedule.version)])
        return bool(changes)

    return await until_committed(
        attempt, tries=MAX_SAVE_TRIES, what=f"the schedule of scan {scan_id}"
    )
