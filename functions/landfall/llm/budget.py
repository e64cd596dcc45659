"""What the runs of a scan have used of a language model: counted once, however often a step runs.

scans/{scan_id}/usage/{day}-{run_id}    what one run has used on one day (UTC)

A run writes the whole of its own use, never an increment, in the commit that keeps the results it
paid for: when that did not happen, the use is counted anew from the kept answers.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from landfall.llm.model_settings import ModelBudget
from landfall.llm.questions import Reply
from landfall.llm.usage import ModelUsage, total_usage
from landfall.runs.commit import Clock
from landfall.store.documents import Document, Fields, Put, Query, Store, Write

KEPT_DAYS = 400
"""Days for which a run's use is kept: a year of them can be added up."""


class Spending:
    """A run's use of a model, beside what its scan may use.

    Runs of one scan at the same time see of one another what was kept when each began.
    """

    def __init__(
        self, path: str, run_id: str, clock: Clock, budget: ModelBudget, kept: Sequence[Document]
    ) -> None:
        self._path = path
        self._run_id = run_id
        self._clock = clock
        self._budget = budget
        own = [document for document in kept if document.data["run_id"] == run_id]
        self._days = {document.data["day"]: ModelUsage.load(document.data) for document in own}
        self._before = total_usage(self._days.values())
        today = _day(clock())
        self._today = total_usage(ModelUsage.load(d.data) for d in kept if d.data["day"] == today)
        self._paid = ModelUsage()
        self._reserved = ModelUsage()

    @classmethod
    async def load(
        cls, store: Store, scan_id: str, run_id: str, clock: Clock, budget: ModelBudget
    ) -> "Spending":
        """As it is kept. Raises `StoreError`."""
        path = f"scans/{scan_id}/usage"
        own = await store.find(Query(path, where=[("run_id", "==", run_id)]))
        today = await store.find(Query(path, where=[("day", "==", _day(clock()))]))
        kept = {document.path: document for document in [*own, *today]}
        return cls(path, run_id, clock, budget, list(kept.values()))

    # What may still be used

    def refuses(self, worst: ModelUsage) -> str | None:
        """The limit that a call would break at its worst, with all that is under way."""
        more = self._paid + self._reserved + worst
        return self._budget.exceeded(self._before + more, self._today + more)

    def reserve(self, worst: ModelUsage) -> None:
        """A call begins that may use so much."""
        self._reserved += worst

    def settle(self, worst: ModelUsage, used: ModelUsage) -> None:
        """It has ended, and has used this."""
        self._reserved -= worst
        self._paid += used

    def found(self, used: ModelUsage) -> None:
        """An invocation that was interrupted has paid this, and could not count it."""
        self._paid += used

    # What was used

    def take(self, reply: Reply[Any]) -> None:
        """Count a reply: from now on its use is written with that of the others."""
        if reply.paid_by_run:
            today = _day(self._clock())
            used = ModelUsage.of(reply.usage, reply.dollars, reply.attempt)
            self._days[today] = self._days.get(today, ModelUsage()) + used

    def writes(self) -> list[Write]:
        """The documents that say so, for the commit that keeps the results."""
        now = self._clock()
        expires_at = now + timedelta(days=KEPT_DAYS)
        return [
            Put(
                f"{self._path}/{day}-{self._run_id}",
                {"day": day, "run_id": self._run_id, "expires_at": expires_at} | asdict(use),
            )
            for day, use in self._days.items()
        ]

    def counts(self) -> Fields:
        """What a run's `counts` say of it."""
        use = total_usage(self._days.values())
        return {
            "model_calls": use.calls,
            "model_tokens": use.asked + use.answered,
            "tokens_asked": use.asked,
            "tokens_answered": use.answered,
            "model_cost": round(use.dollars, 6),
        }


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
