"""Numbers count as decimals, in every kind of rule: what is 0.30 to people is 0.3 to all."""

import random
from decimal import Decimal
from fractions import Fraction

import pytest

from landfall.airtable.numbers import added, counted, mean, order
from landfall.airtable.values import cell_text, display
from landfall.integrity.rules.evaluate import evaluate
from landfall.integrity.rules.rounding import plain
from tests.fakes.rules import message_about, report, rows, rows_of, rule
from tests.fakes.snapshots import snapshot

COMPUTED = 0.1 + 0.2
"""The cell of a formula that adds 0.1 and 0.2: 0.30000000000000004."""

PAID = 385.09 - (41.1 + 14.99 + 329)
"""The balance of three payments in Airtable: -5.684341886080802e-14."""


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        (COMPUTED, "0.3"),
        (PAID, "0"),
        (41.1 + 14.99 + 329, "385.09"),
        (0.1 + 0.7 - 0.8, "0"),
        (100.3 - 100.1, "0.2"),
        (1.15 * 100, "115"),
        (4.35 * 100, "435"),
        (0.07 * 100, "7"),
        (1.1 * 110, "121"),
        (-0.1 - 0.2, "-0.3"),
        (1_234_567.89 - 1_234_567.79, "0.0999999999"),  # too much was lost
        (1 / 3, "0.3333333333"),
        (0.07, "0.07"),
        (19.99, "19.99"),
        (1e-12, "1e-12"),
        (5e-324, "5e-324"),
        (0.123456789012345, "0.123456789012345"),
        (99_999_999_999_999.9, "99999999999999.9"),
        (7.0, "7"),
        (1.2345678901234567e16, "12345678901234567"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
    ],
)
def test_the_number_that_is_meant(cell, meant):
    """Up to 15 digits, and whole numbers, are as they are written; others were computed."""
    assert counted(cell) == float(meant)
    assert counted(counted(cell)) == counted(cell)
    assert order(cell, float(meant)) == 0
    assert counted(2**53 + 1) == 2**53 + 1


@pytest.mark.parametrize("seed", range(10))
def test_prices_compare_as_decimals(seed):
    """Whatever is computed of prices: in binary fractions as in decimals."""
    draw = random.Random(seed)
    for _ in range(300):
        digits = draw.randrange(5)
        one, two, three = (Decimal(draw.randrange(100_000)).scaleb(-digits) for _ in range(3))
        left, right = float(one) + float(two), float(three)
        assert order(left, right) == (one + two > three) - (one + two < three)
        assert order(left - right, 0) == order(left, right)
        assert added(float(one), float(two)) == float(one + two)
        assert mean([float(one), float(two), float(three)], 4) == float((one + two + three) / 4)


def test_a_sum_is_exact_where_binary_fractions_are_not():
    """Decimals are added before anything is rounded, and thirds make a whole."""
    assert added(10_000_000.1, -10_000_000) == 0.1
    assert added(2**53, 1) == 2**53 + 1
    assert mean([0.1] * 10, 1) == 1
    assert mean([1 / 3] * 3, 1) == 1
    assert mean([1e308, 0.1, -1e308], 1) == 0.1
    assert mean([COMPUTED, -0.3], 1) == 0
    assert mean([3e-12, 1e-12], 1) == 4e-12  # nobody computed these
    assert added(1e308, 1e308) == float("inf")
    with pytest.raises(OverflowError):
        mean([1e308, 1e308], 1)


@pytest.mark.parametrize(
    ("op", "holds"),
    [
        ("equals", True),
        ("at_least", True),
        ("at_most", True),
        ("not_equals", False),
        ("above", False),
        ("below", False),
    ],
)
@pytest.mark.parametrize(
    ("left", "right", "plus"),
    [
        (0.3, 0.2, 0.1),
        (COMPUTED, 0.3, None),
        (0.3, COMPUTED, None),
        ([COMPUTED], 0.3, None),
        (PAID, 0, None),
        (0, 0.3, -0.3),
        (0, COMPUTED, -0.3),
        (0.1, 10_000_000.1, -10_000_000),
        (110, 100, 10),
        (20.08, 19.99, 0.09),
        (10**300, 10**300, 0),
    ],
)
def test_compare(op, holds, left, right, plus):
    """0.3 is 0.2 plus 0.1, and not above it."""
    more = {} if plus is None else {"plus": plus}
    found = rows_of(rule("compare", left="A", op=op, right="B", **more), [{"A": left, "B": right}])
    assert found == ([] if holds else [0])


def test_compare_sees_a_cent():
    """What differs by the smallest amount of money, or by much less, is not the same."""
    pairs = [(1e12, 1e12 + 0.01), (0.3, 0.3000000001), (7, 7.00000001), (2**53, 2**53 + 1)]
    of = rule("compare", left="A", op="equals", right="B")
    assert rows_of(of, [{"A": a, "B": b} for a, b in pairs]) == [0, 1, 2, 3]


