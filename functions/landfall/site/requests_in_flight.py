"""Send the requests of a crawl, a few at a time and at the site's pace."""

import asyncio
from collections import deque
from collections.abc import Sequence

from landfall.deadlines import Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.site import robots, sitemaps, user_agents
from landfall.site.crawl import Crawl
from landfall.site.crawl_request import CrawlRequest, RequestRole
from landfall.site.page import Page, SiteReader
from landfall.site.politeness import Politeness
from landfall.site.responses import Responses

CONCURRENCY = 3
"""Requests to one site in flight, where its pages take longer than the pace."""


class RequestsInFlight:
    """The requests of one invocation. `contact` stands in the user agent."""

    def __init__(
        self,
        site: SiteReader,
        crawl: Crawl,
        politeness: Politeness,
        responses: Responses,
        claim: Claim,
        contact: str,
    ) -> None:
        self._site = site
        self._crawl = crawl
        self._politeness = politeness
        self._responses = responses
        self._ladder = claim.engine.ladder
        self._reserve = claim.reserve(self._ladder.last_page)
        self._contact = contact

    def may_start(self, deadline: Deadline) -> bool:
        """Return whether there is time for another request, and the site takes it."""
        return not self._politeness.pause and deadline.remaining() > self._reserve

    async def send(self, requests: Sequence[CrawlRequest], deadline: Deadline) -> None:
        """Send these requests at the site's pace, and take each response as it arrives."""
        waiting = deque(requests)
        pending: dict[asyncio.Task[Page], CrawlRequest] = {}
        try:
            while pending or (waiting and self.may_start(deadline)):
                wait = None
                if waiting and len(pending) < CONCURRENCY and self.may_start(deadline):
                    wait = self._politeness.seconds_to_start()
                    if not wait:
                        self._politeness.start()
                        request = waiting.popleft()
                        task = asyncio.create_task(self._fetch(request, deadline))
                        pending[task] = request
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
        """Take the responses that arrive within so many seconds."""
        if not pending:
            await asyncio.sleep(wait or 0.0)
            return
        done, _ = await asyncio.wait(pending, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in pending if task in done]:  # a set has no order
            request = pending.pop(task)
            error = task.exception()
            if isinstance(error, StepError):
                ours = error.reason == Reason.SITE_TIMEOUT and deadline.remaining() <= 0
                if not ours:  # our budget ended, not the site's time: it is requested again
                    await self._responses.take_failure(request, error)
            elif error:
                raise error
            else:
                await self._responses.take(request, task.result())

    async def _fetch(self, request: CrawlRequest, deadline: Deadline) -> Page:
        self._crawl.sent += 1
        is_mobile = request.role == RequestRole.MOBILE
        agent = user_agents.mobile if is_mobile else user_agents.desktop
        until = deadline.sooner(self._ladder.item)
        first_bytes = _FIRST_BYTES.get(request.role)
        return await self._site.fetch_page(request.url, until, agent(self._contact), first_bytes)


_FIRST_BYTES = {
    RequestRole.ROBOTS: robots.READ_BYTES,
    RequestRole.SITEMAP: sitemaps.MAX_SITEMAP_BYTES,
}
"""Bytes that are read of what may be of any type and length."""
