"""`volume` and `drift`: comparison of a table with its earlier runs."""

from collections.abc import Mapping, Sequence
from random import Random
from statistics import median
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from landfall.integrity.rules.evaluate import Finding, RuleReport, evaluate
from landfall.integrity.rules.kinds import Rule
from tests.fakes.snapshots import snapshot


def rule(kind: str, **settings: Any) -> Any:
    return TypeAdapter(Rule).validate_python({"id": "r", "kind": kind, "table": "T"} | settings)


def volume(**settings: Any) -> Any:
    return rule("volume", **settings)


def drift(measure: str, **settings: Any) -> Any:
    return rule("drift", field="F", measure=measure, **settings)


def report(of: Any, cells: Sequence[Any], past: Sequence[Mapping[str, Any]] = ()) -> RuleReport:
    records = [{"id": f"rec{n}", "fields": {"F": cell}} for n, cell in enumerate(cells)]
    return evaluate(of, snapshot({"T": records}, reads=[("T", "F")]), past)


def measured(of: Any, *runs: Sequence[Any]) -> list[Mapping[str, Any]]:
    """Return the rule's measurements in these runs, the newest first."""
    found = [report(of, cells).measured for cells in runs]
    return [one for one in found if one is not None]


def findings(of: Any, cells: Sequence[Any], *runs: Sequence[Any]) -> Sequence[Finding]:
    message_about = report(of, cells, measured(of, *runs))
    assert not message_about.inconclusive
    return message_about.findings


def keys(of: Any, cells: Sequence[Any], *runs: Sequence[Any]) -> list[str]:
    return [finding.key for finding in findings(of, cells, *runs)]


def n(number: int) -> list[str]:
    return ["x"] * number


@pytest.mark.parametrize(("count", "found"), [(1, ["limit"]), (2, []), (4, []), (5, ["limit"])])
def test_volume_has_limits_from_the_first_run_on(count, found):
    """The limits themselves are allowed."""
    assert keys(volume(at_least=2, at_most=4), n(count)) == found


@pytest.mark.parametrize(("count", "found"), [(79, True), (80, False), (120, False), (121, True)])
def test_volume_against_the_median_of_earlier_runs(count, found):
    """The median of 90, 100 and 1,000 is 100; a change of exactly 20 % is allowed."""
    message_about = keys(volume(change="20%", over=3), n(count), n(100), n(1000), n(90))
    assert message_about == (["change"] if found else [])


def test_volume_compares_with_the_newest_runs():
    """The newest `over` runs: the median of 10, 20 and 30 is 20, whatever was before."""
    runs = [n(10), n(20), n(30), n(500), n(500)]
    assert keys(volume(change="0%", over=3), n(20), *runs) == []
    assert keys(volume(change="10%", over=2), n(17), *runs) == ["change"]  # the median is 15


def test_volume_with_too_little_past_finds_nothing_and_measures():
    """It is evaluated, stores its count, and its sentence states from which run it compares."""
    of = volume(change="1%", over=3)
    message_about = report(of, n(7), measured(of, n(100), n(100)))
    assert (message_about.findings, message_about.inconclusive) == ([], "")
    assert message_about.measured is not None
    assert message_about.measured["records"] == 7
    assert of.sentence().endswith("of the last 3 runs, once there are that many")


def test_volume_after_nothing():
    """Any record is too many after a median of 0; no record is not."""
    assert keys(volume(change="50%", over=1), [], []) == []
    (finding,) = findings(volume(change="50%", over=1), n(3), [])
    assert finding.message == "T has 3 records; the median of the last 1 runs is 0"


def test_a_volume_is_about_the_table():
    """No record is named; a limit and a change are two findings."""
    found = findings(volume(at_least=100, change="20%", over=1), n(60), n(200))
    assert [(f.records, f.key, f.value, f.message) for f in found] == [
        ((), "limit", "60", "T has 60 records, fewer than 100"),
        ((), "change", "60", "T has 60 records; the median of the last 1 runs is 200, 70.0% away"),
    ]


def test_volume_counts_what_when_selects():
    """A rule with another condition counts other records, so earlier runs are not comparable."""
    some = {"field": "F", "equals": "x"}
    assert keys(volume(at_most=1, when=some), ["x", "y", "y"]) == []
    past = measured(volume(change="1%", over=1), n(9))
    assert report(volume(change="1%", over=1, when=some), n(5), past).findings == []


