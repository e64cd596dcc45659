"""How far the asking of a classification's run is, as its score step's document holds it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Self

from landfall.runs.documents import RunFields
from landfall.runs.steps import Progress
from landfall.store.documents import Fields


@dataclass(frozen=True)
class AskCursor:
    """How far a run's asking is.

    The `plan` documents name the elements that are asked about, by group; None before there is
    one. `good` and `bad` mark, by their places in it, those of which there is a good answer and
    those of which there is none: a bit each, in hex. They are this run's own: another run may have
    written an element meanwhile. `spent` is the limit of the budget that ended the asking, and
    `batches` is where the scan's batches are, if it asks in such.
    """

    plan: int | None = None
    planned: int = 0
    good: str = "0"
    bad: str = "0"
    spent: str | None = None
    batches: tuple[Fields, ...] = ()

    @classmethod
    def load(cls, stored: Fields | None) -> Self:
        """Read a step's cursor."""
        return cls(**(stored or {}))

    def store(self) -> Fields:
        """Return the cursor as the step's document holds it."""
        return asdict(self)

    @property
    def answered(self) -> int:
        """Elements with a good answer."""
        return int(self.good, 16).bit_count()

    @property
    def failed(self) -> int:
        """Elements without."""
        return int(self.bad, 16).bit_count()

    @property
    def share(self) -> float:
        """How much of what was planned is done."""
        return (self.answered + self.failed) / max(1, self.planned)

    def run_fields(self, progress: Progress) -> RunFields:
        """Return the fields of the run that say so."""
        counts = {"classified": self.answered, "failed": self.failed}
        return {"counts": counts, "progress_pct": progress.at(self.share)}

    def waits(self, place: int) -> bool:
        """Whether nothing has come of the element at this place."""
        return not (int(self.good, 16) | int(self.bad, 16)) >> place & 1

    def with_marks(self, good: Iterable[int], bad: Iterable[int]) -> Self:
        """Something has come of the elements at these places."""
        return replace(self, good=_marked(self.good, good), bad=_marked(self.bad, bad))


def _marked(marks: str, places: Iterable[int]) -> str:
    bits = int(marks, 16)
    for place in places:
        bits |= 1 << place
    return f"{bits:x}"


def places_in(marks: str) -> list[int]:
    """The places that are marked."""
    return [place for place, bit in enumerate(reversed(f"{int(marks, 16):b}")) if bit == "1"]


def plan_path(run_path: str, number: int) -> str:
    """Return the path of a part of a run's agenda."""
    return f"{run_path}/results/plan-{number:06d}"
