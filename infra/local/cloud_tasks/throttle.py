"""Limits on the dispatches of a queue: its rate, and pauses after 429 and 503."""

import time

from infra.local.cloud_tasks.attempt import AttemptResult

# Seconds without dispatches after a 429 or 503: the first time, and at most.
FIRST_PAUSE = 0.25
MAX_PAUSE = 30.0


class TokenBucket:
    """A limit of `rate` dispatches a second, after a burst of `size`."""

    def __init__(self, rate: float, size: int) -> None:
        self._rate, self._size = rate, float(size)
        self._tokens, self._filled_at = self._size, time.monotonic()

    def wait(self) -> float:
        """Return the seconds until the next token."""
        now = time.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self) -> None:
        """Take a token."""
        self._tokens -= 1.0


class Congestion:
    """A simple model of how 429 and 503 slow the whole queue down.

    Nothing is dispatched for a pause of FIRST_PAUSE seconds. An attempt sent after the pause and
    refused again doubles it, up to MAX_PAUSE; each success halves it, until it is zero. Attempts
    in flight when a pause begins do not count again. Production's own numbers are not documented.
    """

    def __init__(self) -> None:
        self._pause = 0.0
        self._until = 0.0

    def wait(self) -> float:
        """Return the seconds until the pause is over."""
        return max(0.0, self._until - time.time())

    def record(self, result: AttemptResult, started: float) -> None:
        """Adapt the pause to the result of an attempt."""
        if result.succeeded:
            self._pause = self._pause / 2 if self._pause > FIRST_PAUSE else 0.0
        elif result.throttles and started >= self._until:
            self._pause = min(max(FIRST_PAUSE, self._pause * 2), MAX_PAUSE)
            self._until = time.time() + self._pause
