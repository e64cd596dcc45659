"""The score step of a site scan: scores what the capture saw, and ends the run with a verdict.

    evidence of the pages ──> scores by rules ──> report ──┐
                 └──> a model's judgements, a page each ───┤
    the site's last summary ──> what is not as it was ─────┴──> the run's end, in one commit

What the model said of a page is kept in `runs/{run}/results/judged-{n}`, in the commit that counts
what it cost; an invocation that goes on asks about the other pages.
"""

import zlib
from dataclasses import asdict, dataclass
from datetime import datetime

from landfall import logs
from landfall.deadlines import Deadline
from landfall.llm.session import Asking, OpenModel
from landfall.reasons import Reason, StepError
from landfall.runs.claim import PAGES_READ, Claim, gone
from landfall.runs.documents import RunFields
from landfall.runs.kind import Again, Outcome
from landfall.site.crawled import Crawled
from landfall.site.evidence import Evidence, load_evidence
from landfall.site.judgement import Judgements
from landfall.site.observed import MissedPage, ObservedPage, ObservedSite
from landfall.site.packing import REPORT_ID, packed, unpacked
from landfall.site.prompt import question_about
from landfall.site.report import SiteReport, report_of, summary
from landfall.site.scan import SiteScan
from landfall.site.scores import score
from landfall.site.urls import site_of
from landfall.store.documents import Create, Document, Fields, Put, Query, Update, Write

JUDGED_ID = "judged-"
"""The documents of a run's `results` that hold what a model said of a page."""


@dataclass(frozen=True)
class JudgeCursor:
    """How many pages a model has judged; its judgements are documents of their own."""

    judged: int

    def store(self) -> Fields:
        """Return the cursor as the step's document holds it."""
        return asdict(self)


