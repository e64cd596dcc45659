"""The usage of a language model by the runs of a scan, against the scan's budget.

scans/{scan_id}/usage/{day}-{run_id}    the usage of one run on one day (UTC)

Each call has its receipt here before it is sent:

    reserve, stored ──> sent ──┬── settle: answered, at what it cost
                               ├── lose: it may have been paid, at the most that it can cost
                               └── release: not sent, or refused by the service

Every commit of the step stores the usage as it is then. An invocation that was interrupted leaves
its calls in flight; the next one settles those whose answers are stored, and the others are lost.
A run that ends before leaves them as they are: budgets count them at their worst.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from landfall.llm.attempts import MAX_ATTEMPTS, PendingQuestion, call_name
from landfall.llm.model_settings import DOLLAR_PLACES, ModelBudget
from landfall.llm.questions import Reply
from landfall.llm.usage import ModelUsage, total_usage
from landfall.runs.changes import Change
from landfall.runs.commit import Clock
from landfall.store.documents import Document, Fields, Put, Query, Store, UnreadableError, both

RETENTION_DAYS = 400
"""Days until Firestore deletes a run's usage: enough to add up a year."""


@dataclass
class DayUsage:
    """A run's usage on one day.

    `used` is the usage of the calls that have ended. Of it, `lost` is the usage of those whose
    answer did not arrive, each at its worst. `in_flight` are the others, at their worst, by name.
    """

    used: ModelUsage = field(default_factory=ModelUsage)
    lost: ModelUsage = field(default_factory=ModelUsage)
    in_flight: dict[str, ModelUsage] = field(default_factory=dict)
    reserved: ModelUsage = field(default_factory=ModelUsage)

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> Self:
        """Read the fields of a document; those of an older Landfall know only what was used.

        Raises `UnreadableError`.
        """
        try:
            return cls._load(fields)
        except (AttributeError, KeyError, TypeError, UnreadableError) as error:
            day, run_id = fields.get("day"), fields.get("run_id")
            raise UnreadableError(
                f"the usage of {day} of run {run_id} cannot be read ({error}); correct "
                "scans/{scan_id}/usage/{day}-{run_id}, or delete it: it counts for no budget then"
            ) from None

    @classmethod
    def _load(cls, fields: Mapping[str, Any]) -> Self:
        open_calls: Mapping[str, Fields] = fields.get("in_flight", {})
        in_flight = {name: ModelUsage.load(worst) for name, worst in open_calls.items()}
        lost = ModelUsage.load(fields["lost"]) if "lost" in fields else ModelUsage()
        return cls(ModelUsage.load(fields), lost, in_flight, total_usage(in_flight.values()))

    def fields(self) -> Fields:
        """Return the fields of the document."""
        in_flight = {name: {**vars(worst)} for name, worst in self.in_flight.items()}
        return {**vars(self.used), "lost": {**vars(self.lost)}, "in_flight": in_flight}

    @property
    def charged(self) -> ModelUsage:
        """The usage that budgets count."""
        return self.used + self.reserved

    def reserve(self, name: str, worst: ModelUsage) -> None:
        """Reserve the highest possible usage of a call."""
        self.in_flight[name] = worst
        self.reserved += worst

    def release(self, name: str) -> ModelUsage:
        """Return a call's reservation, which ends."""
        worst = self.in_flight.pop(name)
        self.reserved = self.reserved - worst if self.in_flight else ModelUsage()
        return worst


