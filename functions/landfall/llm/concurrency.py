"""Questions under way: which is sent when, and what becomes of it. `asking` is its use.

Everything here happens within one invocation: each call is a task of its own, and `more` waits for
those that are under way. Once something fails, nothing new is begun, and what is under way comes
to its end: it is paid for.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from landfall.deadlines import Deadline
from landfall.llm.answer_store import Answers, Turn
from landfall.llm.budget import Spending
from landfall.llm.prices import Price
from landfall.llm.questions import (
    Answer,
    FailedAnswerError,
    Model,
    Problem,
    Question,
    Receipt,
    Reply,
)
from landfall.llm.rate_limit import Call, Pace
from landfall.llm.settings import Use
from landfall.reasons import Reason, StepError
from landfall.runs.commit import Engine

T = TypeVar("T", bound=BaseModel)

LOOKED_UP = 100
"""Questions whose kept answers are looked for in one read."""

EXPECTED = 1 / 3
"""Share of a request's deadline that the first answers are expected to take."""

SLOWER = 1.5
"""Times the slowest answer so far: what is expected of the next. What would not end in the time
that is left is not begun, for it would be paid all the same."""

DOUBTFUL = frozenset({Reason.MODEL_TIMEOUT, Reason.MODEL_MALFORMED})
"""What may be wrong with one question, while the service answers others."""


