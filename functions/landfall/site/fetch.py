"""The fetch step of a site scan: crawl the pages of a site politely, and store them.

    lock the site ──> robots.txt ──> home page ──> as a phone, sitemaps ──> pages, by type
                                                        │
              each response as it arrives: one commit of the page, its evidence and the crawl

Requests start at the pace that the site asks for, a few may be in flight, and one run at a time
asks a site. A page that fails is requested once more, and then it is missed, with the reason;
without the home page there is nothing to score, and the step fails.
"""

import asyncio
from collections.abc import Callable

from landfall.deadlines import Deadline
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.runs.locks import locking
from landfall.site.crawl import Crawl
from landfall.site.page import SiteReader
from landfall.site.page_selection import Types
from landfall.site.page_store import PageStore
from landfall.site.politeness import Politeness
from landfall.site.requests_in_flight import RequestsInFlight
from landfall.site.responses import Responses
from landfall.site.scan import SiteScan
from landfall.site.urls import site_of

OpenSite = Callable[[str], SiteReader]


class FetchPages:
    """One invocation of the fetch step of a site scan."""

    def __init__(self, claim: Claim, scan: SiteScan, open_site: OpenSite) -> None:
        self._claim = claim
        self._scan = scan
        self._open_site = open_site
        self._crawl = Crawl.load(claim.step.cursor) or Crawl()
        self._types = Types(scan.rubric.page_types)
        self._politeness = Politeness(scan.delay_seconds)
        self._pages = PageStore(claim, self._crawl, scan.pages)

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Fetch pages until all are observed or the deadline comes.

        Raises `LockedError`, `StepError`, `FencedError`, `StoreError`.
        """
        site = site_of(self._scan.url)
        reading = asyncio.ensure_future(self._pages.robots())  # while the lock is taken
        try:
            async with locking(self._claim, site, self._open_site, "sites") as locked:
                for host, body in await reading:
                    self._politeness.use_robots(host, body)
                locked.finished = await self._fetch(locked.client, deadline)
                locked.quiet = max(self._politeness.pause, self._politeness.delay)
        finally:
            reading.cancel()
        if locked.finished:
            await self._pages.finish()
            return Outcome.FINISHED
        return Again(locked.quiet, waiting=self._politeness.pause > 0)

    async def _fetch(self, site: SiteReader, deadline: Deadline) -> bool:
        """Return whether everything that there is has been requested."""
        in_flight = RequestsInFlight(
            site,
            self._crawl,
            self._politeness,
            Responses(self._crawl, self._politeness, self._pages, self._scan.rubric),
            self._claim,
            self._scan.contact,
        )
        while True:
            requests = self._crawl.frontier
            if requests:
                await in_flight.send(requests, deadline)
                if self._crawl.frontier and not in_flight.may_start(deadline):
                    return False
            elif not self._advance():
                return True

    def _advance(self) -> bool:
        robots = self._politeness.robots
        advanced = self._crawl.advance(self._scan.url, self._scan.pages, robots, self._types)
        if self._crawl.home:
            self._politeness.check_home(self._crawl.home.url)
        return advanced
