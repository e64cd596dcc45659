"""The politeness of a crawl: what a site's robots.txt allows, and when a request may start."""

import asyncio

from landfall.reasons import Reason, StepError
from landfall.site import user_agents
from landfall.site.robots import Robots, robots_of
from landfall.site.urls import host_of


class Politeness:
    """The rules and the pace of a site, for one invocation.

    `delay` is the number of seconds between the starts of two requests; `pause` the number of
    seconds for which the site asked to be left alone, if it did.
    """

    def __init__(self, delay: float) -> None:
        self.robots: dict[str, Robots] = {}
        self.delay = delay
        self.pause = 0.0
        self._min_delay = delay
        self._next_start = 0.0

    def use_robots(self, host: str, body: bytes) -> None:
        """Follow a robots.txt from now on; an empty one allows everything."""
        rules = self.robots[host] = robots_of(body, user_agents.NAME)
        self.delay = max(self.delay, rules.delay(self._min_delay))
        now = asyncio.get_running_loop().time()
        self._next_start = max(self._next_start, now + self.delay)

    def rules_of(self, url: str) -> Robots:
        """Return the rules of a host whose robots.txt was read."""
        return self.robots[host_of(url)]

    def check_home(self, url: str) -> None:
        """Raise `StepError` where robots.txt forbids the page that the scan begins with."""
        rules = self.robots.get(host_of(url))
        if rules and not rules.allow(url):
            raise StepError(
                Reason.SITE_DISALLOWED,
                f"robots.txt of {host_of(url)} does not let {user_agents.NAME} fetch {url!r}; have "
                f"{user_agents.NAME} allowed there, or set `url` to a page that it may fetch",
            )

    def seconds_to_start(self) -> float:
        """Return the seconds until a request may start."""
        return max(0.0, self._next_start - asyncio.get_running_loop().time())

    def start(self) -> None:
        """Take note that a request starts now."""
        self._next_start = asyncio.get_running_loop().time() + self.delay
