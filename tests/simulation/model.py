"""A language model in a simulation: it is away now and then, and answers wrongly now and then."""

import json
from collections import Counter
from collections.abc import Callable, Container, Iterator
from datetime import datetime
from typing import Any

from infra.local.openai.answers import ParsedQuestion
from infra.local.openai.faults import dropped_record, invented_id, wrong_enum
from landfall.deadlines import Deadline
from landfall.llm.questions import Answer, FailedAnswerError, Question, RateLimits, Receipt, T
from landfall.reasons import Reason, StepError
from landfall.store.documents import Write
from tests.fakes.memory_store import MemoryStore
from tests.simulation.checker_answers import (
    EFFORT,
    MODEL,
    USAGE,
    Paid,
    miscounted,
    paid_again,
)
from tests.simulation.faults import Chaos, current
from tests.simulation.virtual_time import moment, wall_clock

_TROUBLES = (
    (Reason.MODEL_UNAVAILABLE, 0.0),
    (Reason.MODEL_UNREACHABLE, 0.0),
    (Reason.MODEL_RATE_LIMITED, 20.0),
)

_LOST = (Reason.MODEL_TIMEOUT, Reason.MODEL_UNREACHABLE)

_SPOILT = (wrong_enum, dropped_record, invented_id)


def trouble(chaos: Chaos) -> StepError:
    """The service is away, or has enough of us."""
    reason, retry_after = chaos.random.choice(_TROUBLES)
    return StepError(reason, "simulated", retry_after=retry_after)


class TreacherousModel:
    """A `Model` that answers as the stand-in does, most times. It keeps book of what it sold."""

    name = MODEL
    effort = EFFORT

    def __init__(self, chaos: Chaos, answers: Callable[[ParsedQuestion], dict[str, Any]]) -> None:
        self._chaos = chaos
        self._answers = answers
        self._paid: list[Paid] = []
        self._kept: dict[str, Any] = {}
        self.sold: Counter[str] = Counter()
        """Answers that it has given, by run."""

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """As `Model.ask`."""
        if self._chaos.strikes("model_error"):
            raise trouble(self._chaos)
        try:
            async with deadline.limit():
                await self._chaos.pass_by(0.3, 4.0)
        except TimeoutError:
            raise StepError(Reason.MODEL_TIMEOUT, "simulated: too slow") from None
        began, run_id = current.get().began, current.get().run_id
        receipt = Receipt(self.name, USAGE, RateLimits(), 1.0)
        content = self.sell(question, moment(began), run_id)
        if self._chaos.strikes("lost_answer"):
            raise StepError(self._chaos.random.choice(_LOST), "simulated: answered, and not heard")
        if content is None:
            raise FailedAnswerError(Reason.MODEL_REFUSED, "simulated", receipt)
        return Answer(**vars(receipt), content=content)

    def sell(self, question: Question[T], since: datetime, run_id: str) -> T | None:
        """Return the answer to a run's caller, which began at that time; None if it refuses."""
        self.sold[run_id] += 1
        if self._chaos.strikes("model_refusal"):
            return None
        content = question.shape.model_validate(self._answer(question))
        if not question.problems(content):
            self._paid.append(Paid(question.hash(MODEL, EFFORT), since))
        return content

    def _answer(self, question: Question[Any]) -> dict[str, Any]:
        schema = json.loads(question.schema)
        asked = ParsedQuestion(
            question.shape.__name__, schema, question.instructions, question.text
        )
        answer = self._answers(asked)
        if self._chaos.strikes("model_nonsense"):
            answer = self._chaos.random.choice(_SPOILT)(answer, asked)
        return answer

    async def close(self) -> None:
        """As `Model.close`."""

    def look_at(self, write: Write) -> None:
        """Record the time at which an answer is stored."""
        collection, _, answer = write.path.partition("/")
        if collection == "answers":
            self._kept.setdefault(answer, wall_clock())

    def broken(self, memory: MemoryStore, kind: str, batched: Container[str] = ()) -> Iterator[str]:
        """Yield answers that runs of a kind have paid twice, and runs that count them wrongly.

        Those that are `batched` may have no time for the answers of a batch.
        """
        yield from paid_again(self._paid, self._kept)
        runs = [run for run in memory.all("runs") if run.data["kind"] == kind]
        alone = set() if self._chaos.struck else {run.id for run in runs if run.id not in batched}
        yield from miscounted(memory, runs, self.sold, alone)
