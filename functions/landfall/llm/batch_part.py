"""A part of a step's questions: the range that one batch asks, as the step's cursor stores it."""

from dataclasses import dataclass, field
from datetime import datetime

from landfall.store.documents import Fields


@dataclass
class BatchPart:
    """A range of the questions, and the state of its batch. `worst` is its highest possible usage.

    `tries` counts the batches that failed because the account's queue was full.
    """

    first: int
    end: int = 0
    tries: int = 0
    file_id: str | None = None
    batch_id: str | None = None
    created_at: datetime | None = None
    done: bool = False
    worst: Fields = field(default_factory=dict)

    @property
    def call_name(self) -> str:
        """The name under which budgets count its batch."""
        return f"batch-{self.first}-{self.tries}"

    def mark(self, run_id: str) -> str:
        """Return the mark in the metadata of its batch, by which the batch is found again."""
        return f"{run_id}-{self.first}-{self.tries}"
