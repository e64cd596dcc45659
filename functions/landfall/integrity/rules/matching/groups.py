"""The groups of records that are likely, or possibly, the same."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.airtable.values import shown
from landfall.integrity.rules.matching.comparison import Column, Compared
from landfall.integrity.rules.matching.pair_conditions import Exact, Similar
from landfall.integrity.rules.matching.pairs import Pairing
from landfall.integrity.rules.matching.union_find import Groups, Pair, stars
from landfall.integrity.rules.rule import CannotEvaluateError, Scope

MOST_POSSIBLE = 200_000
"""Possible pairs that a rule may have, for the sake of memory: about 50 MB."""

VALUES = 10
"""Different values of a group that are kept."""


@dataclass(frozen=True)
class Group:
    """Records by their rows, in ascending order; what they have in `field`; and why."""

    rows: list[int]
    field: str
    values: list[Any]
    because: str


@dataclass(frozen=True)
class _Link:
    """Two records, and the pairing that made them a pair."""

    one: int
    other: int
    pairing: Pairing


class Finder:
    """Finds groups among the records of a scope.

    Inside, records are numbered in the order of their ids, so what is found, and said of it, does
    not depend on the order in which they came.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._rows = sorted(range(len(scope.table)), key=scope.table.ids.__getitem__)
        self._table = scope.table.select(self._rows)
        self._columns: dict[tuple[str, str], Column] = {}
        self._groups = Groups(len(self._table))
        self._links: list[_Link] = []

    def likely(self, alternatives: Iterable[Sequence[Compared]]) -> Iterator[Group]:
        """Those that likely pairs make, directly or through others."""
        groups = self._groups
        for conditions in alternatives:
            pairing = self._pairing(conditions)
            self._links += _folded(groups, pairing)
            for one, other in pairing.pairs(groups):
                groups.join(one, other)
                self._links.append(_Link(one, other, pairing))
        return self._of_links(groups, self._links, groups.among(_records(self._links)))

    def possible(self, alternatives: Iterable[Sequence[Compared]]) -> Iterator[Group]:
        """Each record, or group of likely ones, with all that are possibly the same as it."""
        units = self._groups.copy()
        pairings = [self._pairing(conditions) for conditions in alternatives]
        folded = [link for pairing in pairings for link in _folded(units, pairing)]
        pairs = self._possible_pairs(units, pairings)
        members = units.among(_records([*self._links, *folded]))
        in_stars: set[int] = set()
        for star in stars(pairs):
            in_stars.update(star)
            records = [record for unit in star for record in members.get(unit, [unit])]
            yield self._group(records, pairs[_sorted(star[0], star[1])])
        alone = [link for link in folded if units.of(link.one) not in in_stars]
        yield from self._of_links(units, alone, members)

    def _of_links(
        self, groups: Groups, links: Sequence[_Link], members: dict[int, list[int]]
    ) -> Iterator[Group]:
        """The groups that these links are of, each with the first of its links as the reason."""
        first = {groups.of(link.one): link for link in reversed(links)}
        for root, link in first.items():
            yield self._group(members[root], link)

    def _possible_pairs(self, units: Groups, pairings: Iterable[Pairing]) -> dict[Pair, _Link]:
        """The pairs of units, and the first link of each."""
        pairs: dict[Pair, _Link] = {}
        for pairing in pairings:
            for one, other in pairing.pairs(units):
                pair = _sorted(units.of(one), units.of(other))
                pairs.setdefault(pair, _Link(one, other, pairing))
                if len(pairs) > MOST_POSSIBLE:
                    raise CannotEvaluateError(
                        f"more than {MOST_POSSIBLE} pairs are possibly the same: make `possible`"
                        " stricter"
                    )
        return pairs

    def _pairing(self, conditions: Sequence[Compared]) -> Pairing:
        columns = [self._column(condition) for condition in conditions]
        return Pairing(conditions, columns, self._scope.check)

    def _column(self, condition: Compared) -> Column:
        named = condition.label, condition.meaning
        if named not in self._columns:
            calendar = self._scope.snapshot.calendar
            self._columns[named] = condition.column(self._table, calendar, self._scope.check)
        column = self._columns[named]
        uncommon = isinstance(condition, Exact | Similar) and condition.uncommon
        return column.uncommon if uncommon else column

    def _group(self, records: Sequence[int], link: _Link) -> Group:
        cells = (link.pairing.cell(self._table, record) for record in sorted(records))
        values = list({shown(cell): cell for cell in cells}.values())[:VALUES]
        because = link.pairing.because(self._table, link.one, link.other)
        rows = sorted(self._rows[record] for record in records)
        return Group(rows, link.pairing.label, values, because)


def _folded(groups: Groups, pairing: Pairing) -> list[_Link]:
    """Joins the records that agree in everything."""
    return [
        _Link(first, record, pairing)
        for first, *others in pairing.records
        for record in others
        if groups.join(first, record)
    ]


def _records(links: Iterable[_Link]) -> Iterator[int]:
    for link in links:
        yield link.one
        yield link.other


def _sorted(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
