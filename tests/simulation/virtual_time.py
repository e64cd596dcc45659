"""An event loop whose clock jumps: waiting costs nothing, and the order of events is fixed.

`asyncio.sleep`, timeouts and `loop.time()` all follow it, so the code under simulation is the code
of production to the letter.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

from tests.fakes.world import START

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class StuckError(Exception):
    """Everything waits for something that can never happen."""


class _Call(asyncio.TimerHandle):
    """A callback that waits for its turn: its parent without what only the debug mode needs."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._source_traceback = None

    def cancel(self) -> None:
        """Its turn is passed over."""
        self._cancelled = True


class VirtualLoop(asyncio.BaseEventLoop):
    """Time stands still while code runs, and jumps to the next timer when none can.

    There are callbacks and timers, and no sockets, threads or signals. Timers of one moment come
    in the order in which they were set.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._soon: deque[_Call] = deque()
        self._timers: list[tuple[float, int, _Call]] = []
        self._numbers = count()

    def time(self) -> float:
        """Seconds since the start of the simulation."""
        return self._now

    def get_debug(self) -> bool:
        """Never: every future and task asks."""
        return False

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As `loop.call_soon`."""
        call = _Call(self._now, callback, args, context)
        self._soon.append(call)
        return call

    call_soon_threadsafe = call_soon
    """For `asyncio.Runner`, whose handler of Ctrl-C runs in this thread."""

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As `loop.call_later`."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As `loop.call_at`."""
        call = _Call(when, callback, args, context)
        heappush(self._timers, (when, next(self._numbers), call))
        return call

    def jump(self, seconds: float) -> bool:
        """Let that time pass at once, if nothing else would run meanwhile; return whether it did.

        It spares a sleep its future and timer, and the loop a round; the order of events is the
        same.
        """
        if self._soon:
            return False
        timers, until = self._timers, self._now + seconds
        while timers and timers[0][0] <= until:
            if not timers[0][2]._cancelled:
                return False
            heappop(timers)
        self._now = until
        return True

    def _run_once(self) -> None:
        """One round of `run_forever`: what can run now; the clock jumps when nothing can."""
        soon, timers = self._soon, self._timers
        while timers and timers[0][2]._cancelled:
            heappop(timers)
        if not soon:
            if not timers:
                raise StuckError("nothing is scheduled, and nothing will ever happen")
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            soon.append(heappop(timers)[2])
        for _ in range(len(soon)):
            call = soon.popleft()
            if not call._cancelled:
                call._run()


def wall_clock() -> datetime:
    """The simulated moment as people see it, and as the store does."""
    return moment(asyncio.get_running_loop().time())


def moment(seconds: float) -> datetime:
    """The same, by the event loop's clock."""
    return START + timedelta(seconds=seconds)


def jumped(seconds: float) -> bool:
    """Return whether a virtual loop let that time pass at once, so that nobody need sleep."""
    loop = asyncio.get_running_loop()
    return isinstance(loop, VirtualLoop) and loop.jump(seconds)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a new virtual loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
