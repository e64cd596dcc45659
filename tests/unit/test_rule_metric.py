"""`metric`: measures, windows and levels, worked out by hand; and against a plain computation."""

import json
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from landfall.integrity.rules.evaluate import Finding, RuleReport, evaluate
from landfall.integrity.rules.grouping import MAX_GROUPS
from landfall.integrity.rules.metric import Metric
from tests.fakes.snapshots import snapshot

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
ABSENT = {"field": "Presence", "equals": "Absent"}
Cells = dict[str, Any]


def metric(**settings: Any) -> Metric:
    """Return a rule that counts a student's absences in 30 days, with other settings if given."""
    base: dict[str, Any] = {
        "id": "m",
        "kind": "metric",
        "table": "T",
        "per": ["Student"],
        "measure": "count",
        "where": ABSENT,
        "date": "Date",
        "window": {"last": "30d"},
        "at_least": {"warning": 1},
    }
    given = {name: value for name, value in (base | settings).items() if value is not None}
    return Metric.model_validate(given)


def report(rule: Metric, rows: Sequence[Cells], **more: Any) -> RuleReport:
    """Return the rule's report on these records; `students` are the ids of the linked table."""
    students = [{"id": id_, "fields": {"Name": id_.upper()}} for id_ in more.pop("students", "ab")]
    records = [{"id": f"rec{number}", "fields": cells} for number, cells in enumerate(rows)]
    tables = {"T": records, "Students": students}
    return evaluate(rule, snapshot(tables, reads=rule.reads(), now=NOW, **more))


def findings(rule: Metric, rows: Sequence[Cells], **more: Any) -> Sequence[Finding]:
    """Return the rule's findings, which must be conclusive."""
    answer = report(rule, rows, **more)
    assert not answer.inconclusive
    return answer.findings


def identity(finding: Finding) -> tuple[tuple[str, ...], str]:
    """Return what distinguishes a finding from the rule's others, in this run and in later ones."""
    return finding.records, finding.key


def values(rule: Metric, rows: Sequence[Cells], **more: Any) -> list[str]:
    """Return the numbers of the findings."""
    return [finding.value for finding in findings(rule, rows, **more)]


def days(presence: str, first: str = "2026-02-02", **more: Any) -> list[Cells]:
    """Return a record for each day: A absent, P present; a dot stands for no record."""
    words = {"A": "Absent", "P": "Present"}
    start = date.fromisoformat(first)
    return [
        {"Student": "s", "Date": f"{start + timedelta(days=day)}", "Presence": words[letter]} | more
        for day, letter in enumerate(presence)
        if letter != "."
    ]


# Windows. Today is Monday 2 March 2026.


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        ({"last": "30d"}, "2026-02-01", "2026-03-02"),
        ({"last": "1d"}, "2026-03-02", "2026-03-02"),
        ({"last": "4w"}, "2026-02-03", "2026-03-02"),
        ({"since": "2026-02-10"}, "2026-02-10", "2026-03-02"),
        ({"since": date(2026, 2, 10), "until": "2026-02-20"}, "2026-02-10", "2026-02-20"),
        ({"until": "2026-02-20"}, "0001-01-01", "2026-02-20"),
        ({"since": "today-1w", "until": "today+1d"}, "2026-02-23", "2026-03-03"),
    ],
    ids=str,
)
def test_a_window_holds_both_its_ends(window, first, last):
    """The days before its first and after its last are outside; so is the future."""
    rule = metric(window=window)
    inside = [{"Student": "s", "Date": day, "Presence": "Absent"} for day in (first, last)]
    after = f"{date.fromisoformat(last) + timedelta(days=1)}"
    outside = [{"Student": "s", "Date": after, "Presence": "Absent"}]
    if first != "0001-01-01":
        before = f"{date.fromisoformat(first) - timedelta(days=1)}"
        outside.append({"Student": "s", "Date": before, "Presence": "Absent"})
    assert values(rule, inside) == ["2"]
    assert "no record of 'T' counts for the number of records" in report(rule, outside).inconclusive


