"""The way through a site: what was asked for, what came of it, and what is to be asked next.

    robots.txt ──> home page ──> as a phone; sitemaps ──> pages, chosen by type, each once

Each address has a stop. The itinerary is stored with the pages that it stands for, so the next
invocation goes on where this one ended.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin

from landfall.site.evidence import Evidence
from landfall.site.page_selection import HOME, Candidate, Types, candidates, chosen, weightiest
from landfall.site.robots import Robots
from landfall.site.urls import host_of, page_address, page_key, site_of
from landfall.store.documents import Fields

TRIES = 2
"""Times that a page is asked for which fails in a way that may pass."""

SITEMAPS_MOST = 6
"""Sitemaps that are read, those that an index names included."""


class Role(StrEnum):
    """What is asked for."""

    ROBOTS = "robots"
    HOME = "home"
    MOBILE = "mobile"
    SITEMAP = "sitemap"
    PAGE = "page"


class Came(StrEnum):
    """What came of a stop."""

    WAITING = "waiting"
    KEPT = "kept"
    FOLDED = "folded"  # it is the same as another, or leads away from the site
    GONE = "gone"  # 404 or 410: we have seen that there is no page
    MISSED = "missed"  # we have not seen what there is


@dataclass
class Stop:
    """An address that is asked for. `document` is the number of what was kept of it."""

    url: str
    role: Role
    page_type: str = ""
    came: Came = Came.WAITING
    tries: int = 0
    document: int | None = None
    status: int | None = None
    key: str = ""
    content: str = ""
    reason: str = ""
    message: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is still to be asked for."""
        return self.came == Came.WAITING


