"""The report of a run: its verdict, its counts, and what was not evaluated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from landfall.runs.documents import RunFields, Verdict
from landfall.store.documents import Fields
from landfall.store.limits import MAX_DOCUMENT_BYTES, document_bytes

D = TypeVar("D")

BESIDE_BYTES = 50_000
"""Bytes that a run's document of 1 MiB has beside its report and its handover."""


@dataclass(frozen=True)
class RunReport:
    """The results of a run. `fields` are stored as its `report`.

    `inconclusive` lists what was not evaluated, and why; a run without any is complete.
    """

    verdict: Verdict
    counts: Fields
    inconclusive: list[Fields]
    fields: Fields

    def run_fields(self, progress_pct: int) -> RunFields:
        """Return the fields of the run's document with these results."""
        return {
            "progress_pct": progress_pct,
            "counts": self.counts,
            "verdict": self.verdict,
            "complete": not self.inconclusive,
            "inconclusive": self.inconclusive,
            "report": self.fields,
        }


def within_room(
    make: Callable[[D], RunReport], details: Sequence[D], handover: Fields | None
) -> RunReport:
    """Return the report with the first of these details with which it fits into the run's document.

    They are given from the most to the fewest. `handover` is what the run hands to its step, in the
    same document.
    """
    room = MAX_DOCUMENT_BYTES - BESIDE_BYTES - document_bytes("", handover or {})
    *more, fewest = details
    for some in more:
        report = make(some)
        if document_bytes("", {**report.run_fields(0)}) <= room:
            return report
    return make(fewest)


def verdict_of(worst: Verdict, inconclusive: Sequence[Fields]) -> Verdict:
    """Return the verdict of a run of any kind, from the worst that is certain and what is lacking.

    `critical` stands whatever was not evaluated: nothing could be worse. Anything milder is known
    only of a complete run; what was not evaluated may be worse.
    """
    return "inconclusive" if inconclusive and worst != "critical" else worst
