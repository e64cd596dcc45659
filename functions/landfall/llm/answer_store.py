"""Answers of a language model, kept as soon as they are paid for.

answers/{hash}                 a good answer; what was asked is in the hash, so it never changes
answers/{hash}-{run_id}-{n}    the n-th attempt that failed, of that run: the next run asks again

A good answer is good for every run and every scan: who asks the same finds it, and pays nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from landfall.llm.questions import (
    Answer,
    FailedAnswerError,
    Problem,
    Question,
    Receipt,
    Reply,
    Usage,
)
from landfall.reasons import Reason
from landfall.store.documents import ConflictError, Create, Document, Fields, Store, StoreError

T = TypeVar("T", bound=BaseModel)

KEPT_DAYS = 30
"""Days for which an answer is kept; Firestore deletes it after `expires_at`."""

ATTEMPTS = 2
"""Times that a question is asked in a run: once, and once more where that can help."""

COMMITS = 3
"""Tries to keep a paid answer, while the store does not answer."""

HOPELESS = frozenset({Reason.MODEL_REFUSED, Reason.MODEL_REJECTED})
"""What comes of asking once more is the same again."""


@dataclass(frozen=True)
class Turn(Generic[T]):
    """A question that waits for an answer: its how manieth attempt is next, and what the earlier
    ones came to and cost. `model` is the one that is asked, until one has answered."""

    question: Question[T]
    hash: str
    model: str
    attempt: int = 1
    failure: Problem | None = None
    usage: Usage = field(default_factory=Usage)
    dollars: float | None = 0.0
    seconds: float = 0.0

    def asked(self) -> Question[T]:
        """What is to be asked now."""
        return self.question.again(self.failure) if self.failure else self.question

    def failed(self, failure: Problem) -> "Turn[T]":
        """The turn after an attempt of this one that failed."""
        return replace(self, attempt=self.attempt + 1, failure=failure)

    @property
    def over(self) -> bool:
        """Whether there is no other attempt."""
        failure = self.failure
        return failure is not None and (self.attempt > ATTEMPTS or failure.reason in HOPELESS)


@dataclass(frozen=True)
class Payer:
    """Who pays for the answers: a run of a scan, and the worker that asks for it."""

    scan_id: str
    run_id: str
    worker: str


class Answers:
    """The kept answers, as a run sees them."""

    def __init__(self, store: Store, payer: Payer, model: str, effort: str | None) -> None:
        self._store = store
        self._payer = payer
        self._model = model
        self._effort = effort

    async def look_up(self, questions: Sequence[Question[T]]) -> list[Reply[T] | Turn[T]]:
        """Of each question, in their order: what was answered before, or its turn to be asked."""
        turns = [Turn(q, q.hash(self._model, self._effort), self._model) for q in questions]
        good = await self._store.read(*(_path(turn) for turn in turns)) if turns else []
        found = [
            (document and self._reply(turn, document)) or turn
            for turn, document in zip(turns, good, strict=True)
        ]
        missing = [turn for turn in found if isinstance(turn, Turn)]
        taken_up = dict(zip(map(id, missing), await self._attempts(missing), strict=True))
        return [taken_up.get(id(one), one) for one in found]

    async def _attempts(self, turns: Sequence[Turn[T]]) -> list[Reply[T] | Turn[T]]:
        """Where this run was with them, when it was interrupted."""
        paths = [self._failed_path(t, n) for t in turns for n in range(1, ATTEMPTS + 1)]
        failed = await self._store.read(*paths) if paths else []
        groups = [failed[at : at + ATTEMPTS] for at in range(0, len(failed), ATTEMPTS)]
        return [self._resumed(turn, group) for turn, group in zip(turns, groups, strict=True)]

    def _resumed(self, turn: Turn[T], attempts: Sequence[Document | None]) -> Reply[T] | Turn[T]:
        last = next((document for document in reversed(attempts) if document), None)
        if last is None:
            return turn
        failure = Problem(Reason(last.data["reason"]), last.data["message"])
        after = _costing(replace(turn, attempt=last.data["attempt"]).failed(failure), last.data)
        return self.failure_of(after) if after.over else after

    async def take(
        self,
        turn: Turn[T],
        answer: Answer[T] | FailedAnswerError,
        dollars: float | None,
        now: datetime,
    ) -> Reply[T] | Turn[T]:
        """Keep what was paid for, and then say what it is. Raises `StoreError`.

        `dollars` is what this attempt has cost.
        """
        receipt = answer.receipt if isinstance(answer, FailedAnswerError) else answer
        turn = _paid(turn, receipt, dollars)
        if isinstance(answer, FailedAnswerError):
            failure = Problem(answer.reason, answer.message)
            return await self.keep_failure(turn, failure, now)
        try:
            problems = turn.question.problems(answer.content)
        except Exception:  # a bug, and the answer is paid for
            await self._keep(turn, answer.content, now)
            raise
        if problems:
            told = "; ".join(problem.message for problem in problems)
            failure = Problem(problems[0].reason, told)
            return await self.keep_failure(turn, failure, now)
        return await self._keep(turn, answer.content, now)

    async def _keep(self, turn: Turn[T], content: T, now: datetime) -> Reply[T]:
        """Keep a good answer. Where one is there already, that is the reply."""
        fields = {"answer": content.model_dump_json(), "reason": None, "message": None}
        there = await self._create(_path(turn), self._fields(turn, now) | fields)
        kept = self._reply(turn, there) if there else None
        return kept or _reply(turn, content, None, ours=True)

    async def keep_failure(
        self, turn: Turn[T], failure: Problem, now: datetime
    ) -> Reply[T] | Turn[T]:
        """Keep what a failed attempt cost; its reply, or its next turn. Raises `StoreError`."""
        failed = {"answer": None, "reason": failure.reason, "message": failure.message}
        path = self._failed_path(turn, turn.attempt)
        await self._create(path, self._fields(turn, now) | failed)
        after = turn.failed(failure)
        return self.failure_of(after) if after.over else after

    def failure_of(self, turn: Turn[T]) -> Reply[T]:
        """The reply to a question that is not asked again."""
        before = replace(turn, attempt=turn.attempt - 1)
        return _reply(before, None, turn.failure, ours=True)

    async def _create(self, path: str, fields: Fields) -> Document | None:
        """Store what is paid for; what was there already, if anything was."""
        for last in range(COMMITS - 1, -1, -1):
            try:
                await self._store.commit([Create(path, fields)])
            except ConflictError:  # a redelivery's, or ours, whose commit seemed to fail
                (there,) = await self._store.read(path)
                return there
            except StoreError:
                if not last:
                    raise
            else:
                return None
        raise AssertionError

    def _fields(self, turn: Turn[T], now: datetime) -> Fields:
        return {
            "scan_id": self._payer.scan_id,
            "run_id": self._payer.run_id,
            "model": self._model,
            "effort": self._effort,
            "answered_by": turn.model,
            "prompt_version": turn.question.prompt_version,
            "attempt": turn.attempt,
            "usage": vars(turn.usage),
            "dollars": turn.dollars,
            "seconds": turn.seconds,
            "created_at": now,
            "expires_at": now + timedelta(days=KEPT_DAYS),
            "updated_at": now,
            "updated_by": self._payer.worker,
        }

    def _reply(self, turn: Turn[T], document: Document) -> Reply[T] | None:
        """The kept answer; None where it is not what is asked for by now."""
        try:
            content = turn.question.shape.model_validate_json(document.data["answer"], strict=True)
        except ValidationError:
            return None
        if turn.question.problems(content):
            return None
        kept = _costing(replace(turn, attempt=document.data["attempt"]), document.data)
        ours = document.data["run_id"] == self._payer.run_id
        return _reply(kept, content, None, ours=ours)

    def _failed_path(self, turn: Turn[T], attempt: int) -> str:
        return f"{_path(turn)}-{self._payer.run_id}-{attempt}"


def _path(turn: Turn[Any]) -> str:
    return f"answers/{turn.hash}"


def _paid(turn: Turn[T], receipt: Receipt, dollars: float | None) -> Turn[T]:
    """The turn with what its attempt has cost."""
    return replace(
        turn,
        model=receipt.model,
        usage=turn.usage + receipt.usage,
        dollars=None if turn.dollars is None or dollars is None else turn.dollars + dollars,
        seconds=turn.seconds + receipt.seconds,
    )


def _costing(turn: Turn[T], data: Fields) -> Turn[T]:
    return replace(
        turn,
        model=data["answered_by"],
        usage=Usage(**data["usage"]),
        dollars=data["dollars"],
        seconds=data["seconds"],
    )


def _reply(turn: Turn[T], content: T | None, failure: Problem | None, *, ours: bool) -> Reply[T]:
    return Reply(
        key=turn.question.key,
        content=content,
        failure=failure,
        model=turn.model,
        prompt_version=turn.question.prompt_version,
        attempt=turn.attempt,
        usage=turn.usage,
        dollars=turn.dollars,
        seconds=turn.seconds,
        hash=turn.hash,
        ours=ours,
    )