@pytest.mark.parametrize(
    ("zone", "inside", "outside"),
    [
        ("UTC", "2026-03-02T23:59:59Z", "2026-03-01T23:59:59Z"),
        ("Europe/Berlin", "2026-03-01T23:00:00Z", "2026-03-01T22:59:59Z"),
        ("Pacific/Kiritimati", "2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z"),
        ("America/Los_Angeles", "2026-03-02T07:59:59Z", "2026-03-02T08:00:00Z"),
        ("Europe/Berlin", "2026-03-02T00:30:00", "2026-03-01T23:30:00"),
    ],
)
def test_days_begin_in_the_zone_of_the_scan(zone, inside, outside):
    """This includes today: at 22:30 on 1 March in Los Angeles, 2 March has not begun."""
    moments = [{"Student": s, "Date": s, "Presence": "Absent"} for s in (inside, outside)]
    rule = metric(window={"last": "1d"})
    (finding,) = findings(rule, moments, zone=ZoneInfo(zone))
    assert inside in finding.message


def test_a_window_that_ends_before_it_begins_says_nothing():
    """A term that has not begun does not prove good attendance."""
    rule = metric(window={"since": "2026-04-01"})
    why = report(rule, days("A")).inconclusive
    assert why == "the window ends on 2026-03-02, before it begins on 2026-04-01"


# Measures.

PUPIL = [{"Student": "s", "Date": "2026-02-20", "Presence": p} for p in "AAAPPPPPPP"]
SCORES = [{"Student": "s", "Points": points} for points in (4, 1, None, 2.5, [7, 1], "", 0)]
A = {"field": "Presence", "equals": "A"}


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ({"measure": "count", "where": A}, "3"),
        ({"measure": "count", "where": None}, "10"),
        ({"measure": "share", "where": A, "at_least": {"info": "30%"}}, "0.3"),
        ({"measure": "share", "where": A, "at_least": {"info": "30.001%"}}, None),
        ({"measure": "share", "where": A, "at_most": {"info": "30%"}, "at_least": None}, "0.3"),
        ({"measure": "share", "where": A, "at_least": {"info": "1%"}, "minimum": 10}, "0.3"),
        ({"measure": "share", "where": A, "at_least": {"info": "1%"}, "minimum": 11}, None),
    ],
    ids=str,
)
def test_counts_and_shares(settings, value):
    """Three of ten, at the level and next to it; a share of too few records is not computed."""
    assert values(metric(**settings), PUPIL) == ([] if value is None else [value])


@pytest.mark.parametrize(
    ("measure", "settings", "value"),
    [
        ("sum", {}, "15.5"),
        ("mean", {}, "2.5833"),
        ("mean", {"minimum": 7}, None),
        ("min", {}, "0"),
        ("max", {}, "7"),
        ("max", {"where": {"field": "Points", "below": 5}}, "7"),
        ("sum", {"where": {"field": "Points", "at_most": 1}}, "9.0"),
    ],
    ids=str,
)
def test_measures_of_numbers(measure, settings, value):
    """4, 1, 2.5, 7, 1 and 0: a cell without a value does not count, all numbers of a lookup do."""
    levels = {"at_least": {"info": -1}, "window": None, "date": None, "where": None}
    rule = metric(measure=measure, field="Points", **(levels | settings))
    assert values(rule, SCORES) == ([] if value is None else [value])


@pytest.mark.parametrize("level", ["1.1%", "0.7%", "2.9%", "57%", "58%"])
def test_a_share_reaches_its_level_exactly(level):
    """11 of 1,000 are 1.1 %, though 1.1 / 100 is more than 11 / 1000 in binary fractions."""
    absences = round(float(level[:-1]) * 10)
    rows = [{"Student": "s", "Presence": "A" if n < absences else "P"} for n in range(1000)]
    settings = {"measure": "share", "where": A, "date": None, "window": None}
    assert len(values(metric(**settings, at_least={"info": level}), rows)) == 1
    assert len(values(metric(**settings, at_least={"info": level}), rows[1:])) == 0