class Conversation(Generic[T]):
    """Some questions, and the calls that are under way for them.

    `patient`: while no question is answered, troubles are the service's, not a question's.
    """

    def __init__(
        self,
        model: Model,
        answers: Answers,
        spending: Spending,
        price: Price | None,
        engine: Engine,
        questions: Sequence[Question[T]],
        deadline: Deadline,
        *,
        patient: bool,
    ) -> None:
        self.failure: Exception | None = None
        self.spent: str | None = None
        self.pause = 0.0
        self._model = model
        self._answers = answers
        self._spending = spending
        self._price = price
        self._clock = engine.clock
        self._until = Deadline(deadline.at - engine.ladder.last_reply)
        self._expected = engine.ladder.request * EXPECTED
        self._slowest = 0.0
        self._served = not patient
        self._pace = Pace()
        self._under_way = 0
        self._looking = False
        self._unseen = deque(questions)
        self._turns: deque[Turn[T]] = deque()
        self._doubtful: list[tuple[Turn[T], StepError]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: list[Reply[T]] = []

    async def more(self) -> list[Reply[T]]:
        """Replies, as soon as there are some; none when there will be no more."""
        while not self._ready:
            self._look_ahead()
            self._blame()
            self.pause = self._begin()
            if self._tasks:
                await self._wait()
            elif self._ready:
                break
            elif 0 < self.pause < self._until.remaining() - self._expected:
                await asyncio.sleep(self.pause)
            else:
                return []
        ready, self._ready = self._ready, []
        return ready

    async def stop(self) -> None:
        """Nothing of it goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _wait(self) -> None:
        """Until something that is under way has ended, or a question may be begun."""
        done, _ = await asyncio.wait(
            self._tasks, timeout=self.pause or None, return_when=asyncio.FIRST_COMPLETED
        )
        ended = [task for task in self._tasks if task in done]  # a set is in no order
        self._tasks = [task for task in self._tasks if task not in done]
        for task in ended:
            error = task.exception()
            if isinstance(error, Exception):
                self.failure = self.failure or error

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    # What was answered before

    def _look_ahead(self) -> None:
        """Look some questions up, before those that wait to be asked run out."""
        enough = len(self._turns) >= LOOKED_UP and not self.spent
        if not self._unseen or self._looking or enough or self.failure:
            return
        if self._until.remaining() > 0:
            self._looking = True
            some = [self._unseen.popleft() for _ in range(min(LOOKED_UP, len(self._unseen)))]
            self._start(self._look_up(some))

    async def _look_up(self, questions: Sequence[Question[T]]) -> None:
        try:
            for found in await self._answers.look_up(questions):
                if isinstance(found, Turn):
                    self._spending.found(Use.of(found.usage, found.dollars, found.attempt - 1))
                    self._turns.append(found)
                    continue
                if found.ours:
                    self._spending.found(Use.of(found.usage, found.dollars, found.attempt))
                self._ready.append(found)
        finally:
            self._looking = False

    # Asking

    def _begin(self) -> float:
        """Send what may be sent; seconds until more may be, 0 when that takes more than time."""
        while self._turns and not (self.failure or self.spent or self._doubtful):
            if self._until.remaining() < self._expected:
                break
            question = self._turns[0].asked()
            worst = self._worst(question)
            wait = self._pace.wait(_now(), self._under_way, worst.tokens)
            if wait is None or wait > 0:
                return wait or 0.0
            if limit := self._spending.refuses(worst):
                if not self._under_way:  # which may use less than it has reserved
                    self._give_up(limit)
                break
            self._under_way += 1
            self._spending.reserve(worst)
            call = self._pace.begin(worst.tokens, _now())
            self._start(self._ask(self._turns.popleft(), question, call, worst))
        return 0.0

    def _worst(self, question: Question[T]) -> Use:
        usage = question.worst_case()
        return Use.of(usage, self._price.most(usage) if self._price else None)

    def _give_up(self, limit: str) -> None:
        """The budget is spent: what was asked once has failed, what was not is left."""
        self.spent = limit
        self._ready += [self._answers.failure_of(turn) for turn in self._turns if turn.failure]
        self._turns = deque(turn for turn in self._turns if not turn.failure)

    async def _ask(self, turn: Turn[T], question: Question[T], call: Call, worst: Use) -> None:
        receipt: Receipt | None = None
        try:
            answer, receipt = await self._asked(question)
        finally:
            self._under_way -= 1
            self._spending.settle(worst, self._used(receipt))
        if receipt is None:
            assert isinstance(answer, StepError)
            self._trouble(turn, answer)
            return
        self._served = True
        self._pace.answered(call, receipt.limits, _now(), receipt.seconds)
        self._slowest = max(self._slowest, receipt.seconds)
        self._expected = self._slowest * SLOWER
        self._begin()  # the next need not wait until this one is kept
        assert isinstance(answer, Answer | FailedAnswerError)
        self._sort(await self._answers.take(turn, answer, self._dollars(receipt), self._clock()))

    async def _asked(self, question: Question[T]) -> tuple[Answer[T] | StepError, Receipt | None]:
        """What came, and its receipt if it is paid for."""
        try:
            answer = await self._model.ask(question, self._until)
        except FailedAnswerError as error:
            return error, error.receipt
        except StepError as error:
            return error, None
        return answer, answer

    def _dollars(self, receipt: Receipt) -> float | None:
        return self._price.dollars(receipt.usage) if self._price else None

    def _used(self, receipt: Receipt | None) -> Use:
        return Use.of(receipt.usage, self._dollars(receipt)) if receipt else Use()

    def _sort(self, after: Reply[T] | Turn[T]) -> None:
        """A reply is ready; a turn is the next to be asked once more."""
        if isinstance(after, Turn):
            self._turns.appendleft(after)
        else:
            self._ready.append(after)

    # Troubles

    def _trouble(self, turn: Turn[T], error: StepError) -> None:
        """There is no answer, good or bad."""
        if error.reason == Reason.MODEL_TIMEOUT and self._until.remaining() <= 0:
            return  # our budget ended, not the service's time: it is left for the next invocation
        if error.reason == Reason.MODEL_REJECTED:
            self._fail(turn, error)  # the service is there, and does not want this one
        elif error.reason in DOUBTFUL:
            self._doubtful.append((turn, error))
        else:
            self.failure = self.failure or error

    def _blame(self) -> None:
        """Find out whose troubles they are: a question's, when others were answered."""
        if self._doubtful and self._served:
            for turn, error in self._doubtful:
                self._fail(turn, error)
            self._doubtful = []
        elif self._doubtful and not self._under_way:
            self.failure = self.failure or self._doubtful[0][1]

    def _fail(self, turn: Turn[T], error: StepError) -> None:
        self._spending.found(Use(calls=1))
        self._start(self._keep_failure(turn, Problem(error.reason, error.message)))

    async def _keep_failure(self, turn: Turn[T], failure: Problem) -> None:
        self._sort(await self._answers.keep_failure(turn, failure, self._clock()))


def _now() -> float:
    return asyncio.get_running_loop().time()
