"""The task that invokes a worker, and the interface of the queue that delivers it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from landfall.reasons import LandfallError
from landfall.runs.steps import StepId


@dataclass(frozen=True)
class Task:
    """A request to claim one attempt of a step. It has only ids; the rest is in Firestore.

    `attempt` is the number of the step's last claim, and fences the task: the next claim of the
    step makes it stale. `dispatch` counts how often the step was enqueued, so that a task that the
    queue lost can be sent again under another name.
    """

    run_id: str
    step_id: StepId
    attempt: int
    dispatch: int
    at: datetime

    @property
    def name(self) -> str:
        """The name in the queue, which is deterministic: enqueueing twice is enqueueing once.

        It begins with a hash because Cloud Tasks slows down on names that share a prefix.
        """
        readable = f"{self.run_id}-{self.step_id}-{self.attempt}-{self.dispatch}"
        return f"{hashlib.sha256(readable.encode()).hexdigest()[:8]}-{readable}"

    @property
    def body(self) -> dict[str, str | int]:
        """The content of the request to the worker."""
        return {"run_id": self.run_id, "step_id": self.step_id, "attempt": self.attempt}


class QueueError(LandfallError):
    """The queue did not take a task, or did not confirm it."""


class TaskQueue(Protocol):
    """Cloud Tasks, or a fake of it."""

    async def enqueue(self, task: Task) -> None:
        """Have the task delivered at its time. A task of this name that exists is success.

        Raises `QueueError`.
        """
        ...