@pytest.mark.parametrize(
    ("presence", "longest", "current"),
    [
        ("AAA", 3, 3),
        ("AAPAAA", 3, 3),
        ("AAAPA", 3, 1),
        ("AAAP", 3, 0),
        ("A..A.......A", 3, 3),  # days without records do not end it
        ("A.PA", 1, 1),
        ("AA......P", 2, 0),
        ("PPP", 0, 0),
    ],
)
def test_days_in_a_row(presence, longest, current):
    """A day with a presence ends the row, a day without a record does not."""
    for still, value in ((False, longest), (True, current)):
        rule = metric(measure="days_in_a_row", current=still, at_least={"info": 0})
        assert values(rule, days(presence)) == [f"{value}"]


def test_a_day_counts_once_and_only_as_a_whole():
    """Two absences on a day are one day; an absence and a presence are no day of absence."""
    rule = metric(measure="days_in_a_row", at_least={"info": 0})
    assert values(rule, days("AA") + days("AA")) == ["2"]
    assert values(rule, days("AAA") + days(".P.")) == ["1"]


@pytest.mark.parametrize(
    ("dates", "longest", "current"),
    [
        # 2026 began on a Thursday, in week 1; 2025-12-28 was the Sunday of week 52
        (["2025-12-28", "2025-12-29"], 2, 2),
        (["2025-12-29", "2026-01-04"], 1, 1),
        (["2025-12-22", "2026-01-01", "2026-01-05"], 3, 3),
        (["2025-12-22", "2026-01-05"], 1, 1),
        # 2020 had a week 53, to Sunday 2021-01-03
        (["2020-12-27", "2020-12-28", "2021-01-04"], 3, 3),
        (["2021-01-03", "2021-01-04"], 2, 2),
        (["2025-12-01", "2025-12-08", "2025-12-15", "2026-01-05", "2026-01-12"], 3, 2),
    ],
)
def test_weeks_in_a_row_over_new_year(dates, longest, current):
    """Calendar weeks from Monday to Sunday; a week without an absence ends the row."""
    rows = [{"Student": "s", "Date": day, "Presence": "Absent"} for day in dates]
    settings = {"measure": "weeks_in_a_row", "window": None, "at_least": {"info": 0}}
    assert values(metric(**settings), rows) == [f"{longest}"]
    assert values(metric(**settings, current=True), rows) == [f"{current}"]
    present = {"Student": "s", "Date": "2026-02-02", "Presence": "Present"}
    assert values(metric(**settings, current=True), [*rows, present]) == ["0"]


# Groups.


def test_a_finding_is_about_the_linked_record():
    """Its table is the linked one; its identity is rule and record, whatever the number is."""
    rule = metric(about="Students", at_least={"info": 1, "warning": 2, "critical": 4})
    rows = days("A", Student=["b"]) + days("AA", Student=["a"])
    found = findings(rule, rows)
    assert [(f.table, f.records, f.severity) for f in found] == [
        ("Students", ("b",), "info"),
        ("Students", ("a",), "warning"),
    ]
    (later,) = findings(rule, days("AAAAA", Student=["a"]))
    assert (later.severity, identity(later)) == ("critical", identity(found[1]))


def test_a_record_counts_for_each_of_its_links_once():
    """Siblings in one record are both absent; a repeated or broken link adds nothing."""
    rule = metric(about="Students")
    rows = days("A", Student=["a", "b", "a", "gone"]) + days("A", Student=["gone"])
    rows += days("A", Student=[]) + days("A", Student=None)
    assert [(f.records, f.value) for f in findings(rule, rows)] == [
        (("a",), "1"),
        (("b",), "1"),
    ]


def test_the_groups_of_a_linked_record_are_distinct():
    """A student in two classes has two findings; the message names the class."""
    rule = metric(per=["Student", "Class"], about="Students", at_least={"info": 2})
    rows = days("AA", Student=["a"], Class="5A") + days("AA", Student=["a"], Class=1)
    first, second = findings(rule, rows)
    assert first.records == second.records == ("a",)
    assert identity(first) != identity(second)
    assert (first.message, second.message[:9]) == (
        "Class '5A': number of records where Presence is 'Absent' in the last 30 days: 2, "
        "at least 2",
        "Class 1: ",
    )


