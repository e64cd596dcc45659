"""The search for pairs of records: those that satisfy every condition of an alternative.

Records that agree in everything compared are one node, so a thousand identical ones cost no more
than one. Nodes fall into blocks by the values that must be the same; in a block, the candidates are
the nodes for which the most selective of the other conditions may hold. No block is too large: it
only takes longer, and no pair that the conditions describe is skipped.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from landfall.airtable.snapshot import Table
from landfall.integrity.rules.matching.comparison import Column, CompareKey, Comparison, KeyTest
from landfall.integrity.rules.matching.pair_conditions import (
    DateWithin,
    Equals,
    Exact,
    Overlap,
    Similar,
)
from landfall.integrity.rules.matching.union_find import Pair, UnionFind

Check = Callable[[], None]

SMALL_BLOCK = 12
"""Members of a block of which every two are candidates."""

CHECK_INTERVAL = 1000
"""Candidates between two checks of the budget."""


@dataclass(frozen=True)
class PairTest:
    """A condition, the key of each node, and the test of two keys."""

    condition: Comparison
    column: Column
    keys: Sequence[Any]
    agree: KeyTest

    def holds(self, one: int, other: int) -> bool:
        """Return whether the condition holds for two nodes."""
        first, second = self.keys[one], self.keys[other]
        return first is None or second is None or self.agree(first, second)

    def holds_for(self, one: int, other: int) -> bool:
        """Return whether the condition holds for two records."""
        first, second = self.column.keys[one], self.column.keys[other]
        if first is None or second is None:
            return self.condition.optional
        return self.agree(first, second)


class PairSearch:
    """The records for which the conditions may hold, as nodes, and the pairs among these."""

    records: list[list[int]]
    """The records of each node."""

    def __init__(
        self, conditions: Sequence[Comparison], columns: Sequence[Column], check: Check
    ) -> None:
        self._check = check
        nodes = _nodes(conditions, columns)
        keys = [*zip(*nodes, strict=True)] or [()] * len(conditions)
        self._tests = [
            PairTest(condition, column, own, condition.agree(column))
            for condition, column, own in zip(conditions, columns, keys, strict=True)
        ]
        self.records = [*nodes.values()]

    def pairs(self, groups: UnionFind) -> Iterator[Pair]:
        """Yield two records of different nodes for which all conditions hold.

        Records that are already in one group are skipped, before the conditions are tested.
        """
        first = [records[0] for records in self.records]
        same = [test for test in self._tests if _must_be_equal(test)]
        rest = [test for test in self._tests if not _must_be_equal(test)]
        for block in _blocks(same, range(len(self.records))):
            for number, (one, other) in enumerate(self._candidates(block, rest)):
                if number % CHECK_INTERVAL == 0:
                    self._check()
                pair = first[one], first[other]
                if not groups.together(*pair) and all(test.holds(one, other) for test in rest):
                    yield pair

    def _candidates(self, block: Sequence[int], tests: Sequence[PairTest]) -> Iterator[Pair]:
        if len(block) <= SMALL_BLOCK or not tests:
            return combinations(block, 2)
        test = min(tests, key=_rank)
        others = [other for other in tests if other is not test]
        match test.condition:
            case Similar(or_missing=False):
                return self._similar(block, test, test.condition.at_least / 100, others)
            case Overlap(or_missing=False):
                return _sharing(block, test)
            case DateWithin(or_missing=False):
                return _near(block, test, test.condition.date_within)
            case Exact():
                return self._same_or_missing(block, test, others)
        return combinations(block, 2)

    def _similar(
        self, block: Sequence[int], test: PairTest, bound: float, others: Sequence[PairTest]
    ) -> Iterator[Pair]:
        by_words = _by_key(test, block)
        words = list(by_words)
        for same in by_words.values():
            yield from self._candidates(same, others)
        for one, other in test.column.similarity.pairs(words, bound):
            yield from self._between(by_words[words[one]], by_words[words[other]], others)

    def _same_or_missing(
        self, block: Sequence[int], test: PairTest, others: Sequence[PairTest]
    ) -> Iterator[Pair]:
        by_value = _by_key(test, block)
        missing = by_value.pop(None, [])
        for same in (*by_value.values(), missing):
            yield from self._candidates(same, others)
        yield from self._between(
            missing, [node for same in by_value.values() for node in same], others
        )

    def _between(
        self, ones: Sequence[int], others: Sequence[int], tests: Sequence[PairTest]
    ) -> Iterator[Pair]:
        """Yield candidates of one node from each side."""
        test = next((test for test in tests if isinstance(test.condition, Exact)), None)
        if test is None or len(ones) * len(others) <= SMALL_BLOCK * SMALL_BLOCK:
            yield from product(ones, others)
            return
        tests = [other for other in tests if other is not test]
        here, there = _by_key(test, ones), _by_key(test, others)
        missing_here, missing_there = here.pop(None, []), there.pop(None, [])
        for value in here:
            if value in there:
                yield from self._between(here[value], there[value], tests)
        if missing_here:
            yield from self._between(missing_here, others, tests)
        if missing_there:
            present = [node for same in here.values() for node in same]
            yield from self._between(present, missing_there, tests)

    def holds(self, one: int, other: int) -> bool:
        """Return whether all conditions hold for two records."""
        return all(test.holds_for(one, other) for test in self._tests)

    @property
    def label(self) -> str:
        """Return the fields of the first condition."""
        return self._tests[0].condition.label

    def cell(self, table: Table, record: int) -> Any:
        """Return the value of the first condition."""
        return self._tests[0].condition.cell(table, record)

    def explain(self, table: Table, one: int, other: int) -> str:
        """Return why two records are a pair."""
        reasons = [
            test.condition.explain(test.column, table, one, other)
            for test in self._tests
            if test.column.keys[one] is not None and test.column.keys[other] is not None
        ]
        return " and ".join(reasons)


def _must_be_equal(test: PairTest) -> bool:
    return isinstance(test.condition, Exact | Equals) and not test.condition.optional


def _rank(test: PairTest) -> tuple[int, int]:
    """Return the rank of a condition: the one that leaves the fewest candidates comes first."""
    match test.condition:
        case Similar(or_missing=False, at_least=bound):
            return 0, -bound
        case Overlap(or_missing=False):
            return 1, 0
        case DateWithin(or_missing=False):
            return 2, 0
        case Exact():
            return 3, 0
    return 4, 0


def _nodes(
    conditions: Sequence[Comparison], columns: Sequence[Column]
) -> dict[tuple[CompareKey, ...], list[int]]:
    """Return the records with all needed values, by their keys."""
    nodes: dict[tuple[CompareKey, ...], list[int]] = defaultdict(list)
    needed = [not condition.optional for condition in conditions]
    for record, keys in enumerate(zip(*(column.keys for column in columns), strict=True)):
        nodes[keys].append(record)
    lacking = [
        keys
        for keys in nodes
        if any(key is None for key, must in zip(keys, needed, strict=True) if must)
        or not _agrees_with_itself(conditions, keys)
    ]
    for keys in lacking:
        del nodes[keys]
    return dict(nodes)


def _agrees_with_itself(conditions: Sequence[Comparison], keys: Sequence[Any]) -> bool:
    """Return whether a record can pair with its equal; not with fewer items than must be shared."""
    return all(
        key is None or not isinstance(condition.overlap, int) or len(key) >= condition.overlap
        for condition, key in zip(conditions, keys, strict=True)
        if isinstance(condition, Overlap)
    )


def _by_key(test: PairTest, nodes: Iterable[int]) -> dict[Any, list[int]]:
    groups: dict[Any, list[int]] = defaultdict(list)
    for node in nodes:
        groups[test.keys[node]].append(node)
    return groups


def _blocks(same: Sequence[PairTest], nodes: Iterable[int]) -> list[list[int]]:
    """Return the nodes by the keys that must be equal; without blocks of one node."""
    groups: dict[tuple[CompareKey, ...], list[int]] = defaultdict(list)
    for node in nodes:
        groups[tuple(test.keys[node] for test in same)].append(node)
    return [block for block in groups.values() if len(block) > 1]


def _sharing(block: Iterable[int], test: PairTest) -> Iterator[Pair]:
    """Yield the pairs of nodes that have an item in common."""
    holders: dict[Any, list[int]] = defaultdict(list)
    for node in block:
        for item in test.keys[node]:
            holders[item].append(node)
    for nodes in sorted(holders.values()):
        yield from combinations(nodes, 2)


def _near(block: Iterable[int], test: PairTest, days: int) -> Iterator[Pair]:
    """Yield the pairs of nodes whose days are no further apart."""
    nodes = sorted(block, key=lambda node: test.keys[node])
    start = 0
    for place, node in enumerate(nodes):
        while test.keys[node] - test.keys[nodes[start]] > days:
            start += 1
        for other in nodes[start:place]:
            yield other, node