def test_what_was_measured_otherwise_is_not_compared():
    """Another field or measure is not comparable; another limit does not matter."""
    past = measured(drift("distinct", change="1%", over=1), ["a", "b"])
    cells = ["a", "b", "c"]
    assert report(drift("no_value", change="1%", over=1), cells, past).findings == []
    elsewhere = rule("drift", field="G", measure="distinct", change="1%", over=1)
    records = [{"id": "rec", "fields": {"G": "a"}}]
    assert evaluate(elsewhere, snapshot({"T": records}), past).findings == []
    assert report(drift("distinct", change="2%", over=1), cells, past).findings


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["a", None, "b", "c", "d", "e", "f", "g", "h", "i"], []),
        (["a", None, " ", "c", "d", "e", "f", "g", "h", "i"], []),
        (["a", None, "", [], "d", "e", "f", "g", "h", "i"], ["limit"]),
        ([0, False, "b", "c"], ["limit"]),
    ],
)
def test_drift_of_what_has_no_value(cells, found):
    """A share of the records: from 10 % to 20 %. 0 and false are values."""
    assert keys(drift("no_value", at_least="10%", at_most="20%"), cells) == found


@pytest.mark.parametrize(("without", "found"), [(14, True), (15, False), (25, False), (26, True)])
def test_drift_of_shares_is_in_points(without, found):
    """From 20 % to 25 % is 5 points."""
    cells = [None] * without + n(100 - without)
    message_about = findings(
        drift("no_value", change="5%", over=1), cells, [None, "x", "x", "x", "x"]
    )
    assert [f.value for f in message_about] == ([f"{without}.0"] if found else [])


@pytest.mark.parametrize(("different", "found"), [(7, True), (8, False), (12, False), (13, True)])
def test_drift_of_distinct_values(different, found):
    """20 % of 10 are 2."""
    message_about = keys(drift("distinct", change="20%", over=1), [*range(different)], [*range(10)])
    assert message_about == (["change"] if found else [])


def test_what_is_a_distinct_value():
    """Items of lists, by their content; 1 is 1.0 and neither "1" nor true. A missing value does not
    count."""
    cells = ["a", "a", ["a", "b"], 1, 1.0, "1", True, {"x": [1]}, {"x": [1.0]}, None, "", [" "]]
    message_about = report(drift("distinct", at_most=100), cells).measured
    assert message_about is not None
    assert message_about["distinct"] == 6


def test_drift_of_shares_of_values():
    """Each that changed by more than 10 points: b from 50 % to 25 %, c is new; a is unchanged."""
    of = drift("shares", change="10%", over=1)
    message_about = findings(of, ["a", "a", "b", "c"], ["a", "b"])
    assert [(f.key, f.value, f.records, f.field) for f in message_about] == [
        ('value "b"', "25.0", (), "F"),
        ('value "c"', "25.0", (), "F"),
    ]
    assert (
        message_about[0].message
        == '25.0% of T have "b" as F; the median of the last 1 runs is 50.0%'
    )


def test_shares_are_of_the_records():
    """An item counts once a record; a record without a value counts; true is not 1."""
    of = drift("shares", change="1%")
    message_about = report(of, [["a", "b", "a"], "a", None, True, 1, 1.0, ["a"], ""]).measured
    assert message_about is not None
    assert message_about["records"] == 8
    counts = {item["value"]: item["count"] for item in message_about["shares"]}
    assert counts == {'"a"': 3, '"b"': 1, "true": 1, "1": 2}


ANN = {"id": "usr1", "email": "ann@x.org", "name": "Ann"}
BOB = {"id": "usr2", "email": "bob@x.org", "name": "Bob"}


def test_shares_of_people_are_shown_by_their_names():
    """Of those who left, too."""
    of = drift("shares", change="10%", over=1)
    assert [it.message for it in findings(of, [ANN, [ANN]], [ANN, [BOB, ANN]])] == [
        "0.0% of T have Bob <bob@x.org> as F; the median of the last 1 runs is 50.0%",
    ]
    new = findings(of, [ANN, BOB | {"name": "Rob"}], [ANN])
    assert [it.message[:34] for it in new] == [
        "50.0% of T have Ann <ann@x.org> as",
        "50.0% of T have Rob <bob@x.org> as",
    ]


