"""The timing of Python's cyclic garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLD = 50_000
"""New objects between two collections; Python's default is 700."""


def collect_rarely() -> None:
    """Collect rarely from now on: imports make 100,000 objects, and none of them is garbage.

    Collections took a twentieth of a cold start.
    """
    gc.set_threshold(_THRESHOLD)


def freeze() -> None:
    """Exclude all present objects from later collections: they live as long as the process.

    A collection over all imported objects takes 50 to 100 ms, and one runs at a process's end.
    """
    gc.freeze()


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector while many objects are made that stay and have no cycles.

    Each collection visits all objects, so for 300,000 records it takes as long as the work itself.
    Objects without references are still freed at once.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
