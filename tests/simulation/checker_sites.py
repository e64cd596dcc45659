"""Judges what runs of site scans leave: no page is lost or doubled, and nothing is made up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from landfall.runs.lifecycle import RunStatus
from landfall.site.crawl import Crawl
from landfall.site.crawl_request import RequestOutcome, RequestRole
from landfall.site.judge import JUDGED_ID
from landfall.site.packing import REPORT_ID, unpacked
from landfall.site.scan import SiteScan
from landfall.store.documents import Document
from tests.fakes.memory_store import MemoryStore
from tests.simulation.checker import looked_at, of_verdict
from tests.simulation.pages import FORBIDDEN


@dataclass(frozen=True)
class SiteChecker:
    """A `KindChecker`. `scans` are by id."""

    scans: Mapping[str, SiteScan]

    def of_done(self, memory: MemoryStore, run: Document) -> Iterator[str]:
        """As `KindChecker.of_done`."""
        yield from _of_pages(memory, run)
        yield from _of_report(memory, run)
        yield from _of_judgements(memory, run, self.scans[run.data["scan_id"]])

    def of_all(self, memory: MemoryStore) -> Iterator[str]:
        """As `KindChecker.of_all`."""
        for scan_id in self.scans:
            yield from _of_summary(memory, scan_id)


def _of_pages(memory: MemoryStore, run: Document) -> Iterator[str]:
    """No page is lost or doubled, and none was asked for that is forbidden."""
    crawl = _crawl(memory, run)
    numbers = [request.document for request in crawl.requests if request.document is not None]
    stored = [int(page.id) for page in memory.all(f"{run.path}/pages")]
    if sorted(numbers) != stored:
        yield f"has the pages {stored}, and knows of {sorted(numbers)}"
    urls = [request.url for request in crawl.pages]
    if len(urls) != len(set(urls)):
        yield f"looked at a page twice: {urls}"
    if any(FORBIDDEN in request.url for request in crawl.requests):
        yield "asked for what robots.txt forbids"
    if any(request.pending for request in crawl.requests):
        yield "is done, and a page still waits"
    pages = [
        request
        for request in crawl.requests
        if request.role in (RequestRole.HOME, RequestRole.PAGE)
    ]
    if run.data["counts"]["pages"] != sum(
        request.outcome == RequestOutcome.STORED for request in pages
    ):
        yield f"counts pages that it has not: {run.data['counts']}"


def _of_report(memory: MemoryStore, run: Document) -> Iterator[str]:
    """A run with missed pages is not complete; statements cite pages that were fetched."""
    found = memory.get(f"{run.path}/results/{REPORT_ID}")
    if found is None:
        yield "is done, without a report"
        return
    report, counts = unpacked(found), run.data["counts"]
    fetched = {page["url"] for page in report["pages"]}
    if any(not set(leak["pages"]) <= fetched for leak in report["leaks"]):
        yield "cites a page that it has not"
    lacking = counts["pages_missed"] + counts.get("judgements_failed", 0)
    if lacking and run.data["complete"]:
        yield f"is complete, with {counts}"
    yield from of_verdict(run)
    if counts.get("judgements_failed") and report["scorer"] != "rules":
        yield "made a score of a failed answer"


def _of_judgements(memory: MemoryStore, run: Document, scan: SiteScan) -> Iterator[str]:
    """A model that is to be asked has judged each page, unless the run says that some are left."""
    counts, results = run.data["counts"], memory.all(f"{run.path}/results")
    judged = sum(document.id.startswith(JUDGED_ID) for document in results)
    left = any(one["what"] == "model" for one in run.data["inconclusive"])
    wanted = counts["pages"] if scan.scorer == "model" else 0
    if judged > wanted or (judged < wanted and not left):
        yield f"has judged {judged} of {counts['pages']} pages"
    if judged != counts.get("pages_judged", 0) + counts.get("judgements_failed", 0):
        yield f"counts judgements that it has not: {counts}"


def _of_summary(memory: MemoryStore, scan_id: str) -> Iterator[str]:
    """The summary of a site is of the run that has fetched it last."""
    done = [
        run
        for run in memory.all("runs")
        if (run.data["scan_id"], run.data["status"]) == (scan_id, RunStatus.DONE)
    ]
    looks = {run.id: at for run in done if (at := looked_at(memory, run))}
    known = [summary.data["run_id"] for summary in memory.all(f"scans/{scan_id}/sites")]
    latest = max(looks.values(), default=None)
    if [looks.get(run_id) for run_id in known] != ([latest] if looks else []):
        yield f"{scan_id} goes by {known}, and its last look was at {latest}"


def _crawl(memory: MemoryStore, run: Document) -> Crawl:
    fetched = memory.get(f"{run.path}/steps/fetch")
    crawl = Crawl.load(fetched.data["cursor"]) if fetched else None
    assert crawl is not None
    return crawl