def test_shares_that_an_earlier_version_measured():
    """It named people, texts of AI fields, errors and fractions by their whole cells."""
    of = drift("shares", change="1%", over=1)
    ai = {"state": "generated", "isStale": False, "value": "x"}
    cells = [ANN, [ANN], ai, {"error": "#ERROR!"}, 0.1 + 0.2, 0.3, True, 7, "y", {"label": "z"}]
    old = {
        '["map",["email","ann@x.org"],["id","usr1"],["name","Ann"]]': 2,
        '["map",["isStale",["bool",false]],["state","generated"],["value","x"]]': 1,
        '["map",["error","#ERROR!"]]': 1,
        "0.30000000000000004": 1,
        '["map",["label","z"]]': 1,
        **dict.fromkeys(["0.3", "true", "7", '"y"'], 1),
    }
    shares = [{"value": value, "count": count} for value, count in old.items()]
    past = {**(report(of, cells).measured or {}), "shares": shares}
    assert list(report(of, cells, [past]).findings) == []


def test_shares_of_a_checkbox_that_an_earlier_version_measured():
    """It did not know that the rest was unchecked."""
    of = drift("shares", change="1%", over=1)
    past = {**measured(of, [True])[0], "records": 4}
    records = [{"id": f"rec{n}", "fields": {"F": True} if n == 0 else {}} for n in range(4)]
    base = snapshot({"T": records}, reads=[("T", "F")], checkboxes=["F"])
    assert list(evaluate(of, base, [past]).findings) == []
    assert [it.key for it in report(of, [True] * 4, [past]).findings] == [
        "value false",
        "value true",
    ]


@pytest.mark.parametrize(
    ("measure", "cells", "why"),
    [
        ("no_value", [], "table 'T' has no records"),
        ("shares", [], "table 'T' has no records"),
        ("shares", [*range(101)], "F has 101 different values; "),
        ("shares", ["x" * 199], "F has values of more than 200 characters; "),
    ],
)
def test_what_no_share_can_be_taken_of(measure, cells, why):
    """The rule is inconclusive, and measures nothing."""
    message_about = report(drift(measure, change="1%"), cells)
    assert message_about.inconclusive.startswith(why)
    assert message_about.measured is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "volume"}, "give `at_least`, `at_most` or `change`"),
        ({"kind": "volume", "at_least": 3, "at_most": 2}, "must not be above"),
        ({"kind": "volume", "change": 20}, 'a percentage such as "20%"'),
        ({"kind": "volume", "change": "20%", "over": 0}, "greater than or equal to 1"),
        ({"kind": "volume", "change": "20%", "over": 11}, "less than or equal to 10"),
        ({"measure": "distinct"}, "give `change`"),
        ({"measure": "distinct", "at_most": "5%"}, "for `distinct` it must be a whole number"),
        ({"measure": "distinct", "at_most": -1}, "a whole number, or a share"),
        ({"measure": "no_value", "at_most": 5}, "for `no_value` it must be a share"),
        ({"measure": "no_value", "at_least": "6%", "at_most": "5%"}, "must not be above"),
        ({"measure": "shares", "at_most": "5%"}, "`shares` has no limits"),
    ],
)
def test_settings_that_do_not_fit(settings, says):
    """Such settings are rejected when the definition is read."""
    kind = {"kind": "drift", "field": "F"} if "kind" not in settings else {}
    with pytest.raises(ValidationError, match=says):
        rule(**(kind | settings))


@pytest.mark.parametrize("seed", range(100))
def test_the_same_as_by_hand(seed):
    """Random cells and histories, against plain counting."""
    random = Random(seed)

    def cells() -> list[Any]:
        kinds = ["a", "b", "c", None, "", ["a", "b"], ["c"]]
        return [random.choice(kinds) for _ in range(random.randrange(1, 30))]

    now, runs = cells(), [cells() for _ in range(random.randrange(5))]
    over, change = random.randrange(1, 4), random.randrange(40)
    more: dict[str, Any] = {"over": over, "change": f"{change}%"}
    last = runs[:over] if len(runs) >= over else []

    def share(run: list[Any], value: str | None) -> float:
        return sum(value in (list(cell) if cell else [None]) for cell in run) / len(run) * 100

    def beyond(value: str | None) -> bool:
        return abs(share(now, value) - median(share(run, value) for run in last)) > change + 1e-9

    wrong = [f'value "{value}"' for value in "abc" if last and beyond(value)]
    assert keys(drift("shares", **more), now, *runs) == wrong
    assert keys(drift("no_value", **more), now, *runs) == ["change"] * bool(last and beyond(None))
    usual = median(map(len, last)) if last else len(now)
    far = abs(len(now) - usual) * 100 > change * usual
    assert keys(volume(**more), now, *runs) == ["change"] * far
