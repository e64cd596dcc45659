"""A schedule in one sentence for people, with its next slots."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from landfall.scans.cadence import time_zone
from landfall.scans.cadence_phrase import describe
from landfall.scans.schedule import Schedule
from landfall.scans.slots import slots_ahead


def next_slots(schedule: Schedule | None, now: datetime, most: int) -> list[datetime]:
    """Return the next slots, in the schedule's time zone."""
    if schedule is None:
        return []
    zone = time_zone(schedule.time_zone)
    return [slot.astimezone(zone) for slot in islice(slots_ahead(schedule, now), most)]


def describe_schedule(schedule: Schedule | None, slots: Sequence[datetime]) -> str:
    """Return the cadence, the next slots and the limits, for a person."""
    if schedule is None:
        return "none; each run is started by hand"
    cadence = describe(schedule.cadence, schedule.time_zone)
    if schedule.paused:
        return f"{cadence} (paused: no run starts until it is saved without `paused`)"
    if not slots:
        stop = f": `stop_at` is {_moment(schedule.stop_at, schedule)}" if schedule.stop_at else ""
        return f"{cadence}; no slot lies ahead{stop}, so no run ever starts"
    parts = [cadence, f"next {', '.join(f'{slot:%a %Y-%m-%d %H:%M %Z}' for slot in slots)}"]
    if schedule.max_runs is not None:
        runs = "1 run" if schedule.max_runs == 1 else f"{schedule.max_runs} runs"
        parts.append(f"ends after {runs} (`max_runs`)")
    if schedule.stop_at:
        parts.append(f"ends at {_moment(schedule.stop_at, schedule)} (`stop_at`)")
    return "; ".join(parts)


def _moment(moment: datetime, schedule: Schedule) -> str:
    return f"{moment.astimezone(time_zone(schedule.time_zone)):%Y-%m-%d %H:%M %Z}"