@dataclass
class Itinerary:
    """How far a site was looked at."""

    stops: list[Stop] = field(default_factory=list)
    known: list[Candidate] = field(default_factory=list)
    documents: int = 0
    requests: int = 0

    @classmethod
    def load(cls, stored: Fields | None) -> "Itinerary | None":
        """From a step's document; None before the first checkpoint."""
        if stored is None:
            return None
        stops = [
            Stop(**(stop | {"role": Role(stop["role"]), "came": Came(stop["came"])}))
            for stop in stored["stops"]
        ]
        known = [Candidate(**candidate) for candidate in stored["known"]]
        return cls(**(stored | {"stops": stops, "known": known}))

    def store(self) -> Fields:
        """As a step keeps it."""
        return asdict(self)

    def of(self, role: Role) -> list[Stop]:
        """The stops of this role."""
        return [stop for stop in self.stops if stop.role == role]

    @property
    def home(self) -> Stop | None:
        """The home page's stop."""
        return next(iter(self.of(Role.HOME)), None)

    @property
    def waiting(self) -> list[Stop]:
        """What is to be asked for, what has failed before last."""
        return sorted((stop for stop in self.stops if stop.waits), key=lambda stop: stop.tries)

    @property
    def looked_at(self) -> list[Stop]:
        """The pages that were kept, the home page first."""
        return [s for s in self.stops if s.role in (Role.HOME, Role.PAGE) and s.came == Came.KEPT]

    def counts(self) -> Fields:
        """What a run's `counts` say of it."""
        pages = [stop for stop in self.stops if stop.role in (Role.HOME, Role.PAGE)]
        return {
            "pages": sum(stop.came == Came.KEPT for stop in pages),
            "pages_missed": sum(stop.came == Came.MISSED for stop in pages),
            "pages_gone": sum(stop.came == Came.GONE for stop in pages),
            "pages_folded": sum(stop.came == Came.FOLDED for stop in pages),
            "site_requests": self.requests,
        }

    def progress(self, expected: int) -> float:
        """The share of all stops that are behind us, when so many are expected."""
        behind = sum(not stop.waits for stop in self.stops)
        return behind / max(expected, len(self.stops))

    # What comes next

    def goes_on(self, url: str, pages: int, robots: Mapping[str, Robots], types: Types) -> bool:
        """Add the stops that what was seen leads to, when none waits; whether there are any.

        `pages` are wanted in all; `robots` are the rules of the hosts that were asked for them.
        """
        before = len(self.stops)
        home = self.home
        if home is None:
            self._begin(url, robots)
        elif home.came == Came.KEPT:
            self._go_on(home, pages, robots, types)
        return len(self.stops) > before

    def _begin(self, url: str, robots: Mapping[str, Robots]) -> None:
        if host_of(url) in robots:
            self.stops.append(Stop(url, Role.HOME, HOME))
        else:
            self._ask_robots(url)

    def _ask_robots(self, url: str) -> None:
        self.stops.append(Stop(urljoin(url, "/robots.txt"), Role.ROBOTS, host_of(url)))

    def _go_on(self, home: Stop, pages: int, robots: Mapping[str, Robots], types: Types) -> None:
        rules = robots.get(host_of(home.url))
        if rules is None:  # a redirect led to another host, which has rules of its own
            self._ask_robots(home.url)
        elif not self.of(Role.MOBILE):
            self.stops.append(Stop(home.url, Role.MOBILE, HOME))
            if pages > 1:
                named = rules.sitemaps or [urljoin(home.url, "/sitemap.xml")]
                self._add_sitemaps(named, home.url, rules)
        elif pages > 1:
            self._choose(pages, rules, types)

    def add_sitemaps(self, named: Iterable[str], rules: Robots) -> None:
        """Ask for the sitemaps that an index names."""
        assert self.home
        self._add_sitemaps(named, self.home.url, rules)

    def _add_sitemaps(self, named: Iterable[str], base: str, rules: Robots) -> None:
        there = {stop.url for stop in self.of(Role.SITEMAP)}
        for url in named:
            own = url not in there and site_of(url) == site_of(base) and rules.allow(url)
            if own and len(there) < SITEMAPS_MOST:
                there.add(url)
                self.stops.append(Stop(url, Role.SITEMAP))

    def _choose(self, pages: int, rules: Robots, types: Types) -> None:
        wanted = pages - sum(
            stop.came not in (Came.FOLDED, Came.GONE)
            for stop in self.stops
            if stop.role in (Role.HOME, Role.PAGE)
        )
        taken = {page_key(stop.url): stop.page_type for stop in self.stops if _is_page(stop)}
        taken |= {stop.key: stop.page_type for stop in self.stops if stop.key}
        allowed = [one for one in self.known if rules.allow(one.address)]
        for one in chosen(types, allowed, taken, max(0, wanted)):
            self.stops.append(Stop(one.address, Role.PAGE, one.page_type))

    # What was seen

    def learn(self, types: Types, evidence: Evidence | None, listed: Iterable[str] = ()) -> None:
        """Know the pages that a page links to, or that a sitemap lists."""
        home = self.home
        assert home
        links = [(link.address, link.text) for link in evidence.links] if evidence else []
        addresses = (page_address(one, home.url) for one in listed)
        own = [one for one in addresses if one and site_of(one) == site_of(home.url)]
        there = {page_key(one.address) for one in self.known}
        fresh = [one for one in candidates(types, links, own) if page_key(one.address) not in there]
        self.known = weightiest([*self.known, *fresh])

    def folds(self, stop: Stop, evidence: Evidence) -> str | None:
        """Why this page is none of its own, if it is not: another has its address or content."""
        key = page_key(evidence.canonical or evidence.url)
        keys = {page_key(evidence.url), key}
        for other in self.looked_at:
            if other is not stop and (other.key in keys or other.content == evidence.content):
                return f"it is the same page as {other.url}"
        return None


def _is_page(stop: Stop) -> bool:
    return stop.role in (Role.HOME, Role.PAGE)


def types_known(itinerary: Itinerary) -> frozenset[str]:
    """The types of all pages that the site has, looked at or not."""
    gone = {page_key(stop.url) for stop in itinerary.stops if stop.came == Came.GONE}
    known = {one.page_type for one in itinerary.known if page_key(one.address) not in gone}
    return frozenset(known | {stop.page_type for stop in itinerary.looked_at})


def missed(itinerary: Itinerary) -> list[dict[str, Any]]:
    """What was asked for and not seen, with why."""
    return [
        {"url": s.url, "page_type": s.page_type, "reason": s.reason, "message": s.message}
        for s in itinerary.stops
        if s.came == Came.MISSED and s.role in (Role.HOME, Role.PAGE)
    ]
