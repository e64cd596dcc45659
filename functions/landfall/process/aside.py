"""Long work beside the event loop, which goes on meanwhile.

In one thread, a piece at a time: however many callers have long work, the loop and its requests
share the interpreter with one other thread, and the memory is that of one piece.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

SHORT = 20_000
"""Characters of a text that is worked on at once: parsing a definition of them takes 3 to 20 ms."""

SWITCH_SECONDS = 0.0005
"""Time after which the thread lets the loop go on, which a request needs some 20 times: with
Python's own 5 ms, GET /health took 92 ms beside a long definition, and with this 22 ms."""

_THREAD = ThreadPoolExecutor(  # which begins with its first work
    1, "aside", initializer=sys.setswitchinterval, initargs=(SWITCH_SECONDS,)
)


async def aside(work: Callable[[], T]) -> T:
    """Return the result of the work, done in the thread. Work that waits for it can be cancelled.

    Raises what it raises.
    """
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_THREAD, context.run, work)
