"""Groups of members that are joined in pairs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

Pair = tuple[int, int]


class UnionFind:
    """Members that were joined, directly or through others. A member is a number below `size`."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def find(self, member: int) -> int:
        """Return the least member of the group."""
        parents = self._parents
        while parents[member] != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    def together(self, one: int, other: int) -> bool:
        """Return whether two members are in one group."""
        parents = self._parents
        return parents[one] == parents[other] or self.find(one) == self.find(other)

    def join(self, one: int, other: int) -> bool:
        """Join two groups; return False if they are one already."""
        first, second = self.find(one), self.find(other)
        self._parents[max(first, second)] = min(first, second)
        return first != second

    def partition(self, members: Iterable[int]) -> dict[int, list[int]]:
        """Return the members by group, by its least member; all in ascending order."""
        groups = defaultdict(list)
        for member in sorted(set(members)):
            groups[self.find(member)].append(member)
        return dict(groups)

    def copy(self) -> "UnionFind":
        """Return the same groups, to be joined further."""
        copied = UnionFind(0)
        copied._parents = self._parents.copy()
        return copied


def stars(pairs: Iterable[Pair]) -> Iterator[list[int]]:
    """Yield a member and all that are paired with it, until every pair is in one of these stars.

    Every member of a star is paired with its first, so pairs make no chains. The member with the
    most pairs comes first; among several, the least.
    """
    linked: dict[int, set[int]] = defaultdict(set)
    for one, other in pairs:
        linked[one].add(other)
        linked[other].add(one)
    left = {member: set(others) for member, others in linked.items()}
    for centre in sorted(linked, key=lambda member: (-len(linked[member]), member)):
        if left[centre]:
            star = [centre, *sorted(linked[centre])]
            yield star
            together = set(star)
            for member in star:
                left[member] -= together