def test_without_a_linked_table_a_finding_is_about_the_table():
    """It has no records, and a key for each group, which does not depend on the order."""
    rule = metric(per=["Class"])
    rows = days("A", Class=1) + days("A", Class=1.0) + days("A", Class=True) + days("A", Class="1")
    found = findings(rule, rows)
    assert [(f.table, f.records, f.value) for f in found] == [
        ("T", (), "2"), ("T", (), "1"), ("T", (), "1"),
    ]  # fmt: skip
    again = findings(rule, rows[::-1])
    assert {identity(f) for f in again} == {identity(f) for f in found}
    assert len({identity(f) for f in found}) == 3


@pytest.mark.parametrize("cell", [None, "", " ", [], [" "], ["", None]])
def test_no_value_is_no_group(cell):
    """Blank classes are not one class."""
    assert "no record of 'T' counts" in report(metric(per=["Class"]), days("A", Class=cell)).nothing


def test_a_record_and_its_measure_are_distinct():
    """A table may link to itself: a record's own unreadable date and its count are two findings."""
    rule = metric(about="T")
    rows = [{"Student": ["rec0"], "Date": "soon"}, *days("A", Student=["rec0"])]
    unread, counted = findings(rule, rows)
    assert unread.records == counted.records == ("rec0",)
    assert identity(unread) != identity(counted)


def test_all_records_are_one_group_where_none_are_made():
    """Zero records also have a number then."""
    rule = metric(per=None, where=None, at_least=None, at_most={"critical": 0})
    (finding,) = findings(rule, days("AP", first="2026-01-01"))
    assert (finding.records, finding.value, finding.severity) == ((), "0", "critical")
    assert values(rule, days("P")) == []


def test_who_has_no_record_has_none():
    """`at_most` includes linked records without links, or without links in the window."""
    rule = metric(about="Students", where=None, at_least=None, at_most={"info": 1})
    rows = days("AP", Student=["a"]) + days("P", Student=["c"], first="2026-01-05")
    assert [f.records for f in findings(rule, rows, students="abc")] == [("b",), ("c",)]
    without = metric(where=None, at_least=None, at_most={"info": 1})
    assert ["'c'" in f.message for f in findings(without, rows)] == [True]


@pytest.mark.parametrize("levels", [{}, {"at_least": None, "at_most": {"info": 9}}], ids=str)
def test_links_to_an_empty_table_are_broken(levels):
    """A finding would be about nobody."""
    rule = metric(about="Students", message="{Name} is missed", **levels)
    found = report(rule, days("A", Student=["a"]), students="")
    assert (list(found.findings), found.nothing != "") == ([], True)


def test_a_message_shows_fields_of_the_linked_record():
    """It is the message of findings about that record, not of records that cannot be read."""
    rule = metric(about="Students", message="{Name} is missed")
    rows = [*days("A", Student=["a"]), {"Student": ["a"], "Date": "soon"}]
    assert [f.message for f in findings(rule, rows)] == [
        "Date 'soon' is not a date, so the record is not counted",
        "A is missed",
    ]
    assert ("Students", "Name") in rule.reads()


def test_a_record_in_too_many_groups_makes_the_rule_inconclusive():
    """Their number is the product of its links."""
    many = [f"x{number}" for number in range(101)]
    rows = days("A", Student=many, Class=many)
    why = report(metric(per=["Student", "Class"]), rows).inconclusive
    assert "record rec0 is in 10,201 groups" in why
    assert MAX_GROUPS < 10_201


# What cannot be read.


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1.3.2026", "Date '1.3.2026' is not a date"),
        ("2026-02-30", "Date '2026-02-30' is not a date"),
        (20260301, "Date 20260301 is not a date"),
        (None, "Date has no value"),
        (["2026-02-20", "2026-02-21"], "Date ['2026-02-20', '2026-02-21'] is not a date"),
    ],
)
def test_a_record_without_a_readable_date_is_a_finding(cell, expected):
    """The finding is about that record, with the rule's own severity; the record is not counted."""
    rows = [*days("A"), {"Student": "s", "Date": cell, "Presence": "Absent"}]
    unread, absences = findings(metric(severity="info", at_least={"critical": 1}), rows)
    assert (unread.records, unread.field, unread.severity) == (("rec1",), "Date", "info")
    assert unread.message == f"{expected}, so the record is not counted"
    assert (absences.value, absences.severity) == ("1", "critical")