class ScoreSite:
    """One invocation of the score step of a site scan."""

    def __init__(self, claim: Claim, scan: SiteScan, open_model: OpenModel) -> None:
        self._open_model = open_model
        self._store = claim.engine.store
        self._claim = claim
        self._scan = scan
        self._pause = 0.0

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Score what was crawled, until the deadline comes.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        handover = await self._claim.handover()
        look = await self._look(Crawled.load(handover.fields))
        judgements = None
        if self._scan.scorer == "model":
            judgements = await self._judge(look, deadline)
            if judgements.left and not judgements.ended:
                return Again(self._pause, waiting=self._pause > 0)
        before = await self._before()
        report = report_of(
            site_of(self._scan.url),
            self._scan.mode,
            score(self._scan.rubric, look),
            look,
            before.data if before else None,
            judgements,
        )
        since = await self._claim.first_page_at()
        return await self._end(report, since, before)

    # Reading

    async def _look(self, crawled: Crawled) -> ObservedSite:
        evidence = await self._evidence()
        missing = [page.url for page in crawled.pages if page.document not in evidence]
        if missing:
            raise gone(f"{len(missing)} of {len(crawled.pages)} pages, such as {missing[0]!r}")
        mobile = [evidence[p.document] for p in crawled.pages if p.mobile]
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

    async def _evidence(self) -> dict[int, Evidence]:
        """Return the evidence of each page that was stored, by the number of its document."""
        path, last = f"{self._claim.run.path}/pages", None
        found: dict[int, Evidence] = {}
        while True:
            query = Query(path, limit=PAGES_READ, after=last, fields=("evidence",))
            documents = await self._store.find(query)
            for document in documents:
                if packed := document.data["evidence"]:
                    found[int(document.id)] = load_evidence(zlib.decompress(packed))
            if len(documents) < PAGES_READ:
                return found
            last = documents[-1].id

    @property
    def _summary_path(self) -> str:
        return f"scans/{self._scan.id}/sites/{site_of(self._scan.url)}"

    async def _before(self) -> Document | None:
        (found,) = await self._store.read(self._summary_path)
        return found

    # Asking

    async def _judge(self, look: ObservedSite, deadline: Deadline) -> Judgements:
        """What a model says of the pages: of all of them, unless time, budget or service end it.

        A service that is in trouble to the end takes nothing from what the rules have found.
        """
        found = Judgements(len(look.pages))
        of_key = {f"{number:06d}": page for number, page in enumerate(look.pages)}
        for key, kept in (await self._kept_judgements()).items():
            found.restore(of_key.pop(key).url, kept)
        found.left = len(of_key)
        try:
            await self._ask(found, of_key, deadline)
        except StepError as error:
            if not self._claim.is_last(error):
                raise
            found.ended = f"{error.reason}: {error.message}"
            logs.warning("judged by rules alone", reason=error.reason, error=error.message)
        return found

    async def _ask(
        self, found: Judgements, of_key: dict[str, ObservedPage], deadline: Deadline
    ) -> None:
        """Ask about these pages. Raises `StepError` where that gets nowhere."""
        questions = [question_about(self._scan.rubric, page, key) for key, page in of_key.items()]
        async with Asking(self._claim, self._scan.model, self._open_model) as asking:
            async for reply in asking.replies(questions, deadline):
                kept = found.take(of_key[reply.key].url, reply)
                await self._keep_judgement(asking, found, reply.key, kept)
                found.left = asking.left
        self._pause = asking.pause
        if asking.spent:
            found.ended = f"the budget's {asking.spent} is reached"
        elif found.left and not (self._claim.progressed or self._pause):
            # raised here, and not by the worker: the last attempt ends with the rules' scores
            raise StepError(Reason.STEP_TIMEOUT, "not one page was judged in a whole budget")
        elif found.left and not self._claim.has_time_after(self._pause):
            found.ended = "`limits.deadline_seconds` leaves no time to ask on"

    async def _kept_judgements(self) -> dict[str, Fields]:
        """What earlier invocations were told, by the number of its page."""
        found = await self._store.find(Query(f"{self._claim.run.path}/results"))
        return {
            document.id.removeprefix(JUDGED_ID): unpacked(document)
            for document in found
            if document.id.startswith(JUDGED_ID)
        }

    async def _keep_judgement(
        self, asking: Asking, found: Judgements, key: str, kept: Fields
    ) -> None:
        share = found.judged / max(1, found.pages)
        counts = {"pages_judged": len(found.good), "judgements_failed": len(found.failed)}
        progress: RunFields = {
            "progress_step": self._claim.progress.label,
            "progress_pct": self._claim.progress.at(share),
            "counts": counts | asking.spending.counts(),
        }
        made = Put(f"{self._claim.run.path}/results/{JUDGED_ID}{key}", packed(kept, 1))
        await self._claim.checkpoint(
            JudgeCursor(found.judged), progress, [made, *asking.spending.writes()]
        )

    # Keeping

    async def _end(self, report: SiteReport, since: datetime, before: Document | None) -> Outcome:
        run: RunFields = {
            "progress_step": "scored",
            "progress_pct": self._claim.progress.last,
            "counts": _counts(report),
            "verdict": report.verdict,
            "inconclusive": report.inconclusive,
            "report": report.shown(),
        }
        writes: list[Write] = [
            Put(
                f"{self._claim.run.path}/results/{REPORT_ID}",
                packed(report.fields, len(report.fields["pages"])),
            )
        ]
        if before is None or before.data["captured_at"] <= since:
            writes.append(self._summary(report, since, before))
        await self._claim.finish_run(run, writes=writes)
        logs.info("scored", verdict=report.verdict, **_counts(report))
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


def _counts(report: SiteReport) -> Fields:
    return {
        "strengths": len(report.fields["strengths"]),
        "leaks": len(report.fields["leaks"]),
        "quick_wins": len(report.fields["quick_wins"]),
        "coverage_pct": round(100 * report.fields["coverage"]),
    }
