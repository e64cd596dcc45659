"""Questions to a language model, and what comes of them: what the kinds of scan ask with.

A `Question` has an answer's shape and a check of it by code; a `Model` answers it once, or raises.
`asking` asks many of them, and makes a `Reply` of each.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from landfall.deadlines import Deadline
from landfall.llm.quoting import fenced
from landfall.reasons import Reason, StepError
from landfall.store.documents import Fields

T = TypeVar("T", bound=BaseModel)

BYTES_A_TOKEN = 3
"""Bytes of UTF-8 that a token has at least on the average: English has more than 4, Chinese 3."""

FRAME_TOKENS = 64
"""Tokens around a question that are none of its text: roles, and the schema's wrapping."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with an answer.

    The message says where and what, for a person and for the model when it is asked again. It must
    not repeat what the model wrote: that may be somebody's text, meant to be read as an order.
    """

    reason: Reason
    message: str


@dataclass(frozen=True)
class Usage:
    """Tokens that an answer is paid for.

    `cached` are those of `asked` that cost less, `written` those that cost more as they were put
    into the cache.
    """

    asked: int = 0
    answered: int = 0
    cached: int = 0
    written: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.asked + other.asked,
            self.answered + other.answered,
            self.cached + other.cached,
            self.written + other.written,
        )

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.asked + self.answered


@dataclass(frozen=True)
class RateLimits:
    """What may still be asked, by the headers of an answer, and seconds until all of it may be.

    `requests` and `tokens` are what a minute allows. None where a header says nothing.
    """

    requests_left: int | None = None
    requests_reset: float | None = None
    tokens_left: int | None = None
    tokens_reset: float | None = None
    requests: int | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Receipt:
    """What came with an answer, a good or a failed one: who gave it, what it cost, how long it
    took, and what may still be asked."""

    model: str
    usage: Usage
    limits: RateLimits
    seconds: float


@dataclass(frozen=True)
class Answer(Receipt, Generic[T]):
    """A complete answer of the shape that was asked for. `model` is the one that gave it."""

    content: T = field(repr=False)


class FailedAnswerError(StepError):
    """The model answered, and it is paid for, but it is not what was asked for."""

    def __init__(self, reason: Reason, message: str, receipt: Receipt) -> None:
        super().__init__(reason, message)
        self.receipt = receipt


def _nothing_wrong(_: Any) -> Sequence[Problem]:
    return ()


@dataclass(frozen=True)
class Question(Generic[T]):
    """One question, which needs no other to be understood.

    `key` names it within the run. `instructions` are ours alone; `text` is what they are about,
    with everything that is not ours in a fence (`fencing.fenced`). Whoever changes the
    instructions, or what `problems` lets pass, gives another `prompt_version`. `max_tokens` bounds
    the answer, what a model thinks before it included.

    `problems` checks an answer of the right shape by code: ids that were asked for, evidence that
    is in the input. What it finds is never a result. It looks at the answer and nothing else, so
    that it finds the same when a kept answer is looked at again.
    """

    key: str
    shape: type[T]
    instructions: str = field(repr=False)
    text: str = field(repr=False)
    prompt_version: str
    max_tokens: int
    problems: Callable[[T], Sequence[Problem]] = field(
        default=_nothing_wrong, repr=False, compare=False
    )

    @property
    def schema(self) -> str:
        """The JSON schema of the answer's shape, as text."""
        return _schema(self.shape)

    def hash(self, model: str, effort: str | None) -> str:
        """32 hex digits of everything that an answer depends on: unchanged, it is kept."""
        asked = [model, effort, self.prompt_version, self.instructions, self.schema, self.text]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]

    def worst_case(self) -> Usage:
        """As many tokens as it may cost, as far as that can be told before it is asked."""
        texts = (self.instructions, self.text, self.schema)
        size = sum(len(text.encode(errors="replace")) for text in texts)
        return Usage(size // BYTES_A_TOKEN + FRAME_TOKENS, self.max_tokens)

    def again(self, wrong: Problem) -> "Question[T]":
        """The same question once more, after an answer with which this was wrong."""
        if wrong.reason == Reason.MODEL_TIMEOUT:
            return self
        told = fenced("what was wrong", wrong.message, REPAIR_MOST)
        text = f"{self.text}\n\n{_AGAIN}\n{told}"
        longer = wrong.reason == Reason.MODEL_TRUNCATED
        return replace(self, text=text, max_tokens=self.max_tokens * (2 if longer else 1))


@functools.lru_cache(maxsize=32)
def _schema(shape: type[BaseModel]) -> str:
    return json.dumps(shape.model_json_schema(), sort_keys=True)


REPAIR_MOST = 1_000
"""Characters of what was wrong that a repair's question says."""

_AGAIN = (
    "An earlier answer to this could not be used. A program's remarks on it follow. Answer all of "
    "it once more, completely, in the shape that was asked for, and keep it short."
)


@dataclass(frozen=True)
class Reply(Generic[T]):
    """What came of a question: `content`, or the `failure` for which there is none.

    `usage`, `dollars` and `seconds` are those of all its attempts. `dollars` is None where the
    model's price is not known. `ours` says that this run has paid for it; the other replies were
    kept by an earlier run and cost this one nothing. `hash` is the id of the kept answer. `model`
    is the one that answered, as it calls itself; that which was asked, where none did.
    """

    key: str
    content: T | None = field(repr=False)
    failure: Problem | None
    model: str
    prompt_version: str
    attempt: int
    usage: Usage
    dollars: float | None
    seconds: float
    hash: str
    ours: bool

    def fields(self) -> Fields:
        """Where it comes from and what it cost, for the documents of what was made of it."""
        return {
            "model": self.model,
            "prompt_version": self.prompt_version,
            "attempt": self.attempt,
            "tokens_asked": self.usage.asked,
            "tokens_answered": self.usage.answered,
            "tokens_cached": self.usage.cached,
            "dollars": self.dollars,
            "seconds": round(self.seconds, 3),
            "answer": self.hash,
        }


class Model(Protocol):
    """Answers questions. Close it."""

    @property
    def name(self) -> str:
        """The model that is asked; an answer's `model` may be a dated one of it."""
        ...

    @property
    def effort(self) -> str | None:
        """How long it is to think before it answers; None leaves that to the model."""
        ...

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """The answer, by the deadline. Raises `FailedAnswerError`, `StepError`."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
