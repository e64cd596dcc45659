"""The score step of a site scan: scores what the capture saw, and ends the run with a verdict.

evidence of the pages ──> scores by rules ──> report ──┐
the site's last summary ──> what is not as it was ─────┴──> the run's end, in one commit
"""

import json
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall import logs
from landfall.changes import step_path
from landfall.deadlines import Deadline
from landfall.documents import Create, Document, Fields, Put, Query, Update, Write
from landfall.fetched import PAGES_AT_ONCE, pages_missing
from landfall.runs import Claim, Runs
from landfall.site.evidence import Evidence, load_evidence
from landfall.site.itinerary import Came, Itinerary, Role, missed, types_known
from landfall.site.page_addresses import site_of
from landfall.site.report import SiteReport, report_of, summary
from landfall.site.scan import SiteScan
from landfall.site.scores import Look, Missed, Scores, Seen, score

REPORT_ID = "report"
"""The document of a run's `results` that holds the whole report."""


@dataclass(frozen=True)
class _Captured:
    """What the fetch step left."""

    way: Itinerary
    at: datetime


class SiteScoring:
    """One invocation of the score step of a site scan."""

    def __init__(self, runs: Runs, claim: Claim, scan: SiteScan) -> None:
        self._store = runs.store
        self._clock = runs.clock
        self._claim = claim
        self._scan = scan

    async def run(self, _: Deadline) -> str:
        """Score what was captured; what became of the step.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        captured = await self._captured()
        look = await self._look(captured.way)
        scores = score(self._scan.rubric, look)
        before = await self._before()
        report = self._report(scores, look, before)
        return await self._end(report, captured, before)

    # Reading

    async def _captured(self) -> _Captured:
        (step,) = await self._store.read(step_path(self._claim.run.id, "fetch"))
        way = Itinerary.load(step.data["cursor"]) if step else None
        if step is None or way is None:
            raise pages_missing("the fetch step")
        return _Captured(way, step.data["finished_at"])

    async def _look(self, way: Itinerary) -> Look:
        evidence = await self._evidence()
        wanted = [stop for stop in way.stops if stop.role == Role.MOBILE and stop.came == Came.KEPT]
        wanted += way.looked_at
        gone = [stop.url for stop in wanted if stop.document not in evidence]
        if gone:
            raise pages_missing(f"{len(gone)} of {len(wanted)} pages, such as {gone[0]!r}")
        mobile = [evidence[s.document] for s in wanted if s.role == Role.MOBILE and s.document]
        return Look(
            pages=[
                Seen(stop.page_type, evidence[stop.document])
                for stop in way.looked_at
                if stop.document is not None
            ],
            mobile=mobile[0] if mobile else None,
            missed=[Missed(**one) for one in missed(way)],
            types=types_known(way),
        )

    async def _evidence(self) -> dict[int | None, Evidence]:
        """The evidence of each page that was kept, by the number of its document."""
        path, last = f"{self._claim.run.path}/pages", None
        found: dict[int | None, Evidence] = {}
        while True:
            query = Query(path, limit=PAGES_AT_ONCE, after=last, fields=("evidence",))
            documents = await self._store.find(query)
            for document in documents:
                if packed := document.data["evidence"]:
                    found[int(document.id)] = load_evidence(zlib.decompress(packed))
            if len(documents) < PAGES_AT_ONCE:
                return found
            last = documents[-1].id

    @property
    def _summary_path(self) -> str:
        return f"scans/{self._scan.id}/sites/{site_of(self._scan.url)}"

    async def _before(self) -> Document | None:
        (found,) = await self._store.read(self._summary_path)
        return found

    # Keeping

    def _report(self, scores: Scores, look: Look, before: Document | None) -> SiteReport:
        site = site_of(self._scan.url)
        return report_of(site, self._scan.mode, scores, look, before.data if before else None)

    async def _end(self, report: SiteReport, captured: _Captured, before: Document | None) -> str:
        run = {
            "progress_step": "scored",
            "counts": self._claim.run.data["counts"] | _counts(report),
            "verdict": report.verdict,
            "inconclusive": report.inconclusive,
            "report": report.shown(),
        }
        writes: list[Write] = [
            Put(f"{self._claim.run.path}/results/{REPORT_ID}", packed_report(report.fields))
        ]
        if before is None or before.data["captured_at"] <= captured.at:
            writes.append(self._summary(report, captured, before))
        await self._claim.finish_run({}, run, writes)
        logs.info("scored", verdict=report.verdict, **_counts(report))
        return "scored"

    def _summary(self, report: SiteReport, captured: _Captured, before: Document | None) -> Write:
        fields = summary(self._claim.run.id, report.fields) | {
            "captured_at": captured.at,
            "updated_at": self._clock(),
            "updated_by": self._claim.worker,
        }
        if before is None:
            return Create(self._summary_path, fields)
        return Update(before.path, fields, before.version)


def _counts(report: SiteReport) -> Fields:
    return {
        "strengths": len(report.fields["strengths"]),
        "leaks": len(report.fields["leaks"]),
        "quick_wins": len(report.fields["quick_wins"]),
        "coverage_pct": round(100 * report.fields["coverage"]),
    }


def packed_report(report: Fields) -> Fields:
    """The document of a whole report."""
    data = zlib.compress(json.dumps(report, ensure_ascii=False).encode(errors="replace"))
    return {"records": len(report["pages"]), "packed": [data]}


def unpacked_report(document: Document) -> Any:
    """The report that a document holds."""
    return json.loads(zlib.decompress(document.data["packed"][0]))
