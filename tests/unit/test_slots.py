import random
import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from landfall.scans.cadence import Cadence
from landfall.scans.schedule import Schedule
from landfall.scans.slots import (
    DueSlots,
    catch_up,
    due_slots,
    first_to_run,
    newest_slot,
    next_slot,
    slots_ahead,
)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    whole = text if len(text) == len("2026-01-01T00:00") else f"2026-{text}"
    return datetime.fromisoformat(whole).replace(tzinfo=UTC)


def cadence(**form: Any) -> Cadence:
    return Cadence.model_validate(form)


def slots(of: Cadence, zone: ZoneInfo, after: Any, count: int) -> list[Any]:
    """The next slots, `count` of them or up to the None that ends them."""
    found: list[Any] = []
    while len(found) < count and after is not None:
        after = next_slot(of, zone, after)
        found.append(after)
    return found


# Zone, cadence, after, slots: UTC, in 2026 unless a year is given.
BY_HAND: list[tuple[str, dict[str, Any], str, str]] = [
    # Berlin: 02:00 CET -> 03:00 CEST at 2026-03-29T01:00Z; 03:00 CEST -> 02:00 CET at 10-25T01:00Z
    ("Europe/Berlin", {"daily": "06:00"}, "03-28T04:00", "03-28T05:00 03-29T04:00"),
    ("Europe/Berlin", {"daily": "02:30"}, "03-28T12:00", "03-29T01:00 03-30T00:30"),
    ("Europe/Berlin", {"daily": "02:30"}, "10-24T12:00", "10-25T00:30 10-26T01:30"),
    # asked within the second pass of the hour: 02:30 is over for this day
    ("Europe/Berlin", {"daily": "02:30"}, "10-25T01:10", "10-26T01:30"),
    # two times in one gap are one slot, and 03:00 is that same moment
    ("Europe/Berlin", {"daily": ["02:10", "02:50", "03:00"]}, "03-29T00:00",
     "03-29T01:00 03-30T00:10"),
    ("Europe/Berlin", {"cron": "30 2 * * 0"}, "03-28T12:00", "03-29T01:00 04-05T00:30"),
    ("Europe/Berlin", {"cron": "30 2 25 10 *"}, "01-01T00:00", "10-25T00:30"),
    # a star in the minute field: nothing in the gap, four times in the doubled hour
    ("Europe/Berlin", {"cron": "*/30 2 * * *"}, "03-29T00:00", "03-30T00:00"),
    ("Europe/Berlin", {"cron": "*/30 2 * * *"}, "10-24T12:00",
     "10-25T00:00 10-25T00:30 10-25T01:00 10-25T01:30 10-26T01:00"),
    # a star in the hour field: every elapsed hour
    ("Europe/Berlin", {"cron": "0 * * * *"}, "03-29T00:00", "03-29T01:00 03-29T02:00"),
    ("Europe/Berlin", {"cron": "0 * * * *"}, "10-25T00:00", "10-25T01:00 10-25T02:00"),
    ("Europe/Berlin", {"every_minutes": 60}, "03-29T00:00", "03-29T01:00 03-29T02:00"),
    ("Europe/Berlin", {"every_minutes": 60}, "10-25T00:30", "10-25T01:00 10-25T02:00"),
    # 9,645 days after the anchor is a multiple of 5 days: 2026-05-29
    ("Europe/Berlin", {"every_minutes": 7200}, "05-25T00:00", "05-29T00:00 06-03T00:00"),
    ("Europe/Berlin", {"at": ["2026-03-29T02:30", "2026-10-25T02:30", "2026-10-25T02:30+01:00"]},
     "01-01T00:00", "03-29T01:00 10-25T00:30 10-25T01:30 None"),
    ("Europe/Berlin", {"at": ["2026-06-01T12:00Z", "2026-06-01T14:00"]}, "01-01T00:00",
     "06-01T12:00 None"),
    # New York: 02:00 EST -> 03:00 EDT at 2026-03-08T07:00Z; 02:00 EDT -> 01:00 EST at 11-01T06:00Z
    ("America/New_York", {"daily": "02:30"}, "03-08T00:00", "03-08T07:00 03-09T06:30"),
    ("America/New_York", {"weekly": {"days": "sun", "times": "01:30"}}, "10-31T12:00",
     "11-01T05:30 11-08T06:30"),
    # always inside the gap (second Sunday of March), and not made up for: never
    ("America/New_York", {"cron": "*/5 2 * 3 SUN#2"}, "01-01T00:00", "None"),
    # Lord Howe: 02:00 +10:30 -> 02:30 +11 at 2026-10-03T15:30Z; 02:00 +11 -> 01:30 at 04-04T15:00Z
    ("Australia/Lord_Howe", {"daily": "02:10"}, "10-03T00:00", "10-03T15:30 10-04T15:10"),
    ("Australia/Lord_Howe", {"daily": "01:45"}, "04-04T00:00", "04-04T14:45 04-05T15:15"),
    ("Australia/Lord_Howe", {"cron": "*/30 5 * * *"}, "10-03T12:00", "10-03T18:00 10-03T18:30"),
    # Havana: 00:00 CST -> 01:00 CDT at 2026-03-08T05:00Z; 01:00 CDT -> 00:00 CST at 11-01T05:00Z
    ("America/Havana", {"weekly": {"days": ["sun"], "times": ["00:00"]}}, "03-07T12:00",
     "03-08T05:00 03-15T04:00"),
    ("America/Havana", {"cron": "*/30 0 * * *"}, "03-07T12:00", "03-09T04:00 03-09T04:30"),
    ("America/Havana", {"daily": "00:30"}, "10-31T12:00", "11-01T04:30 11-02T05:30"),
    # Casablanca, Ramadan: 03:00 +01 -> 02:00 +00 at 2026-02-15T02:00Z, back at 2026-03-22T02:00Z
    ("Africa/Casablanca", {"daily": "02:30"}, "02-14T12:00", "02-15T01:30 02-16T02:30"),
    ("Africa/Casablanca", {"daily": "02:30"}, "03-21T12:00", "03-22T02:00 03-23T01:30"),
    # Dublin, whose winter time is the negative one: changes at 01:00Z
    ("Europe/Dublin", {"cron": "30 1 * * *"}, "03-28T12:00", "03-29T01:00 03-30T00:30"),
    ("Europe/Dublin", {"cron": "30 1 * * *"}, "10-24T12:00", "10-25T00:30 10-26T01:30"),
    # Kolkata: +05:30, no changes
    ("Asia/Kolkata", {"daily": "06:00"}, "03-28T12:00", "03-29T00:30 03-30T00:30"),
    # Apia had no 2011-12-30: -10 -> +14 at 2011-12-30T10:00Z, the first moment of the 31st
    ("Pacific/Apia", {"daily": "06:00"}, "2011-12-29T12:00",
     "2011-12-29T16:00 2011-12-30T10:00 2011-12-30T16:00"),
    ("Pacific/Apia", {"weekly": {"days": "fri", "times": "06:00"}}, "2011-12-25T00:00",
     "2011-12-30T10:00 2012-01-05T16:00"),
    ("Pacific/Apia", {"at": "2011-12-30T12:00"}, "2011-12-25T00:00", "2011-12-30T10:00 None"),
    ("Pacific/Apia", {"cron": "0 */12 30 12 *"}, "2011-12-25T00:00",
     "2012-12-29T10:00 2012-12-29T22:00"),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "form", "after", "expected"), BY_HAND)
