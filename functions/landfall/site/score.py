"""The score step of a site scan: score the observed pages, and end the run with a verdict.

evidence of the pages ──> scores by rules ──> report ──┐
             └──> a model's judgements, a page each ───┤
the site's last summary ──> the differences to it ─────┴──> the run's end, in one commit
"""

from datetime import datetime

from landfall import logs
from landfall.deadlines import Deadline
from landfall.llm.session import OpenModel
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.site.judge import Judging
from landfall.site.observe import read_observed
from landfall.site.packing import REPORT_ID
from landfall.site.report import SiteReport, report_of, summary
from landfall.site.scan import SiteScan
from landfall.site.scores import score
from landfall.site.urls import site_of
from landfall.store.documents import Create, Document, Put, Update, Write, both


class ScoreSite:
    """One invocation of the score step of a site scan."""

    def __init__(self, claim: Claim, scan: SiteScan, open_model: OpenModel) -> None:
        self._judging = Judging(claim, scan, open_model)
        self._store = claim.engine.store
        self._claim = claim
        self._scan = scan

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Score what was crawled, until the deadline comes.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        observed, kept = await both(read_observed(self._claim), self._judging.stored())
        judgements = None
        if self._scan.scorer == "model":
            judgements = await self._judging.run(observed, kept, deadline)
            if judgements.left and not judgements.ended:
                return Again(self._judging.pause, waiting=self._judging.pause > 0)
        before, since = await both(self._before(), self._claim.first_page_at())
        report = report_of(
            site_of(self._scan.url),
            self._scan.mode,
            score(self._scan.rubric, observed),
            observed,
            before.data if before else None,
            judgements,
        )
        return await self._end(report, since, before)

    @property
    def _summary_path(self) -> str:
        return f"scans/{self._scan.id}/sites/{site_of(self._scan.url)}"

    async def _before(self) -> Document | None:
        (found,) = await self._store.read(self._summary_path)
        return found

    async def _end(self, report: SiteReport, since: datetime, before: Document | None) -> Outcome:
        run_report = report.of_run(self._claim.run.handover)
        run = run_report.run_fields(self._claim.progress.last)
        run["progress_step"] = "scored"
        path = f"{self._claim.run.path}/results/{REPORT_ID}"
        writes: list[Write] = [Put(path, report.document())]
        if before is None or before.data["captured_at"] <= since:
            writes.append(self._summary(report, since, before))
        await self._claim.finish_run(run, writes=writes)
        ended = self._claim.run
        logs.info("scored", verdict=ended.verdict, complete=ended.complete, **report.counts())
        return Outcome.FINISHED

    def _summary(self, report: SiteReport, since: datetime, before: Document | None) -> Write:
        fields = summary(self._claim.run.id, report.fields) | {
            "captured_at": since,
            "updated_at": self._claim.engine.clock(),
            "updated_by": self._claim.worker,
        }
        if before is None:
            return Create(self._summary_path, fields)
        return Update(before.path, fields, before.version)
