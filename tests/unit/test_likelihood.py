"""What speaks for two records being the same: the shortcuts say what the long way does."""

from itertools import combinations
from math import inf
from typing import Any

import pytest

from landfall.integrity.rules.matching.clusters import Clusters
from landfall.integrity.rules.matching.comparison import Reading
from landfall.integrity.rules.matching.groups import _by_strength
from landfall.integrity.rules.matching.likelihood import MAX_BLOCK, Likelihood
from landfall.integrity.rules.matching.pair_conditions import DateWithin, Exact, Similar
from landfall.integrity.rules.matching.similarity import Alignment, NameSimilarity
from landfall.integrity.rules.matching.union_find import UnionFind
from tests.fakes.mistyped import COMPANIES, CONTACTS, FIGURES, companies, contacts, figures
from tests.fakes.rules import rule
from tests.fakes.snapshots import snapshot

MADE: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "contacts": (contacts, 40, CONTACTS),
    "figures": (figures, 25, FIGURES),
    "companies": (companies, 100, COMPANIES),
}


def likelihood(name: str) -> tuple[Likelihood, list[Any]]:
    """Return the evidence between records that are made, and the values of each."""
    make, number, settings = MADE[name]
    base = snapshot({"T": make(11, number).records})
    table = rule("duplicate", **settings).selected(base)
    wording = "name" if settings["of"] == "person" else "organisation"
    conditions: list[Any] = [Similar(field=settings["field"], similar=wording)]
    for field, meaning in settings["also"].items():
        conditions.append(
            DateWithin(field=field, date_within=0)
            if meaning == "date"
            else Exact(field=field, exact=meaning)
        )
    reading = Reading(base.calendar)
    columns = [it.column(table, reading, lambda: None) for it in conditions]
    keys = list(zip(*(column.keys for column in columns), strict=True))
    return Likelihood(settings["of"], conditions, columns, lambda: None), keys


@pytest.mark.parametrize("name", MADE)
def test_what_is_left_off_early_is_too_little(name):
    """Nothing that reaches the bound is left out, and what is said of it is the same."""
    of, keys = likelihood(name)
    records = range(len(keys))
    for one in records:
        whole = {it[0]: it for it in of._weigh(one, records, -inf)}
        assert list(whole) == list(records)
        for bound in (0, of.enough):
            enough = [it for it in whole.values() if it[1] >= bound]
            assert [*of._weigh(one, records, bound)] == enough


@pytest.mark.parametrize("name", MADE)
def test_a_pair_of_several_values_in_common_is_weighed_once(name, monkeypatch):
    """However many values two records share, of few records or of many."""
    monkeypatch.setattr(f"{Likelihood.__module__}.MAX_BLOCK", 4)
    of, keys = likelihood(name)
    pairs = [
        (one, other) for one, others in of._of_equal_values(range(len(keys))) for other in others
    ]
    assert len(pairs) > 50
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("name", MADE)
def test_no_likely_pair_is_passed_over(name):
    """Every two records that share a value of few, and for which enough speaks, are a pair."""
    of, keys = likelihood(name)
    likely, _ = of.pairs()
    first: dict[Any, int] = {}
    records = [n for n, key in enumerate(keys) if first.setdefault(key, n) == n]
    held = [{(place, key[place]) for place in range(1, len(key)) if key[place]} for key in keys]
    few = {it for own in held for it in own if sum(it in held[n] for n in records) <= MAX_BLOCK}
    expected = {
        (one, other)
        for one, other in combinations(records, 2)
        if held[one] & held[other] & few
        and of.weigh(one, other).bits >= of.enough
        and of.weigh(one, other).name != "different"
    }
    assert len(expected) > 20
    assert expected <= {(one, other) for one in likely for other in likely[one]}
    assert all(likely[other][one] == bits for one in likely for other, bits in likely[one].items())


def test_the_strongest_pairs_come_first_and_each_once():
    """Pairs of equal strength come in the order of their records."""
    bits = {(1, 5): 17.2, (0, 5): 17.25, (0, 1): 17.2, (2, 3): 40.0, (3, 4): -0.5, (2, 4): 0.5}
    likely: dict[int, dict[int, float]] = {record: {} for record in range(6)}
    for (one, other), weight in bits.items():
        likely[one][other] = likely[other][one] = weight
    expected = sorted(sorted(bits), key=bits.__getitem__, reverse=True)
    assert [*_by_strength(likely)] == expected


def test_names_of_two_words_are_aligned_as_all_are(monkeypatch):
    """The direct way for two words says what the general one says."""
    words = ["ann", "anna", "anne", "a", "li", "lee", "smith", "smyth", "s", "jr", "2nd", "van"]
    words += ["мария", "mary", "bob", "robert", "x"]
    names = [tuple(sorted(pair)) for pair in combinations(words, 2)]
    similarity = NameSimilarity("name", names)
    direct = [similarity.align(*pair) for pair in combinations(names, 2)]
    monkeypatch.setattr(NameSimilarity, "_of_two_words", lambda *_: None)
    whole = [similarity.align(*pair) for pair in combinations(names, 2)]

    def unordered(it: Alignment) -> tuple[Any, ...]:
        pairs = [(likeness, {one, other}) for likeness, one, other in it.pairs]
        return round(it.score, 9), it.same, pairs, {*it.left, *it.rest}

    assert len(whole) > 9_000
    assert [*map(unordered, direct)] == [*map(unordered, whole)]


def test_two_groups_are_asked_once_as_long_as_none_grows():
    """A refusal holds for every pair of the two groups, until another record has joined one."""
    asked: list[tuple[int, int]] = []

    def judge(one: int, other: int) -> int:
        asked.append((one, other))
        return 1 if one // 10 == other // 10 else -1

    clusters = Clusters(UnionFind(20), judge)
    assert [clusters.join(0, 1), clusters.join(10, 11), clusters.join(0, 1)] == [True, True, None]
    assert clusters.join(0, 10) is False
    number = len(asked)
    assert [clusters.join(1, 11), clusters.join(0, 11)] == [False, False]
    assert len(asked) == number
    assert clusters.join(0, 2) is True
    assert clusters.join(2, 10) is False
    assert len(asked) > number + 2
