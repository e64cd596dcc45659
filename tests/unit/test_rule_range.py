"""`range`: numbers, dates, dates relative to now."""

import random
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from landfall.kinds.definition import load
from tests.fakes.rules import NOW, message_about, rows, rule
from tests.fakes.world import integrity

NO_VALUES: list[Any] = [None, "", " ", [], {}]


def in_range(**bounds):
    return rule("range", field="F", **bounds)


@pytest.mark.parametrize(
    ("bounds", "cells", "wrong"),
    [
        ({"at_least": 0}, [-1, -0.5, 0, 0.0, 1, 10**30], [0, 1]),
        ({"above": 0}, [-1, 0, 0.0, -0.0, 0.001, 1], [0, 1, 2, 3]),
        ({"at_most": 5}, [5, 5.0, 5.1, 6, -(10**30)], [2, 3]),
        ({"below": 5}, [4.999, 5, 5.0, 6], [1, 2, 3]),
        ({"at_least": 1, "below": 2}, [0, 1, 1.5, 2, None], [0, 3]),
        ({"above": 1, "at_most": 2}, [1, 2, [1.5, 2], [1.5, 1], []], [0, 3]),
        ({"at_least": 2**53 + 1}, [2**53, float(2**53), 2**53 + 1], [0, 1]),
        ({"at_most": "today"}, ["2026-03-02", "2026-03-03", "2026-03-02T23:59:00.000Z"], [1]),
        ({"at_most": "now"}, ["2026-03-02", "2026-03-02T06:31:00Z", "2026-03-02T06:30:00Z"], [1]),
        ({"above": "2026-01-31", "below": "2026-03-01"}, ["2026-02-01", "2026-01-31"], [1]),
        ({"at_least": "today-1w"}, ["2026-02-23", "2026-02-22", ["2026-03-01", "1970-01-01"]],
         [1, 2]),
    ],
    ids=str,
)  # fmt: skip
def test_what_lies_outside(bounds, cells, wrong):
    """With the bound or without it; each item of a list counts."""
    assert rows(in_range(**bounds), cells) == wrong


@pytest.mark.parametrize("bounds", [{"at_least": 0}, {"at_most": "today"}])
def test_no_value_is_no_finding(bounds):
    """Requiring a value is the job of another rule."""
    assert rows(in_range(**bounds), NO_VALUES) == []


@pytest.mark.parametrize(
    ("bounds", "cell", "message"),
    [
        ({"at_most": 100}, 120, "F is 120, which is not at most 100"),
        ({"at_least": 0, "below": 9}, 9, "F is 9, which is not at least 0 and below 9"),
        ({"at_least": 0, "below": 9}, [-1, 9], "F is -1, 9, which is not at least 0 and below 9"),
        ({"at_least": 0}, "12", "F is '12', which is not a number"),
        ({"at_least": 0}, [1, "12", -1], "F is '12', which is not a number"),
        ({"at_least": 0}, True, "F is true, which is not a number"),
        ({"at_least": 0}, {"error": "#X"}, "F is the error #X, which is not a number"),
        ({"at_most": "today"}, "soon", "F is 'soon', which is not a date"),
        ({"at_most": "today"}, 5, "F is 5, which is not a date"),
        ({"at_most": "today"}, "2026-03-03", "F is '2026-03-03', which is not at most today"),
    ],
)  # fmt: skip
def test_it_says_what_is_wrong(bounds, cell, message):
    """A value of the other kind has its own message; it is on neither side."""
    assert message_about(in_range(**bounds), cell) == message


