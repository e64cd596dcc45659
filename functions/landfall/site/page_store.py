"""Store the responses of a crawl, each in one commit with the crawl's progress."""

import zlib
from collections.abc import Iterator
from datetime import timedelta

from landfall import logs
from landfall.runs.claim import Claim, gone
from landfall.runs.documents import RunFields
from landfall.site.crawl import Crawl
from landfall.site.crawl_request import CrawlRequest, RequestRole
from landfall.site.crawled import Crawled
from landfall.site.evidence import Evidence
from landfall.site.html import MAX_HTML_BYTES
from landfall.store.documents import Create, Fields
from landfall.store.packed import MAX_PACKED_BYTES

RETENTION_DAYS = 30
"""Days after which Firestore deletes a page."""

OTHER_REQUESTS = 3
"""Requests of a crawl that are not for pages, as a rule: robots.txt, a sitemap, and the home page
as a phone gets it."""


class PageStore:
    """The documents of a crawl, and its end. `pages` is the number of pages that the scan wants."""

    def __init__(self, claim: Claim, crawl: Crawl, pages: int) -> None:
        self._claim = claim
        self._crawl = crawl
        self._pages = pages

    async def store(
        self, request: CrawlRequest, body: bytes, evidence: Evidence | None = None
    ) -> None:
        """Store a response: its body, and the evidence in it."""
        request.document = self._crawl.documents
        self._crawl.documents += 1
        path = f"{self._claim.run.path}/pages/{request.document:06d}"
        write = Create(path, self._document(request, body, evidence))
        await self._claim.checkpoint(self._crawl, self._progress(), [write])

    async def store_outcome(self) -> None:
        """Store the outcome of a request that has no document."""
        await self._claim.checkpoint(self._crawl, self._progress())

    async def robots(self) -> Iterator[tuple[str, bytes]]:
        """Return the host and the body of each robots.txt that an earlier invocation stored."""
        stored = [it for it in self._crawl.of(RequestRole.ROBOTS) if it.document is not None]
        paths = [f"{self._claim.run.path}/pages/{it.document:06d}" for it in stored]
        found = await self._claim.engine.store.read(*paths) if paths else []
        bodies = [zlib.decompress(it.data["packed"][0]) for it in found if it]
        if len(bodies) < len(stored):
            raise gone("the site's robots.txt")
        return zip((it.page_type for it in stored), bodies, strict=True)

    async def finish(self) -> None:
        """End the fetch step; the score step is left the pages that are stored."""
        counts = self._crawl.counts()
        run: RunFields = {
            "progress_step": "captured",
            "progress_pct": self._claim.progress.last,
            "counts": counts,
        }
        logs.info("captured", **counts)
        handover = Crawled.of(self._crawl).store()
        await self._claim.finish_step("score", run, handover=handover, cursor=self._crawl)

    def _document(self, request: CrawlRequest, body: bytes, evidence: Evidence | None) -> Fields:
        seen = zlib.compress(evidence.dump()) if evidence else None
        packed, cut = _packed(body, MAX_PACKED_BYTES - len(seen or b""))
        return {
            "records": 1,
            "role": request.role,
            "page_type": request.page_type,
            "url": request.url,
            "status": request.status,
            "evidence": seen,
            "packed": [packed],
            "cut": cut,
            "expires_at": self._claim.engine.clock() + timedelta(days=RETENTION_DAYS),
        }

    def _progress(self) -> RunFields:
        share = self._crawl.progress(self._pages + OTHER_REQUESTS)
        progress = self._claim.progress
        return {
            "progress_step": progress.label,
            "progress_pct": min(progress.at(share), progress.last - 1),
            "counts": self._crawl.counts(),
        }


def _packed(body: bytes, room: int) -> tuple[bytes, bool]:
    """Return the body, compressed, and whether only its beginning fits into so many bytes."""
    size = min(len(body), MAX_HTML_BYTES)
    packed = zlib.compress(body[:size])
    while len(packed) > room:
        size //= 2
        packed = zlib.compress(body[:size])
    return packed, size < len(body)
