"""Requests and tokens a minute, as OpenAI limits them: buckets that fill up evenly.

Each answer says what is left and how long a bucket takes to be full: platform.openai.com/docs/
guides/rate-limits. A request takes from the tokens what its question has, and all that its answer
may have; a refused one takes nothing.
"""

from dataclasses import dataclass

from infra.local.openai import errors

MINUTE = 60.0


class Bucket:
    """`limit` in a minute."""

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

    def lacks(self, wanted: int, now: float) -> float:
        """Seconds until so much is there; 0 when it is."""
        return max(0.0, (wanted - self._filled(now)) * MINUTE / self.limit)

    def take(self, wanted: int) -> None:
        """Take out what was found to be there."""
        self._level -= wanted

    @property
    def left(self) -> int:
        """Whole ones."""
        return int(self._level)

    @property
    def reset(self) -> float:
        """Seconds until it is full."""
        return (self.limit - self._level) * MINUTE / self.limit


@dataclass
class Limits:
    """Those of an account, for all its models."""

    requests: Bucket
    tokens: Bucket

    def admit(self, model: str, tokens: int, now: float) -> None:
        """`now`: monotonic seconds. Raises RefusedError (429)."""
        waits = {"requests": self.requests.lacks(1, now), "tokens": self.tokens.lacks(tokens, now)}
        for what, seconds in waits.items():
            if seconds > 0:
                limit = getattr(self, what).limit
                raise errors.rate_limited(model, what, limit, seconds)
        self.requests.take(1)
        self.tokens.take(tokens)

    def headers(self) -> dict[str, str]:
        """What is told with every answer."""
        told = {}
        for what, bucket in (("requests", self.requests), ("tokens", self.tokens)):
            told[f"x-ratelimit-limit-{what}"] = str(bucket.limit)
            told[f"x-ratelimit-remaining-{what}"] = str(max(0, bucket.left))
            told[f"x-ratelimit-reset-{what}"] = duration(bucket.reset)
        return told


def duration(seconds: float) -> str:
    """As OpenAI writes it: 6m0s, 1.5s, 20ms."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, MINUTE)
    return f"{minutes:.0f}m{rest:.3g}s" if minutes else f"{rest:.4g}s"
