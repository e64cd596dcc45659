"""The slots of a cadence: the moments of its runs, and which of them are due.

A slot is an aware UTC datetime, in whole seconds. When clocks change:

- `daily`, `weekly`, `at` without an offset, and `cron` with fixed hours and minutes: a slot is
  the moment at which the local clock *first reaches* its time. So a local time that does not
  exist (spring) runs once, at the first moment after the gap; one that occurs twice (autumn) runs
  once, at its first occurrence; several times inside one gap are one slot.
- `cron` whose minute or hour field starts with `*` follows elapsed time (the rule of Debian's
  cron): a slot is every moment at which the clock shows a matching time. A skipped hour is not
  made up for, a repeated hour runs again.
- `every_minutes` is elapsed time: slots are multiples of N minutes since 2000-01-01T00:00Z,
  in every zone.
- `at` with an offset or `Z` is that instant, in every zone.

cronsim is given naive datetimes only. Its own handling of zones repeats or omits slots: a fixed
time that is requested within the second pass of a repeated hour, hours after a 30-minute change,
`*/15 0` on a day without a midnight.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import islice, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

from landfall.scans.cadence import Cadence, time_zone
from landfall.scans.schedule import CatchUp, Schedule

Place = Callable[[datetime, ZoneInfo], datetime | None]  # from a local time to its moment
ANCHOR = datetime(2000, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# cronsim stops after 50 years without a match, and so do we where no match exists (a spring gap).
# The rarest date that recurs, 29 February on a given weekday, takes at most 40 years.
HORIZON = timedelta(days=50 * 366)


class DueSlots(NamedTuple):
    """The slots that are due at `now`. A slot is due from its own moment on."""

    oldest: tuple[datetime, ...]  # due slots, oldest first, at most `limit`
    after_oldest: datetime | None  # the slot that follows them, due or not
    newest: datetime | None  # the newest due slot; None when nothing is due
    upcoming: datetime | None  # the first slot after `now`; None when there is none


class DueRuns(NamedTuple):
    """The slots of the runs to create now, and the moment of the next check."""

    runs: tuple[datetime, ...]
    next_run_at: datetime | None


def next_slot(cadence: Cadence, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the first slot strictly after `after`; None if there is none (within 50 years)."""
    after = _utc(after)
    if cadence.every_minutes is not None:
        return _every(cadence.every_minutes, after) + timedelta(minutes=cadence.every_minutes)
    if cadence.at is not None:
        moments = moments_of(cadence.at, zone)
        return next(iter(moments[bisect_right(moments, after) :]), None)
    return min(_found(cadence, zone, after, forward=True), default=None)


def newest_slot(cadence: Cadence, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the last slot at or before `now`; None if there is none (within 50 years)."""
    now = _utc(now)
    if cadence.every_minutes is not None:
        return _every(cadence.every_minutes, now)
    if cadence.at is not None:
        moments = moments_of(cadence.at, zone)
        return next(reversed(moments[: bisect_right(moments, now)]), None)
    return max(_found(cadence, zone, now, forward=False), default=None)


def due_slots(
    cadence: Cadence, zone: ZoneInfo, next_run_at: datetime, now: datetime, limit: int
) -> DueSlots:
    """Return the slots from `next_run_at`, itself a slot, up to `now`, both included.

    It makes at most `limit` + 2 searches, however long ago the schedule last ran.
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


def first_to_run(
    cadence: Cadence,
    zone: ZoneInfo,
    first: datetime,
    until: datetime,
    oldest: datetime,
    most: int,
) -> datetime:
    """Return the first of the due slots, which begin with `first`, that is made up for.

    These are the newest, at most so many, and none before `oldest` but the newest. It makes as many
    searches.
    """
    chosen = newest_slot(cadence, zone, until)
    if chosen is None or chosen <= first:
        return first
    for _ in range(most - 1):
        slot = newest_slot(cadence, zone, chosen - SECOND)
        earlier = first if slot is None else max(first, slot)
        if earlier < oldest:
            return chosen
        chosen = earlier
        if chosen == first:
            break
    return chosen


def catch_up(policy: CatchUp, due: DueSlots, now: datetime, grace_s: float) -> DueRuns:
    """Return the due slots that become runs, and the moment of the next check.

    - `one`: one run, for the newest due slot.
    - `none`: the same, but only if that slot is at most `grace_s` seconds old.
    - `all`: one run for each, oldest first. Slots beyond the limit of `due_slots` follow with the
      next tick: `next_run_at` is already past then.
    """
    if policy == "all":
        return DueRuns(due.oldest, due.after_oldest)
    if due.newest is None:
        return DueRuns((), due.upcoming)
    late = _utc(now) - due.newest > timedelta(seconds=grace_s)
    return DueRuns(() if policy == "none" and late else (due.newest,), due.upcoming)


def slots_ahead(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Return the slots that become runs of a schedule that is saved at `after`, in order.

    There are none if it is paused, none after its `stop_at`, and at most `max_runs`.
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


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone: a naive datetime is local to the machine")
    return moment.astimezone(UTC)


def _every(minutes: int, moment: datetime) -> datetime:
    period = timedelta(minutes=minutes)
    return ANCHOR + (moment - ANCHOR) // period * period


@lru_cache(maxsize=64)
def moments_of(at: tuple[str, ...], zone: ZoneInfo) -> list[datetime]:
    """Return the slots of the cadence `at`, in order."""
    read = [datetime.fromisoformat(text) for text in at]
    return sorted(
        {_reached(moment, zone) if moment.tzinfo is None else _utc(moment) for moment in read}
    )


def _crons(cadence: Cadence) -> list[str]:
    """Return the cadence as cron expressions: times of day with the same minute share one."""
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
    """Yield the nearest slot after (or not after) the moment, for each cron and each place."""
    for cron in _crons(cadence):
        elapsed = any(field.startswith("*") for field in cron.split()[:2])
        for place in EVERY_SHOWING if elapsed else (_reached,):
            nearest = _nearest(cron, zone, moment, place, forward)
            if nearest is not None:
                yield nearest


def _nearest(
    cron: str, zone: ZoneInfo, moment: datetime, place: Place, forward: bool
) -> datetime | None:
    """Return the first matching local time whose moment is on the required side of `moment`.

    A later local time never has an earlier moment, so the first one is the nearest. Within a
    repeated hour, local times on the other side of the clock can match too: the search starts
    earlier (forward) or later (backward) by the length of the repetition.
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
    """Return the first (fold 0) or last (fold 1) moment at which clocks show this local time."""
    moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    exists = moment.astimezone(zone).replace(tzinfo=None) == local
    return moment if exists else None


EVERY_SHOWING: tuple[Place, ...] = (partial(_shown, fold=0), partial(_shown, fold=1))


def _reached(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which the zone's clocks first show this local time or a later one."""
    by_old_offset, by_new_offset = (
        local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    if by_old_offset <= by_new_offset:
        return by_old_offset
    # In a gap the two are on either side of the change, which is the first moment after the gap.
    after = _offset(by_old_offset.astimezone(zone))

    def changed(seconds: int) -> bool:
        return _offset((by_new_offset + seconds * SECOND).astimezone(zone)) == after

    gap_s = int((by_old_offset - by_new_offset).total_seconds())
    return by_new_offset + bisect_left(range(gap_s), True, key=changed) * SECOND
