"""The rules of a site's robots.txt (RFC 9309), parsed by Protego."""

from collections.abc import Sequence
from dataclasses import dataclass

from protego import Protego

MAX_ROBOTS_BYTES = 500 * 1024
"""Bytes of a robots.txt that are read: the minimum of RFC 9309."""

MAX_CRAWL_DELAY = 10.0
"""Seconds of Crawl-delay that are obeyed; with it, fifty pages take eight minutes."""

MAX_SITEMAPS = 5
"""Sitemaps of a robots.txt that are read."""


@dataclass(frozen=True)
class Robots:
    """The rules of one host for our user agent."""

    rules: Protego
    agent: str

    def allow(self, address: str) -> bool:
        """Return whether an address may be fetched."""
        return bool(self.rules.can_fetch(address, self.agent))

    def delay(self, least: float) -> float:
        """Return the seconds between the starts of two requests, at least `least`."""
        requested = self.rules.crawl_delay(self.agent) or 0.0
        return max(least, min(float(requested), MAX_CRAWL_DELAY))

    @property
    def sitemaps(self) -> Sequence[str]:
        """The addresses of its sitemaps."""
        return list(self.rules.sitemaps)[:MAX_SITEMAPS]


def robots_of(body: bytes, agent: str) -> Robots:
    """Return the rules for `agent`, our product's name. An empty text allows everything."""
    text = body[:MAX_ROBOTS_BYTES].decode("utf-8", "replace")
    return Robots(Protego.parse(text.replace("\0", "")), agent)
