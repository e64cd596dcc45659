"""How much of what is to be written fits into a commit."""

import json
from collections.abc import Sequence

from landfall.store.documents import Write

COMMIT_MOST = 2_500_000
"""Bytes of packed records in a commit: gRPC messages to the emulator end at 4 MiB."""

COMMIT_WRITES = 400
"""Documents in a commit, of up to some 5 kB each."""


def fits(writes: Sequence[Write]) -> bool:
    """Whether one commit takes all of them."""
    return len(groups(writes)) <= 1


def groups(writes: Sequence[Write]) -> list[list[Write]]:
    """Documents in lists that fit into a commit, by their number and bytes."""
    made: list[list[Write]] = []
    room = 0
    for write in writes:
        size = _bytes(write)
        if size > room or len(made[-1]) == COMMIT_WRITES:
            made.append([])
            room = COMMIT_MOST
        made[-1].append(write)
        room -= size
    return made


def _bytes(write: Write) -> int:
    packed = write.data.get("packed")
    return sum(map(len, packed)) if packed else len(json.dumps(write.data, default=str))
