"""The crawl of a site: its requests, their outcomes, and the next requests.

    robots.txt ──> home page ──> as a phone; sitemaps ──> pages, chosen by type, each once

Each address is requested once. The crawl is stored together with the pages that it has fetched, so
the next invocation continues where this one ended.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urljoin

from landfall.site.crawl_request import CrawlRequest, RequestOutcome, RequestRole
from landfall.site.evidence import Evidence
from landfall.site.page_selection import HOME, Candidate, Types, candidates, chosen, weightiest
from landfall.site.robots import Robots
from landfall.site.urls import host_of, page_address, page_key, site_of, web_address
from landfall.store.documents import Fields

MAX_PAGES = 300
"""Pages that a run requests, with those that are gone or the same as another: the cursor, which is
in a document of 1 MiB, has the address, the key and the outcome of each."""

MAX_SITEMAPS = 6
"""Sitemaps that are read, including those of an index."""


@dataclass
class Crawl:
    """The progress of a crawl. `sent` counts HTTP requests, with repeated ones."""

    requests: list[CrawlRequest] = field(default_factory=list)
    known: list[Candidate] = field(default_factory=list)
    documents: int = 0
    sent: int = 0

    @classmethod
    def load(cls, stored: Fields | None) -> "Crawl | None":
        """Load the cursor of a step; None before the first checkpoint."""
        if stored is None:
            return None
        return cls(
            requests=[CrawlRequest.load(request) for request in stored["stops"]],
            known=[Candidate(**candidate) for candidate in stored["known"]],
            documents=stored["documents"],
            sent=stored["requests"],
        )

    def store(self) -> Fields:
        """Return the cursor of a step."""
        return {
            "stops": [request.store() for request in self.requests],
            "known": [asdict(candidate) for candidate in self.known],
            "documents": self.documents,
            "requests": self.sent,
        }

    def of(self, role: RequestRole) -> list[CrawlRequest]:
        """Return the requests with this role."""
        return [request for request in self.requests if request.role == role]

    @property
    def home(self) -> CrawlRequest | None:
        """The request for the home page."""
        return next(iter(self.of(RequestRole.HOME)), None)

    @property
    def frontier(self) -> list[CrawlRequest]:
        """The pending requests; those that have failed once are the last."""
        pending = (request for request in self.requests if request.pending)
        return sorted(pending, key=lambda request: request.attempts)

    @property
    def pages(self) -> list[CrawlRequest]:
        """The requests for the stored pages, the home page first."""
        return [
            request
            for request in self.requests
            if request.is_page and request.outcome == RequestOutcome.STORED
        ]

    def counts(self) -> Fields:
        """Return the counts of the crawl for a run's `counts`."""
        outcomes = [request.outcome for request in self.requests if request.is_page]
        return {
            "pages": outcomes.count(RequestOutcome.STORED),
            "pages_missed": outcomes.count(RequestOutcome.MISSED),
            "pages_gone": outcomes.count(RequestOutcome.GONE),
            "pages_folded": outcomes.count(RequestOutcome.FOLDED),
            "site_requests": self.sent,
        }

    def progress(self, expected: int) -> float:
        """Return the share of requests that have an outcome, if `expected` are the least."""
        ended = sum(not request.pending for request in self.requests)
        return ended / max(expected, len(self.requests))

    # The next requests

    def advance(self, url: str, max_pages: int, robots: Mapping[str, Robots], types: Types) -> bool:
        """Add the requests that follow from the outcomes when none is pending.

        Return whether there are any. `robots` are the rules of the hosts whose robots.txt was read.
        """
        before = len(self.requests)
        home = self.home
        if home is None:
            self._begin(url, robots)
        elif home.outcome == RequestOutcome.STORED:
            self._follow(home, max_pages, robots, types)
        return len(self.requests) > before

    def _begin(self, url: str, robots: Mapping[str, Robots]) -> None:
        if host_of(url) in robots:
            self.requests.append(CrawlRequest(url, RequestRole.HOME, HOME))
        else:
            self._request_robots(url)

    def _request_robots(self, url: str) -> None:
        address = urljoin(url, "/robots.txt")
        self.requests.append(CrawlRequest(address, RequestRole.ROBOTS, host_of(url)))

    def _follow(
        self, home: CrawlRequest, max_pages: int, robots: Mapping[str, Robots], types: Types
    ) -> None:
        rules = robots.get(host_of(home.url))
        if rules is None:  # a redirect led to another host, which has rules of its own
            self._request_robots(home.url)
        elif not self.of(RequestRole.MOBILE):
            self.requests.append(CrawlRequest(home.url, RequestRole.MOBILE, HOME))
            if max_pages > 1:
                named = rules.sitemaps or [urljoin(home.url, "/sitemap.xml")]
                self._add_sitemaps(named, home.url, rules)
        elif max_pages > 1:
            self._choose(max_pages, rules, types)

    def add_sitemaps(self, named: Iterable[str], rules: Robots) -> None:
        """Request the sitemaps of an index."""
        assert self.home
        self._add_sitemaps(named, self.home.url, rules)

    def _add_sitemaps(self, named: Iterable[str], base: str, rules: Robots) -> None:
        requested = {request.url for request in self.of(RequestRole.SITEMAP)}
        for url in filter(None, (web_address(one, base) for one in named)):
            own = url not in requested and site_of(url) == site_of(base) and rules.allow(url)
            if own and len(requested) < MAX_SITEMAPS:
                requested.add(url)
                self.requests.append(CrawlRequest(url, RequestRole.SITEMAP))

    def _choose(self, max_pages: int, rules: Robots, types: Types) -> None:
        pages = [request for request in self.requests if request.is_page]
        folded_or_gone = (RequestOutcome.FOLDED, RequestOutcome.GONE)
        wanted = max_pages - sum(request.outcome not in folded_or_gone for request in pages)
        taken = {page_key(request.url): request.page_type for request in pages}
        taken |= {request.key: request.page_type for request in self.requests if request.key}
        allowed = [one for one in self.known if rules.allow(one.address)]
        wanted = min(wanted, MAX_PAGES - len(pages))
        for one in chosen(types, allowed, taken, max(0, wanted)):
            self.requests.append(CrawlRequest(one.address, RequestRole.PAGE, one.page_type))

    # The content of pages

    def discover(self, types: Types, evidence: Evidence | None, listed: Iterable[str] = ()) -> None:
        """Add the pages that a page links to, or that a sitemap lists, to the known ones."""
        home = self.home
        assert home
        links = [(link.address, link.text) for link in evidence.links] if evidence else []
        addresses = (page_address(one, home.url) for one in listed)
        own = [one for one in addresses if one and site_of(one) == site_of(home.url)]
        keys = {page_key(one.address) for one in self.known}
        new = [one for one in candidates(types, links, own) if page_key(one.address) not in keys]
        self.known = weightiest([*self.known, *new])

    def why_folded(self, request: CrawlRequest, evidence: Evidence) -> str | None:
        """Return why a page is the same as another, by address or content; None if it is new."""
        key = page_key(evidence.canonical or evidence.url)
        keys = {page_key(evidence.url), key}
        for other in self.pages:
            if other is not request and (other.key in keys or other.content == evidence.content):
                return f"it is the same page as {other.url}"
        return None


def known_types(crawl: Crawl) -> frozenset[str]:
    """Return the types of all pages that the site is known to have, fetched or not."""
    gone = {
        page_key(request.url)
        for request in crawl.requests
        if request.outcome == RequestOutcome.GONE
    }
    known = {one.page_type for one in crawl.known if page_key(one.address) not in gone}
    return frozenset(known | {request.page_type for request in crawl.pages})


def missed_pages(crawl: Crawl) -> list[dict[str, Any]]:
    """Return the pages that could not be observed, with the reasons."""
    return [
        {"url": it.url, "page_type": it.page_type, "reason": it.reason, "message": it.message}
        for it in crawl.requests
        if it.is_page and it.outcome == RequestOutcome.MISSED
    ]
