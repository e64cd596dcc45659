"""The backlog of a tick: what a query finds, page by page."""

from collections.abc import Awaitable, Callable, Sequence

from landfall.store.versioned import Found

Find = Callable[[int], Awaitable[Sequence[Found]]]
"""Finds the first documents of a query, at most so many."""


class Backlog:
    """Documents that are to be dealt with; each is given once.

    Those that could not be dealt with are found again, so a page asks for as many more.
    """

    def __init__(self, find: Find, size: int) -> None:
        self.more = True
        self._find = find
        self._size = size
        self._limit = size
        self._seen: set[str] = set()

    async def next_page(self) -> list[Found]:
        """Return about `size` documents; `more` says whether there may be others."""
        found = await self._find(self._limit)
        new = [document for document in found if document.path not in self._seen]
        self.more = len(found) == self._limit
        self._seen.update(document.path for document in new)
        self._limit = self._size + len(found) - len(new)
        return new
