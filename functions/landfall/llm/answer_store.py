"""Cache of a language model's answers: each is stored as soon as it is paid for.

answers/{hash}                 a good answer; the hash covers the question, so it never changes
answers/{hash}-{run_id}-{n}    the n-th failed attempt of that run; the next run asks again

A good answer serves every run of every scan: whoever asks the same question finds it for free.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from landfall.llm.attempts import MAX_ATTEMPTS, PendingQuestion
from landfall.llm.questions import Answer, FailedAnswerError, Problem, Question, Reply
from landfall.reasons import Reason
from landfall.store.documents import (
    ConflictError,
    Create,
    Document,
    Fields,
    Store,
    StoreError,
    StoreRefusedError,
    both,
)

T = TypeVar("T", bound=BaseModel)

RETENTION_DAYS = 30
"""Days until Firestore deletes an answer, by its `expires_at`."""

MAX_ANSWER_BYTES = 2**18
"""Bytes of an answer that is stored, far more than `max_tokens` allow; a document has 2**20."""

MAX_MESSAGE_CHARACTERS = 2_000
"""Characters of a failure's message that are stored; an answer may have any number of problems."""

MAX_COMMIT_ATTEMPTS = 3
"""Attempts to store a paid answer while the store does not respond."""


@dataclass(frozen=True)
class Payer:
    """The run that pays for answers, its scan, and the worker that asks."""

    scan_id: str
    run_id: str
    worker: str


class AnswerStore:
    """The stored answers, as a run sees them."""

    def __init__(self, store: Store, payer: Payer, model: str, effort: str | None) -> None:
        self._store = store
        self._payer = payer
        self._model = model
        self._effort = effort

    async def look_up(
        self, questions: Sequence[Question[T]]
    ) -> list[Reply[T] | PendingQuestion[T]]:
        """Return for each question, in order, its stored reply or what is pending of it."""
        new = [
            PendingQuestion(q, q.hash(self._model, self._effort), self._model) for q in questions
        ]
        stored, failed = await both(self._read(map(_path, new)), self._read(self._failed(new)))
        attempts = [failed[at : at + MAX_ATTEMPTS] for at in range(0, len(failed), MAX_ATTEMPTS)]
        return [
            (document and self._stored_reply(pending, document)) or _resumed(pending, some)
            for pending, document, some in zip(new, stored, attempts, strict=True)
        ]

    async def _read(self, paths: Iterable[str]) -> list[Document | None]:
        some = [*paths]
        return await self._store.read(*some) if some else []

    def _failed(self, questions: Sequence[PendingQuestion[T]]) -> Iterator[str]:
        """Yield the paths of the attempts that an earlier invocation of this run may have made."""
        for pending in questions:
            for number in range(1, MAX_ATTEMPTS + 1):
                yield self._failed_path(pending, number)

    async def record(
        self,
        pending: PendingQuestion[T],
        answer: Answer[T] | FailedAnswerError,
        dollars: float | None,
        now: datetime,
    ) -> Reply[T] | PendingQuestion[T]:
        """Store a paid answer, then check it. Raises `StoreError`.

        `dollars` is the cost of this attempt. An answer that is too large to store is a failure.
        """
        receipt = answer.receipt if isinstance(answer, FailedAnswerError) else answer
        pending = pending.paid(receipt, dollars)
        if isinstance(answer, FailedAnswerError):
            failure = Problem(answer.reason, answer.message)
            return await self.record_failure(pending, failure, now)
        text = answer.content.model_dump_json()
        if len(text.encode()) > MAX_ANSWER_BYTES:
            message = f"the answer is larger than {MAX_ANSWER_BYTES} bytes"
            return await self.record_failure(pending, Problem(Reason.MODEL_MALFORMED, message), now)
        try:
            problems = pending.question.problems(answer.content)
        except Exception:  # a bug, and the answer is paid for
            await self._record_good(pending, answer.content, text, now)
            raise
        if problems:
            messages = "; ".join(problem.message for problem in problems)
            failure = Problem(problems[0].reason, messages)
            return await self.record_failure(pending, failure, now)
        return await self._record_good(pending, answer.content, text, now)

    async def _record_good(
        self, pending: PendingQuestion[T], content: T, text: str, now: datetime
    ) -> Reply[T]:
        """Store a good answer. One that is stored already takes precedence."""
        fields = {"answer": text, "reason": None, "message": None}
        existing = await self._create(_path(pending), self._fields(pending, now) | fields)
        stored = self._stored_reply(pending, existing) if existing else None
        return stored or pending.reply(content, paid_by_run=True)

    async def record_failure(
        self, pending: PendingQuestion[T], failure: Problem, now: datetime
    ) -> Reply[T] | PendingQuestion[T]:
        """Store a failed attempt. Return the reply, or the next attempt. Raises `StoreError`."""
        failure = Problem(failure.reason, failure.message[:MAX_MESSAGE_CHARACTERS])
        failed = {"answer": None, "reason": failure.reason, "message": failure.message}
        path = self._failed_path(pending, pending.attempt)
        await self._create(path, self._fields(pending, now) | failed)
        return _after_failure(pending, failure)

    async def _create(self, path: str, fields: Fields) -> Document | None:
        """Create a document. Return the existing one if there is one already."""
        for last in range(MAX_COMMIT_ATTEMPTS - 1, -1, -1):
            try:
                await self._store.commit([Create(path, fields)])
            except ConflictError:  # of a redelivery, or of our own commit that seemed to fail
                (existing,) = await self._store.read(path)
                return existing
            except StoreError as error:
                if not last or isinstance(error, StoreRefusedError):
                    raise
            else:
                return None
        raise AssertionError

    def _fields(self, pending: PendingQuestion[T], now: datetime) -> Fields:
        return {
            "scan_id": self._payer.scan_id,
            "run_id": self._payer.run_id,
            "model": self._model,
            "effort": self._effort,
            "answered_by": pending.model,
            "prompt_version": pending.question.prompt_version,
            "attempt": pending.attempt,
            "usage": vars(pending.usage),
            "dollars": pending.dollars,
            "seconds": pending.seconds,
            "receipt": vars(pending.receipt) if pending.receipt else None,
            "created_at": now,
            "expires_at": now + timedelta(days=RETENTION_DAYS),
            "updated_at": now,
            "updated_by": self._payer.worker,
        }

    def _stored_reply(self, pending: PendingQuestion[T], document: Document) -> Reply[T] | None:
        """Return the reply with a stored answer; None if it fails today's checks."""
        try:
            answer = document.data["answer"]
            content = pending.question.shape.model_validate_json(answer, strict=True)
        except ValidationError:
            return None
        if pending.question.problems(content):
            return None
        paid_by_run = document.data["run_id"] == self._payer.run_id
        return pending.restored(document.data).reply(content, paid_by_run=paid_by_run)

    def _failed_path(self, pending: PendingQuestion[T], attempt: int) -> str:
        return f"{_path(pending)}-{self._payer.run_id}-{attempt}"


def _path(pending: PendingQuestion[Any]) -> str:
    return f"answers/{pending.hash}"


def _resumed(
    pending: PendingQuestion[T], attempts: Sequence[Document | None]
) -> Reply[T] | PendingQuestion[T]:
    last = next((document for document in reversed(attempts) if document), None)
    if last is None:
        return pending
    failure = Problem(Reason(last.data["reason"]), last.data["message"])
    return _after_failure(pending.restored(last.data), failure)


def _after_failure(pending: PendingQuestion[T], failure: Problem) -> Reply[T] | PendingQuestion[T]:
    after = pending.after_failure(failure)
    return after.failed_reply() if after.exhausted else after
