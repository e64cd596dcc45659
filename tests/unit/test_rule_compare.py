"""`compare`: two fields of one record."""

import operator
import random
from datetime import date, timedelta
from typing import Any

import pytest

from tests.fakes.rules import report, rows_of, rule


def compared(op, **more):
    return rule("compare", left="A", op=op, right="B", **more)


def wrong(op, pairs, **more):
    """Return the rows that are found, of records with these values in A and B."""
    return rows_of(compared(op, **more), [{"A": a, "B": b} for a, b in pairs])


DAY, LATER = "2026-03-01", "2026-03-02"
NOON, NINE = "2026-03-01T12:00:00.000Z", "2026-03-01T09:00:00.000Z"


@pytest.mark.parametrize(
    ("op", "fails"),
    [
        ("below", "= >"),
        ("at_most", ">"),
        ("equals", "< >"),
        ("at_least", "<"),
        ("above", "< ="),
        ("not_equals", "="),
    ],
)
@pytest.mark.parametrize(
    ("small", "same", "great"),
    [
        (1, 2.0, 3),
        (DAY, LATER, "2026-03-03"),
        (NINE, "2026-03-01T12:00:00+00:00", LATER),
        ("2026-02-28T23:00:00Z", DAY, LATER),
        ("A", "B", "a"),
    ],
    ids=str,
)
def test_numbers_dates_and_texts(op, fails, small, same, great):
    """Each op, for a smaller, an equal and a greater value; a day and a moment compare by day."""
    other = {2.0: 2, "2026-03-01T12:00:00+00:00": NOON, DAY: NOON}.get(same, same)
    order = {"<": small, "=": same, ">": great}
    found = wrong(op, [(value, other) for value in order.values()])
    assert [[*order][row] for row in found] == fails.split()


@pytest.mark.parametrize(
    ("sign", "word"),
    [("=", "equals"), ("==", "equals"), ("!=", "not_equals"), (">", "above"),
     (">=", "at_least"), ("<", "below"), ("<=", "at_most")],
)  # fmt: skip
def test_signs_are_words(sign, word):
    """A sign and its word find the same and have the same sentence."""
    pairs = [(1, 2), (2, 2), (3, 2)]
    assert wrong(sign, pairs) == wrong(word, pairs)
    assert compared(sign).sentence() == compared(word).sentence()


@pytest.mark.parametrize("op", ["at_least", "equals", "not_equals"])
@pytest.mark.parametrize("nothing", [None, "", " ", [], {}, [""]])
def test_half_a_pair_is_no_finding(op, nothing):
    """Requiring both values is the job of another rule."""
    assert wrong(op, [(nothing, 1), (1, nothing), (nothing, nothing), (nothing, [1, 2])]) == []


UNLIKE = [(1, DAY), (DAY, 1), (DAY, "soon"), ("soon", DAY), (True, 1), ({"id": "x"}, "x"), (1, "1")]


def test_what_cannot_be_ordered_is_a_finding():
    """Such a value satisfies no comparison, and is equal to nothing."""
    assert wrong("at_least", UNLIKE) == wrong("below", UNLIKE) == [*range(len(UNLIKE))]
    assert wrong("equals", UNLIKE) == [*range(len(UNLIKE))]
    assert wrong("not_equals", UNLIKE) == []


def test_lists():
    """A list of one item counts as that item. In longer lists each item is ordered against each;
    equality is of the whole list, in any order."""
    assert wrong("at_least", [([LATER], DAY), (LATER, [DAY]), ([DAY], [LATER])]) == [2]
    assert wrong("at_least", [([3, 4], [1, 2]), ([3, 4], [1, 4]), ([3, 4], 3), ([3, "x"], 3)]) == [
        1,
        3,
    ]
    assert wrong("equals", [([1, 2], [1, 2]), ([1, 2], [2, 1]), ([1, 2], 1), (["a"], "a")]) == [2]
    unlike = [([1, 2], [1, 2]), ([1, 2], [2, 1]), (["a"], "a"), ([1, 2], 1)]
    assert wrong("not_equals", unlike) == [0, 1, 2]


