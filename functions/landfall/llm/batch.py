"""Batches of questions: the interface to a service that answers them within a day.

upload a file of questions ──> create a batch of it ──> retrieve it from time to time ──> results
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from landfall.deadlines import Deadline
from landfall.llm.questions import Question


class BatchStatus(StrEnum):
    """Status of a batch, as OpenAI names it: platform.openai.com/docs/guides/batch."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


BATCH_ENDED = frozenset(
    {BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED}
)


@dataclass(frozen=True)
class Batch:
    """State of a batch when it was retrieved. `files` hold its results, once it has ended.

    `problem` has the code and message of one that `failed`.
    """

    id: str
    status: BatchStatus
    done: int
    total: int
    files: Sequence[str] = ()
    problem: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class BatchResult:
    """Result of one question: the HTTP `status` and `body`; `status` is None without an answer."""

    hash: str
    status: int | None
    body: bytes


class BatchService(Protocol):
    """A service that answers batches of questions. Close it after use.

    Every call ends by its deadline. Raises `StepError`.
    """

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def effort(self) -> str | None:
        """Reasoning effort before the answer."""
        ...

    def line(self, hash_: str, question: Question[Any]) -> bytes:
        """Return a question as a line of the file. Its result will carry this hash."""
        ...

    async def upload(self, lines: bytes, name: str, deadline: Deadline) -> str:
        """Store a file of questions. Return its id."""
        ...

    async def create(self, file_id: str, key: str, deadline: Deadline) -> str:
        """Create a batch of a file, labelled with `key`. Return its id. Not idempotent."""
        ...

    async def find(self, key: str, deadline: Deadline) -> str | None:
        """Return the id of the batch that was created with this key, if there is one."""
        ...

    async def retrieve(self, batch_id: str, deadline: Deadline) -> Batch:
        """Return the present state of a batch."""
        ...

    async def results(self, file_id: str, deadline: Deadline) -> Sequence[BatchResult]:
        """Read a file of results."""
        ...

    async def cancel(self, batch_id: str, deadline: Deadline) -> None:
        """Cancel a batch, if it has not ended. Answers up to then remain available."""
        ...

    async def delete_file(self, file_id: str, deadline: Deadline) -> None:
        """Delete a file at the service."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
