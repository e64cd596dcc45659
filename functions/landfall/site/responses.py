"""Decide on the responses of a crawl: stored, folded, gone, missed, or the end of the step."""

from landfall import logs
from landfall.reasons import StepError
from landfall.site.crawl import Crawl
from landfall.site.crawl_request import (
    MAX_ATTEMPTS,
    CrawlRequest,
    RequestOutcome,
    RequestRole,
)
from landfall.site.evidence import Evidence, evidence_in
from landfall.site.page import Page, status_error
from landfall.site.page_selection import Types
from landfall.site.page_store import PageStore
from landfall.site.politeness import Politeness
from landfall.site.robots import rules_in
from landfall.site.rubric import Rubric, vocabularies
from landfall.site.sitemaps import MAX_SITEMAP_BYTES, SitemapError, read_sitemap
from landfall.site.unobserved import failure_of, says_not_found
from landfall.site.urls import page_key, site_of

MAX_PAUSE = 600.0
"""Seconds that a site may ask us to wait; a page that takes more is missed in this run."""


class Responses:
    """The responses of one invocation."""

    def __init__(
        self, crawl: Crawl, politeness: Politeness, pages: PageStore, rubric: Rubric
    ) -> None:
        self._crawl = crawl
        self._politeness = politeness
        self._pages = pages
        self._types = Types(rubric.page_types)
        self._vocabularies = vocabularies(rubric)

    async def take(self, request: CrawlRequest, page: Page) -> None:
        """Take a response. Raises `StepError` where nothing can be observed without it."""
        request.status = page.status
        role, is_client_error = request.role, 400 <= page.status < 500
        if role == RequestRole.ROBOTS:
            await self._take_robots(request, rules_in(page))
        elif (page.status in (404, 410) and role != RequestRole.HOME) or (
            role == RequestRole.SITEMAP and is_client_error
        ):
            await self._take_gone(request, f"it answered {page.status}")
        elif role != RequestRole.SITEMAP:
            await self._take_page(request, page)
        elif page.is_success:
            await self._take_sitemap(request, page)
        else:
            await self.take_failure(request, status_error(page))

    async def take_failure(self, request: CrawlRequest, error: StepError) -> None:
        """Repeat a request once where that may help; else the page is missed.

        Raises the error where nothing can be observed without the response.
        """
        if request.role in (RequestRole.ROBOTS, RequestRole.HOME):
            raise error
        request.attempts += 1
        if error.retry_after:
            self._politeness.pause = min(error.retry_after, MAX_PAUSE)
        if not error.retried or request.attempts >= MAX_ATTEMPTS:
            request.outcome = RequestOutcome.MISSED
            request.reason = error.reason
            request.explain(error.message)
            logs.info("page missed", role=request.role, reason=error.reason)
        await self._pages.store_outcome()

    async def _take_gone(self, request: CrawlRequest, why: str) -> None:
        request.outcome = RequestOutcome.GONE
        request.explain(why)
        await self._pages.store_outcome()

    async def _take_robots(self, request: CrawlRequest, body: bytes) -> None:
        self._politeness.use_robots(request.page_type, body)
        request.outcome = RequestOutcome.STORED
        await self._pages.store(request, body)

    async def _take_sitemap(self, request: CrawlRequest, page: Page) -> None:
        try:
            found = read_sitemap(page.body)
        except SitemapError as error:
            request.outcome = RequestOutcome.GONE
            request.explain(str(error))
        else:
            request.outcome = RequestOutcome.STORED
            home = self._home()
            self._crawl.discover(self._types, None, found.pages)
            self._crawl.add_sitemaps(found.sitemaps, self._politeness.rules_of(home.url))
        await self._pages.store(request, page.body[:MAX_SITEMAP_BYTES])

    async def _take_page(self, request: CrawlRequest, page: Page) -> None:
        evidence = evidence_in(page, self._vocabularies)
        is_home = request.role != RequestRole.PAGE
        if not is_home and page.is_success:
            if says_not_found(evidence):
                await self._take_gone(request, f"it answered {page.status} and says `not found`")
                return
            if self._fold(request, page, evidence):
                await self._pages.store_outcome()
                return
        if error := failure_of(page, evidence, is_home=is_home):
            await self.take_failure(request, error)
            return
        request.outcome = RequestOutcome.STORED
        if request.role != RequestRole.MOBILE:
            request.url = page.url
            request.key = page_key(evidence.canonical or page.url)
            request.content = evidence.content
            self._crawl.discover(self._types, evidence)
        await self._pages.store(request, page.body, evidence)

    def _fold(self, request: CrawlRequest, page: Page, evidence: Evidence) -> bool:
        """Return whether the page is not one of its own; then the request says why."""
        home = self._home()
        leads_away = site_of(page.url) != site_of(home.url)
        if leads_away:
            why: str | None = "it leads away from the site"
        else:
            why = self._crawl.why_folded(request, evidence)
        if not why and not self._politeness.rules_of(home.url).allow(page.url):
            why = "it leads to a page that robots.txt does not let us fetch"
        if not why:
            return False
        request.outcome = RequestOutcome.FOLDED
        request.explain(why)
        request.key = "" if leads_away else page_key(page.url)
        return True

    def _home(self) -> CrawlRequest:
        home = self._crawl.home
        assert home is not None  # it comes before every page and sitemap
        return home
