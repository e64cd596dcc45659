"""What a site's robots.txt asks of us (RFC 9309), read by Protego."""

from collections.abc import Sequence
from dataclasses import dataclass

from protego import Protego

ROBOTS_BYTES = 500 * 1024
"""Bytes of a robots.txt that are read: what RFC 9309 asks for at least."""

CRAWL_DELAY_MOST = 10.0
"""Seconds between two requests that a site may ask for; fifty pages take eight minutes then."""

SITEMAPS_NAMED = 5
"""Sitemaps of a robots.txt that are looked at."""


@dataclass(frozen=True)
class Robots:
    """The rules for us of one host."""

    rules: Protego
    agent: str

    def allow(self, address: str) -> bool:
        """Whether this address may be fetched."""
        return bool(self.rules.can_fetch(address, self.agent))

    def delay(self, least: float) -> float:
        """Seconds between the beginnings of two requests, of which we leave `least` anyway."""
        asked = self.rules.crawl_delay(self.agent) or 0.0
        return max(least, min(float(asked), CRAWL_DELAY_MOST))

    @property
    def sitemaps(self) -> Sequence[str]:
        """The addresses of sitemaps that it names."""
        return list(self.rules.sitemaps)[:SITEMAPS_NAMED]


def robots_of(body: bytes, agent: str) -> Robots:
    """The rules for `agent`, our product's name. Of an empty text: everything is allowed."""
    text = body[:ROBOTS_BYTES].decode("utf-8", "replace")
    return Robots(Protego.parse(text.replace("\0", "")), agent)