@pytest.mark.parametrize(
    ("op", "plus", "pairs", "found"),
    [
        ("at_most", "1d", [(LATER, DAY), ("2026-03-03", DAY)], [1]),
        ("at_least", "-1d", [(DAY, LATER), ("2026-02-28", LATER)], [1]),
        ("at_most", "3h", [(NOON, NINE), ("2026-03-01T12:00:01Z", NINE), (DAY, DAY)], [1]),
        ("at_most", 10, [(15, 5), (16, 5), (5.5, -5)], [1, 2]),
        ("equals", -1, [(4, 5), (5, 5)], [1]),
        ("at_most", "1d", [(2, 1), ("a", "a"), (DAY, "9999-12-31")], [0, 1]),
        ("equals", 1, [(DAY, DAY), ("a", "a")], [0, 1]),
    ],
)
def test_a_distance(op, plus, pairs, found):
    """`plus` is a number for numbers and a duration for dates; others cannot be compared."""
    assert wrong(op, pairs, plus=plus) == found


@pytest.mark.parametrize(
    ("op", "pair", "more", "message"),
    [
        (">=", (DAY, LATER), {}, f"A is '{DAY}', which is not at least B (B is '{LATER}')"),
        ("=", (1, 2), {}, "A is 1, which is not equal to B (B is 2)"),
        ("!=", (2, 2), {}, "A is 2, which is not different from B (B is 2)"),
        ("<", (9, 2), {"plus": 3}, "A is 9, which is not below B plus 3 (B is 2)"),
        ("<", ("soon", DAY), {}, f"A is 'soon', which cannot be compared with B (B is '{DAY}')"),
    ],
)
def test_it_says_how_they_stand(op, pair, more, message):
    """The message has both values and the comparison that must hold."""
    (finding,) = report(compared(op, **more), [dict(zip("AB", pair, strict=True))]).findings
    assert finding.message == message
    assert finding.field == "A + B"


def test_its_sentence():
    """The sentence includes `plus`."""
    assert compared(">=").sentence() == "A is at least B"
    assert compared("<=", plus="30d").sentence() == "A is at most B plus 30d"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"op": "=>"}, "Input should be 'equals'"),
        ({"plus": "30"}, "'30' is not a duration; use a number of m, h, d or w, such as `30d`"),
        ({"plus": "1y"}, "is not a duration"),
        ({"plus": True}, "must be a number, or a duration such as `30d`"),
        ({"plus": float("inf")}, "must be a number, or a duration"),
        ({"right": "A"}, "`left` and `right` are the same field"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, why):
    """Such settings are rejected when the definition is read, with the fix."""
    with pytest.raises(ValueError, match=why):
        rule("compare", **({"left": "A", "op": ">=", "right": "B"} | settings))


OPS: dict[str, Any] = {
    "equals": operator.eq, "not_equals": operator.ne, "above": operator.gt,
    "at_least": operator.ge, "below": operator.lt, "at_most": operator.le,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("plus", [0, 2])
def test_agrees_with_a_loop_over_the_records(seed, op, plus):
    """Random numbers and days close to one another, both kinds with `plus`."""
    rng = random.Random(seed)
    numbers = [(rng.randint(0, 5), rng.choice([None, 0, 1.0, 3, 4])) for _ in range(100)]
    day = date(2026, 2, 26)
    expected = [
        row for row, (a, b) in enumerate(numbers) if b is not None and not OPS[op](a, b + plus)
    ]

    def shown(value):
        return None if value is None else (day + timedelta(days=value)).isoformat()

    days = [(shown(a), shown(b)) for a, b in numbers]
    assert wrong(op, numbers, plus=plus) == expected
    assert wrong(op, days, plus=f"{plus}d") == expected
    if not plus:
        assert wrong(op, numbers) == wrong(op, days) == expected
