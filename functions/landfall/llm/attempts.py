"""Attempts at a question: the next one, and the result and cost of earlier ones.

attempt 1 ── failed ──> attempt 2 (with what was wrong) ── failed ──> the reply is a failure
   │                       │
   └─────── good ──────────┴──> the reply
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel

from landfall.llm.questions import Problem, Question, Receipt, Reply
from landfall.llm.usage import ModelUsage, TokenUsage
from landfall.reasons import Reason

T = TypeVar("T", bound=BaseModel)

MAX_ATTEMPTS = 2
"""Attempts at a question in a run: one, and a retry where that can help."""

NOT_RETRIED = frozenset({Reason.MODEL_REFUSED, Reason.MODEL_REJECTED})
"""Reasons for which a retry would have the same result."""


@dataclass(frozen=True)
class PendingQuestion(Generic[T]):
    """A pending question: the number of the next attempt, and the result and cost of earlier ones.

    `model` is the one that is asked, until one has answered. `receipt` is the usage of the last
    attempt that is stored; None where it is not known. `older` states that this attempt was stored
    by a Landfall without receipts.
    """

    question: Question[T]
    hash: str
    model: str
    attempt: int = 1
    failure: Problem | None = None
    usage: TokenUsage = field(default_factory=TokenUsage)
    dollars: float | None = 0.0
    seconds: float = 0.0
    receipt: ModelUsage | None = None
    older: bool = False

    @property
    def call_name(self) -> str:
        """The name of the next attempt."""
        return call_name(self.hash, self.attempt)

    def next_question(self) -> Question[T]:
        """Return the question to send: the original one, or its repair."""
        return self.question.repair(self.failure) if self.failure else self.question

    @property
    def exhausted(self) -> bool:
        """Return whether no further attempt is made."""
        failure = self.failure
        return failure is not None and (
            self.attempt > MAX_ATTEMPTS or failure.reason in NOT_RETRIED
        )

    def after_failure(self, failure: Problem) -> Self:
        """Return the question after its present attempt has failed."""
        return replace(self, attempt=self.attempt + 1, failure=failure)

    def paid(self, receipt: Receipt, dollars: float | None) -> Self:
        """Add the cost of an attempt; `dollars` is None where the price is not known."""
        return replace(
            self,
            model=receipt.model,
            usage=self.usage + receipt.usage,
            dollars=None if self.dollars is None or dollars is None else self.dollars + dollars,
            seconds=self.seconds + receipt.seconds,
            receipt=ModelUsage.of(receipt.usage, dollars),
        )

    def unanswered(self) -> Self:
        """Return the question after an attempt without a receipt."""
        return replace(self, receipt=None)

    def restored(self, stored: Mapping[str, Any]) -> Self:
        """Return the question at a stored attempt, with the cost up to that one."""
        return replace(
            self,
            attempt=stored["attempt"],
            model=stored["answered_by"],
            usage=TokenUsage(**stored["usage"]),
            dollars=stored["dollars"],
            seconds=stored["seconds"],
            receipt=ModelUsage.load(stored["receipt"]) if stored.get("receipt") else None,
            older="receipt" not in stored,
        )

    def reply(self, content: T, *, paid_by_run: bool) -> Reply[T]:
        """Return the reply with a good answer."""
        return self._reply(content, None, self.attempt, paid_by_run=paid_by_run)

    def failed_reply(self) -> Reply[T]:
        """Return the reply that has no answer, after the last attempt."""
        return self._reply(None, self.failure, self.attempt - 1, paid_by_run=True)

    def _reply(
        self, content: T | None, failure: Problem | None, attempt: int, *, paid_by_run: bool
    ) -> Reply[T]:
        return Reply(
            key=self.question.key,
            content=content,
            failure=failure,
            model=self.model,
            prompt_version=self.question.prompt_version,
            attempt=attempt,
            usage=self.usage,
            dollars=self.dollars,
            seconds=self.seconds,
            hash=self.hash,
            paid_by_run=paid_by_run,
            receipt=self.receipt,
            older=self.older,
        )


def call_name(hash_: str, attempt: int) -> str:
    """Return the name of an attempt at a question: one call, as budgets count it."""
    return f"{hash_}-{attempt}"
