"""The backlog of a tick: each document once, and none hidden by those that cannot be dealt with."""

import pytest

from landfall.runs.backlog import Backlog
from landfall.store.documents import Document
from landfall.store.versioned import Found


class Waiting:
    """Documents that a query finds, until they are dealt with, and the limits it was asked for."""

    def __init__(self, count: int) -> None:
        self.left = [f"steps/{number}" for number in range(count)]
        self.limits: list[int] = []

    async def find(self, limit: int) -> list[Found]:
        self.limits.append(limit)
        return [Document(path, {}, "1") for path in self.left[:limit]]


@pytest.mark.parametrize("dealt_with", [True, False])
async def test_each_is_given_once(dealt_with: bool) -> None:
    """A page asks for as many more as the last one has found again."""
    waiting = Waiting(7)
    backlog = Backlog(waiting.find, 3)
    given: list[str] = []
    while backlog.more:
        page = [found.path for found in await backlog.next_page()]
        given += page
        if dealt_with:
            waiting.left = [path for path in waiting.left if path not in page]
    assert given == [f"steps/{number}" for number in range(7)]
    assert waiting.limits == ([3, 3, 3] if dealt_with else [3, 3, 6, 6, 9])


async def test_without_any_there_is_one_look() -> None:
    """Nothing may be there."""
    waiting = Waiting(0)
    backlog = Backlog(waiting.find, 3)
    assert await backlog.next_page() == []
    assert (backlog.more, waiting.limits) == (False, [3])
