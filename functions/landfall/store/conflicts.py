"""Optimistic concurrency: read, decide and commit again while others write the same documents."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from landfall.store.documents import ConflictError

T = TypeVar("T")


async def until_committed(attempt: Callable[[], Awaitable[T]], *, tries: int, what: str) -> T:
    """Return the result of the first attempt that loses no race against another writer.

    `attempt` reads what it decides on, and commits with the versions that it read. Raises
    `ConflictError`, which names `what` was contended, after so many lost races.
    """
    for _ in range(tries):
        try:
            return await attempt()
        except ConflictError:
            continue
    raise ConflictError(f"{what} was written by others {tries} times in a row")
