"""Rate limit of a language model: when the next question may be sent.

The service's limits are token buckets that refill evenly over a minute. The headers of an answer
give their levels at the time its question arrived. What was sent since is subtracted, although the
service may have counted some of it already: so we never empty a bucket by ourselves.

The concurrency starts low. Once the headers give limits, these decide, up to a maximum of our own.
At a service without such headers, every answer raises the concurrency by two, up to a number that
few services would refuse.
"""

from collections import deque
from dataclasses import dataclass, field

from landfall.llm.questions import RateLimits

INITIAL_CONCURRENCY = 8
"""Questions in flight before the first answer."""

MAX_CONCURRENCY = 50
"""Questions in flight, however high the limits: each holds a connection and memory."""

MAX_CONCURRENCY_WITHOUT_LIMITS = 16
"""Questions in flight at a service that gives no limits."""

CONCURRENCY_INCREMENT = 2
"""Further questions in flight after each answer that gives no limits."""

STAGGER = 0.5
"""Share of an answer's time over which the starts of `MAX_CONCURRENCY` questions are spread.
Answers that arrive all at once are handled all at once, and each waits for all the others."""

MINUTE = 60.0


@dataclass(frozen=True)
class Permit:
    """Permission to send one question: its sequence number, and the tokens reserved for it."""

    number: int
    tokens: int


@dataclass
class RateLimiter:
    """Paces the questions of one invocation. Times are seconds of one clock."""

    max_concurrency: int = MAX_CONCURRENCY
    _max_without_limits: int = INITIAL_CONCURRENCY
    _limits: RateLimits | None = None
    _limits_number: int = -1
    _limits_at: float = 0.0
    _sent_since: deque[Permit] = field(default_factory=deque)
    _sent: int = 0
    _gap: float = 0.0
    _next_at: float = 0.0

    def delay(self, now: float, in_flight: int, tokens: int) -> float | None:
        """Return the seconds until a question of so many tokens may be sent.

        None means that an answer has to arrive first.
        """
        limits = self._limits
        if in_flight >= self.concurrency:
            return None
        if limits is None or now < self._next_at:
            return max(0.0, self._next_at - now)
        elapsed = now - self._limits_at
        request_bucket = _Bucket(limits.requests_left, limits.requests, limits.requests_reset)
        token_bucket = _Bucket(limits.tokens_left, limits.tokens, limits.tokens_reset)
        return max(
            request_bucket.delay(1, len(self._sent_since), elapsed),
            token_bucket.delay(tokens, sum(p.tokens for p in self._sent_since), elapsed),
        )

    @property
    def concurrency(self) -> int:
        """The most questions in flight at present."""
        if self._limits is None:
            return min(self.max_concurrency, self._max_without_limits)
        return self.max_concurrency

    def acquire(self, tokens: int, now: float = 0.0) -> Permit:
        """Count a question that is sent now."""
        self._next_at = now + self._gap
        permit = Permit(self._sent, tokens)
        self._sent += 1
        self._sent_since.append(permit)
        return permit

    def update(self, permit: Permit, limits: RateLimits, now: float, seconds: float = 0.0) -> None:
        """Learn from the headers of an answer, which took so many seconds."""
        self._gap = STAGGER * seconds / self.max_concurrency
        given = limits.requests_left is not None or limits.tokens_left is not None
        if given and permit.number > self._limits_number:
            self._limits, self._limits_number, self._limits_at = limits, permit.number, now
            while self._sent_since and self._sent_since[0].number <= permit.number:
                self._sent_since.popleft()
        self._max_without_limits = min(
            MAX_CONCURRENCY_WITHOUT_LIMITS, self._max_without_limits + CONCURRENCY_INCREMENT
        )


@dataclass(frozen=True)
class _Bucket:
    """Token bucket: its level by the headers, its refill a minute, and seconds until it is full."""

    left: int | None
    per_minute: int | None
    reset: float | None

    def delay(self, wanted: int, taken: int, elapsed: float) -> float:
        """Return the seconds until it holds `wanted`, after `taken` left it and time elapsed."""
        if self.left is None:
            return 0.0
        if not self.per_minute:
            return 0.0 if self.left - taken >= wanted else max(0.0, (self.reset or 0.0) - elapsed)
        level = min(self.per_minute, self.left + elapsed * self.per_minute / MINUTE) - taken
        # a bucket never holds more than its size: for a larger question, the service decides
        lacking = min(wanted, self.per_minute) - level
        return max(0.0, lacking * MINUTE / self.per_minute)
