"""Limits of requests and tokens a minute, as OpenAI has them: buckets that refill evenly.

The headers of each response state what remains and the time until a bucket is full:
platform.openai.com/docs/guides/rate-limits. A request takes the tokens of its prompt and the most
that its answer may have; a refused one takes nothing.
"""

from dataclasses import dataclass

from infra.local.openai import errors

MINUTE = 60.0


class MinuteBucket:
    """A limit of `limit` a minute."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._level = float(limit)
        self._at = 0.0

    def _filled(self, now: float) -> float:
        if self._at:
            passed = now - self._at
            self._level = min(self.limit, self._level + passed * self.limit / MINUTE)
        self._at = now
        return self._level

    def wait(self, wanted: int, now: float) -> float:
        """Return the seconds until so much is available; 0 when it is."""
        return max(0.0, (wanted - self._filled(now)) * MINUTE / self.limit)

    def take(self, wanted: int) -> None:
        """Take so much."""
        self._level -= wanted

    @property
    def left(self) -> int:
        """The amount available, rounded down."""
        return int(self._level)

    @property
    def reset(self) -> float:
        """Seconds until the bucket is full."""
        return (self.limit - self._level) * MINUTE / self.limit


@dataclass
class AccountLimits:
    """The limits of an account, shared by all its models."""

    requests: MinuteBucket
    tokens: MinuteBucket

    def admit(self, model: str, tokens: int, now: float) -> None:
        """Take a request and its tokens; `now`: monotonic seconds. Raises `RefusedError` (429)."""
        waits = {"requests": self.requests.wait(1, now), "tokens": self.tokens.wait(tokens, now)}
        for resource, seconds in waits.items():
            if seconds > 0:
                limit = getattr(self, resource).limit
                raise errors.rate_limited(model, resource, limit, seconds)
        self.requests.take(1)
        self.tokens.take(tokens)

    def headers(self) -> dict[str, str]:
        """Return the headers of every response."""
        headers = {}
        for resource, bucket in (("requests", self.requests), ("tokens", self.tokens)):
            headers[f"x-ratelimit-limit-{resource}"] = str(bucket.limit)
            headers[f"x-ratelimit-remaining-{resource}"] = str(max(0, bucket.left))
            headers[f"x-ratelimit-reset-{resource}"] = duration(bucket.reset)
        return headers


def duration(seconds: float) -> str:
    """Return a duration as OpenAI writes it: 6m0s, 1.5s, 20ms."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, MINUTE)
    return f"{minutes:.0f}m{rest:.3g}s" if minutes else f"{rest:.4g}s"
