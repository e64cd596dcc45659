"""The size of a commit: writes are grouped so that each group fits into one."""

import json
from collections.abc import Sequence

from landfall.store.documents import Write

MAX_COMMIT_BYTES = 2_500_000
"""Bytes of packed records in a commit: the emulator accepts gRPC messages of up to 4 MiB."""

MAX_COMMIT_WRITES = 400
"""Documents in a commit, of up to some 5 kB each."""


def fits(writes: Sequence[Write]) -> bool:
    """Return whether all the writes fit into one commit."""
    return len(groups(writes)) <= 1


def groups(writes: Sequence[Write]) -> list[list[Write]]:
    """Return the writes in lists that fit into a commit each, by number and bytes."""
    made: list[list[Write]] = []
    room = 0
    for write in writes:
        size = _bytes(write)
        if size > room or len(made[-1]) == MAX_COMMIT_WRITES:
            made.append([])
            room = MAX_COMMIT_BYTES
        made[-1].append(write)
        room -= size
    return made


def _bytes(write: Write) -> int:
    packed = write.data.get("packed")
    return sum(map(len, packed)) if packed else len(json.dumps(write.data, default=str))
