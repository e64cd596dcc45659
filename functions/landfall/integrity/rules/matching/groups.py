"""The groups of records that are likely, or possibly, the same."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Protocol

from landfall.airtable.snapshot import Table
from landfall.airtable.values import display
from landfall.integrity.rules.matching.clusters import Clusters
from landfall.integrity.rules.matching.comparison import Column, Comparison, Reading
from landfall.integrity.rules.matching.likelihood import Likelihood
from landfall.integrity.rules.matching.pair_conditions import Exact, Similar
from landfall.integrity.rules.matching.pairs import PairSearch
from landfall.integrity.rules.matching.union_find import Pair, UnionFind, stars
from landfall.integrity.rules.rule import CannotEvaluateError, Scope

MAX_POSSIBLE_PAIRS = 200_000
"""Possible pairs of a rule, to bound memory: about 50 MB."""

CHECK_INTERVAL = 100
"""Pairs between two checks of the budget; for each, up to 64 others are compared."""

MAX_PAIRS_TESTED = 30
"""Records of a group of which every two are tested, to say how it hangs together."""

MAX_VALUES = 10
"""Different values of a group that are retained."""


@dataclass(frozen=True)
class Group:
    """Records by their rows, in ascending order; their values in `field`; and the reason."""

    rows: list[int]
    field: str
    values: list[Any]
    because: str


class _Reason(Protocol):
    """The reason why two records are a pair: conditions, or evidence."""

    @property
    def label(self) -> str: ...

    def cell(self, table: Table, record: int) -> Any: ...

    def explain(self, table: Table, one: int, other: int) -> str: ...


@dataclass(frozen=True, slots=True)
class _Edge:
    """Two records that are a pair, and the reason."""

    one: int
    other: int
    reason: _Reason


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
        self._searches: list[PairSearch] = []

    def likely(self, alternatives: Iterable[Sequence[Comparison]]) -> Iterator[Group]:
        """Return the groups formed by likely pairs, directly or through others."""
        groups = self._groups
        for conditions in alternatives:
            search = self._search(conditions)
            self._searches.append(search)
            self._edges += _fold(groups, search)
            for one, other in search.pairs(groups):
                groups.join(one, other)
                self._edges.append(_Edge(one, other, search))
        members = groups.partition(_records(self._edges))
        return self._of_edges(groups, self._edges, members, self._loosest)

    def possible(self, alternatives: Iterable[Sequence[Comparison]]) -> Iterator[Group]:
        """Yield each record, or group of likely ones, with all that are possibly the same as it."""
        units = self._groups.copy()
        searches = [self._search(conditions) for conditions in alternatives]
        folded = [edge for search in searches for edge in _fold(units, search)]
        pairs = (_Edge(*pair, search) for search in searches for pair in search.pairs(units))
        return self._stars(units, pairs, folded)

    def by_evidence(
        self, of: str, name: Exact, also: Sequence[Comparison]
    ) -> tuple[Iterator[Group], Iterator[Group]]:
        """Return the groups of likely pairs that hold together, and those of possible pairs.

        `also` are the fields beside the name, each of which may be missing.
        """
        groups = self._groups
        conditions = [Similar(field=name.field, similar=name.exact), *also]
        columns = [self._column(condition) for condition in conditions]
        likelihood = Likelihood(of, conditions, columns, self._scope.check)
        likely, possible = likelihood.pairs()
        same_name = self._search([name, *also])
        self._edges += _fold(groups, same_name)
        clusters = Clusters(groups, likelihood.judge)
        clear, ambiguous = clusters.sift(_sorted(*pair) for pair in same_name.pairs(groups))
        torn = clusters.torn(likely)
        torn_by_strength = sorted(torn, key=lambda pair: (-likely[pair[0]][pair[1]], pair))
        weak = [_Edge(*pair, likelihood) for pair in torn_by_strength]
        weak += [_Edge(*pair, same_name) for pair in ambiguous]
        strong = (pair for pair in _by_strength(likely) if pair not in torn)
        for reason, pairs in ((likelihood, strong), (same_name, clear)):
            for number, pair in enumerate(pairs):
                if number % CHECK_INTERVAL == 0:
                    self._scope.check()
                joined = clusters.join(*pair)
                if joined is not None:
                    (self._edges if joined else weak).append(_Edge(*pair, reason))
        weak += [_Edge(*pair, likelihood) for pair in sorted(possible)]
        return (
            self._of_edges(groups, self._edges, groups.partition(_records(self._edges))),
            self._stars(groups, weak, []),
        )

    def _of_edges(
        self,
        groups: UnionFind,
        edges: Sequence[_Edge],
        members: dict[int, list[int]],
        remark: Callable[[Sequence[int]], str] = lambda _: "",
    ) -> Iterator[Group]:
        """Yield the groups of these edges, each with the first of its edges as the reason."""
        first = {groups.find(edge.one): edge for edge in reversed(edges)}
        for root, edge in first.items():
            group = self._group(members[root], edge)
            yield replace(group, because=f"{group.because}{remark(members[root])}")

    def _loosest(self, records: Sequence[int]) -> str:
        """Return which record of a group has the fewest pairs in it, unless every two are one."""
        tested = records[:MAX_PAIRS_TESTED]
        if len(tested) < 3:
            return ""
        pairs = Counter(
            record
            for pair in combinations(tested, 2)
            if any(search.holds(*pair) for search in self._searches)
            for record in pair
        )
        loosest = min(tested, key=pairs.__getitem__)
        if pairs[loosest] == len(tested) - 1:
            return ""
        record = self._table.ids[loosest]
        return (
            f"; most loosely {record}, which is a pair with {pairs[loosest]} of {len(tested) - 1}"
        )

    def _stars(
        self, units: UnionFind, edges: Iterable[_Edge], folded: Sequence[_Edge]
    ) -> Iterator[Group]:
        """Yield each unit with all that are paired with it, and the folded ones without others."""
        pairs: dict[Pair, _Edge] = {}
        for edge in edges:
            one, other = units.find(edge.one), units.find(edge.other)
            if one != other:
                pairs.setdefault(_sorted(one, other), edge)
            if len(pairs) > MAX_POSSIBLE_PAIRS:
                raise CannotEvaluateError(
                    f"more than {MAX_POSSIBLE_PAIRS} pairs are possibly the same: "
                    "make `possible` stricter, or name more fields in `also`"
                )
        members = units.partition(_records([*self._edges, *folded]))
        in_stars: set[int] = set()
        for star in stars(pairs):
            in_stars.update(star)
            records = [record for unit in star for record in members.get(unit, [unit])]
            yield self._group(records, pairs[_sorted(star[0], star[1])])
        alone = [edge for edge in folded if units.find(edge.one) not in in_stars]
        yield from self._of_edges(units, alone, members)

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
        values: dict[str, Any] = {}
        for record in sorted(records):
            cell = edge.reason.cell(self._table, record)
            values.setdefault(display(cell), cell)
            if len(values) == MAX_VALUES:
                break
        because = edge.reason.explain(self._table, edge.one, edge.other)
        rows = sorted(self._rows[record] for record in records)
        return Group(rows, edge.reason.label, [*values.values()], because)


def _fold(groups: UnionFind, search: PairSearch) -> list[_Edge]:
    """Join the records that agree in everything."""
    return [
        _Edge(first, record, search)
        for first, *others in search.records
        for record in others
        if groups.join(first, record)
    ]


def _by_strength(likely: Mapping[int, Mapping[int, float]]) -> Iterator[Pair]:
    """Yield the pairs, each once, those with the most bits first; there may be very many."""
    ones, others, bits = array("l"), array("l"), array("d")
    of_about: dict[int, array[int]] = defaultdict(lambda: array("l"))
    for one in sorted(likely):
        for other in sorted(other for other in likely[one] if one < other):
            of_about[int(likely[one][other])].append(len(bits))
            ones.append(one)
            others.append(other)
            bits.append(likely[one][other])
    for about in sorted(of_about, reverse=True):
        for place in sorted(of_about.pop(about), key=bits.__getitem__, reverse=True):
            yield ones[place], others[place]


def _records(edges: Iterable[_Edge]) -> Iterator[int]:
    for edge in edges:
        yield edge.one
        yield edge.other


def _sorted(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
