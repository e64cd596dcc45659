"""A language model of our own: it answers by a rule that the test gives, after its own time.

It keeps the time of the event loop, also a virtual one, and gives up at a question's deadline as
the real edge does. What it was asked, and how many questions it had at once, can be looked at.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from landfall.deadlines import Deadline
from landfall.llm.questions import (
    Answer,
    FailedAnswerError,
    Problem,
    Question,
    RateLimits,
    Receipt,
    Usage,
)
from landfall.llm.settings import Effort, ModelSettings
from landfall.reasons import Reason, StepError

T = TypeVar("T", bound=BaseModel)

Rule = Callable[[Question[Any]], BaseModel | Problem | StepError]
"""What the model makes of a question: an answer, a paid one that is none (`Problem`), or an error.
"""


@dataclass
class FakeModel:
    """A `Model`. `seconds` is what an answer takes; the limits are what its headers say."""

    rule: Rule
    seconds: float = 0.0
    limits: RateLimits = field(default_factory=RateLimits)
    name: str = "gpt-6-luna"
    effort: Effort | None = None
    asked: list[Question[Any]] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0
    closed: bool = False

    def open(self, _: ModelSettings) -> "FakeModel":
        """For `Asking`."""
        return self

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """As `Model.ask`."""
        self.asked.append(question)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            async with deadline.limit():
                await asyncio.sleep(self.seconds)
        except TimeoutError:
            raise StepError(Reason.MODEL_TIMEOUT, "the fake model is slow") from None
        finally:
            self.under_way -= 1
        return self._answer(question)

    def _answer(self, question: Question[T]) -> Answer[T]:
        made = self.rule(question)
        if isinstance(made, StepError):
            raise made
        usage = Usage(question.worst_case().asked, 0 if isinstance(made, Problem) else 10)
        receipt = Receipt(f"{self.name}-fake", usage, self.limits, self.seconds)
        if isinstance(made, Problem):
            raise FailedAnswerError(made.reason, made.message, receipt)
        assert isinstance(made, question.shape)
        return Answer(**vars(receipt), content=made)

    async def close(self) -> None:
        """As `Model.close`."""
        self.closed = True


class Verdict(BaseModel):
    """A shape to ask for."""

    word: Literal["yes", "no"]
    cites: str


def a_question(key: str = "q1", **changes: Any) -> Question[Verdict]:
    """A question with that shape; it must cite what is in its text."""
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
    """A rule: yes, citing the text."""
    return Verdict(word="yes", cites=question.text[:5])
