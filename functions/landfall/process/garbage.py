"""When Python looks for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = 50_000
"""Objects that are new since the last search; Python's own number is 700."""


def seldom() -> None:
    """Searches are few from now on: what is imported makes 100,000 objects, and all of them stay.

    They took a twentieth of a cold start.
    """
    gc.set_threshold(_SELDOM)


def freeze() -> None:
    """No later search looks at what there is now: it stays as long as the process.

    A search of all that is imported takes 50 to 100 ms; and there is one at a process's end.
    """
    gc.freeze()


@contextmanager
def paused() -> Iterator[None]:
    """No search for garbage while many objects are made that stay; none of them are cycles.

    Each search looks at all that there are, so that of 300,000 records it takes as long as the
    work itself. What is no longer referred to is let go of at once, as always.
    """
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()
