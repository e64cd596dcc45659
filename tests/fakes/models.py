"""A fake language model: it answers by a rule of the test, after a given time.

It uses the clock of the event loop, also a virtual one, and times out at a question's deadline like
the real client. It records the questions, and how many were in flight.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from landfall.deadlines import Deadline
from landfall.llm.model_settings import Effort, ModelSettings
from landfall.llm.questions import (
    Answer,
    FailedAnswerError,
    Problem,
    Question,
    RateLimits,
    Receipt,
)
from landfall.llm.usage import TokenUsage
from landfall.reasons import Reason, StepError

T = TypeVar("T", bound=BaseModel)

Rule = Callable[[Question[Any]], BaseModel | Problem | StepError]
"""Answer to a question: a good one, a failed one that is paid for (`Problem`), or an error."""


@dataclass
class FakeModel:
    """A `Model`. An answer takes `seconds`, and its headers have the limits."""

    rule: Rule
    seconds: float = 0.0
    limits: RateLimits = field(default_factory=RateLimits)
    name: str = "gpt-6-luna"
    effort: Effort | None = None
    asked: list[Question[Any]] = field(default_factory=list)
    in_flight: int = 0
    max_in_flight: int = 0
    closed: bool = False

    def open(self, _: ModelSettings) -> "FakeModel":
        """Return itself, as a factory for `Asking`."""
        return self

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """As `Model.ask`."""
        self.asked.append(question)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            async with deadline.limit():
                await asyncio.sleep(self.seconds)
        except TimeoutError:
            raise StepError(Reason.MODEL_TIMEOUT, "the fake model is slow") from None
        finally:
            self.in_flight -= 1
        return self._answer(question)

    def _answer(self, question: Question[T]) -> Answer[T]:
        made = self.rule(question)
        if isinstance(made, StepError):
            raise made
        usage = TokenUsage(question.worst_case().asked, 0 if isinstance(made, Problem) else 10)
        receipt = Receipt(f"{self.name}-fake", usage, self.limits, self.seconds)
        if isinstance(made, Problem):
            raise FailedAnswerError(made.reason, made.message, receipt)
        assert isinstance(made, question.shape)
        return Answer(**vars(receipt), content=made)

    async def close(self) -> None:
        """As `Model.close`."""
        self.closed = True


class Verdict(BaseModel):
    """Shape of an answer."""

    word: Literal["yes", "no"]
    cites: str


def a_question(key: str = "q1", **changes: Any) -> Question[Verdict]:
    """Return a question whose answer must cite its text."""
    text = changes.get("text", f"Is {key} good?")

    def problems(verdict: Verdict) -> Sequence[Problem]:
        if verdict.cites in text:
            return ()
        return [Problem(Reason.MODEL_UNFOUNDED, "`cites` is not in the text")]

    values: dict[str, Any] = {
        "key": key,
        "shape": Verdict,
        "instructions": "Judge.",
        "text": text,
        "prompt_version": "1",
        "max_tokens": 100,
        "problems": problems,
    }
    return Question(**(values | changes))


def yes(question: Question[Any]) -> Verdict:
    """Answer yes, citing the text."""
    return Verdict(word="yes", cites=question.text[:5])
