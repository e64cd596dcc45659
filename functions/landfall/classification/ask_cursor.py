"""The cursor of a classification's score step."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Self

from landfall.runs.documents import RunFields
from landfall.runs.steps import Progress
from landfall.store.documents import Fields


@dataclass(frozen=True)
class AskCursor:
    """The progress of a run's asking.

    `plan` is the number of documents with the agenda: the elements to ask about, in groups; None
    before it is made. `good` and `bad` mark the elements with and without a good answer, by their
    places in the agenda: a bit each, in hex. They are the run's own, since another run may write an
    element meanwhile. `spent` is the limit of the budget that ended the asking. `batches` is the
    state of the run's batches, if any.
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
        """Return the cursor as stored."""
        return asdict(self)

    @property
    def answered(self) -> int:
        """The elements with a good answer."""
        return int(self.good, 16).bit_count()

    @property
    def failed(self) -> int:
        """The elements without one."""
        return int(self.bad, 16).bit_count()

    @property
    def share(self) -> float:
        """The share of the agenda that is done."""
        return (self.answered + self.failed) / max(1, self.planned)

    def run_fields(self, progress: Progress) -> RunFields:
        """Return the run's fields with this progress."""
        counts = {"classified": self.answered, "failed": self.failed}
        return {"counts": counts, "progress_pct": progress.at(self.share)}

    def waits(self, place: int) -> bool:
        """Return whether the element at this place has no outcome yet."""
        return not (int(self.good, 16) | int(self.bad, 16)) >> place & 1

    def with_marks(self, good: Iterable[int], bad: Iterable[int]) -> Self:
        """Return the cursor with the outcomes of the elements at these places."""
        return replace(self, good=_marked(self.good, good), bad=_marked(self.bad, bad))


def _marked(marks: str, places: Iterable[int]) -> str:
    bits = int(marks, 16)
    for place in places:
        bits |= 1 << place
    return f"{bits:x}"


def places_in(marks: str) -> list[int]:
    """Return the marked places."""
    return [place for place, bit in enumerate(reversed(f"{int(marks, 16):b}")) if bit == "1"]


def plan_path(run_path: str, number: int) -> str:
    """Return the path of a part of a run's agenda."""
    return f"{run_path}/results/plan-{number:06d}"
