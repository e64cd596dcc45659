"""Requests that one caller may make: a token bucket for each, in the memory of an instance.

Each instance of a function counts for itself, so a caller has at most as many times the allowance
as there are instances. Health and the files of pages are not counted, and pages that look whether
they have changed have a bucket of their own: nobody is locked out of seeing by what he did.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from landfall.process.config import WINDOW, Config
from landfall.reasons import LandfallError

BURST = 18.0
"""Seconds of the steady rate that a caller may spend at once: 60 requests at 200 a minute."""

WINDOW_SHARE = 3
"""Requests that a person's browser may make for each one of a program: an act is a form and the
page that follows, and who reviews with the keyboard makes six acts in a second."""

MAX_BUCKETS = 1_000
"""Buckets that are remembered: one that was not used for longest is forgotten first, and it has
long been full again, unless more callers than this make requests within seconds."""

EPSILON = 1e-6
"""Share of a request by which sums of seconds are off."""


class TooManyRequestsError(LandfallError):
    """The caller has made more requests than it may."""

    status = 429
    code = "too_many_requests"


@dataclass(frozen=True)
class Remainder:
    """The requests that are left in a bucket, and the seconds until there is one."""

    a_minute: int
    burst: int
    left: int
    wait: float

    @property
    def headers(self) -> dict[str, str]:
        """Return the fields of IETF's draft on rate limits, and `Retry-After` if none is left."""
        seconds = math.ceil(self.burst * 60 / self.a_minute)
        wait = math.ceil(self.wait)
        fields = {
            "RateLimit-Policy": f'"caller";q={self.burst};w={seconds}',
            "RateLimit": f'"caller";r={self.left};t={wait}',
        }
        return fields | ({"Retry-After": str(wait)} if wait else {})


class Allowances:
    """The buckets of the callers of a function."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the requests a minute, and a clock of seconds."""
        self._a_minute, self._clock = a_minute, clock
        self._burst = max(1, round(a_minute * BURST / 60))
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """The moment at which the bucket of each caller will be full."""

    @classmethod
    def of(cls, config: Config) -> "Allowances | None":
        """Return those of a function; None for the functions that only Google calls."""
        share = {"api": 1, WINDOW: WINDOW_SHARE}.get(config.function)
        return cls(config.requests_a_minute * share) if share else None

    def take(self, bucket: str) -> Remainder:
        """Return what is left after one more request; its `wait` is 0 if there was one left."""
        now, each = self._clock(), 60 / self._a_minute
        full_at = max(now, self._full_at.pop(bucket, now))
        missing = (full_at - now) / each
        allowed = missing + 1 <= self._burst + EPSILON
        self._full_at[bucket] = full_at + each * allowed
        if len(self._full_at) > MAX_BUCKETS:
            self._full_at.popitem(last=False)
        wait = 0.0 if allowed else (missing + 1 - self._burst) * each
        return Remainder(
            self._a_minute, self._burst, max(0, int(self._burst - missing - allowed)), wait
        )


def bucket_of(function: str, request: Request, caller: str) -> str | None:
    """Return the name of the bucket that a request is taken from; None for what is not counted."""
    path = request.url.path
    if request.method in ("GET", "HEAD"):
        if path == "/health" or (function == WINDOW and path.startswith("/assets/")):
            return None
        if function == WINDOW and "if-none-match" in request.headers:
            return f"{caller} looks"
    return caller
