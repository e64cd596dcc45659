"""The report of a run: its verdict, its counts, and why it is inconclusive."""

from dataclasses import dataclass

from landfall.runs.documents import Verdict
from landfall.store.documents import Fields


@dataclass(frozen=True)
class RunReport:
    """A run's end. `fields` are its `report`."""

    verdict: Verdict
    counts: Fields
    inconclusive: list[Fields]
    fields: Fields
