"""The task that invokes a worker, and the interface of the queue that delivers it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from landfall.reasons import LandfallError
from landfall.runs.steps import TELL, StepId


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
        return _name(f"{self.run_id}-{self.step_id}-{self.attempt}-{self.dispatch}")

    @property
    def body(self) -> dict[str, str | int]:
        """The content of the request to the worker."""
        return {"run_id": self.run_id, "step_id": self.step_id, "attempt": self.attempt}


@dataclass(frozen=True)
class MessageTask(Task):
    """A request to send one message of the outbox (`runs.outbox`), fenced as that of a step."""

    message_id: str = ""

    @classmethod
    def of(cls, message_id: str, attempt: int, dispatch: int, at: datetime) -> "MessageTask":
        """Return the task of a message, whose id begins with that of its run."""
        return cls(message_id.rpartition(".")[0], TELL, attempt, dispatch, at, message_id)

    @property
    def name(self) -> str:
        """The name in the queue, as that of a step's task."""
        return _name(f"{self.message_id.replace('.', '--')}-tell-{self.attempt}-{self.dispatch}")

    @property
    def body(self) -> dict[str, str | int]:
        """The content of the request to the worker."""
        return {**super().body, "message_id": self.message_id}


def _name(readable: str) -> str:
    return f"{hashlib.sha256(readable.encode()).hexdigest()[:8]}-{readable}"


class QueueError(LandfallError):
    """The queue did not take a task, or did not confirm it."""


class TaskQueue(Protocol):
    """Cloud Tasks, or a fake of it."""

    async def enqueue(self, task: Task) -> None:
        """Have the task delivered at its time. A task of this name that exists is success.

        Raises `QueueError`.
        """
        ...
