"""The usage of a language model by the runs of a scan, counted once however often a step runs.

scans/{scan_id}/usage/{day}-{run_id}    the usage of one run on one day (UTC)

A run writes its total usage, never an increment, in the commit that stores the results it paid for.
When that commit fails, the usage is counted again from the stored answers.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from landfall.llm.model_settings import DOLLAR_PLACES, ModelBudget
from landfall.llm.questions import Reply
from landfall.llm.usage import ModelUsage, total_usage
from landfall.runs.commit import Clock
from landfall.store.documents import Document, Fields, Put, Query, Store, Write

RETENTION_DAYS = 400
"""Days until Firestore deletes a run's usage: enough to add up a year."""


class Spending:
    """A run's usage of a model, against the budget of its scan.

    Concurrent runs of one scan see only the usage of each other that was stored when they began.
    """

    def __init__(
        self, path: str, run_id: str, clock: Clock, budget: ModelBudget, stored: Sequence[Document]
    ) -> None:
        self._path = path
        self._run_id = run_id
        self._clock = clock
        self._budget = budget
        own = [document for document in stored if document.data["run_id"] == run_id]
        self._days = {document.data["day"]: ModelUsage.load(document.data) for document in own}
        self._before = total_usage(self._days.values())
        today = _day(clock())
        self._today = total_usage(ModelUsage.load(d.data) for d in stored if d.data["day"] == today)
        self._paid = ModelUsage()
        self._reserved = ModelUsage()

    @classmethod
    async def load(
        cls, store: Store, scan_id: str, run_id: str, clock: Clock, budget: ModelBudget
    ) -> "Spending":
        """Read the stored usage. Raises `StoreError`."""
        path = f"scans/{scan_id}/usage"
        own = await store.find(Query(path, where=[("run_id", "==", run_id)]))
        today = await store.find(Query(path, where=[("day", "==", _day(clock()))]))
        stored = {document.path: document for document in [*own, *today]}
        return cls(path, run_id, clock, budget, list(stored.values()))

    # The budget

    def refuses(self, worst: ModelUsage) -> str | None:
        """Return the limit that a call could exceed at its worst, with all calls in flight."""
        more = self._paid + self._reserved + worst
        return self._budget.exceeded(self._before + more, self._today + more)

    def reserve(self, worst: ModelUsage) -> None:
        """Reserve the highest possible usage of a call that begins."""
        self._reserved += worst

    def settle(self, worst: ModelUsage, used: ModelUsage) -> None:
        """Replace the reservation of a call that has ended by its usage."""
        self._reserved -= worst
        self._paid += used

    def found(self, used: ModelUsage) -> None:
        """Count the usage that an interrupted invocation paid for and could not count."""
        self._paid += used

    # The usage

    def take(self, reply: Reply[Any]) -> None:
        """Count a reply: `writes` include its usage from now on."""
        if reply.paid_by_run:
            today = _day(self._clock())
            used = ModelUsage.of(reply.usage, reply.dollars, reply.attempt)
            self._days[today] = self._days.get(today, ModelUsage()) + used

    def writes(self) -> list[Write]:
        """Return the writes of the usage, for the commit that stores the results."""
        now = self._clock()
        expires_at = now + timedelta(days=RETENTION_DAYS)
        return [
            Put(
                f"{self._path}/{day}-{self._run_id}",
                {"day": day, "run_id": self._run_id, "expires_at": expires_at} | asdict(use),
            )
            for day, use in self._days.items()
        ]

    def counts(self) -> Fields:
        """Return the usage as a run's `counts`."""
        use = total_usage(self._days.values())
        return {
            "model_calls": use.calls,
            "model_tokens": use.asked + use.answered,
            "tokens_asked": use.asked,
            "tokens_answered": use.answered,
            "model_cost": round(use.dollars, DOLLAR_PLACES),
        }


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
