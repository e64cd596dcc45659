"""`freshness`: the age of the newest record, or of each record. The time is Monday, 2nd March 2026,
6:30 UTC."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from landfall.integrity.rules.evaluate import IF_NORMAL
from tests.fakes.rules import NOW, report, rows, rule


def fresh(within, of="newest", **more):
    return rule("freshness", within=within, of=of, **({"field": "F"} | more))


def newest(within, cells, **more):
    """Return the value of the finding about the table, or why the rule is inconclusive."""
    records = [{} if cell is None else {"F": cell} for cell in cells]
    said = report(fresh(within), records, **more)
    return said.inconclusive or [finding.value for finding in said.findings]


@pytest.mark.parametrize(
    ("within", "cells", "found"),
    [
        ("7d", ["2026-01-01", "2026-02-23", None], []),
        ("7d", ["2026-01-01", "2026-02-22", " "], ["'2026-02-22'"]),
        ("1d", ["2026-03-01"], []),
        ("23h", ["2026-03-01"], []),
        ("6h", ["2026-03-01"], ["'2026-03-01'"]),
        ("2h", ["2026-03-02T04:30:00.000Z"], []),
        ("2h", ["2026-03-02T04:29:00.000Z"], ["'2026-03-02T04:29:00.000Z'"]),
        ("2h", ["2026-03-02", "2026-03-02T01:00:00.000Z"], []),
        ("1d", ["soon", "2026-01-02", 5, ["2026-01-03", "x"]], ["'2026-01-03'"]),
        ("1d", ["2026-01-02", "2062-01-01"], ["'2026-01-02'"]),
        ("1d", ["2026-01-02", "2026-03-02T06:31:00Z"], ["'2026-01-02'"]),
    ],
)
def test_the_newest(within, cells, found):
    """A day is as old as its last moment; future dates and values that are none do not count."""
    assert newest(within, cells) == found


@pytest.mark.parametrize("cells", [[], [None], ["", "soon", 5], ["2062-01-01"]])
def test_without_a_date_the_rule_is_inconclusive(cells):
    """The rule is inconclusive: the table is neither fresh nor too old."""
    why = "no selected record of 'T' has a date in 'F' that is not in the future"
    nothing = {0: "table 'T' has no records", 1: "no record that r checks has a value in 'F'"}
    empty = f"{nothing.get(len(cells))}; {IF_NORMAL}"
    assert newest("7d", cells) == (why if any(cells) else empty)


def test_it_is_one_finding_about_the_table():
    """It is the same finding in every run, whichever record is the newest."""
    (finding,) = report(fresh("7d"), [{"F": "2026-01-01"}, {"F": "2026-01-02"}]).findings
    (later,) = report(fresh("7d"), [{"F": "2026-01-03"}]).findings
    assert (finding.records, finding.key) == (later.records, later.key) == ((), "newest")
    assert finding.message == "the newest F of T is 2026-01-02, older than 7d"


def test_when_the_records_were_made():
    """`created` uses Airtable's own time, which is not a field."""
    of = rule("freshness", created=True, within="1h")
    made = ["2026-03-02T05:29:59.000Z", "2026-02-02T00:00:00.000Z"]
    (finding,) = report(of, [{}, {}], created=made).findings
    assert finding.message == f"the newest createdTime of T is {made[0]}, older than 1h"
    assert report(of, [{}], created=["2026-03-02T05:30:00.000Z"]).findings == []
    assert of.reads() == []
    assert of.tables() == ["T"]


def test_each():
    """A finding for each record; a missing value is none, a value that is no date is one, and so is
    an old item of a list."""
    cells = [
        "2026-02-23",
        "2026-02-22",
        None,
        " ",
        "2062-01-01",
        "soon",
        ["2026-03-01", "2026-01-01"],
        5,
    ]
    of = fresh("7d", "each")
    assert rows(of, cells) == [1, 5, 6, 7]
    assert [
        finding.message for finding in report(of, [{"F": cell} for cell in cells]).findings
    ] == [
        "F is '2026-02-22', which is older than 7d",
        "F is 'soon', which is not a date",
        "F is '2026-01-01', which is older than 7d",
        "F is 5, which is not a date",
    ]


def test_days_end_where_the_scan_says():
    """At 6:30 in London, the first of March ended 6.5 hours ago, and in Auckland 19.5 hours ago."""
    for hours, zone, found in [(7, "UTC", []), (7, "Pacific/Auckland", ["'2026-03-01'"]),
                               (20, "Pacific/Auckland", [])]:  # fmt: skip
        assert newest(f"{hours}h", ["2026-03-01"], zone=ZoneInfo(zone)) == found


def test_its_sentence():
    """The sentence differs for the newest and for each."""
    assert fresh("7d").sentence() == "the newest F of T is no older than 7d"
    assert fresh("7d", "each").sentence() == "each F of T is no older than 7d"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"within": "7d"}, "give either a date `field` or `created: true`"),
        ({"within": "7d", "field": "F", "created": True}, "give either a date `field`"),
        ({"field": "F", "within": "week"}, "'week' is not a duration"),
        ({"field": "F", "within": "0d"}, "must be longer than zero"),
        ({"field": "F", "within": "-7d"}, "must be longer than zero"),
        ({"field": "F", "within": 7}, "must be a number of m, h, d or w, such as `30d`"),
        ({"field": "F", "within": "7d", "of": "oldest"}, "Input should be 'newest' or 'each'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, why):
    """Such settings are rejected when the definition is read, with the fix."""
    with pytest.raises(ValueError, match=why):
        rule("freshness", **settings)


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_ages_in_hours(seed):
    """Random days and moments of the last weeks and the next days."""
    rng = random.Random(seed)
    hours = rng.randint(1, 24 * 20)
    moments = [NOW - timedelta(hours=rng.randint(-72, 24 * 30)) for _ in range(rng.randint(1, 8))]
    cells = [
        moment.date().isoformat() if rng.random() < 0.5 else f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
        for moment in moments
    ]

    def ended(cell):
        day = date.fromisoformat(cell[:10])
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        return (
            datetime.fromisoformat(cell) if len(cell) > 10 else midnight - timedelta(microseconds=1)
        )

    def age(cell):
        return (NOW - ended(cell)) / timedelta(hours=1)

    old = [n for n, cell in enumerate(cells) if age(cell) > hours]
    known = [
        age(cell) for cell in cells if (len(cell) == 10 and cell <= "2026-03-02") or age(cell) >= 0
    ]
    assert rows(fresh(f"{hours}h", "each"), cells) == old
    said = newest(f"{hours}h", cells)
    assert (isinstance(said, str), said != []) == (not known, not known or min(known) > hours)
