"""Checker of a model's questions: no run pays for an answer that is already stored."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from landfall.llm.model_settings import ModelSettings
from landfall.process.config import VARIABLES
from tests.fakes.memory_store import MemoryStore

MODEL = VARIABLES["LANDFALL_MODEL"].default
EFFORT = ModelSettings().effort_for(MODEL)
"""Default model of scans, and its effort."""


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


def counted_again(memory: MemoryStore, kinds: Collection[str], calls: int) -> Iterator[str]:
    """Yield a message if runs of these kinds count more calls than there were."""
    counts = [run.data["counts"] for run in memory.all("runs") if run.data["kind"] in kinds]
    counted = sum(count.get("model_calls", 0) for count in counts)
    if counted > calls:
        yield f"runs count {counted} calls of the model, which had {calls}"
