"""`when`, severities by number, messages: features of every rule."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from landfall.airtable.dates import Calendar
from landfall.integrity.rules.conditions import Condition
from landfall.integrity.rules.evaluate import evaluate
from landfall.integrity.rules.required import Required
from landfall.integrity.rules.rule import Thresholds
from tests.fakes.snapshots import snapshot

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
CELLS: list[Any] = [
    None,
    "",
    "Active",
    "active",
    0,
    5,
    5.5,
    True,
    ["Active", "x"],
    [],
    "2026-03-01",
]
"""Rows 0 to 10 of a table with one field."""


def rows(condition: Any, cells: list[Any] = CELLS, **more: Any) -> list[int]:
    """Return the rows for which the condition holds."""
    records = [{"id": f"rec{n}", "fields": {"F": cell}} for n, cell in enumerate(cells)]
    table = snapshot({"T": records}, now=NOW, **more)
    parsed = TypeAdapter(Condition).validate_python(condition)
    return parsed.holds(table.tables["T"], range(len(cells)), table.calendar)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"has_value": True}, [2, 3, 4, 5, 6, 7, 8, 10]),
        ({"has_value": False}, [0, 1, 9]),
        ({"equals": "Active"}, [2, 8]),
        ({"equals": 5}, [5]),
        ({"equals": True}, [7]),
        ({"not_equals": "Active"}, [0, 1, 3, 4, 5, 6, 7, 9, 10]),
        ({"one_of": ["active", 0]}, [3, 4]),
        ({"none_of": ["active", 0, "Active"]}, [0, 1, 5, 6, 7, 9, 10]),
        ({"contains": "ACT"}, [2, 3, 8]),
        ({"matches": "[aA]ct.*"}, [2, 3, 8]),
        ({"matches": "ctiv"}, []),
        ({"above": 5}, [6]),
        ({"at_least": 5}, [5, 6]),
        ({"below": 5}, [4]),
        ({"at_most": 5}, [4, 5]),
        ({"at_least": 1, "below": 5.5}, [5]),
        ({"below": "today"}, [10]),
        ({"at_least": "today-1d"}, [10]),
        ({"above": "2026-03-01"}, []),
    ],
    ids=str,
)
def test_a_condition_on_a_field(settings, expected):
    """Types are distinct, a list matches by any of its items, and all tests must hold."""
    assert rows({"field": "F"} | settings) == expected


def test_conditions_are_combined():
    """All, any and not can be nested; the order of the rows is preserved."""
    active = {"field": "F", "contains": "active"}
    text = {"field": "F", "matches": ".*"}
    assert rows({"all": [active, {"field": "F", "equals": "Active"}]}) == [2, 8]
    assert rows({"any": [{"field": "F", "equals": 0}, active]}) == [2, 3, 4, 8]
    assert rows({"not": {"any": [active, text]}}) == [0, 1, 4, 5, 6, 7, 9]


@pytest.mark.parametrize(
    ("cell", "settings", "holds"),
    [
        ("2026-03-02", {"equals": "2026-03-02"}, True),
        ("2026-03-02", {"at_most": "today"}, True),
        ("2026-03-02T23:59:00.000Z", {"at_most": "today"}, True),
        ("2026-03-02T23:59:00.000Z", {"at_most": "now"}, False),
        ("2026-03-02T06:30:00.000Z", {"at_most": "now"}, True),
        ("2026-03-02T04:30:00", {"at_most": "now-2h"}, True),
        ("2026-03-03", {"above": "today"}, True),
        ("soon", {"above": "today"}, False),
        ("20260303", {"below": "9999-12-31"}, False),
    ],
)
def test_dates_compare_by_the_day_unless_both_have_a_time(cell, settings, holds):
    """`today` is a day, `now` a moment; a value that is no date is on neither side."""
    assert rows({"field": "F"} | settings, [cell]) == ([0] if holds else [])


def test_days_begin_where_the_scan_says():
    """In Auckland it is the second of March for the whole evening of the first in London."""
    settings = {"field": "F", "at_least": "today"}
    cells = ["2026-03-01T10:59:00Z", "2026-03-01T11:00:00Z"]
    assert rows(settings, cells, zone=ZoneInfo("Pacific/Auckland")) == [1]


@pytest.mark.parametrize("text", ["tomorrow", "today-", "today-3y", "2026-13-01", ""])
def test_what_is_no_date_is_refused(text):
    """The error has the accepted forms."""
    with pytest.raises(ValueError, match="is not a date; use YYYY-MM-DD"):
        Calendar(NOW).resolve(text)


@pytest.mark.parametrize(
    ("limits", "hits", "severity"),
    [
        ({"critical": 10}, 9, "info"),
        ({"critical": 10}, 10, "critical"),
        ({"warning": 1, "critical": "5%"}, 1, "warning"),
        ({"warning": 1, "critical": "5%"}, 10, "critical"),
        ({"warning": "2.5%"}, 4, "info"),
        ({"warning": "2.5%"}, 5, "warning"),
        ({"warning": "7%"}, 14, "warning"),
    ],
)
def test_severity_by_number_or_share(limits, hits, severity):
    """The rule checks 200 records; below every threshold it is `info`."""
    assert Thresholds.model_validate(limits).severity(hits, 200) == severity


def test_a_rule_looks_where_its_condition_holds():
    """The share is of the records that were checked."""
    rule = Required.model_validate(
        {
            "id": "r",
            "kind": "required",
            "table": "T",
            "field": "F",
            "when": {"field": "Active", "equals": True},
            "severity": {"critical": "50%"},
            "message": "{Name} ({Age}) has no F",
        }
    )
    people = [
        {"Name": "Ada", "Age": 36, "Active": True},
        {"Name": "Bob", "Active": True, "F": 1},
        *[{"Name": "Old", "F": 1}] * 7,
        {"Name": "Gone"},
    ]
    records = [{"id": f"rec{n}", "fields": person} for n, person in enumerate(people)]
    report = evaluate(rule, snapshot({"T": records}))
    (finding,) = report.findings
    assert (finding.records, finding.message) == (("rec0",), "Ada (36) has no F")
    assert (finding.severity, report.records) == ("critical", 2)
