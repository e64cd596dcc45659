"""Groups of what is joined in pairs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

Pair = tuple[int, int]


class Groups:
    """Members that were joined, directly or through others. A member is a number below `size`."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def of(self, member: int) -> int:
        """The least member of the group."""
        parents = self._parents
        while parents[member] != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    def join(self, one: int, other: int) -> bool:
        """Make two groups one; False where they are already."""
        first, second = sorted((self.of(one), self.of(other)))
        self._parents[second] = first
        return first != second

    def among(self, members: Iterable[int]) -> dict[int, list[int]]:
        """Those of some members who are in one group, by its least; all in ascending order."""
        groups = defaultdict(list)
        for member in sorted(set(members)):
            groups[self.of(member)].append(member)
        return dict(groups)

    def copy(self) -> "Groups":
        """The same groups, to be joined further."""
        copied = Groups(0)
        copied._parents = self._parents.copy()
        return copied


def stars(pairs: Iterable[Pair]) -> Iterator[list[int]]:
    """Each a member and all that are paired with it, until every pair is in one of them.

    Nobody is in a star who is not paired with its first, so pairs make no chains. The member with
    the most pairs comes first, of several the least.
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