def test_a_date_in_a_lookup_is_read():
    """Airtable returns the value of a looked-up field as a list."""
    assert values(metric(), days("A", Date=["2026-02-20"])) == ["1"]


@pytest.mark.parametrize("cell", ["7", True, {"specialValue": "NaN"}, {"error": "#ERROR"}, 10**400])
def test_a_record_without_a_readable_number_is_a_finding(cell):
    """A missing value is no finding: requiring it is the job of another rule."""
    rule = metric(measure="sum", field="Points", where=None, date=None, window=None)
    rows = [{"Student": "s", "Points": points} for points in (2, cell, None, 3)]
    unread, total = findings(rule, rows)
    assert (unread.records, unread.field) == (("rec1",), "Points")
    assert unread.message.endswith("is not a number, so the record is not counted")
    assert total.value == "5.0"


def test_nothing_readable_is_inconclusive():
    """A column of unreadable dates is a mistake in the rule or the base, not perfect attendance."""
    rows = days("AAA", Date="Monday")
    assert report(metric(), rows).inconclusive == (
        "no record has a Date that is a date"
    )  # fmt: skip
    rule = metric(measure="sum", field="Points", where=None, date=None, window=None)
    for row in ({"Student": "s", "Points": "2"}, {"Student": "s", "Points": {"error": "#ERROR!"}}):
        why = report(rule, [row, {"Student": "s"}]).inconclusive  # the other has no value
        assert why == "no record has a Points that is a number"


@pytest.mark.parametrize("student", [None, "", [], " ", "nobody", ["nobody"], [None]])
def test_a_record_without_a_group_is_left_out(student):
    """Whatever else of it cannot be read, it is not this rule's: `required` and `link` find it."""
    lost = {"Date": "soon", "Points": "7", "Presence": "Absent", "Student": student}
    fine = {"Date": "2026-02-20", "Points": 7, "Presence": "Absent", "Student": "s"}
    absences = metric(about="Students", at_least={"info": 5})
    total = metric(about="Students", measure="sum", field="Points", at_least={"info": 50})
    for rule, rows in [(absences, [lost, fine]), (total, [lost | {"Date": "2026-02-20"}, fine])]:
        answer = report(rule, rows, students="s")
        assert (answer.findings, answer.inconclusive) == ([], "")
        unread = report(rule, [rows[0] | {"Student": "s"}, fine], students="s").findings
        assert [finding.records for finding in unread] == [("rec0",)]
        # the others in a group are all unreadable
        odd = rows[0] | {"Student": "s"}
        other = fine | {"Student": student}
        assert report(rule, [odd, other], students="s").inconclusive.startswith("no record has a ")


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"per": ["Student"]}, {"b": 0, "c": 0}),  # c has records in the window, but no absence
        ({"per": ["Student"], "about": "Students"}, {"b": 0, "c": 0, "d": 0}),
        ({"per": ["Student"], "measure": "sum", "field": "Points"}, {"b": 0, "c": 0}),
        ({"per": ["Student"], "measure": "days_in_a_row"}, {"b": 0, "c": 0}),
        ({"per": ["Student", "Presence"], "about": "Students"}, {"b": 0, "c": 0}),
        ({"per": ["Student"], "measure": "min", "field": "Points"}, {}),
        ({"per": ["Student"], "measure": "mean", "field": "Points", "minimum": 1}, {}),
        ({"per": [], "when": {"field": "Student", "equals": "b"}}, {"": 0}),
    ],
)
def test_groups_of_none(settings, found):
    """A group outside the window has 0, and so has a record of `about` with nothing."""
    rows = [
        *days("A", Student="a", Points=2),
        *days("A", Student="b", Points=2, first="2025-01-01"),
        *days("P", Student="c", Points=2),
    ]
    levels = {"at_least": None, "at_most": {"info": 0}}
    answer = report(metric(**levels | settings), rows, students="abcd")
    keys = [(*finding.records, *json.loads(finding.key or "[]"))[:1] for finding in answer.findings]
    values = [float(finding.value) for finding in answer.findings]
    assert dict(zip([key[0] if key else "" for key in keys], values, strict=True)) == found


