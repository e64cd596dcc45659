"""The task that invokes a worker, and what Landfall needs from a queue."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from landfall.reasons import LandfallError
from landfall.runs.steps import StepId


@dataclass(frozen=True)
class Task:
    """An invitation to claim one attempt of a step. Only ids travel; the rest is in Firestore.

    `attempt` is the number of the step's last claim, and is what fences the task: once somebody
    has claimed the step again, it is stale. `dispatch` counts the times the step was enqueued,
    so that a task that the queue lost can be sent again under another name.
    """

    run_id: str
    step_id: StepId
    attempt: int
    dispatch: int
    at: datetime

    @property
    def name(self) -> str:
        """Deterministic, so that enqueueing twice is enqueueing once.

        It begins with a hash because Cloud Tasks slows down on names that share a prefix.
        """
        readable = f"{self.run_id}-{self.step_id}-{self.attempt}-{self.dispatch}"
        return f"{hashlib.sha256(readable.encode()).hexdigest()[:8]}-{readable}"

    @property
    def body(self) -> dict[str, str | int]:
        """What the worker is sent."""
        return {"run_id": self.run_id, "step_id": self.step_id, "attempt": self.attempt}


class QueueError(LandfallError):
    """The queue did not take a task, or did not say whether it did."""


class TaskQueue(Protocol):
    """Cloud Tasks, or what stands in for it."""

    async def enqueue(self, task: Task) -> None:
        """Have the task delivered at its moment. A task of this name that is there is success.

        Raises `QueueError`.
        """
        ...
