"""The report of a run: its verdict, its counts, and why it is inconclusive."""

from dataclasses import dataclass

from landfall.runs.documents import RunFields, Verdict
from landfall.store.documents import Fields


@dataclass(frozen=True)
class RunReport:
    """A run's end. `fields` are its `report`."""

    verdict: Verdict
    counts: Fields
    inconclusive: list[Fields]
    fields: Fields

    def run_fields(self, progress_pct: int) -> RunFields:
        """Return the fields of the run that say so."""
        return {
            "progress_pct": progress_pct,
            "counts": self.counts,
            "verdict": self.verdict,
            "inconclusive": self.inconclusive,
            "report": self.fields,
        }
