"""The brakes of a queue: its rate of dispatches, and pauses after 429 and 503."""

import time

from infra.local.cloud_tasks.attempt import Answer

# Seconds the whole queue rests after a 429 or 503: first, and at most.
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0


class TokenBucket:
    """At most `rate` a second, after a burst of `size`."""

    def __init__(self, rate: float, size: int) -> None:
        self._rate, self._size = rate, float(size)
        self._tokens, self._filled_at = self._size, time.monotonic()

    def wait(self) -> float:
        """Seconds until the next token."""
        now = time.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self) -> None:
        self._tokens -= 1.0


class Congestion:
    """How 429 and 503 slow the whole queue down, simply: nothing is dispatched for a pause of
    FIRST_PAUSE seconds; an attempt sent after it and refused again doubles the pause, up to
    LONGEST_PAUSE; every success halves it until it is forgotten. Attempts that were under way
    when the pause began do not count again. Production's own numbers are not documented."""

    def __init__(self) -> None:
        self._pause = 0.0
        self._until = 0.0

    def wait(self) -> float:
        return max(0.0, self._until - time.time())

    def note(self, answer: Answer, sent_at: float) -> None:
        if answer.succeeded:
            self._pause = self._pause / 2 if self._pause > FIRST_PAUSE else 0.0
        elif answer.throttles and sent_at >= self._until:
            self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
            self._until = time.time() + self._pause
