"""The time by the store's clock, which all machines share.

Leases, deadlines, pauses and slots are moments that one machine writes and another reads. A machine
whose clock is ten minutes ahead would take steps from workers that are alive, end runs long before
their time, and ask a base that is paused. So every answer of the store, which says when it was
given, corrects the time by which its machine works, and costs nothing more:

    asked ───── answered there ───── received        the answer was given in between: a clock that
    09:00:00       08:50:00          09:00:01        says otherwise is off by 600 to 601 s here
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from landfall.reasons import LandfallError
from landfall.store.documents import Store

MAX_SECONDS_OFF = 10.0
"""Seconds by which a clock may differ from the store's, more than a request takes. Google keeps the
clocks of its machines within milliseconds."""

NOWHERE = "system/clock"
"""A document that never exists: a read of it is for the time of the answer."""


class ClockError(LandfallError):
    """The clock of this machine cannot be trusted: nothing is done that depends on it."""

    code = "clock_off"


class ServerClock:
    """A `Clock`: that of this machine (`local`), corrected by the store's answers.

    The correction is the least that agrees with the last answer, and none before the first: where
    clocks agree, none is made.
    """

    def __init__(self, local: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.local = local
        self._ahead = timedelta(0)
        self._corrected = False

    def __call__(self) -> datetime:
        """Return the time by the store's clock."""
        return self.local() - self._ahead

    def correct(self, asked: datetime, answered: datetime) -> None:
        """Correct the time by an answer, which has just been received.

        `asked` is when it was asked for, by the local clock; `answered` is when it was given, by
        the store's.
        """
        least, most = asked - answered, self.local() - answered
        self._ahead = min(max(self._ahead, least), most)
        self._corrected = True

    async def begin(self, store: Store) -> None:
        """Have the store answer, if it has not yet. Raises `StoreError`."""
        if not self._corrected:
            await store.read(NOWHERE)

    def fault(self) -> str:
        """Return what was wrong with this machine's clock at the last answer; empty if nothing."""
        ahead = self._ahead.total_seconds()
        if abs(ahead) <= MAX_SECONDS_OFF:
            return ""
        where = "ahead of" if ahead > 0 else "behind"
        return f"this machine's clock is {abs(ahead):,.0f} s {where} Firestore's"

    async def require(self, store: Store) -> None:
        """Raise `ClockError` where the clocks differ too much now. Raises `StoreError`."""
        await store.read(NOWHERE)
        if fault := self.fault():
            raise ClockError(f"{fault}; nothing is done until they agree")
