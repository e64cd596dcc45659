"""Which records are pairs: those of which every condition of an alternative holds.

Records that agree in everything that is compared are one node, so a thousand identical ones cost
no more than one. Nodes fall into blocks by the values that must be the same; in a block, the
candidates are those that the most telling of the other conditions may hold of. No block is too
large: that takes longer, and no pair that the conditions describe is passed over.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from landfall.airtable.snapshot import Table
from landfall.integrity.rules.matching.comparison import Agree, Column, Compared, Key
from landfall.integrity.rules.matching.pair_conditions import (
    DateWithin,
    Equals,
    Exact,
    Overlap,
    Similar,
)
from landfall.integrity.rules.matching.union_find import Groups, Pair

Check = Callable[[], None]

FEW = 12
"""Members of a block of which every two are candidates."""

CHECKED = 1000
"""Candidates between two looks at the clock."""


@dataclass(frozen=True)
class Part:
    """A condition, what it compares of each node, and whether it holds of two of those."""

    condition: Compared
    column: Column
    keys: Sequence[Any]
    agree: Agree

    def holds(self, one: int, other: int) -> bool:
        """Of two nodes."""
        first, second = self.keys[one], self.keys[other]
        return first is None or second is None or self.agree(first, second)


class Pairing:
    """The records of which the conditions may hold, as nodes, and the pairs among these."""

    records: list[list[int]]
    """Those of each node."""

    def __init__(
        self, conditions: Sequence[Compared], columns: Sequence[Column], check: Check
    ) -> None:
        self._check = check
        nodes = _nodes(conditions, columns)
        keys = [*zip(*nodes, strict=True)] or [()] * len(conditions)
        self._parts = [
            Part(condition, column, own, condition.agree(column))
            for condition, column, own in zip(conditions, columns, keys, strict=True)
        ]
        self.records = [*nodes.values()]

    def pairs(self, groups: Groups) -> Iterator[Pair]:
        """Two records of different nodes of which all conditions hold.

        Those that are already in one group are left out, without a look at the conditions.
        """
        first = [records[0] for records in self.records]
        same = [part for part in self._parts if _must_be_equal(part)]
        rest = [part for part in self._parts if not _must_be_equal(part)]
        for block in _blocks(same, range(len(self.records))):
            for number, (one, other) in enumerate(self._candidates(block, rest)):
                if number % CHECKED == 0:
                    self._check()
                pair = first[one], first[other]
                joined = groups.of(pair[0]) == groups.of(pair[1])
                if not joined and all(part.holds(one, other) for part in rest):
                    yield pair

    def _candidates(self, block: Sequence[int], parts: Sequence[Part]) -> Iterator[Pair]:
        if len(block) <= FEW or not parts:
            return combinations(block, 2)
        part = min(parts, key=_rank)
        others = [other for other in parts if other is not part]
        match part.condition:
            case Similar(or_missing=False):
                return self._similar(block, part, part.condition.at_least / 100, others)
            case Overlap(or_missing=False):
                return _sharing(block, part)
            case DateWithin(or_missing=False):
                return _near(block, part, part.condition.date_within)
            case Exact():
                return self._same_or_missing(block, part, others)
        return combinations(block, 2)

    def _similar(
        self, block: Sequence[int], part: Part, bound: float, others: Sequence[Part]
    ) -> Iterator[Pair]:
        by_words = _by_key(part, block)
        words = list(by_words)
        for same in by_words.values():
            yield from self._candidates(same, others)
        for one, other in part.column.likeness.pairs(words, bound):
            yield from self._between(by_words[words[one]], by_words[words[other]], others)

    def _same_or_missing(
        self, block: Sequence[int], part: Part, others: Sequence[Part]
    ) -> Iterator[Pair]:
        by_value = _by_key(part, block)
        missing = by_value.pop(None, [])
        for same in (*by_value.values(), missing):
            yield from self._candidates(same, others)
        yield from self._between(
            missing, [node for same in by_value.values() for node in same], others
        )

    def _between(
        self, ones: Sequence[int], others: Sequence[int], parts: Sequence[Part]
    ) -> Iterator[Pair]:
        """Candidates of one node from each side."""
        part = next((part for part in parts if isinstance(part.condition, Exact)), None)
        if part is None or len(ones) * len(others) <= FEW * FEW:
            yield from product(ones, others)
            return
        parts = [other for other in parts if other is not part]
        here, there = _by_key(part, ones), _by_key(part, others)
        missing_here, missing_there = here.pop(None, []), there.pop(None, [])
        for value in here:
            if value in there:
                yield from self._between(here[value], there[value], parts)
        if missing_here:
            yield from self._between(missing_here, others, parts)
        if missing_there:
            present = [node for same in here.values() for node in same]
            yield from self._between(present, missing_there, parts)

    @property
    def label(self) -> str:
        """The fields of the first condition."""
        return self._parts[0].condition.label

    def cell(self, table: Table, record: int) -> Any:
        """The value of the first condition."""
        return self._parts[0].condition.cell(table, record)

    def because(self, table: Table, one: int, other: int) -> str:
        """Why two records are a pair."""
        said = [
            part.condition.because(part.column, table, one, other)
            for part in self._parts
            if part.column.keys[one] is not None and part.column.keys[other] is not None
        ]
        return " and ".join(said)


def _must_be_equal(part: Part) -> bool:
    return isinstance(part.condition, Exact | Equals) and not part.condition.optional


def _rank(part: Part) -> tuple[int, int]:
    """The condition that leaves the fewest candidates comes first."""
    match part.condition:
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
    conditions: Sequence[Compared], columns: Sequence[Column]
) -> dict[tuple[Key, ...], list[int]]:
    """The records that have what is needed, by all that is compared of them."""
    nodes: dict[tuple[Key, ...], list[int]] = defaultdict(list)
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


def _agrees_with_itself(conditions: Sequence[Compared], keys: Sequence[Any]) -> bool:
    """A list with fewer items than must be shared does not."""
    return all(
        key is None or not isinstance(condition.overlap, int) or len(key) >= condition.overlap
        for condition, key in zip(conditions, keys, strict=True)
        if isinstance(condition, Overlap)
    )


def _by_key(part: Part, nodes: Iterable[int]) -> dict[Any, list[int]]:
    groups: dict[Any, list[int]] = defaultdict(list)
    for node in nodes:
        groups[part.keys[node]].append(node)
    return groups


def _blocks(same: Sequence[Part], nodes: Iterable[int]) -> list[list[int]]:
    """The nodes by what must be equal; without those that are alone."""
    groups: dict[tuple[Key, ...], list[int]] = defaultdict(list)
    for node in nodes:
        groups[tuple(part.keys[node] for part in same)].append(node)
    return [block for block in groups.values() if len(block) > 1]


def _sharing(block: Iterable[int], part: Part) -> Iterator[Pair]:
    """Those that have an item in common."""
    holders: dict[Any, list[int]] = defaultdict(list)
    for node in block:
        for item in part.keys[node]:
            holders[item].append(node)
    for nodes in sorted(holders.values()):
        yield from combinations(nodes, 2)


def _near(block: Iterable[int], part: Part, days: int) -> Iterator[Pair]:
    """Those whose days are no further apart."""
    nodes = sorted(block, key=lambda node: part.keys[node])
    start = 0
    for place, node in enumerate(nodes):
        while part.keys[node] - part.keys[nodes[start]] > days:
            start += 1
        for other in nodes[start:place]:
            yield other, node
