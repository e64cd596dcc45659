"""Read what a run observed of a site: the evidence of the pages that it stored."""

import zlib

from landfall.runs.claim import PAGES_READ, Claim, gone
from landfall.site.crawled import Crawled
from landfall.site.evidence import Evidence, load_evidence
from landfall.site.observed import MissedPage, ObservedPage, ObservedSite
from landfall.store.documents import Query


async def read_observed(claim: Claim) -> ObservedSite:
    """Return the site as its crawl left it. Raises `StepError` where a page is gone."""
    crawled = Crawled.load((await claim.handover()).fields)
    evidence = await _evidence(claim)
    missing = [page.url for page in crawled.pages if page.document not in evidence]
    if missing:
        raise gone(f"{len(missing)} of {len(crawled.pages)} pages, such as {missing[0]!r}")
    mobile = [evidence[page.document] for page in crawled.pages if page.mobile]
    return ObservedSite(
        pages=[
            ObservedPage(page.page_type, evidence[page.document])
            for page in crawled.pages
            if not page.mobile
        ],
        mobile=mobile[0] if mobile else None,
        missed=[MissedPage(**one) for one in crawled.missed],
        types=frozenset(crawled.types),
    )


async def _evidence(claim: Claim) -> dict[int, Evidence]:
    """Return the evidence of each page that was stored, by the number of its document."""
    path, last = f"{claim.run.path}/pages", None
    found: dict[int, Evidence] = {}
    while True:
        query = Query(path, limit=PAGES_READ, after=last, fields=("evidence",))
        documents = await claim.engine.store.find(query)
        for document in documents:
            if packed := document.data["evidence"]:
                found[int(document.id)] = load_evidence(zlib.decompress(packed))
        if len(documents) < PAGES_READ:
            return found
        last = documents[-1].id
