"""Garbage collection: rarely, and never among the objects of imported modules."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_LOADING = 1_000_000
"""New objects between two searches while a function loads: there is none."""

LOADED = 50_000
"""New objects between two searches afterwards; Python's own number is 700."""


def collect_rarely() -> None:
    """Search for no garbage until `freeze`: nearly all of the 110,000 objects by then stay.

    One search, after `LOADED` objects, took 10 of a cold start's 320 ms; Python's own 109 took 30.
    """
    gc.set_threshold(_LOADING)


def freeze() -> None:
    """Search rarely from now on, and never among the objects that exist now: they all stay.

    A search of all that is imported takes 50 to 100 ms; and there is one at a process's end.
    """
    gc.freeze()
    gc.set_threshold(LOADED)


@contextmanager
def paused() -> Iterator[None]:
    """Search for no garbage while many objects are made that stay and form no cycles.

    Each search looks at every object, which takes as long as the work itself for 300,000 records.
    An object without references is freed at once, as always.
    """
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()
