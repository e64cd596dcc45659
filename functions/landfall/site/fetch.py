"""The fetch step of a site scan: looks at the pages of a site, politely, and keeps what it saw.

    hold the site ──> robots.txt ──> home page ──> as a phone, sitemaps ──> pages, by type
                                                        │
              each page as it comes: one commit of the page, its evidence and the itinerary

Requests begin at the pace that the site asks for, a few may be under way at once, and one run at a
time asks a site. A page that fails is asked for once more, and then is missing, with its reason;
without the home page there is nothing to score, and the step fails.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta

from landfall import logs
from landfall.deadlines import Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim, gone
from landfall.runs.documents import RunFields
from landfall.runs.kind import Again, Outcome
from landfall.runs.locks import locking
from landfall.site import user_agents
from landfall.site.crawl import Crawl
from landfall.site.crawl_request import MAX_ATTEMPTS, CrawlRequest, RequestOutcome, RequestRole
from landfall.site.crawled import Crawled
from landfall.site.evidence import Evidence, evidence_of
from landfall.site.html import MAX_HTML_BYTES
from landfall.site.page import Page, SiteReader, transfer_of
from landfall.site.page_selection import Types
from landfall.site.robots import MAX_ROBOTS_BYTES, Robots, robots_of
from landfall.site.rubric import vocabularies
from landfall.site.scan import SiteScan
from landfall.site.sitemaps import MAX_SITEMAP_BYTES, SitemapError, read_sitemap
from landfall.site.urls import host_of, page_key, site_of
from landfall.store.documents import Create, Fields
from landfall.store.packed import MAX_PACKED_BYTES

OpenSite = Callable[[str], SiteReader]

CONCURRENCY = 3
"""Requests to one site that are under way at a time, where its pages take longer than the pace."""

RETENTION_DAYS = 30
"""Days after which Firestore deletes a page."""

OTHER_REQUESTS = 3
"""Stops of a scan that are no pages, as a rule: robots.txt, the home page as a phone, a sitemap."""

DEFAULT_PAUSE = 30.0
"""Seconds that a site is left alone which answers 429 and does not say for how long."""

MAX_PAUSE = 600.0
"""Seconds that a site may ask us to wait; a page that takes more is missing for this run."""


class FetchPages:
    """One invocation of the fetch step of a site scan."""

    def __init__(self, claim: Claim, scan: SiteScan, open_site: OpenSite) -> None:
        self._claim = claim
        self._scan = scan
        self._open_site = open_site
        self._way = Crawl.load(claim.step.cursor) or Crawl()
        self._types = Types(scan.rubric.page_types)
        self._vocabularies = vocabularies(scan.rubric)
        self._robots: dict[str, Robots] = {}
        self._delay = scan.delay_seconds
        self._next_start = 0.0
        self._pause = 0.0

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Look at pages until all are seen or the deadline comes.

        Raises `LockedError`, `StepError`, `FencedError`, `StoreError`.
        """
        site = site_of(self._scan.url)
        lock = locking(self._claim, site, self._open_site, "sites")
        async with lock as locked:
            locked.finished = await self._capture(locked.client, deadline)
            locked.quiet = max(self._pause, self._delay)
        if locked.finished:
            return await self._finish()
        return Again(locked.quiet, waiting=self._pause > 0)

    async def _capture(self, site: SiteReader, deadline: Deadline) -> bool:
        """Whether all is seen that there is to see."""
        await self._read_robots()
        while True:
            stops = self._way.frontier
            if stops:
                await self._visit(site, stops, deadline)
                if self._way.frontier and not self._may_start(deadline):
                    return False
            elif not self._goes_on():
                return True

    def _goes_on(self) -> bool:
        going = self._way.advance(self._scan.url, self._scan.pages, self._robots, self._types)
        home = self._way.home
        if home:
            rules = self._robots.get(host_of(home.url))
            if rules and not rules.allow(home.url):
                raise StepError(
                    Reason.SITE_DISALLOWED,
                    f"robots.txt of {host_of(home.url)} does not let {user_agents.NAME} fetch "
                    f"{home.url!r}; have {user_agents.NAME} allowed there, or set `url` to a page "
                    "that it may fetch",
                )
        return going

    def _may_start(self, deadline: Deadline) -> bool:
        return not self._pause and deadline.remaining() > self._claim.engine.ladder.last_page

    async def _visit(
        self, site: SiteReader, stops: Sequence[CrawlRequest], deadline: Deadline
    ) -> None:
        """Ask for what is at the stops, at the site's pace, and keep each as it comes."""
        waiting = deque(stops)
        pending: dict[asyncio.Task[Page], CrawlRequest] = {}
        loop = asyncio.get_running_loop()
        try:
            while pending or (waiting and self._may_start(deadline)):
                wait = None
                if waiting and len(pending) < CONCURRENCY and self._may_start(deadline):
                    wait = max(0.0, self._next_start - loop.time())
                    if not wait:
                        self._next_start = loop.time() + self._delay
                        stop = waiting.popleft()
                        pending[asyncio.create_task(self._ask(site, stop, deadline))] = stop
                        continue
                await self._take(pending, wait, deadline)
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _take(
        self,
        pending: dict[asyncio.Task[Page], CrawlRequest],
        wait: float | None,
        deadline: Deadline,
    ) -> None:
        """Keep what comes within so many seconds."""
        if not pending:
            await asyncio.sleep(wait or 0.0)
            return
        done, _ = await asyncio.wait(pending, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in pending if task in done]:  # a set is in no order
            stop = pending.pop(task)
            error = task.exception()
            if isinstance(error, StepError):
                ours = error.reason == Reason.SITE_TIMEOUT and deadline.remaining() <= 0
                if not ours:  # our budget ended, not the site's time: it is asked for again
                    await self._failed(stop, error)
            elif error:
                raise error
            else:
                await self._came(stop, task.result())

    async def _ask(self, site: SiteReader, stop: CrawlRequest, deadline: Deadline) -> Page:
        self._way.sent += 1
        agent = user_agents.mobile if stop.role == RequestRole.MOBILE else user_agents.desktop
        until = deadline.sooner(self._claim.engine.ladder.item)
        return await site.fetch_page(stop.url, until, agent(self._scan.contact))

    # What came of it

    async def _failed(self, stop: CrawlRequest, error: StepError) -> None:
        if stop.role == RequestRole.ROBOTS and not error.retried:
            if error.reason == Reason.SITE_FORBIDDEN_ADDRESS:
                raise error
            await self._keep_robots(stop, b"")
            return
        if stop.role in (RequestRole.ROBOTS, RequestRole.HOME):
            raise error  # nothing can be seen without them
        stop.attempts += 1
        if error.retry_after:
            self._pause = min(error.retry_after, MAX_PAUSE)
        if not error.retried or stop.attempts >= MAX_ATTEMPTS:
            stop.outcome, stop.reason, stop.message = (
                RequestOutcome.MISSED,
                error.reason,
                error.message,
            )
            logs.info("page missed", role=stop.role, reason=error.reason)
        await self._keep([])

    async def _came(self, stop: CrawlRequest, page: Page) -> None:
        stop.status = page.status
        if stop.role == RequestRole.ROBOTS and 400 <= page.status < 500 and page.status != 429:
            await self._keep_robots(stop, b"")  # RFC 9309: there are no rules
            return
        if (page.status in (404, 410) and stop.role != RequestRole.HOME) or (
            stop.role == RequestRole.SITEMAP and 400 <= page.status < 500
        ):
            stop.outcome, stop.message = RequestOutcome.GONE, f"it answered {page.status}"
            await self._keep([])
            return
        if not 200 <= page.status < 300:
            await self._failed(stop, _refusal(stop, page))
            return
        match stop.role:
            case RequestRole.ROBOTS:
                await self._keep_robots(stop, page.body)
            case RequestRole.SITEMAP:
                await self._keep_sitemap(stop, page)
            case _:
                await self._keep_page(stop, page)

    async def _keep_robots(self, stop: CrawlRequest, body: bytes) -> None:
        self._use_robots(stop, body)
        stop.outcome = RequestOutcome.STORED
        await self._keep([self._document(stop, body[:MAX_ROBOTS_BYTES], None)])

    def _use_robots(self, stop: CrawlRequest, body: bytes) -> None:
        rules = self._robots[stop.page_type] = robots_of(body, user_agents.NAME)
        self._delay = max(self._delay, rules.delay(self._scan.delay_seconds))
        loop = asyncio.get_running_loop()
        self._next_start = max(self._next_start, loop.time() + self._delay)

    async def _keep_sitemap(self, stop: CrawlRequest, page: Page) -> None:
        try:
            found = read_sitemap(page.body)
        except SitemapError as error:
            stop.outcome, stop.message = RequestOutcome.GONE, str(error)
        else:
            stop.outcome = RequestOutcome.STORED
            self._way.discover(self._types, None, found.pages)
            home = self._way.home
            assert home
            self._way.add_sitemaps(found.sitemaps, self._robots[host_of(home.url)])
        await self._keep([self._document(stop, page.body[:MAX_SITEMAP_BYTES], None)])

    async def _keep_page(self, stop: CrawlRequest, page: Page) -> None:
        body = page.body[:MAX_HTML_BYTES]
        evidence = evidence_of(transfer_of(page), body, self._vocabularies)
        if stop.role == RequestRole.PAGE:
            home = self._way.home
            assert home
            leads_away = site_of(page.url) != site_of(home.url)
            why = (
                "it leads away from the site"
                if leads_away
                else self._way.why_folded(stop, evidence)
            )
            rules = self._robots[host_of(home.url)]
            if not why and not rules.allow(page.url):
                why = "it leads to a page that robots.txt does not let us fetch"
            if why:
                stop.outcome, stop.message = RequestOutcome.FOLDED, why
                stop.key = "" if leads_away else page_key(page.url)
                await self._keep([])
                return
        stop.outcome = RequestOutcome.STORED
        if stop.role != RequestRole.MOBILE:
            stop.url = page.url
            stop.key, stop.content = page_key(evidence.canonical or page.url), evidence.content
            self._way.discover(self._types, evidence)
        await self._keep([self._document(stop, body, evidence)])

    # Keeping

    def _document(self, stop: CrawlRequest, body: bytes, evidence: Evidence | None) -> Fields:
        packed, cut = _packed(body)
        return {
            "records": 1,
            "role": stop.role,
            "page_type": stop.page_type,
            "url": stop.url,
            "status": stop.status,
            "evidence": zlib.compress(evidence.dump()) if evidence else None,
            "packed": [packed],
            "cut": cut,
            "expires_at": self._claim.engine.clock() + timedelta(days=RETENTION_DAYS),
            "stop": self._way.requests.index(stop),
        }

    async def _keep(self, documents: Sequence[Fields]) -> None:
        writes = []
        for fields in documents:
            number = self._way.documents
            self._way.requests[fields.pop("stop")].document = number
            writes.append(Create(f"{self._claim.run.path}/pages/{number:06d}", fields))
            self._way.documents += 1
        await self._claim.checkpoint(self._way, self._progress(), writes)

    def _progress(self) -> RunFields:
        share = self._way.progress(self._scan.pages + OTHER_REQUESTS)
        progress = self._claim.progress
        return {
            "progress_step": progress.label,
            "progress_pct": min(progress.at(share), progress.last - 1),
            "counts": self._way.counts(),
        }

    async def _read_robots(self) -> None:
        """The rules that an earlier invocation has fetched."""
        kept = [stop for stop in self._way.of(RequestRole.ROBOTS) if stop.document is not None]
        paths = [f"{self._claim.run.path}/pages/{stop.document:06d}" for stop in kept]
        found = await self._claim.engine.store.read(*paths) if paths else []
        for stop, document in zip(kept, found, strict=True):
            if document is None:
                raise gone("the site's robots.txt")
            self._use_robots(stop, zlib.decompress(document.data["packed"][0]))

    async def _finish(self) -> Outcome:
        counts = self._way.counts()
        run: RunFields = {
            "progress_step": "captured",
            "progress_pct": self._claim.progress.last,
            "counts": counts,
        }
        logs.info("captured", **counts)
        handover = Crawled.of(self._way).store()
        await self._claim.finish_step("score", run, handover=handover, cursor=self._way)
        return Outcome.FINISHED


def _refusal(stop: CrawlRequest, page: Page) -> StepError:
    """The error of an answer that is no page."""
    said = f"{stop.url[:200]!r} answered {page.status}"
    if page.status == 429 or (page.status == 503 and page.retry_after):
        reason = Reason.SITE_RATE_LIMITED if page.status == 429 else Reason.SITE_UNAVAILABLE
        return StepError(reason, said, retry_after=page.retry_after or DEFAULT_PAUSE)
    return StepError(Reason.SITE_UNAVAILABLE if page.status >= 500 else Reason.SITE_REJECTED, said)


def _packed(body: bytes) -> tuple[bytes, bool]:
    """The body, compressed; its beginning alone where all of it does not fit into a document."""
    packed, size = zlib.compress(body), len(body)
    while len(packed) > MAX_PACKED_BYTES - 200_000:  # room for the evidence
        size //= 2
        packed = zlib.compress(body[:size])
    return packed, size < len(body)
