"""Checker of a model's questions: each is paid for once, and what is paid is counted."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from landfall.llm.budget import DayUsage
from landfall.llm.model_settings import ModelSettings
from landfall.llm.usage import ModelUsage, TokenUsage, total_usage
from landfall.process.config import VARIABLES
from landfall.runs.lifecycle import RunStatus
from landfall.store.documents import Document
from tests.fakes.memory_store import MemoryStore

MODEL = VARIABLES["LANDFALL_MODEL"].default
"""Default model of scans."""

USAGE = TokenUsage(100, 50)
"""The tokens of each answer."""

EFFORT = ModelSettings().effort_for(MODEL)
"""The effort of it."""


@dataclass(frozen=True)
class Paid:
    """A good answer of a model, by the id under which it is stored.

    `since` is the start of the caller: it could have found any answer stored by then.
    """

    answer: str
    since: datetime


def paid_again(paid: Iterable[Paid], stored: Mapping[str, datetime]) -> Iterator[str]:
    """Yield answers that were asked for after they were stored, by the times in `stored`."""
    for one in paid:
        if one.answer in stored and stored[one.answer] < one.since:
            yield f"paid for {one.answer} at {one.since}, stored since {stored[one.answer]}"


def usage_of(documents: Iterable[Document]) -> tuple[ModelUsage, ModelUsage, ModelUsage]:
    """Return what is used, what of it is lost, and what budgets count."""
    days = [DayUsage.load(document.data) for document in documents]
    return (
        total_usage(day.used for day in days),
        total_usage(day.lost for day in days),
        total_usage(day.charged for day in days),
    )


def miscounted(
    memory: MemoryStore,
    runs: Iterable[Document],
    sold: Mapping[str, int],
    uninterrupted: Container[str],
) -> Iterator[str]:
    """Yield runs that count more or less than they paid for.

    `sold` are the answers that the model has given, by run. What a run has lost or left in flight
    may be paid for or not. Of those that nothing has interrupted, all of it is known.
    """
    for run in runs:
        of_scan = memory.all(f"scans/{run.data['scan_id']}/usage")
        used, lost, charged = usage_of(day for day in of_scan if day.data["run_id"] == run.id)
        calls, known = sold.get(run.id, 0), used - lost
        if not known.calls <= calls <= charged.calls:
            yield f"{run.id} paid for {calls} calls, knows of {known} and counts {charged}"
        if known.tokens != known.calls * USAGE.tokens or charged.tokens < calls * USAGE.tokens:
            yield f"{run.id} paid for {calls} calls, and counts the tokens of {known}, {charged}"
        if run.data["status"] != RunStatus.DONE:
            continue
        if run.id in uninterrupted and charged != known:
            yield f"{run.id} was not interrupted, and knows of {known} only, of {charged}"
        if run.data["counts"].get("model_calls", 0) != used.calls:
            yield f"{run.id} counts {run.data['counts']} in itself, and {used} in its usage"
