"""Dates and times: one definition for every rule, and hours on a day."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from landfall.airtable.dates import Calendar
from landfall.kinds.definition import load
from tests.fakes.rules import report, rows, rows_of, rule

DAYS = ["2026-03-01", "0001-01-01", "9999-12-31", "2024-02-29"]

MOMENTS = {
    "2026-03-01T09:30": "2026-03-01T08:30Z",
    "2026-03-01 09:30": "2026-03-01T08:30Z",
    "2026-03-01t09:30:00z": "2026-03-01T09:30Z",
    "2026-03-01T09:30:00.000Z": "2026-03-01T09:30Z",
    "2026-03-01T09:30:00.5Z": "2026-03-01T09:30:00.500Z",
    "2026-03-01T09:30:00,5Z": "2026-03-01T09:30:00.500Z",
    "2026-03-01T09:30:00.123456789Z": "2026-03-01T09:30:00.123456Z",
    "2026-03-01T09:30+01:00": "2026-03-01T08:30Z",
    "2026-03-01T09:30+0100": "2026-03-01T08:30Z",
    "2026-03-01T09:30+01": "2026-03-01T08:30Z",
    "2026-03-01T09:30:00-23:59": "2026-03-02T09:29Z",
    "2026-03-01T09:30-00:00": "2026-03-01T09:30Z",
    "2026-07-01T09:30": "2026-07-01T07:30Z",
    "2026-03-29T02:30": "2026-03-29T01:30Z",  # skipped by the clocks
    "2026-10-25T02:30": "2026-10-25T00:30Z",  # the first of two
}
"""Moments in a scan of Berlin, and the same in UTC."""

NO_DATES = [
    "20260301", "20260301T093000Z", "2026-W09", "2026-W09-1", "2026W091", "2026-W09-1T09:30",
    "2026-060", "2026060", "2026-03", "2026", "--03-01", "+2026-03-01", "-2026-03-01",
    "+002026-03-01", "10000-01-01", "0000-01-01", "0000-00-00", "2026-02-29", "2026-02-30",
    "2026-13-01", "2026-3-1", "26-03-01", "2026/03/01", "2026.03.01", "2026-03-01T",
    "2026-03-01T09", "2026-03-01T09:3", "2026-03-01T9:30", "2026-03-01T0930", "2026-03-01T09.5",
    "2026-03-01T09:30.5", "2026-03-01T24:00", "2026-03-01T24:00:00", "2026-03-01T23:60",
    "2026-03-01T24:00:00.000Z",
    "2026-03-01T23:59:60", "2026-03-01T09:30:00.", "2026-03-01T09:30:00.1234567890",
    "2026-03-01  09:30", "2026-03-01_09:30", "2026-03-01x09:30", "2026-03-01T09:30 +01:00",
    "2026-03-01T09:30 Z", "2026-03-01T09:30+1", "2026-03-01T09:30+24:00", "2026-03-01T09:30+01:60",
    "2026-03-01T09:30+01:00:30", "2026-03-01T09:30 UTC", "2026-03-01T09:30[Europe/Berlin]",
    "2026-03-01Z", "2026-03-01+01:00", "09:30", "2026-03-01T09:30:00.000ZZ", "2026-03-01 bis",
    "\u0662\u0660\u0662\u0666-03-01", "2026\u201003\u201001", "2026-03-01/2026-03-02", "P3D",
    "today", "1.3.2026", "2026-01-01T0a:00:00.000Z", "2026-03-01T::30:00.000Z",
]  # fmt: skip
"""Other forms of ISO 8601, other forms of dates, and days and times that do not exist."""

BERLIN = {"zone": ZoneInfo("Europe/Berlin")}


def readers(cells):
    """Return the rows that each kind of rule takes for a date."""
    every = [*range(len(cells))]

    def others(found):
        return [row for row in every if row not in found]

    pairs = [{"A": cell, "B": "0001-01-01"} for cell in cells]
    fresh = rule("freshness", field="F", within="1d", of="each")
    no_age = {
        int(finding.records[0].removeprefix("rec"))
        for finding in report(fresh, [{"F": cell} for cell in cells], **BERLIN).findings
        if finding.message.endswith("is not a date")
    }
    when = {"field": "F", "at_least": "0001-01-01"}
    dated = rule(
        "metric", measure="count", date="F", window={"since": "0001-01-01", "until": "9999-12-31"},
        at_least={"info": 10**6},
    )  # fmt: skip
    metric = report(dated, [{"F": cell} for cell in [*cells, "2026-03-01"]], **BERLIN).findings
    of_type = [
        set(rows(rule("type", field="F", type=type_), cells, **BERLIN))
        for type_ in ("date", "datetime")
    ]
    return {
        "format": others(rows(rule("format", field="F", format="date"), cells, **BERLIN)),
        "type": others(of_type[0] & of_type[1]),
        "range": others(rows(rule("range", field="F", at_least="0001-01-01"), cells, **BERLIN)),
        "compare": others(
            rows_of(rule("compare", left="A", op=">=", right="B", plus="0d"), pairs, **BERLIN)
        ),
        "freshness": others(no_age),
        "condition": rows(rule("forbidden", field="F", when=when), cells, **BERLIN),
        "metric": others([int(finding.records[0].removeprefix("rec")) for finding in metric]),
    }


def test_every_rule_reads_the_same_dates():
    """What is a date to one is a date to all, and nothing else is."""
    cells = [*DAYS, *MOMENTS, *NO_DATES]
    dates = [*range(len(DAYS) + len(MOMENTS))]
    assert readers(cells) == dict.fromkeys(readers(["x"]), dates)


@pytest.mark.parametrize(("text", "same"), MOMENTS.items())
def test_the_moment_of_a_text(text, same):
    """Without a zone it is one of the scan's; a comma is a point, a space a T."""
    calendar = Calendar(datetime(2026, 3, 2, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert calendar.read(text) == datetime.fromisoformat(same)
    assert calendar.read(f"{text} ") is None
    pair = [{"A": text, "B": same}]
    assert rows_of(rule("compare", left="A", op="=", right="B"), pair, **BERLIN) == []


DAY, NOON = "2026-03-02", "2026-03-02T12:00Z"


@pytest.mark.parametrize(
    ("left", "right", "plus"),
    [
        (DAY, DAY, "-6h"),
        (DAY, DAY, "6h"),
        (DAY, DAY, "-1m"),
        (DAY, DAY, "-23h"),
        (DAY, DAY, "1439m"),
        ("2026-03-01", DAY, "-24h"),
        ("2026-03-01", DAY, "-36h"),
        ("2026-03-03", DAY, "36h"),
        ("2026-03-01", DAY, "-1d"),
        ("2026-02-23", DAY, "-1w"),
        ("2026-03-02T06:00Z", NOON, "-6h"),
        (DAY, NOON, "-6h"),
        (NOON, DAY, "-6h"),
        ("2026-03-01", NOON, "-13h"),  # it is another day
        ("2026-03-01T23:00Z", NOON, "-13h"),
    ],
)
def test_hours_on_a_day(left, right, plus):
    """Hours are added to a moment; to a day, only whole days are."""
    of = rule("compare", left="A", op="equals", right="B", plus=plus)
    assert rows_of(of, [{"A": left, "B": right}]) == []


@pytest.mark.parametrize(
    ("bound", "day"),
    [
        ("today-6m", DAY),
        ("today-12h", DAY),
        ("today+23h", DAY),
        ("today-24h", "2026-03-01"),
        ("today-47h", "2026-03-01"),
        ("today+36h", "2026-03-03"),
        ("today-1440m", "2026-03-01"),
        ("now-6h", DAY),
        ("now-7h", "2026-03-01"),
    ],
)
def test_hours_from_today(bound, day):
    """It is 6:30 on 2nd March: 12 hours before that day are still that day, before now they are
    not."""
    limits = rule("range", field="F", at_least=bound, at_most=bound)
    assert rows(limits, [day]) == []
    when = {"field": "F", "at_least": bound, "at_most": bound}
    assert rows(rule("forbidden", field="F", when=when), [day]) == [0]
    window = {"since": bound, "until": bound}
    count = rule("metric", measure="count", date="F", window=window, at_least={"info": 1})
    assert len(report(count, [{"F": day}]).findings) == 1


def test_a_duration_is_the_time_that_passes():
    """A day is 24 hours, whether a moment is written with a zone or without: clocks went forward on
    29th March."""
    of = rule("compare", left="A", op="equals", right="B", plus="1d")
    before, after = "2026-03-28T12:00", "2026-03-29T13:00"
    pairs = [(after, before), ("2026-03-29T11:00Z", before), (after, "2026-03-28T11:00Z")]
    assert rows_of(of, [{"A": a, "B": b} for a, b in pairs], **BERLIN) == []


def test_beyond_the_last_day():
    """No sum is: a contract that ends on the last day there is ends on it a month later, too."""
    ends = ["9999-12-31", "9999-12-31T12:00Z", "9999-12-30", "9999-12-31T23:59:59-12:00"]
    for zone in ("America/New_York", "Asia/Tokyo", "UTC"):
        for op, found in (("at_most", []), ("at_least", [0, 1, 2, 3])):
            of = rule("compare", left="A", op=op, right="B", plus="4w")
            lasting = [{"A": DAY, "B": end} for end in ends]
            assert rows_of(of, lasting, zone=ZoneInfo(zone)) == found
    of = rule("compare", left="A", op="below", right="B", plus="-1h")
    pairs = [("0001-01-01", DAY), ("0001-01-01T00:00", DAY), ("0001-01-01T00:00Z", NOON)]
    for zone in ("America/New_York", "Asia/Tokyo", "UTC"):
        assert rows_of(of, [{"A": a, "B": b} for a, b in pairs], zone=ZoneInfo(zone)) == []
    (finding,) = report(of, [{"A": DAY, "B": "0001-01-01T00:00Z"}]).findings
    assert "is not below B plus -1h" in finding.message


def test_the_zone_of_the_schedule_is_that_of_the_days():
    """It stays when the definition is stored, without its schedule."""
    text = """
      {id: s, kind: integrity, base: app12345678901234, tables: {T: [F]},
       schedule: {cadence: {every_minutes: 60}, time_zone: Asia/Tokyo},
       rules: [{id: r, kind: range, table: T, field: F, at_most: today}]}"""
    scan = load(text, "s.yaml")
    assert scan.zone == scan.unscheduled().zone == ZoneInfo("Asia/Tokyo")
    assert scan.version() == scan.unscheduled().version()
    other = load(text.replace("Tokyo", "Seoul"), "s.yaml")
    assert scan.version() != other.version()
