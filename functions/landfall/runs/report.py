"""The report of a run: its verdict, its counts, and what was not evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass

from landfall.runs.documents import RunFields, Verdict
from landfall.store.documents import Fields


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


def verdict_of(worst: Verdict, inconclusive: Sequence[Fields]) -> Verdict:
    """Return the verdict of a run of any kind, from the worst that is certain and what is lacking.

    `critical` stands whatever was not evaluated: nothing could be worse. Anything milder is known
    only of a complete run; what was not evaluated may be worse.
    """
    return "inconclusive" if inconclusive and worst != "critical" else worst