def test_the_last_day_there_is():
    """In another zone, it would be the day after."""
    cells = ["9999-12-31T23:59:00Z", "0001-01-01T00:00:00Z"]
    for zone in ("Pacific/Auckland", "America/New_York"):
        assert rows(in_range(at_most="today"), cells, zone=ZoneInfo(zone)) == [0]


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ({}, "give a bound"),
        ({"at_least": 0, "above": 0}, "give `at_least` or `above`, not both"),
        ({"at_most": 0, "below": 0}, "give `at_most` or `below`, not both"),
        ({"at_least": 0, "at_most": "today"}, "two numbers or two dates"),
        ({"at_least": 2, "at_most": 1}, "no value lies between"),
        ({"at_least": 1, "below": 1}, "no value lies between"),
        ({"above": 1, "at_most": 1}, "no value lies between"),
        ({"at_least": "today", "at_most": "today-30d"}, "no value lies between"),
        ({"above": "2026-01-02", "below": "2026-01-02"}, "no value lies between"),
        ({"at_least": "soon"}, "must be a number, a date as YYYY-MM-DD"),
        ({"at_least": True}, "must be a number"),
        ({"at_least": float("nan")}, "must be a number"),
        ({"at_least": float("inf")}, "must be a number"),
    ],
    ids=str,
)
def test_bounds_that_cannot_be_meant_are_refused(bounds, why):
    """Such bounds are rejected when the definition is read, with the fix."""
    with pytest.raises(ValueError, match=why):
        in_range(**bounds)


@pytest.mark.parametrize(
    "bounds",
    [{"at_least": 1, "at_most": 1}, {"at_least": "2026-01-01", "at_most": "today"},
     {"at_least": "today", "at_most": "2020-01-01"}, {"at_least": "today-1d", "below": "today"}],
)  # fmt: skip
def test_bounds_that_may_hold_are_taken(bounds):
    """A relative bound moves: bounds that exclude everything today may have held once."""
    assert in_range(**bounds).sentence().startswith("F is at least ")


def test_a_date_needs_no_quotes():
    """YAML parses it as a date, and a rule accepts it."""
    text = """
        {id: s, kind: integrity, base: app00000000000000, tables: {T: [F]}, rules: [
          {id: r, kind: range, table: T, field: F, above: 1900-01-01, at_most: today}]}"""
    assert (
        integrity(load(text, "s.yaml")).rules[0].sentence()
        == "F is above 1900-01-01 and at most today"
    )


LOWER = {"at_least": lambda a, b: a >= b, "above": lambda a, b: a > b}
UPPER = {"at_most": lambda a, b: a <= b, "below": lambda a, b: a < b}


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("lower", LOWER)
@pytest.mark.parametrize("upper", UPPER)
def test_agrees_with_a_loop_over_numbers(seed, lower, upper):
    """Random numbers near the bounds, among texts and blanks."""
    rng = random.Random(seed)
    low, high = rng.randint(-3, 0), rng.choice([1, 2.5])
    near = [low, high, low - 1, high + 1, 0, 0.5, -2.5]
    cells = [rng.choice([*near, None, "1", False]) for _ in range(200)]
    expected = [
        n
        for n, cell in enumerate(cells)
        if cell is not None
        and not (
            type(cell) in (int, float) and LOWER[lower](cell, low) and UPPER[upper](cell, high)
        )
    ]
    assert rows(in_range(**{lower: low, upper: high}), cells) == expected


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("upper", UPPER)
def test_agrees_with_a_loop_over_dates(seed, upper):
    """Random days and moments around a bound some days ago."""
    rng = random.Random(seed)
    ago = rng.randint(0, 5)
    start = datetime(2026, 2, 20)  # noqa: DTZ001  a moment without a zone, as some cells have it
    moments = [start + timedelta(hours=rng.randint(0, 24 * 14)) for _ in range(200)]
    cells = [m.date().isoformat() if rng.random() < 0.5 else m.isoformat() for m in moments]
    bound = date(2026, 3, 2) - timedelta(days=ago)
    expected = [n for n, m in enumerate(moments) if not UPPER[upper](m.date(), bound)]
    assert NOW.date() == date(2026, 3, 2)
    assert rows(in_range(**{upper: f"today-{ago}d"}), cells) == expected
