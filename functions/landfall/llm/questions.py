"""Questions to a language model, and their replies.

A `Question` has the shape of its answer, and a check by code. A `Model` answers it once, or raises.
`session.Asking` asks many of them, and returns a `Reply` for each.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from landfall.deadlines import Deadline
from landfall.llm.quoting import quote_untrusted
from landfall.llm.usage import ModelUsage, TokenUsage
from landfall.reasons import Reason, StepError
from landfall.store.documents import Fields

T = TypeVar("T", bound=BaseModel)

BYTES_PER_TOKEN = 3
"""Bytes of UTF-8 in a token, as the lowest average: English has more than 4, Chinese 3."""

OVERHEAD_TOKENS = 64
"""Tokens of a prompt outside its texts: the roles, and what wraps the schema."""


@dataclass(frozen=True)
class Problem:
    """A defect of an answer.

    The message names place and defect, for a person, and for the model in a repair. It must not
    repeat what the model wrote: that may be untrusted text, meant to be read as an instruction.
    """

    reason: Reason
    message: str


@dataclass(frozen=True)
class RateLimits:
    """Rate limits by the headers of an answer: what is left, and seconds until all is available.

    `requests` and `tokens` are the limits per minute. None stands for a missing header.
    """

    requests_left: int | None = None
    requests_reset: float | None = None
    tokens_left: int | None = None
    tokens_reset: float | None = None
    requests: int | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Receipt:
    """Metadata of a good or failed answer: the model that gave it, its tokens, the rate limits
    after it, and the seconds that it took."""

    model: str
    usage: TokenUsage
    limits: RateLimits
    seconds: float


@dataclass(frozen=True)
class Answer(Receipt, Generic[T]):
    """A complete answer of the requested shape. `model` is the one that gave it."""

    content: T = field(repr=False)


class FailedAnswerError(StepError):
    """The model answered, but not what was asked for. The answer is paid for."""

    def __init__(self, reason: Reason, message: str, receipt: Receipt) -> None:
        super().__init__(reason, message)
        self.receipt = receipt


class UnsentQuestionError(StepError):
    """The question did not reach the service, and costs nothing."""


_UNANSWERED = frozenset({Reason.MODEL_TIMEOUT, Reason.MODEL_UNREACHABLE, Reason.MODEL_MALFORMED})


def may_be_paid(error: StepError) -> bool:
    """Return whether a call that ended in this error, without a receipt, may be paid for.

    A service that refuses a question does not bill it.
    """
    return error.reason in _UNANSWERED and not isinstance(error, UnsentQuestionError)


def _no_problems(_: Any) -> Sequence[Problem]:
    return ()


@dataclass(frozen=True)
class Question(Generic[T]):
    """One question, independent of all others.

    `key` identifies it within the run. `instructions` are trusted; `text` is their subject, with
    all untrusted parts quoted (`quoting.quote_untrusted`). A change of the instructions, or of the
    answers that `problems` accepts, takes a new `prompt_version`. `max_tokens` limits the answer
    with the reasoning before it.

    `problems` checks an answer of the right shape by code: requested ids, evidence that is in the
    input. An answer with problems is never a result. The check depends on the answer alone, so that
    it finds the same in a stored one.
    """

    key: str
    shape: type[T]
    instructions: str = field(repr=False)
    text: str = field(repr=False)
    prompt_version: str
    max_tokens: int
    problems: Callable[[T], Sequence[Problem]] = field(
        default=_no_problems, repr=False, compare=False
    )

    @property
    def schema(self) -> str:
        """JSON schema of the answer's shape, as text."""
        return _schema(self.shape)

    def hash(self, model: str, effort: str | None) -> str:
        """Return 32 hex digits of all that an answer depends on: the key of the stored answer."""
        asked = [model, effort, self.prompt_version, self.instructions, self.schema, self.text]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]

    def worst_case(self) -> TokenUsage:
        """Estimate the highest possible usage, before the question is sent."""
        texts = (self.instructions, self.text, self.schema)
        size = sum(len(text.encode(errors="replace")) for text in texts)
        return TokenUsage(size // BYTES_PER_TOKEN + OVERHEAD_TOKENS, self.max_tokens)

    def repair(self, problem: Problem) -> "Question[T]":
        """Return the question for a retry after an answer with this problem."""
        if problem.reason == Reason.MODEL_TIMEOUT:
            return self
        quoted = quote_untrusted("what was wrong", problem.message, MAX_REPAIR_CHARACTERS)
        text = f"{self.text}\n\n{_REPAIR_PROMPT}\n{quoted}"
        truncated = problem.reason == Reason.MODEL_TRUNCATED
        return replace(self, text=text, max_tokens=self.max_tokens * (2 if truncated else 1))


@functools.lru_cache(maxsize=32)
def _schema(shape: type[BaseModel]) -> str:
    return json.dumps(shape.model_json_schema(), sort_keys=True)


MAX_REPAIR_CHARACTERS = 1_000
"""Characters of a problem's message that a repair quotes."""

_REPAIR_PROMPT = (
    "An earlier answer to this could not be used. A program's remarks on it follow. Answer all of "
    "it once more, completely, in the shape that was asked for, and keep it short."
)


@dataclass(frozen=True)
class Reply(Generic[T]):
    """Result of a question: its `content`, or the `failure` that prevented it.

    `usage`, `dollars` and `seconds` cover all attempts. `dollars` is None where the model's price
    is not known. `paid_by_run` is false for an answer that an earlier run has stored, which costs
    this one nothing. `hash` is the id of the stored answer. `model` is the name that the answering
    model gives itself, or the requested one where none answered. `receipt` is the usage of the last
    attempt, where it is known; `older` states that a Landfall without receipts stored it.
    """

    key: str
    content: T | None = field(repr=False)
    failure: Problem | None
    model: str
    prompt_version: str
    attempt: int
    usage: TokenUsage
    dollars: float | None
    seconds: float
    hash: str
    paid_by_run: bool
    receipt: ModelUsage | None = None
    older: bool = False

    def fields(self) -> Fields:
        """Return origin and cost, for the documents that are made of the content."""
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
    """A language model that answers questions. Close it after use."""

    @property
    def name(self) -> str:
        """Name of the requested model; the `model` of an answer may be a dated version of it."""
        ...

    @property
    def effort(self) -> str | None:
        """Reasoning effort before the answer; None leaves it to the model."""
        ...

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """Answer a question by the deadline. Raises `FailedAnswerError`, `StepError`."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
