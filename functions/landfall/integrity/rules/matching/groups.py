"""The groups of records that are likely, or possibly, the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.airtable.values import display
from landfall.integrity.rules.matching.comparison import Column, Comparison, Reading
from landfall.integrity.rules.matching.pair_conditions import Exact, Similar
from landfall.integrity.rules.matching.pairs import PairSearch
from landfall.integrity.rules.matching.union_find import Pair, UnionFind, stars
from landfall.integrity.rules.rule import CannotEvaluateError, Scope

MAX_POSSIBLE_PAIRS = 200_000
"""Possible pairs of a rule, to bound memory: about 50 MB."""

MAX_VALUES = 10
"""Different values of a group that are retained."""


@dataclass(frozen=True)
class Group:
    """Records by their rows, in ascending order; their values in `field`; and the reason."""

    rows: list[int]
    field: str
    values: list[Any]
    because: str


@dataclass(frozen=True)
class _Edge:
    """Two records, and the search that found them to be a pair."""

    one: int
    other: int
    search: PairSearch


class GroupFinder:
    """Finds groups among the records of a scope.

    Internally, records are numbered in the order of their ids, so the findings and their messages
    do not depend on the order of the records.
    """

    def __init__(self, scope: Scope, region: str | None = None) -> None:
        self._scope = scope
        self._reading = Reading(scope.snapshot.calendar, region)
        self._rows = sorted(range(len(scope.table)), key=scope.table.ids.__getitem__)
        self._table = scope.table.select(self._rows)
        self._columns: dict[tuple[str, str], Column] = {}
        self._groups = UnionFind(len(self._table))
        self._edges: list[_Edge] = []

    def likely(self, alternatives: Iterable[Sequence[Comparison]]) -> Iterator[Group]:
        """Return the groups formed by likely pairs, directly or through others."""
        groups = self._groups
        for conditions in alternatives:
            search = self._search(conditions)
            self._edges += _fold(groups, search)
            for one, other in search.pairs(groups):
                groups.join(one, other)
                self._edges.append(_Edge(one, other, search))
        return self._of_edges(groups, self._edges, groups.partition(_records(self._edges)))

    def possible(self, alternatives: Iterable[Sequence[Comparison]]) -> Iterator[Group]:
        """Yield each record, or group of likely ones, with all that are possibly the same as it."""
        units = self._groups.copy()
        searches = [self._search(conditions) for conditions in alternatives]
        folded = [edge for search in searches for edge in _fold(units, search)]
        pairs = self._possible_pairs(units, searches)
        members = units.partition(_records([*self._edges, *folded]))
        in_stars: set[int] = set()
        for star in stars(pairs):
            in_stars.update(star)
            records = [record for unit in star for record in members.get(unit, [unit])]
            yield self._group(records, pairs[_sorted(star[0], star[1])])
        alone = [edge for edge in folded if units.find(edge.one) not in in_stars]
        yield from self._of_edges(units, alone, members)

    def _of_edges(
        self, groups: UnionFind, edges: Sequence[_Edge], members: dict[int, list[int]]
    ) -> Iterator[Group]:
        """Yield the groups of these edges, each with the first of its edges as the reason."""
        first = {groups.find(edge.one): edge for edge in reversed(edges)}
        for root, edge in first.items():
            yield self._group(members[root], edge)

    def _possible_pairs(
        self, units: UnionFind, searches: Iterable[PairSearch]
    ) -> dict[Pair, _Edge]:
        """Return the pairs of units, and the first edge of each."""
        pairs: dict[Pair, _Edge] = {}
        for search in searches:
            for one, other in search.pairs(units):
                pair = _sorted(units.find(one), units.find(other))
                pairs.setdefault(pair, _Edge(one, other, search))
                if len(pairs) > MAX_POSSIBLE_PAIRS:
                    raise CannotEvaluateError(
                        f"more than {MAX_POSSIBLE_PAIRS} pairs are possibly the same: "
                        "make `possible` stricter"
                    )
        return pairs

    def _search(self, conditions: Sequence[Comparison]) -> PairSearch:
        columns = [self._column(condition) for condition in conditions]
        return PairSearch(conditions, columns, self._scope.check)

    def _column(self, condition: Comparison) -> Column:
        named = condition.label, condition.meaning
        if named not in self._columns:
            column = condition.column(self._table, self._reading, self._scope.check)
            self._columns[named] = column
        column = self._columns[named]
        uncommon = isinstance(condition, Exact | Similar) and condition.uncommon
        return column.uncommon if uncommon else column

    def _group(self, records: Sequence[int], edge: _Edge) -> Group:
        cells = (edge.search.cell(self._table, record) for record in sorted(records))
        values = list({display(cell): cell for cell in cells}.values())[:MAX_VALUES]
        because = edge.search.explain(self._table, edge.one, edge.other)
        rows = sorted(self._rows[record] for record in records)
        return Group(rows, edge.search.label, values, because)


def _fold(groups: UnionFind, search: PairSearch) -> list[_Edge]:
    """Join the records that agree in everything."""
    return [
        _Edge(first, record, search)
        for first, *others in search.records
        for record in others
        if groups.join(first, record)
    ]


def _records(edges: Iterable[_Edge]) -> Iterator[int]:
    for edge in edges:
        yield edge.one
        yield edge.other


def _sorted(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
