"""Groups of records that hold together: more of their pairs are likely the same than are not."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

from landfall.integrity.rules.matching.union_find import Pair, UnionFind

MAX_COMPARED = 8
"""Records of a group that are compared with those of another: those that joined first, by the
strongest pairs."""

MAX_CHOICES = 10
"""Namesakes who differ from each other, of whom a record without other values may be one: among
more, it is reported with none."""

_EQUAL = 1e-6

Judge = Callable[[int, int], int]
"""Says of two records: 1 likely the same, -1 rather not, 0 neither."""


class Clusters:
    """Joins groups of records, pair by pair, where more speaks for it than against it.

    So a path from one record to another does not make them one: A and C, who differ, do not become
    one by B, of whom little is known.
    """

    def __init__(self, groups: UnionFind, judge: Judge) -> None:
        self._groups, self._judge = groups, judge
        self._members: dict[int, list[int]] = {}
        self._refused: set[tuple[int, int, int, int]] = set()

    def join(self, one: int, other: int) -> bool | None:
        """Join the groups of two records, and return whether they are one; None if they were."""
        if self._groups.together(one, other):
            return None
        first, second = self._groups.find(one), self._groups.find(other)
        members, others = self._of(first), self._of(second)
        groups = first, len(members), second, len(others)  # as long as none of them grows
        if groups in self._refused:
            return False
        if not self._agree(members[:MAX_COMPARED], others[:MAX_COMPARED]):
            self._refused.add(groups)
            return False
        self._groups.join(first, second)
        self._members[min(first, second)] = [*members, *others]
        return True

    def _agree(self, members: Sequence[int], others: Sequence[int]) -> bool:
        """Return whether more of the pairs between two groups are the same than are not."""
        votes, left = 0, len(members) * len(others)
        for here, there in product(members, others):
            votes += self._judge(here, there)
            left -= 1
            if abs(votes) > left:  # the rest cannot turn it
                break
        return votes > 0

    def _of(self, root: int) -> list[int]:
        return self._members.get(root) or [root]

    def sift(self, pairs: Iterable[Pair]) -> tuple[list[Pair], list[Pair]]:
        """Return the pairs that are clear, and those of a record that is paired with two who are
        rather not the same, so that it may be either; unless there are too many to choose from."""
        partners: dict[int, list[int]] = defaultdict(list)
        torn: dict[int, bool] = {}
        kept: list[Pair] = []
        for pair in pairs:
            for record, other in (pair, pair[::-1]):
                others = partners[record]
                if len(others) <= MAX_CHOICES:
                    others.append(other)
                elif record not in torn:
                    torn[record] = self._disagree(others)
            if not any(torn.get(record) for record in pair):
                kept.append(pair)
        crowded = {record for record, is_torn in torn.items() if is_torn}
        ambiguous = {record for record, others in partners.items() if self._disagree(others)}
        kept = [pair for pair in kept if crowded.isdisjoint(pair)]
        return (
            [pair for pair in kept if ambiguous.isdisjoint(pair)],
            [pair for pair in kept if not ambiguous.isdisjoint(pair)],
        )

    def torn(self, likely: Mapping[int, Mapping[int, float]]) -> set[Pair]:
        """Return the pairs of a record for which as much speaks as for another of its pairs, with
        someone who is rather not the same: `John Smith` is neither Jr. nor Sr."""
        torn: set[Pair] = set()
        for record, bits in likely.items():
            least = max(bits.values()) - _EQUAL
            best = [other for other, weight in bits.items() if weight > least]
            if self._disagree(sorted(best)):
                torn.update((min(pair), max(pair)) for pair in ((record, it) for it in best))
        return torn

    def _disagree(self, records: Sequence[int]) -> bool:
        if len(records) == 1:
            return False
        first, *others = records[:MAX_COMPARED]
        return any(self._judge(first, other) < 0 for other in others)
