"""The clock of this machine, compared with that of the store, which all machines share.

Leases, deadlines and slots are moments of the machine that works them out. A machine whose clock is
ten minutes ahead would take steps from workers that are alive and end runs long before their time.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from landfall.reasons import LandfallError

MAX_SECONDS_OFF = 10.0
"""Seconds by which a clock may differ from the store's, more than a request takes. Google keeps the
clocks of its machines within milliseconds."""


class ClockError(LandfallError):
    """The clock of this machine cannot be trusted: nothing is done that depends on it."""

    code = "clock_off"


class ServerClock:
    """A comparison of this machine's clock with the store's; `now` asks for the time of that."""

    def __init__(
        self, now: Callable[[], Awaitable[datetime]], clock: Callable[[], datetime]
    ) -> None:
        self._now = now
        self._clock = clock

    async def seconds_ahead(self) -> float:
        """Return the seconds by which this machine's clock is ahead; behind, they are negative.

        They are 0 where the store's time lies within the request. Raises `StoreError`.
        """
        before = self._clock()
        there = await self._now()
        after = self._clock()
        ahead = max(0.0, (before - there).total_seconds())
        return ahead or min(0.0, (after - there).total_seconds())

    async def fault(self) -> str:
        """Return what is wrong with this machine's clock; empty if nothing is."""
        ahead = await self.seconds_ahead()
        if abs(ahead) <= MAX_SECONDS_OFF:
            return ""
        where = "ahead of" if ahead > 0 else "behind"
        return f"this machine's clock is {abs(ahead):,.0f} s {where} Firestore's"

    async def require(self) -> None:
        """Raise `ClockError` where the clocks differ too much. Raises `StoreError`."""
        if fault := await self.fault():
            raise ClockError(f"{fault}; nothing is done until they agree")