def test_a_number_that_no_double_can_hold():
    """It compares with nothing that has a fraction."""
    of = rule("compare", left="A", op="at_least", right="B", plus=0.5)
    assert rows_of(of, [{"A": 10**400, "B": 1}, {"A": 1, "B": 0.5}]) == [0]
    assert rows(rule("range", field="F", at_least=0), [10**400, 10**300]) == [0]


CELLS = [0.3, COMPUTED, 0.1 * 3, 0.29, 0.31, [COMPUTED], 0.3000001]


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ({"at_least": 0.3}, [3]),
        ({"at_most": 0.3}, [4, 6]),
        ({"above": 0.3}, [0, 1, 2, 3, 5]),
        ({"below": 0.3}, [0, 1, 2, 4, 5, 6]),
        ({"above": 0.29, "below": 0.31}, [3, 4]),
    ],
)
def test_range_and_conditions(test, found):
    """A computed 0.3 is at the bound 0.3, and the same in a condition."""
    assert rows(rule("range", field="F", **test), CELLS) == found
    when = {"field": "F"} | test
    selected = rows(rule("forbidden", field="F", when=when), CELLS)
    assert selected == [row for row in range(len(CELLS)) if row not in found]


def test_equality():
    """A computed 0.3 equals 0.3: in conditions, allowed values, `unique` and links."""
    three = [0, 1, 2, 5]
    others = [3, 4, 6]
    assert rows(rule("forbidden", field="F", when={"field": "F", "equals": 0.3}), CELLS) == three
    none_of = {"field": "F", "none_of": [0.3]}
    assert rows(rule("forbidden", field="F", when=none_of), CELLS) == others
    assert rows(rule("allowed_values", field="F", values=[0.3]), CELLS) == others
    (twice,) = report(rule("unique", fields=["F"]), [{"F": cell} for cell in CELLS[:5]]).findings
    assert twice.records == ("rec0", "rec1", "rec2")
    pair = [{"F": 0.3, "G": 1}, {"F": COMPUTED, "G": 1.0}, {"F": 0.3, "G": 2}]
    (twice,) = report(rule("unique", fields=["F", "G"]), pair).findings
    assert twice.records == ("rec0", "rec1")
    link = rule("link", field="F", to={"table": "T", "field": "G"})
    assert rows_of(link, [{"F": COMPUTED, "G": 0.3}, {"F": 0.29}]) == [1]
    same = rule("link", field="F", to={"table": "T", "field": "F"}, same={"G": "H"})
    assert rows_of(same, [{"F": "x", "G": COMPUTED, "H": [0.3]}]) == []


def test_a_computed_whole_number_is_whole():
    """435 from 4.35 * 100 is an integer, and 435.5 is none."""
    assert rows(rule("type", field="F", type="integer"), [4.35 * 100, 435.0, 435.5, 1e300]) == [2]


def test_drift_counts_a_computed_number_with_its_decimal():
    """One value, not two."""
    cells = [{"F": cell} for cell in (0.3, COMPUTED, 0.4)]
    counted_values = report(rule("drift", field="F", measure="distinct", at_most=5), cells)
    assert counted_values.measured is not None
    assert counted_values.measured["distinct"] == 2
    shares = report(rule("drift", field="F", measure="shares", change="1%"), cells).measured
    assert shares is not None
    assert [share["value"] for share in shares["shares"]] == ["0.3", "0.4"]


def metric(measure, **more):
    return rule("metric", measure=measure, **{"field": "F", "minimum": 1} | more)


@pytest.mark.parametrize(
    ("measure", "cells", "level"),
    [
        ("sum", [0.1, 0.2], 0.3),
        ("sum", [0.1] * 3, 0.3),
        ("sum", [19.99] * 3, 59.97),
        ("sum", [1_000_000.1, -1_000_000], 0.1),
        ("sum", [COMPUTED], 0.3),
        ("sum", [1 / 3] * 3, 1),
        ("mean", [0.1, 0.2, 0.3], 0.2),
        ("mean", [0.7, 0.8, 0.9, 0.8], 0.8),
        ("mean", [1.1, 2.2], 1.65),
        ("min", [COMPUTED, 7], 0.3),
        ("max", [COMPUTED, -1], 0.3),
    ],
)
def test_a_metric_at_its_level(measure, cells, level):
    """A number at the level reaches it from both sides, and is shown as this level."""
    more = {"minimum": 1} if measure == "mean" else {"minimum": None}
    for side in ("at_least", "at_most"):
        of = metric(measure, **more, **{side: {"warning": level}})
        (finding,) = report(of, [{"F": cell} for cell in cells]).findings
        assert finding.message.endswith(f": {level}, {side.replace('_', ' ')} {level}")
        assert float(finding.value) == level