def test_slots_worked_out_by_hand(zone, form, after, expected):
    """Expected instants (UTC) follow from the offsets in the comments, not from any code."""
    wanted = [None if text == "None" else utc(text) for text in expected.split()]
    assert slots(cadence(**form), ZoneInfo(zone), utc(after), len(wanted)) == wanted


ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana",
    "Africa/Casablanca", "Asia/Kolkata", "Pacific/Apia", "Europe/Dublin", "Asia/Beirut",
    "Antarctica/Troll", "America/Nuuk", "Pacific/Chatham",
]  # fmt: skip

# Each with an independent statement of what matches: (hour, minute, day of the week from Monday).
FIXED: list[tuple[dict[str, Any], Callable[[datetime], bool]]] = [
    ({"daily": ["00:00", "00:30", "01:05", "01:45", "02:10", "02:30", "03:00", "23:30"]},
     lambda at: (at.hour, at.minute) in
     {(0, 0), (0, 30), (1, 5), (1, 45), (2, 10), (2, 30), (3, 0), (23, 30)}),
    ({"weekly": {"days": ["sat", "sun", "fri"], "times": ["00:15", "02:00", "23:15"]}},
     lambda at: at.weekday() in (4, 5, 6)
     and (at.hour, at.minute) in {(0, 15), (2, 0), (23, 15)}),
    ({"cron": "15,45 0-3 * * *"}, lambda at: at.minute in (15, 45) and at.hour <= 3),
    ({"cron": "0-59/20 0-23/2 * * 0,6"},
     lambda at: at.minute % 20 == 0 and at.hour % 2 == 0 and at.weekday() in (5, 6)),
]  # fmt: skip
ELAPSED: list[tuple[dict[str, Any], Callable[[datetime], bool]]] = [
    ({"cron": "*/20 * * * *"}, lambda at: at.minute % 20 == 0),
    ({"cron": "5 * * * *"}, lambda at: at.minute == 5),
    ({"cron": "0 */2 * * *"}, lambda at: at.minute == 0 and at.hour % 2 == 0),
    ({"cron": "*/15 0-2,5 * * *"}, lambda at: at.minute % 15 == 0 and at.hour in (0, 1, 2, 5)),
    ({"cron": "*/20 1 * * sun"},
     lambda at: at.minute % 20 == 0 and at.hour == 1 and at.weekday() == 6),
]  # fmt: skip


def changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The hours in which the offset of the zone changes."""
    hours = [start + n * HOUR for n in range(int((end - start) / HOUR))]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]]


@lru_cache
def windows(name: str) -> list[list[tuple[datetime, datetime]]]:
    """Every minute from 6 hours before each change to 6 hours after: (UTC, naive local)."""
    zone = ZoneInfo(name)
    found = changes(zone, utc("2024-01-01T00:00"), utc("2029-01-01T00:00"))
    if name == "Pacific/Apia":
        found += changes(zone, utc("2011-09-01T00:00"), utc("2012-05-01T00:00"))
    starts = [change - 6 * HOUR for change in found or [utc("2026-03-29T00:00")]]
    walks = [[start + n * MINUTE for n in range(12 * 60)] for start in starts]
    return [[(at, at.astimezone(zone).replace(tzinfo=None)) for at in walk] for walk in walks]


def reached(window, matches) -> list[datetime]:
    """The moments at which the clock first passes a matching local time, minute by minute."""
    found, highest = [], window[0][1]
    for at, local in window[1:]:
        passed = [highest + n * MINUTE for n in range(1, int((local - highest) / MINUTE) + 1)]
        if any(matches(time) for time in passed):
            found.append(at)
        highest = max(highest, local)
    return found


def shown(window, matches) -> list[datetime]:
    return [at for at, local in window[1:] if matches(local)]


def check(of: Cadence, zone: ZoneInfo, window, expected: list[datetime]) -> None:
    start, end = window[0][0], window[-1][0]
    found = slots(of, zone, start, len(expected) + 1)
    assert found[:-1] == expected
    assert found[-1] is None or found[-1] > end
    for minute, _ in random.Random(1).sample(window, 6):
        moment = minute + timedelta(seconds=17.5)
        place = bisect_right(expected, moment)
        if 0 < place < len(expected):
            assert newest_slot(of, zone, moment) == expected[place - 1]
            assert next_slot(of, zone, moment) == expected[place]
            assert newest_slot(of, zone, expected[place]) == expected[place]


@pytest.mark.slow
@pytest.mark.parametrize("name", ZONES)
def test_rules_hold_around_every_change_of_the_clock(name):
    """Both rules, against a walk over the minutes around each change of 2024-2028."""
    zone = ZoneInfo(name)
    for window in windows(name):
        for form, matches in FIXED:
            check(cadence(**form), zone, window, reached(window, matches))
        for form, matches in ELAPSED:
            check(cadence(**form), zone, window, shown(window, matches))


@pytest.mark.slow
@pytest.mark.parametrize("name", ZONES)
def test_local_moments_follow_the_rule_of_fixed_times(name):
    """`at` around each change: random local times, existing or not, first reached."""
    dice = random.Random(2)
    for window in windows(name):
        first, last = window[0][1], window[-1][1]
        span = int((last - first) / MINUTE)
        chosen = {first + MINUTE * dice.randint(1, span) for _ in range(100)}
        of = cadence(at=[f"{local:%Y-%m-%dT%H:%M}" for local in chosen])
        check(of, ZoneInfo(name), window, reached(window, chosen.__contains__))


@pytest.mark.parametrize("minutes", [1, 7, 60, 1440, 525_600])
def test_every_minutes_is_the_same_in_every_zone(minutes):
    """Elapsed time: multiples of N minutes since the anchor, at a change of the clock too."""
    of, after = cadence(every_minutes=minutes), utc("2026-03-29T00:59")
    found = slots(of, BERLIN, after, 3)
    assert found == slots(of, ZoneInfo("Asia/Kolkata"), after, 3)
    assert all(
        (slot - utc("2000-01-01T00:00")) % (minutes * MINUTE) == timedelta(0) for slot in found
    )
    assert found[0] - minutes * MINUTE <= after < found[0]


@pytest.mark.parametrize("form", [{"daily": ["00:00", "02:30"]}, {"cron": "30 */3 * * *"}])
def test_slots_only_move_forward(form):
    """From random moments in any zone, applying next_slot never repeats or goes back."""
    dice = random.Random(3)
    for name in ZONES:
        after = utc("2024-01-01T00:00") + dice.random() * 1700 * DAY
        found = slots(cadence(**form), ZoneInfo(name), after, 120)
        assert all(earlier < later for earlier, later in zip([after, *found], found, strict=False))


def test_29_february_waits_for_its_year():
    """A rare date is found; slots are aware UTC."""
    [slot] = slots(cadence(cron="0 0 29 2 *"), BERLIN, utc("2026-01-01T00:00"), 1)
    assert (slot, slot.tzinfo) == (utc("2028-02-28T23:00"), UTC)


def test_newest_slot_within_the_second_pass_of_an_hour():
    """At the second 02:10 the 02:30 of that day is over, though the clock shows less."""
    found = newest_slot(cadence(daily="02:30"), BERLIN, utc("2026-10-25T01:10"))
    assert found == utc("2026-10-25T00:30")


def test_naive_moments_are_refused():
    with pytest.raises(ValueError, match="needs a time zone"):
        next_slot(cadence(daily="06:00"), BERLIN, datetime(2026, 1, 1))  # noqa: DTZ001, the case


@pytest.mark.parametrize(
    ("settings", "days"),
    [
        ({}, [1, 2, 3, 4]),
        ({"paused": True}, []),
        ({"max_runs": 2}, [1, 2]),
        ({"stop_at": utc("06-03T06:00")}, [1, 2, 3]),
        ({"stop_at": utc("06-03T05:59"), "max_runs": 9}, [1, 2]),
        ({"stop_at": utc("01-01T00:00")}, []),
    ],
)
def test_slots_ahead_end_as_the_schedule_does(settings, days):
    schedule = Schedule.model_validate({"cadence": {"daily": "06:00"}} | settings)
    ahead = islice(slots_ahead(schedule, utc("05-31T06:00")), 4)
    assert list(ahead) == [utc(f"06-0{day}T06:00") for day in days]


def test_slots_ahead_of_single_moments_end():
    schedule = Schedule(cadence=cadence(at=["2026-06-01T06:00", "2026-06-02T06:00"]))
    assert list(slots_ahead(schedule, utc("06-01T06:00"))) == [utc("06-02T06:00")]


DAILY = cadence(daily="06:00")
SIX = utc("2026-06-01T04:00")  # 06:00 in Berlin on 1 June


def test_nothing_is_due_before_the_next_run():
    due = due_slots(DAILY, BERLIN, SIX, SIX - MINUTE, limit=5)
    assert due == DueSlots((), SIX, None, SIX)
    assert catch_up("one", due, SIX - MINUTE, 60) == ((), SIX)


@pytest.mark.parametrize("policy", ["one", "none", "all"])
def test_on_time_every_policy_runs_the_slot(policy):
    """A slot is due from its own moment on, and runs once."""
    due = due_slots(DAILY, BERLIN, SIX, SIX, limit=5)
    assert catch_up(policy, due, SIX, 60) == ((SIX,), SIX + DAY)


def test_one_and_none_after_three_missed_slots():
    """`one` runs the newest; `none` only within the grace, its last second included."""
    now = SIX + 2 * DAY + MINUTE
    due = due_slots(DAILY, BERLIN, SIX, now, limit=5)
    assert catch_up("one", due, now, 0) == ((SIX + 2 * DAY,), SIX + 3 * DAY)
    assert catch_up("none", due, now, 60) == ((SIX + 2 * DAY,), SIX + 3 * DAY)
    assert catch_up("none", due, now, 59) == ((), SIX + 3 * DAY)


def test_all_makes_every_missed_run_once_over_several_ticks():
    """Oldest first, at most `limit` a tick, and then back to the future."""
    now, next_run_at = SIX + 9.5 * DAY, SIX
    runs: list[datetime] = []
    for made in (4, 4, 2, 0):
        due = due_slots(DAILY, BERLIN, next_run_at, now, limit=4)
        plan = catch_up("all", due, now, 60)
        assert len(plan.runs) == made
        runs += plan.runs
        next_run_at = plan.next_run_at or now
    assert runs == [SIX + n * DAY for n in range(10)]
    assert next_run_at == SIX + 10 * DAY


def test_last_custom_time_leaves_nothing_to_wait_for():
    of = cadence(at="2026-06-01T06:00")
    due = due_slots(of, BERLIN, SIX, SIX + DAY, limit=5)
    assert catch_up("one", due, SIX + DAY, 60) == ((SIX,), None)
    assert catch_up("all", due, SIX + DAY, 60) == ((SIX,), None)
    assert newest_slot(of, BERLIN, SIX - MINUTE) is None


def test_next_run_of_an_edited_schedule_still_runs():
    """A next_run_at that the cadence no longer has is due, and then the new cadence counts."""
    now = SIX + 6 * HOUR
    due = due_slots(cadence(daily="05:00"), BERLIN, SIX, now, limit=5)
    assert catch_up("one", due, now, 0) == ((SIX,), SIX + 23 * HOUR)


def test_next_run_of_a_cadence_that_has_no_earlier_one_still_runs():
    """The times of an edited schedule are all to come."""
    of = cadence(at=[(SIX + DAY).isoformat()])
    assert due_slots(of, BERLIN, SIX, SIX + HOUR, limit=5) == ((SIX,), SIX + DAY, SIX, SIX + DAY)


@pytest.mark.parametrize(
    ("oldest", "most", "first"),
    [(3 * DAY, 10, 3), (3 * DAY - MINUTE, 10, 3), (3 * DAY + MINUTE, 10, 4), (DAY, 2, 5)],
)
def test_what_is_made_up_for_is_bounded_by_age_and_number(oldest, most, first):
    """Of six missed days; a slot is not too old at the last moment."""
    until = SIX + 6 * DAY + HOUR
    found = first_to_run(DAILY, BERLIN, SIX + DAY, until, SIX + oldest, most)
    assert found == SIX + first * DAY


def test_the_newest_is_made_up_for_however_old():
    """And what is the only one."""
    until = SIX + 2 * DAY - MINUTE
    assert first_to_run(DAILY, BERLIN, SIX, until, until, 5) == SIX + DAY
    assert first_to_run(DAILY, BERLIN, SIX + DAY, until, until, 5) == SIX + DAY


@pytest.mark.parametrize(
    "form", [{"every_minutes": 1}, {"cron": "* * * * *"}, {"cron": "0-59 0-23 * * *"}]
)
def test_a_year_asleep_costs_no_walk_through_the_year(form):
    """525,600 missed slots: the work is bounded by `limit`, not by the sleep."""
    started = time.perf_counter()
    due = due_slots(cadence(**form), BERLIN, SIX - 365 * DAY, SIX, limit=10)
    assert time.perf_counter() - started < 0.5
    assert len(due.oldest) == 10
    assert (due.newest, due.upcoming) == (SIX, SIX + MINUTE)
