"""The slots of a cadence: which moments they are, which of them are due, and how to say it.

A slot is an aware UTC datetime, in whole seconds. What happens when clocks change:

- `daily`, `weekly`, `at` without an offset, and `cron` with fixed hours and minutes: a slot is
  the moment at which the local clock *first reaches* its time. So a local time that does not
  exist (spring) runs once, at the first moment after the gap; one that occurs twice (autumn) runs
  once, at its first occurrence; several times inside one gap are one slot.
- `cron` whose minute or hour field starts with `*` follows elapsed time (the rule of Debian's
  cron): a slot is every moment at which the clock shows a matching time. A skipped hour is not
  made up for, a repeated hour runs again.
- `every_minutes` is elapsed time: slots are multiples of N minutes since 2000-01-01T00:00Z,
  whatever the zone.
- `at` with an offset or `Z` is that instant, whatever the zone.

cronsim is asked about the bare calendar only (naive datetimes). Its own zone handling repeats or
passes over slots: a fixed time asked for within the second pass of a repeated hour, hours after a
30-minute change, `*/15 0` on a day without a midnight.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import islice, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

from landfall.scans.cadence import DAYS, Cadence, time_zone
from landfall.scans.schedule import CatchUp, Schedule

Place = Callable[[datetime, ZoneInfo], datetime | None]  # the moment a local time stands for

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ANCHOR = datetime(2000, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# cronsim gives up after 50 years without a match, and so do we when the matches never exist (a
# spring gap). The rarest date that recurs, 29 February on a given weekday, takes 40 years at most.
HORIZON = timedelta(days=50 * 366)


class DueSlots(NamedTuple):
    """What is due at `now`. A slot is due from its own moment on."""

    oldest: tuple[datetime, ...]  # due slots, oldest first, at most `limit`
    after_oldest: datetime | None  # the slot that follows them, due or not
    newest: datetime | None  # the newest due slot; None when nothing is due
    upcoming: datetime | None  # the first slot after `now`; None when there is none


class Plan(NamedTuple):
    """What the scheduler does now: make these runs, then wait for `next_run_at`."""

    runs: tuple[datetime, ...]
    next_run_at: datetime | None


def next_slot(cadence: Cadence, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first slot strictly after `after`; None when there is none (within 50 years)."""
    after = _utc(after)
    if cadence.every_minutes is not None:
        return _every(cadence.every_minutes, after) + timedelta(minutes=cadence.every_minutes)
    if cadence.at is not None:
        moments = _moments(cadence.at, zone)
        return next(iter(moments[bisect_right(moments, after) :]), None)
    return min(_found(cadence, zone, after, forward=True), default=None)


