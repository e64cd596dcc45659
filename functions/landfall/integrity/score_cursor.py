"""How far the rules of a run are scored, and what its write step has to write."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from landfall.store.documents import Fields


@dataclass
class ScoreCursor:
    """How far a run was scored.

    `parts` documents hold the reports of the first `rules_done` rules. `published` is the
    number of the ledger once it is written; of its entries, the first `followed` have documents.
    `work` documents hold what is to be written back.
    """

    rules_done: int = 0
    parts: int = 0
    published: int | None = None
    followed: int = 0
    work: int = 0

    def store(self) -> Fields:
        """Return the cursor as the step's document holds it."""
        return asdict(self)


@dataclass(frozen=True)
class WorkList:
    """What the write step has to write: so many documents of entries, of the ledger's number."""

    documents: int
    ledger: int | None

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """Read what a score step left. Further names, which a cursor has, are passed over."""
        return cls(stored["work"], stored["published"])

    def store(self) -> Fields:
        """Return it as the run holds it."""
        return {"work": self.documents, "published": self.ledger}