class Spending:
    """A run's usage of a model, against the budget of its scan; a `Companion` of the claim.

    `has_receipts` states that the run's batches are reserved: an older Landfall stored no receipts.
    """

    def __init__(
        self, path: str, run_id: str, clock: Clock, budget: ModelBudget, stored: Sequence[Document]
    ) -> None:
        self._path = path
        self._run_id = run_id
        self._clock = clock
        self._budget = budget
        self._sent: dict[str, Fields] = {}
        self._days = {
            document.data["day"]: DayUsage.load(document.data)
            for document in stored
            if document.data["run_id"] == run_id
        }
        self._stored: dict[str, Fields | None] = {
            day: usage.fields() for day, usage in self._days.items()
        }
        own = [document.data for document in stored if document.data["run_id"] == run_id]
        self.has_receipts = any("in_flight" in fields for fields in own)
        self._unsettled = {name for day in self._days.values() for name in day.in_flight}
        self._others = self._of_others(stored)

    @classmethod
    async def load(
        cls, store: Store, scan_id: str, run_id: str, clock: Clock, budget: ModelBudget
    ) -> Self:
        """Read the stored usage. Raises `StoreError`."""
        path = f"scans/{scan_id}/usage"
        own, today = await both(
            store.find(Query(path, where=[("run_id", "==", run_id)])),
            store.find(Query(path, where=[("day", "==", _day(clock()))])),
        )
        stored = {document.path: document for document in [*own, *today]}
        return cls(path, run_id, clock, budget, list(stored.values()))

    # The budget

    def refuses(self, worst: ModelUsage) -> str | None:
        """Return the limit that a call could exceed at its worst, with all calls in flight."""
        whole = total_usage(day.charged for day in self._days.values())
        today = self._days.get(_day(self._clock()), DayUsage()).charged + self._others
        return self._budget.exceeded(whole + worst, today + worst)

    def reserve(self, name: str, worst: ModelUsage) -> None:
        """Reserve the highest possible usage of a call. It is sent once this is stored."""
        self.release(name)
        self._today.reserve(name, worst)

    async def overdrawn(self, store: Store) -> str | None:
        """Return the limit that stored reservations could exceed, with those of concurrent runs.

        Of two runs that reserve at the same time, at least one sees the other. Raises `StoreError`.
        """
        if self._budget.limits_days:
            today = Query(self._path, where=[("day", "==", _day(self._clock()))])
            self._others = self._of_others(await store.find(today))
        return self.refuses(ModelUsage())

    # The end of a call

    def settle(self, name: str, used: ModelUsage) -> None:
        """Count a call at what it cost, if it has a reservation: a call is counted once."""
        for day in self._days_of(name):
            day.release(name)
            day.used += used

    def lose(self, name: str) -> None:
        """Count a call at its worst: its answer did not arrive, and may be paid for."""
        for day in self._days_of(name):
            worst = day.release(name)
            day.used += worst
            day.lost += worst

    def release(self, name: str) -> None:
        """Drop the reservation of a call that costs nothing."""
        for day in self._days_of(name):
            day.release(name)

    def recover(self, found: Reply[Any] | PendingQuestion[Any]) -> None:
        """Settle the calls about a question that an interrupted invocation left in flight.

        `found` is what is stored of it. An answer without a receipt is an older Landfall's, which
        counted it only now.
        """
        ours, last = True, found.attempt
        if isinstance(found, Reply):
            ours = found.paid_by_run
        else:
            last -= 1
        if ours and found.older:
            self._today.used += ModelUsage.of(found.usage, found.dollars, last)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            name = call_name(found.hash, attempt)
            if name not in self._unsettled:
                continue
            self._unsettled.remove(name)
            if ours and attempt == last and found.receipt:
                self.settle(name, found.receipt)
            else:
                self.lose(name)

    # The usage

    def change(self) -> Change:
        """Return the usage as it is now: the run's `counts`, and the documents that differ."""
        expires_at = self._clock() + timedelta(days=RETENTION_DAYS)
        now = {day: one.fields() for day, one in self._days.items()}
        self._sent = {day: usage for day, usage in now.items() if usage != self._stored.get(day)}
        self._stored |= dict.fromkeys(self._sent, None)  # not known, should the commit fail
        writes = [
            Put(
                f"{self._path}/{day}-{self._run_id}",
                {"day": day, "run_id": self._run_id, "expires_at": expires_at} | usage,
            )
            for day, usage in self._sent.items()
        ]
        return Change({"counts": self.counts()}, writes=writes)

    def committed(self) -> None:
        """Note that the last change is stored."""
        self._stored |= self._sent

    def counts(self) -> Fields:
        """Return the usage as a run's `counts`."""
        use = total_usage(day.used for day in self._days.values())
        return {
            "model_calls": use.calls,
            "model_tokens": use.asked + use.answered,
            "tokens_asked": use.asked,
            "tokens_answered": use.answered,
            "model_cost": round(use.dollars, DOLLAR_PLACES),
        }

    @property
    def _today(self) -> DayUsage:
        return self._days.setdefault(_day(self._clock()), DayUsage())

    def _days_of(self, name: str) -> list[DayUsage]:
        """Return the day on which a call was reserved, if it is in flight."""
        return [day for day in self._days.values() if name in day.in_flight]

    def _of_others(self, stored: Iterable[Document]) -> ModelUsage:
        today = _day(self._clock())
        return total_usage(
            DayUsage.load(document.data).charged
            for document in stored
            if document.data["day"] == today and document.data["run_id"] != self._run_id
        )


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