def test_a_sum_beyond_all_numbers_is_inconclusive():
    """It is not an error of the run."""
    rule = metric(measure="sum", field="Points", where=None, date=None, window=None)
    rows = [{"Student": "s", "Points": 1.7e308}] * 2
    assert report(rule, rows).inconclusive == "the sum is too large to compute"


@pytest.mark.parametrize(
    ("settings", "rows", "judged"),
    [
        ({}, [], False),
        ({"per": []}, [], False),
        ({}, days("P", first="2025-01-01"), False),  # none in the window
        ({}, days("P"), True),
        ({"measure": "share", "at_least": {"info": "5%"}}, days("PPPP"), True),  # few, but there
        ({"about": "Students", "at_least": None, "at_most": {"info": -1}}, [], True),  # each has 0
        ({"at_least": None, "at_most": {"info": -1}}, [], False),  # no group has any
        ({"measure": "sum", "field": "Points", "where": None}, days("P"), False),
        ({"measure": "sum", "field": "Points", "where": None}, days("P", Points=0), True),
        ({"measure": "sum", "field": "Points"}, days("P", Points=1), True),  # of none that fits: 0
        ({"measure": "sum", "field": "Points"}, days("A"), False),
        ({"measure": "max", "field": "Points"}, days("P", Points=1), False),
    ],
    ids=str,
)
def test_no_record_that_counts_is_nothing_to_judge(settings, rows, judged):
    """The rule found nothing in nothing; that a record of `about` has none is judged itself."""
    answer = report(metric(**settings), rows)
    assert (answer.nothing == "") is (answer.inconclusive == "") is judged


# At the door.


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"measure": "sum"}, "`measure: sum` needs `field`"),
        ({"field": "F"}, "`measure: count` takes no `field`"),
        ({"measure": "share", "where": None}, "`measure: share` needs `where`"),
        ({"measure": "days_in_a_row", "where": None}, "`measure: days_in_a_row` needs `where`"),
        ({"current": True}, "`measure: count` takes no `current`"),
        ({"minimum": 3}, "`measure: count` takes no `minimum`"),
        ({"date": None}, "`window` needs `date`"),
        ({"window": None}, "`date` needs `window`"),
        (
            {"measure": "weeks_in_a_row", "window": None, "date": None},
            "`measure: weeks_in_a_row` needs `date`",
        ),
        ({"at_least": None}, "give `at_least` or `at_most`"),
        ({"at_least": {}}, "give `info`, `warning` or `critical`"),
        ({"at_least": {"info": "10%"}}, "the levels of `at_least` are numbers"),
        ({"measure": "share"}, "the levels of `at_least` are shares such as 10%"),
        ({"at_least": {"info": "101%"}}, 'must be a number, or for a share one such as "12.5%"'),
        ({"at_least": {"info": "nan%"}}, "must be a number"),
        ({"at_least": {"info": True}}, "must be a number"),
        ({"at_least": {"info": 3, "critical": 3}}, "must rise from info to critical"),
        ({"at_most": {"info": 3, "critical": 4}}, "must fall from info to critical"),
        ({"per": [], "about": "Students"}, "`about` needs `per`"),
        ({"message": "{Name} is absent"}, "give `about`"),
        ({"window": {}}, "give the days"),
        ({"window": {"last": "1m"}}, "must be days or weeks, such as 30d or 4w"),
        ({"window": {"last": "30d", "since": "2026-01-01"}}, "but not both"),
        ({"window": {"since": "soon"}}, "must be a date as YYYY-MM-DD"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_refused(settings, expected):
    """The error has the name of the setting and the fix."""
    with pytest.raises(ValidationError, match=expected.replace("(", "\\(")):
        metric(**settings)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"at_least": {"info": 2, "critical": 5}},
            "per Student, the number of records where Presence is 'Absent' in the last 30 days is "
            "under 2 (info), 5 (critical)",
        ),
        (
            {
                "per": None, "measure": "min", "where": None, "field": "Points",
                "window": {"since": "2026-01-01"}, "at_least": None, "at_most": {"warning": 0},
            },
            "the smallest Points since 2026-01-01 is over 0 (warning)",
        ),
        (
            {"measure": "weeks_in_a_row", "current": True, "window": {"last": "1w"}},
            "per Student, the current number of weeks in a row where Presence is 'Absent' in the "
            "last week is under 1 (warning)",
        ),
    ],
)  # fmt: skip
def test_a_sentence_says_it_all(settings, expected):
    """The sentence has the measure, the group, the window and the levels."""
    assert metric(**settings).sentence() == expected


