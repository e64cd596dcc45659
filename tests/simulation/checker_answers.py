"""Judges what was asked of a language model: nobody pays for what is kept already."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from landfall.llm.settings import ModelSettings
from landfall.process.config import VARIABLES
from tests.fakes.memory_store import MemoryStore

MODEL = VARIABLES["LANDFALL_MODEL"].default
EFFORT = ModelSettings().effort_for(MODEL)
"""The model of scans that name none, and how long it is to think."""


@dataclass(frozen=True)
class Paid:
    """A good answer that a model gave, by the id under which it is kept.

    `since` is when whoever asked for it began: what was kept by then, it could have found.
    """

    answer: str
    since: datetime


def paid_again(paid: Iterable[Paid], kept: Mapping[str, datetime]) -> Iterator[str]:
    """The answers that were asked for when they had been kept; `kept` says when each was."""
    for one in paid:
        if one.answer in kept and kept[one.answer] < one.since:
            yield f"paid for {one.answer} at {one.since}, kept since {kept[one.answer]}"


def counted_again(memory: MemoryStore, kinds: Collection[str], calls: int) -> Iterator[str]:
    """Runs of these kinds count more calls of a model than there were."""
    counts = [run.data["counts"] for run in memory.all("runs") if run.data["kind"] in kinds]
    said = sum(count.get("model_calls", 0) for count in counts)
    if said > calls:
        yield f"runs count {said} calls of the model, which had {calls}"
