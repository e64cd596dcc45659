"""Questions that a model's service answers in its own time: what the use case needs of it.

upload a file of questions ──> create a batch of it ──> look now and then ──> results
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from landfall.deadlines import Deadline
from landfall.llm.questions import Question


class BatchStatus(StrEnum):
    """Where a batch is, as OpenAI names it: platform.openai.com/docs/guides/batch."""

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
    """A batch as it was seen. `files` hold what came of its questions, once it has ended.

    `problem` says why one `failed`: its code and message.
    """

    id: str
    status: BatchStatus
    done: int
    total: int
    files: Sequence[str] = ()
    problem: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class BatchResult:
    """What came of one question: an answer's `status` and `body`, or no answer (`status` None)."""

    hash: str
    status: int | None
    body: bytes


class BatchService(Protocol):
    """Answers batches of questions. Close it.

    Every call ends by its deadline. Raises `StepError`.
    """

    @property
    def name(self) -> str:
        """The model that is asked."""
        ...

    @property
    def effort(self) -> str | None:
        """How long it is to think before it answers."""
        ...

    def line(self, hash_: str, question: Question[Any]) -> bytes:
        """A question as a line of the file; its results come under this hash."""
        ...

    async def upload(self, lines: bytes, name: str, deadline: Deadline) -> str:
        """Store a file of questions; its id."""
        ...

    async def create(self, file_id: str, mark: str, deadline: Deadline) -> str:
        """Begin a batch over a file, to be known by `mark`; its id. Not idempotent."""
        ...

    async def find(self, mark: str, deadline: Deadline) -> str | None:
        """The id of the batch that was created with this mark, if one was."""
        ...

    async def look(self, batch_id: str, deadline: Deadline) -> Batch:
        """The batch as it is now."""
        ...

    async def results(self, file_id: str, deadline: Deadline) -> Sequence[BatchResult]:
        """What a file of results says."""
        ...

    async def cancel(self, batch_id: str, deadline: Deadline) -> None:
        """Stop it, if it has not ended; what was answered by then can be had."""
        ...

    async def forget(self, file_id: str, deadline: Deadline) -> None:
        """Delete a file: nothing of ours needs to stay there."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