# Against a plain computation over the records, which shares nothing with the rule.


def naive(rule: Metric, rows: Sequence[Cells], today: date) -> dict[str, float]:
    """Return the number of each student, by looping over days and weeks."""
    answer: dict[str, float] = {}
    for student in {s for row in rows for s in row["Student"]}:
        mine = [
            (date.fromisoformat(row["Date"]), row)
            for row in rows
            if student in row["Student"]
            and today - timedelta(days=27) <= date.fromisoformat(row["Date"]) <= today
        ]
        if mine:
            value = NAIVE[rule.measure](mine, rule.current)
            answer |= {} if value is None else {student: value}
    return answer


Mine = list[tuple[date, Cells]]


def _absent(mine: Mine) -> list[float]:
    return [row["Points"] for _, row in mine if row["Presence"] == "Absent"]


def _days(mine: Mine, current: bool) -> int:
    run = best = 0
    for day in sorted(dict(mine)):
        away = all(row["Presence"] == "Absent" for other, row in mine if other == day)
        run = run + 1 if away else 0
        best = max(best, run)
    return run if current else best


def _weeks(mine: Mine, current: bool) -> int:
    run = best = 0
    day, end = min(mine, key=lambda m: m[0])[0], max(mine, key=lambda m: m[0])[0]
    day -= timedelta(days=day.weekday())
    while day <= end:
        week = [r for d, r in mine if d.isocalendar()[:2] == day.isocalendar()[:2]]
        run = run + 1 if any(r["Presence"] == "Absent" for r in week) else 0
        best = max(best, run)
        day += timedelta(days=7)
    return run if current else best


def _if_enough(value: Callable[[list[float]], float], numbers: list[float]) -> float | None:
    return value(numbers) if len(numbers) >= 5 else None


NAIVE: dict[str, Callable[[Mine, bool], float | None]] = {
    "count": lambda mine, _: len(_absent(mine)),
    "share": lambda mine, _: len(_absent(mine)) / len(mine) if len(mine) >= 5 else None,
    "sum": lambda mine, _: float(sum(_absent(mine))),
    "mean": lambda mine, _: _if_enough(statistics.fmean, _absent(mine)),
    "min": lambda mine, _: min(_absent(mine), default=None),
    "max": lambda mine, _: max(_absent(mine), default=None),
    "days_in_a_row": _days,
    "weeks_in_a_row": _weeks,
}


@pytest.mark.parametrize("measure", NAIVE)
@pytest.mark.parametrize("seed", range(10))
def test_a_plain_computation_agrees(measure, seed):
    """Every number of every student is the same, in any order of the records."""
    rng = Random(f"{measure} {seed}")
    today = NOW.date()
    rows: list[Cells] = [
        {
            "Student": rng.sample("abcdef", rng.choice((1, 1, 1, 2))),
            "Date": f"{today - timedelta(days=rng.randrange(-3, 35))}",
            "Presence": rng.choice(("Absent", "Absent", "Present")),
            "Points": rng.choice((0, 1, 2.5, 10, -3)),
        }
        for _ in range(rng.choice((50, 90, 130)))
    ]
    of_field = {"field": "Points"} if measure in ("sum", "mean", "min", "max") else {}
    rule = metric(
        about="Students",
        measure=measure,
        window={"last": "4w"},
        current=measure.endswith("row") and rng.random() < 0.5,
        at_least={"info": "0%" if measure == "share" else -1e9},
        **of_field,
    )
    rng.shuffle(rows)
    found = {f.records[0]: f.value for f in findings(rule, rows, students="abcdef")}
    expected = naive(rule, rows, today)
    assert found == {student: f"{round(v, 4)}" for student, v in expected.items()}
    assert expected
