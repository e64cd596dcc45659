"""Spacing of the requests to a base, at the rate that Airtable accepts."""

import asyncio
from collections import deque
from dataclasses import dataclass

LIMIT = 5
"""Requests a second to a base that Airtable takes."""

INTERVAL = 1 / (LIMIT * 0.97)
"""Seconds between the starts of two requests to a base: 3 % below Airtable's limit."""

CATCH_UP = 0.4
"""Intervals between two requests while those that were late are caught up with."""

LATE_MOST = 0.2
"""Seconds by which a request is taken to have come in late. An answer also takes long for reasons
that are no matter of the pace; this is what they can cost, for each `LIMIT` requests."""

STUMBLE = 0.05
"""Seconds by which a wait may be too long on a busy machine; more is a stumble of this process."""

QUICKEST_OF = 20
"""Answers of which the quickest says how long one takes that came in at once."""


@dataclass
class Turn:
    """A request's place in the row: when it started, and when it counts from."""

    started: float
    counts_from: float
    answered: bool = False


class Pacer:
    """Spaces requests so that no more than `LIMIT` come in at Airtable within `LIMIT` intervals.

    When a request came in, nobody says. It starts when its turn is really there, however late
    this process is; and when its answer takes longer than the quickest of late, it may have been
    on the way for so much longer: it counts from then, and those that follow keep their distance.
    The same when this process wakes up late: what is not answered may not even have left it.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = 0.0
        self._took: deque[float] = deque(maxlen=QUICKEST_OF)
        self._turns: deque[Turn] = deque(maxlen=LIMIT)
        self._row = asyncio.Lock()

    async def turn(self) -> Turn:
        """Wait for a place in the row; places are given in the order of the calls."""
        loop = asyncio.get_running_loop()
        async with self._row:
            if not self._turns:  # as if it had gone on like this before
                past = [loop.time() - n * self._interval for n in range(LIMIT, 0, -1)]
                self._turns.extend(Turn(moment, moment, answered=True) for moment in past)
            # an answer that comes meanwhile may put it off
            while (wait := (due := self._free_at()) - loop.time()) > 0:
                await asyncio.sleep(wait)
                if loop.time() - due > STUMBLE:
                    self._stumbled()
            turn = Turn(loop.time(), loop.time())
            self._next = turn.started + CATCH_UP * self._interval
            self._turns.append(turn)
            return turn

    def answered(self, turn: Turn) -> None:
        """The answer is there: take into account how long it took."""
        took = asyncio.get_running_loop().time() - turn.started
        self._took.append(took)
        late = min(took - min(self._took), LATE_MOST)
        turn.counts_from = max(turn.counts_from, turn.started + late)
        turn.answered = True

    def _stumbled(self) -> None:
        now = asyncio.get_running_loop().time()
        for turn in self._turns:
            if not turn.answered:
                turn.counts_from = now

    def _free_at(self) -> float:
        return max(self._next, self._turns[0].counts_from + LIMIT * self._interval)