def test_a_metric_beside_its_level():
    """A number that is not at the level is not shown as if it were."""
    levels = {"warning": "15%", "critical": "25%"}
    of = rule("metric", measure="share", where={"field": "F", "equals": 1}, at_least=levels)
    (finding,) = report(of, [{"F": int(row < 2499)} for row in range(10_000)]).findings
    assert finding.message.endswith(": 24.99% of 10000, at least 15%")
    assert (finding.severity, finding.value) == ("warning", "0.2499")
    of = metric("mean", at_least={"warning": 2, "critical": 3})
    (finding,) = report(of, [{"F": cell} for cell in [2.99999, 2.99999]]).findings
    assert (finding.severity, finding.value) == ("warning", "2.99999")
    of = metric("sum", minimum=None, at_least={"info": 1})
    (finding,) = report(of, [{"F": 12_345_678_901.25}, {"F": 1}]).findings
    assert "12345678902.25" in finding.message


@pytest.mark.parametrize(
    ("missing", "records", "limit", "says"),
    [
        (5001, 10_000, {"at_most": "50%"}, "is 50.01%, more than 50%"),
        (4999, 10_000, {"at_least": "50%"}, "is 49.99%, less than 50%"),
        (3, 4, {"at_most": "50%"}, "is 75.0%, more than 50%"),
        (1, 3, {"at_most": "33.333%"}, "is 33.3333%, more than 33.333%"),
    ],
)
def test_a_share_is_shown_on_its_side_of_the_limit(missing, records, limit, says):
    """Never `50.0%, more than 50%`."""
    cells = [{"F": None if row < missing else "x"} for row in range(records)]
    (finding,) = report(rule("drift", field="F", measure="no_value", **limit), cells).findings
    assert finding.message.endswith(says)
    assert finding.value == says.split("%")[0].removeprefix("is ")


def changed(of, now, before):
    """Return the message about these cells in F, after a run with others."""

    def table(cells):
        return snapshot({"T": [{"id": f"rec{row}", "fields": {"F": it}} for row, it in cells]})

    past = evaluate(of, table(enumerate(before))).measured
    assert past
    (finding,) = evaluate(of, table(enumerate(now)), [past]).findings
    return finding.message


def test_a_change_is_shown_as_large_as_it_is():
    """5.0 % and then 10.0 % is no change of more than 5 points, so more digits are shown."""

    def cells(blank, records):
        return [None] * blank + ["x"] * (records - blank)

    drift = {"field": "F", "change": "5%", "over": 1}
    of = rule("drift", measure="no_value", **drift)
    message = changed(of, cells(1001, 10_000), cells(500, 10_000))
    assert message.endswith("is 10.01%; the median of the last 1 runs is 5.00%")
    of = rule("drift", measure="shares", **drift)
    message = changed(of, cells(1001, 10_000), cells(500, 10_000))
    assert message.startswith('89.99% of T have "x"')
    of = rule("volume", change="20%", over=1)
    message = changed(of, cells(0, 7999), cells(0, 10_000))
    assert message.endswith("is 10,000, 20.01% away")


def test_large_numbers_are_shown_whole():
    """2,000,000 is not 2e+06."""
    assert plain(Fraction(2_000_000)) == "2,000,000"
    assert plain(Fraction(4_000_001, 2)) == "2,000,000.5"


def test_sql_sees_the_numbers_that_are_counted():
    """A cell is the decimal, alone and in a list; what SQLite computes is to be rounded."""
    query = """
        SELECT T.id FROM T, json_each(G) AS item
        WHERE F = 0.3 AND item.value = 0.3 AND round(F - 0.1, 2) = 0.2
    """
    of = rule("sql", query=query, fields={"T": ["F", "G"]})
    assert rows_of(of, [{"F": COMPUTED, "G": [COMPUTED]}, {"F": 0.31, "G": [0.3]}]) == [0]


def test_overlap_by_percent():
    """7% of 100 items are 7, though 0.07 * 100 is more in binary fractions."""
    lists = [[*range(100)], [*range(7), *range(1000, 1093)]]
    of = rule("duplicate", likely=[[{"field": "F", "overlap": "7%"}]])
    (finding,) = report(of, [{"F": items} for items in lists]).findings
    assert finding.records == ("rec0", "rec1")


def test_duplicates_compare_the_numbers_that_are_counted():
    """As values and as texts; of two long numbers, each digit counts."""
    for exact in ("value", "text"):
        of = rule("duplicate", likely=[[{"field": "F", "exact": exact}]])
        cells = [COMPUTED, 0.3, 1234567890123456, 1234567890123457, 5, 5.0]
        found = report(of, [{"F": cell} for cell in cells]).findings
        assert [finding.records for finding in found] == [("rec0", "rec1"), ("rec4", "rec5")]


def test_a_number_is_shown_as_it_is_counted():
    """In messages and as the name of a record."""
    assert display(COMPUTED) == display([COMPUTED])[1:-1] == cell_text([COMPUTED]) == "0.3"
    assert display(PAID) == "0.0"


def test_messages_show_what_is_compared():
    """A bound is shown as it was written."""
    assert message_about(rule("range", field="F", below=0.3), COMPUTED).endswith(
        "which is not below 0.3"
    )
