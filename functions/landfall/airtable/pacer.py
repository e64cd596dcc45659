"""Spacing of the requests to a base, at the rate that Airtable accepts."""

import asyncio
from collections import deque
from dataclasses import dataclass

RATE_LIMIT = 5
"""Requests a second that Airtable accepts for a base."""

INTERVAL = 1 / (RATE_LIMIT * 0.97)
"""Seconds between the starts of two requests to a base: 3 % below Airtable's limit."""

CATCH_UP = 0.4
"""Intervals between two requests while late ones are caught up with."""

MAX_LATENESS = 0.2
"""Most delay (s) on the way to Airtable that is attributed to one request. A response can also be
slow for other reasons; this caps their cost, for each `RATE_LIMIT` requests."""

MAX_OVERSLEEP = 0.05
"""Seconds by which a wait may overrun on a busy machine; more means that this process was
stalled."""

LATENCY_WINDOW = 20
"""Latest responses, the fastest of which gives the latency of an undelayed request."""


@dataclass
class PacedRequest:
    """A request that the pacer let through: its start, and the time by which it has arrived."""

    started: float
    arrived_by: float
    latency: float | None = None
    """Seconds until its response; None before that."""


class Pacer:
    """Spaces requests so that Airtable receives at most `RATE_LIMIT` within as many intervals.

    Nobody reports when a request arrived. It starts when its turn has really come, however late
    this process is. If its response takes longer than the fastest of late, it may have been on the
    way for that much longer: it is counted as arriving then, and the requests behind it keep their
    distance. The same applies when this process wakes up late: an unanswered request may not even
    have left it.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = 0.0
        self._latencies: deque[float] = deque(maxlen=LATENCY_WINDOW)
        self._recent: deque[PacedRequest] = deque(maxlen=RATE_LIMIT)
        self._queue = asyncio.Lock()

    async def acquire(self) -> PacedRequest:
        """Wait for the next request's turn; turns are given in the order of the calls."""
        loop = asyncio.get_running_loop()
        async with self._queue:
            if not self._recent:  # as if requests had been sent at this pace before
                past = [loop.time() - n * self._interval for n in range(RATE_LIMIT, 0, -1)]
                self._recent.extend(PacedRequest(moment, moment, latency=0.0) for moment in past)
            # a response that arrives meanwhile may delay it
            while (wait := (due := self._free_at()) - loop.time()) > 0:
                await asyncio.sleep(wait)
                if loop.time() - due > MAX_OVERSLEEP:
                    self._overslept()
            request = PacedRequest(loop.time(), loop.time())
            self._next = request.started + CATCH_UP * self._interval
            self._recent.append(request)
            return request

    def answered(self, request: PacedRequest) -> None:
        """Record that a request was answered, and how long that took."""
        request.latency = asyncio.get_running_loop().time() - request.started
        self._latencies.append(request.latency)
        fastest = min(self._latencies)
        # also of earlier ones: a first request connects, which shows only beside a faster one
        for one in self._recent:
            late = min((one.latency or 0.0) - fastest, MAX_LATENESS)
            one.arrived_by = max(one.arrived_by, one.started + late)

    def _overslept(self) -> None:
        now = asyncio.get_running_loop().time()
        for request in self._recent:
            if request.latency is None:
                request.arrived_by = now

    def _free_at(self) -> float:
        return max(self._next, self._recent[0].arrived_by + RATE_LIMIT * self._interval)