def newest_slot(cadence: Cadence, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The last slot at or before `now`; None when there is none (within 50 years)."""
    now = _utc(now)
    if cadence.every_minutes is not None:
        return _every(cadence.every_minutes, now)
    if cadence.at is not None:
        moments = _moments(cadence.at, zone)
        return next(reversed(moments[: bisect_right(moments, now)]), None)
    return max(_found(cadence, zone, now, forward=False), default=None)


def due_slots(
    cadence: Cadence, zone: ZoneInfo, next_run_at: datetime, now: datetime, limit: int
) -> DueSlots:
    """The slots from `next_run_at`, itself a slot, up to `now`, both included.

    Takes at most `limit` + 2 searches, however long the schedule slept.
    """
    first, now = _utc(next_run_at), _utc(now)
    if first > now:
        return DueSlots((), first, None, first)
    newest = newest_slot(cadence, zone, now) or first
    oldest: list[datetime] = []
    slot: datetime | None = first
    while slot is not None and slot <= now and len(oldest) < limit:
        oldest.append(slot)
        slot = next_slot(cadence, zone, slot)
    return DueSlots(tuple(oldest), slot, max(first, newest), next_slot(cadence, zone, now))


def catch_up(policy: CatchUp, due: DueSlots, now: datetime, grace_s: float) -> Plan:
    """Which of the due slots become runs, and when to look again.

    - `one`: one run, for the newest due slot.
    - `none`: the same, but only when that slot is at most `grace_s` seconds old.
    - `all`: a run for each, oldest first. What `due_slots` cut off comes with the next tick:
      `next_run_at` is then already past.
    """
    if policy == "all":
        return Plan(due.oldest, due.after_oldest)
    if due.newest is None:
        return Plan((), due.upcoming)
    late = _utc(now) - due.newest > timedelta(seconds=grace_s)
    return Plan(() if policy == "none" and late else (due.newest,), due.upcoming)


def slots_ahead(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """The slots after a moment that a schedule saved then will make runs of, one after the other.

    None of a schedule that is paused; none after its `stop_at`; at most `max_runs`.
    """
    zone = time_zone(schedule.time_zone)

    def every() -> Iterator[datetime]:
        slot = next_slot(schedule.cadence, zone, after)
        while slot:
            yield slot
            slot = next_slot(schedule.cadence, zone, slot)

    stop_at = schedule.stop_at
    slots = takewhile(lambda slot: stop_at is None or slot <= stop_at, every())
    return islice(slots, 0 if schedule.paused else schedule.max_runs)


def describe(cadence: Cadence, zone_name: str) -> str:
    """One plain phrase, such as "daily at 06:00 and 18:30 (Europe/Berlin)"."""
    if cadence.every_minutes is not None:
        return f"every {cadence.every_minutes} minutes".replace("every 1 minutes", "every minute")
    return f"{_described(cadence, time_zone(zone_name))} ({zone_name})"


def _described(cadence: Cadence, zone: ZoneInfo) -> str:
    if cadence.daily is not None:
        return f"daily at {_joined(cadence.daily)}"
    if cadence.weekly is not None:
        days = [DAY_NAMES[DAYS.index(day)] for day in cadence.weekly.days]
        return f"every {_joined(days)} at {_joined(cadence.weekly.times)}"
    if cadence.at is not None:
        shown = [f"{slot.astimezone(zone):%Y-%m-%d %H:%M}" for slot in _moments(cadence.at, zone)]
        if len(shown) <= 3:
            return f"at {_joined(shown)}"
        return f"at {len(shown)} times from {shown[0]} to {shown[-1]}"
    sentence = CronSim(_crons(cadence)[0], ANCHOR).explain()
    return sentence[0].lower() + sentence[1:]


def _joined(words: list[str] | tuple[str, ...]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone: naive datetimes are local to the machine")
    return moment.astimezone(UTC)


def _every(minutes: int, moment: datetime) -> datetime:
    period = timedelta(minutes=minutes)
    return ANCHOR + (moment - ANCHOR) // period * period


@lru_cache(maxsize=64)
def _moments(at: tuple[str, ...], zone: ZoneInfo) -> list[datetime]:
    read = [datetime.fromisoformat(text) for text in at]
    return sorted(
        {_reached(moment, zone) if moment.tzinfo is None else _utc(moment) for moment in read}
    )


def _crons(cadence: Cadence) -> list[str]:
    """The cadence as cron expressions: the times of day that share a minute share one."""
    if cadence.cron is not None:
        return [cadence.cron]
    weekly = cadence.weekly
    times = weekly.times if weekly else cadence.daily or ()
    days = ",".join(weekly.days) if weekly else "*"
    hours: dict[int, list[str]] = {}
    for time in times:
        hours.setdefault(int(time[3:]), []).append(time[:2])
    return [f"{minute} {','.join(some)} * * {days}" for minute, some in hours.items()]


def _found(
    cadence: Cadence, zone: ZoneInfo, moment: datetime, *, forward: bool
) -> Iterator[datetime]:
    """The nearest slot after (or not after) the moment, of each cron and each way to place it."""
    for cron in _crons(cadence):
        elapsed = any(field.startswith("*") for field in cron.split()[:2])
        for place in EVERY_SHOWING if elapsed else (_reached,):
            nearest = _nearest(cron, zone, moment, place, forward)
            if nearest is not None:
                yield nearest


def _nearest(
    cron: str, zone: ZoneInfo, moment: datetime, place: Place, forward: bool
) -> datetime | None:
    """Walk the matching local times until one is a moment on the right side of `moment`.

    A later local time never has an earlier place, so the first such is the nearest. Within a
    repeated hour, local times on the other side of the clock can count: start by that much earlier
    (forward) or later (backward).
    """
    local = moment.astimezone(zone)
    repeated = _offset(local.replace(fold=0)) - _offset(local.replace(fold=1))
    start = local.replace(tzinfo=None) + (-repeated if forward else repeated + SECOND)
    matches = takewhile(lambda at: abs(at - start) < HORIZON, CronSim(cron, start, not forward))
    places = (place(match, zone) for match in matches)
    return next((slot for slot in places if slot and (slot > moment) == forward), None)


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def _shown(local: datetime, zone: ZoneInfo, *, fold: int) -> datetime | None:
    """The first (fold 0) or last (fold 1) moment at which the clock shows this local time."""
    moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    exists = moment.astimezone(zone).replace(tzinfo=None) == local
    return moment if exists else None


EVERY_SHOWING: tuple[Place, ...] = (partial(_shown, fold=0), partial(_shown, fold=1))


def _reached(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clock of the zone first shows this local time or a later one."""
    by_old_offset, by_new_offset = (
        local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    if by_old_offset <= by_new_offset:
        return by_old_offset
    # In a gap the two lie around the change, and the change is the first moment after the gap.
    after = _offset(by_old_offset.astimezone(zone))

    def changed(seconds: int) -> bool:
        return _offset((by_new_offset + seconds * SECOND).astimezone(zone)) == after

    gap_s = int((by_old_offset - by_new_offset).total_seconds())
    return by_new_offset + bisect_left(range(gap_s), True, key=changed) * SECOND
