"""The report of a run: its verdict, its counts, and why it is inconclusive."""

from dataclasses import dataclass

from landfall.runs.documents import RunFields, Verdict
from landfall.store.documents import Fields


@dataclass(frozen=True)
class RunReport:
    """The results of a run. `fields` are stored as its `report`."""

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
            "inconclusive": self.inconclusive,
            "report": self.fields,
        }
