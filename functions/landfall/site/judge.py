"""Have a language model judge the pages of a site, and store each judgement as it arrives.

A judgement is stored in `runs/{run}/results/judged-{n}`, in the commit that counts its cost; an
invocation that goes on asks about the other pages.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from landfall import logs
from landfall.deadlines import Deadline
from landfall.llm.session import Asking, OpenModel
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.runs.documents import RunFields
from landfall.site.judgement import Judgements
from landfall.site.observed import ObservedPage, ObservedSite
from landfall.site.packing import packed, unpacked
from landfall.site.prompt import question_about
from landfall.site.scan import SiteScan
from landfall.store.documents import Fields, Put, Query

JUDGED_ID = "judged-"
"""The beginning of the ids of judgements among the `results` of a run."""


@dataclass(frozen=True)
class JudgeCursor:
    """The number of pages that a model has judged; its judgements are documents of their own."""

    judged: int

    def store(self) -> Fields:
        """Return the cursor as the step's document holds it."""
        return asdict(self)


class Judging:
    """The questions about pages of one invocation.

    `pause` is the number of seconds until the model's limits allow to go on.
    """

    def __init__(self, claim: Claim, scan: SiteScan, open_model: OpenModel) -> None:
        self.pause = 0.0
        self._claim = claim
        self._scan = scan
        self._open_model = open_model

    async def run(
        self, observed: ObservedSite, stored: Mapping[str, Fields], deadline: Deadline
    ) -> Judgements:
        """Return the judgements of all pages, unless time, budget or the model API end it before.

        If the model stays unavailable, the scores by rules stand. Raises `StepError`.
        """
        found = Judgements(len(observed.pages))
        of_key = {f"{number:06d}": page for number, page in enumerate(observed.pages)}
        for key, kept in stored.items():
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
                await self._store_judgement(found, reply.key, kept)
                found.left = asking.left
        self.pause = asking.pause
        if asking.spent:
            found.ended = f"the budget's {asking.spent} is reached"
        elif found.left and not (self._claim.progressed or self.pause):
            # raised here, and not by the worker: the last attempt ends with the rules' scores
            raise StepError(Reason.STEP_TIMEOUT, "not one page was judged in a whole budget")
        elif found.left and not self._claim.has_time_after(self.pause):
            found.ended = "`limits.deadline_seconds` leaves no time to ask on"

    async def stored(self) -> dict[str, Fields]:
        """Return the judgements of earlier invocations, by the number of the page."""
        if self._scan.scorer != "model":
            return {}
        found = await self._claim.engine.store.find(Query(f"{self._claim.run.path}/results"))
        return {
            document.id.removeprefix(JUDGED_ID): unpacked(document)
            for document in found
            if document.id.startswith(JUDGED_ID)
        }

    async def _store_judgement(self, found: Judgements, key: str, kept: Fields) -> None:
        share = found.judged / max(1, found.pages)
        counts = {"pages_judged": len(found.good), "judgements_failed": len(found.failed)}
        progress: RunFields = {
            "progress_step": self._claim.progress.label,
            "progress_pct": self._claim.progress.at(share),
            "counts": counts,
        }
        made = Put(f"{self._claim.run.path}/results/{JUDGED_ID}{key}", packed(kept, 1))
        await self._claim.checkpoint(JudgeCursor(found.judged), progress, [made])
