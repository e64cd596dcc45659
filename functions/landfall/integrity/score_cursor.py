"""The cursor of the score step of an integrity scan, and its handover to the write step."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from landfall.store.documents import Fields


@dataclass
class ScoreCursor:
    """The progress of a score step.

    `parts` documents have the reports of the first `rules_done` rules. `published` is the number of
    the ledger once it is written; its first `followed` entries have documents. `work` documents
    have the findings to write back.
    """

    rules_done: int = 0
    parts: int = 0
    published: int | None = None
    followed: int = 0
    work: int = 0

    def store(self) -> Fields:
        """Return the cursor as stored."""
        return asdict(self)


@dataclass(frozen=True)
class WorkList:
    """The work of the write step: the number of documents with entries, and that of the ledger."""

    documents: int
    ledger: int | None

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """Read a handover. Further names, which a cursor has, are ignored."""
        return cls(stored["work"], stored["published"])

    def store(self) -> Fields:
        """Return the handover as stored."""
        return {"work": self.documents, "published": self.ledger}
