"""How many questions may be under way at once, by what the service's headers say of its limits.

The service's limits are buckets that fill up evenly over a minute. What is in them is known from
the headers of an answer, as of when its question came in; what was asked since is taken off, and
counted as gone although some of it may have been counted there already. So no bucket is ever
emptied by us alone.

It begins with a few. As soon as the limits are told, they decide, and our own; at a service that
tells none, every answer makes room for two more, up to a number that few would refuse.
"""

from collections import deque
from dataclasses import dataclass, field

from landfall.llm.questions import RateLimits

FIRST_AT_ONCE = 8
"""Questions under way before anything was answered."""

MOST_AT_ONCE = 50
"""Questions under way, however much the service allows: each holds a connection and memory."""

UNTOLD_AT_ONCE = 16
"""Questions under way, at most, at a service that says nothing of its limits."""

ROOM = 2
"""Questions more that may be under way after an answer that says nothing of limits."""

SPREAD = 0.5
"""Share of an answer's time over which as many questions as ever are begun one by one: answers that
come all at once are handled all at once, and each waits for all the others."""

MINUTE = 60.0


@dataclass(frozen=True)
class Call:
    """A question under way: the how manieth it is, and the tokens that it may take."""

    number: int
    tokens: int


@dataclass
class Pace:
    """What may be begun when. Moments are those of one clock, in seconds."""

    most: int = MOST_AT_ONCE
    _untold: int = FIRST_AT_ONCE
    _limits: RateLimits | None = None
    _told_by: int = -1
    _told_at: float = 0.0
    _since: deque[Call] = field(default_factory=deque)
    _begun: int = 0
    _gap: float = 0.0
    _next_at: float = 0.0

    def wait(self, now: float, under_way: int, tokens: int) -> float | None:
        """Seconds until a question of so many tokens may be begun; None: when another is over."""
        limits = self._limits
        if under_way >= (min(self.most, self._untold) if limits is None else self.most):
            return None
        if limits is None or now < self._next_at:
            return max(0.0, self._next_at - now)
        passed = now - self._told_at
        requests = _Bucket(limits.requests_left, limits.requests, limits.requests_reset)
        of_tokens = _Bucket(limits.tokens_left, limits.tokens, limits.tokens_reset)
        return max(
            requests.wait(1, len(self._since), passed),
            of_tokens.wait(tokens, sum(call.tokens for call in self._since), passed),
        )

    def begin(self, tokens: int, now: float = 0.0) -> Call:
        """A question is sent."""
        self._next_at = now + self._gap
        call = Call(self._begun, tokens)
        self._begun += 1
        self._since.append(call)
        return call

    def answered(self, call: Call, limits: RateLimits, now: float, seconds: float = 0.0) -> None:
        """It was answered, with these headers, after so many seconds."""
        self._gap = SPREAD * seconds / self.most
        told = limits.requests_left is not None or limits.tokens_left is not None
        if told and call.number > self._told_by:
            self._limits, self._told_by, self._told_at = limits, call.number, now
            while self._since and self._since[0].number <= call.number:
                self._since.popleft()
        self._untold = min(UNTOLD_AT_ONCE, self._untold + ROOM)


@dataclass(frozen=True)
class _Bucket:
    """What was left when the service said so, what a minute adds, and when it would be full."""

    left: int | None
    a_minute: int | None
    reset: float | None

    def wait(self, wanted: int, taken: int, passed: float) -> float:
        """Seconds until `wanted` is there, when `taken` is gone and some time has passed."""
        if self.left is None:
            return 0.0
        if not self.a_minute:
            return 0.0 if self.left - taken >= wanted else max(0.0, (self.reset or 0.0) - passed)
        there = min(self.a_minute, self.left + passed * self.a_minute / MINUTE) - taken
        # more than a bucket holds is never there: the service has to say what it makes of that
        lacking = min(wanted, self.a_minute) - there
        return max(0.0, lacking * MINUTE / self.a_minute)
