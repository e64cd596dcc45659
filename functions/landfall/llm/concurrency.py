"""Concurrency of the questions to a model: which are in flight, and when the next is sent.

    questions ──> look-up ──┬── stored ──────────────────────────────────> replies
                            └── pending ──> reserved ──> sent ──> answer stored ──┘
                                   ^         (budget)   (rate limit)  │
                                   └───────── failed: one retry <─────┘

All of it happens within one invocation: each call is an asyncio task, and `next_replies` waits for
those in flight. The next calls are reserved together, in one commit, while others are in flight.
After an error of the service no further question is sent, and those in flight finish, because they
are paid for.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from landfall.deadlines import Deadline
from landfall.llm.attempts import PendingQuestion
from landfall.llm.error_attribution import AMBIGUOUS, ErrorAttribution
from landfall.llm.funding import Funding
from landfall.llm.questions import (
    Answer,
    FailedAnswerError,
    Model,
    Problem,
    Question,
    Reply,
    may_be_paid,
)
from landfall.llm.rate_limit import Permit, RateLimiter
from landfall.llm.usage import ModelUsage
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim

T = TypeVar("T", bound=BaseModel)

LOOKUP_SIZE = 100
"""Questions whose stored answers are looked up in one read."""

FIRST_ANSWER_SHARE = 1 / 3
"""Share of a request's deadline that the first answers are expected to take."""

SLOWDOWN = 1.5
"""Factor by which the next answer may be slower than the slowest so far. A question that would not
be answered in the remaining time is not sent: it would be paid for in vain."""


@dataclass(frozen=True)
class ReservedCall(Generic[T]):
    """A call: the next attempt at a question, and the highest possible usage of it."""

    pending: PendingQuestion[T]
    question: Question[T]
    worst: ModelUsage

    @property
    def name(self) -> str:
        """The name under which it is reserved."""
        return self.pending.call_name


class Dispatcher(Generic[T]):
    """The questions of one invocation, and the calls in flight.

    `patient` attributes ambiguous errors to the service until it has answered a question.
    """

    def __init__(
        self,
        model: Model,
        funding: Funding,
        claim: Claim,
        questions: Sequence[Question[T]],
        deadline: Deadline,
        *,
        patient: bool,
    ) -> None:
        self.failure: Exception | None = None
        self.spent: str | None = None
        self.pause = 0.0
        self._model = model
        self._answers = funding.answers
        self._spending = funding.spending
        self._billing = funding.billing
        self._claim = claim
        self._clock = claim.engine.clock
        self._until = Deadline(deadline.at - claim.reserve(claim.engine.ladder.last_reply))
        self._expected_seconds = claim.engine.ladder.request * FIRST_ANSWER_SHARE
        self._slowest = 0.0
        self._errors = ErrorAttribution[T](answered=not patient)
        self._limiter = RateLimiter()
        self._in_flight = 0
        self._looking_up = False
        self._unseen = deque(questions)
        self._pending: deque[PendingQuestion[T]] = deque()
        self._reserving = False
        self._reserved: deque[ReservedCall[T]] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: list[Reply[T]] = []

    async def next_replies(self) -> list[Reply[T]]:
        """Return replies as soon as there are some; none once no more will follow."""
        while not self._ready:
            self._look_ahead()
            self._attribute_errors()
            self.pause = self._send()
            self._reserve_ahead()
            if self._tasks:
                await self._wait()
            elif self._ready:
                break
            elif 0 < self.pause < self._until.remaining() - self._expected_seconds:
                await asyncio.sleep(self.pause)
            else:
                self._drop_reserved()
                return []
        ready, self._ready = self._ready, []
        return ready

    async def cancel(self) -> None:
        """Cancel all calls in flight."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._drop_reserved()

    async def _wait(self) -> None:
        """Wait until a task is done, or the next question may be sent."""
        done, _ = await asyncio.wait(
            self._tasks, timeout=self.pause or None, return_when=asyncio.FIRST_COMPLETED
        )
        ended = [task for task in self._tasks if task in done]  # a set has no order
        self._tasks = [task for task in self._tasks if task not in done]
        for task in ended:
            error = task.exception()
            if isinstance(error, Exception):
                self.failure = self.failure or error
            elif error:
                raise error  # the process ends

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    # Stored answers

    def _look_ahead(self) -> None:
        """Look up further questions before the pending ones run out."""
        enough = len(self._pending) >= LOOKUP_SIZE and not self.spent
        if not self._unseen or self._looking_up or enough or self.failure:
            return
        if self._until.remaining() > 0:
            self._looking_up = True
            some = [self._unseen.popleft() for _ in range(min(LOOKUP_SIZE, len(self._unseen)))]
            self._start(self._look_up(some))

    async def _look_up(self, questions: Sequence[Question[T]]) -> None:
        try:
            for found in await self._answers.look_up(questions):
                self._spending.recover(found)
                if isinstance(found, PendingQuestion):
                    self._pending.append(found)
                else:
                    self._ready.append(found)
        finally:
            self._looking_up = False

    # Reserving

    def _reserve_ahead(self) -> None:
        """Reserve the next calls before the reserved ones run out, as many as may be in flight."""
        at_once = self._limiter.concurrency
        if self._reserving or not self._pending or len(self._reserved) > at_once / 2:
            return
        if self._ends or self._until.remaining() < self._expected_seconds:
            return
        calls: list[ReservedCall[T]] = []
        while self._pending and len(self._reserved) + len(calls) < at_once:
            question = self._pending[0].next_question()
            worst = self._billing.worst_case(question)
            if limit := self._spending.refuses(worst):
                # those in flight may use less than is reserved for them
                if not (self._in_flight or self._reserved or calls):
                    self._give_up(limit)
                break
            calls.append(ReservedCall(self._pending.popleft(), question, worst))
            self._spending.reserve(calls[-1].name, worst)
        if calls:
            self._reserving = True
            self._start(self._store_reservations(calls))

    @property
    def _ends(self) -> bool:
        """Return whether no further question is sent, as far as is known."""
        return bool(self.failure or self.spent or self._errors.undecided)

    async def _store_reservations(self, calls: list[ReservedCall[T]]) -> None:
        """Store the reservations of calls; drop those that concurrent runs leave no room for."""
        try:
            await self._claim.store_companion()
            while calls and await self._spending.overdrawn(self._claim.engine.store):
                half = len(calls) // 2
                self._drop(calls[half:])
                del calls[half:]
        except BaseException:
            self._drop(calls)
            raise
        finally:
            self._reserving = False
        self._reserved += calls

    def _drop(self, calls: Sequence[ReservedCall[T]]) -> None:
        """Give the reservations of calls back, and put their questions back into the queue."""
        for call in reversed(calls):
            self._spending.release(call.name)
            self._pending.appendleft(call.pending)

    def _drop_reserved(self) -> None:
        self._drop([*self._reserved])
        self._reserved.clear()

    # Sending

    def _send(self) -> float:
        """Send the questions that may be sent now.

        Return the seconds until the next may be, 0 when that does not depend on time alone.
        """
        while self._reserved and not self._ends:
            if self._until.remaining() < self._expected_seconds:
                break
            tokens = self._reserved[0].worst.tokens
            delay = self._limiter.delay(_now(), self._in_flight, tokens)
            if delay is None or delay > 0:
                return delay or 0.0
            self._in_flight += 1
            permit = self._limiter.acquire(tokens, _now())
            self._start(self._ask(self._reserved.popleft(), permit))
        return 0.0

    def _give_up(self, limit: str) -> None:
        """End the questions at a budget's limit: retries fail, the others are left."""
        self.spent = limit
        self._ready += [pending.failed_reply() for pending in self._pending if pending.failure]
        self._pending = deque(pending for pending in self._pending if not pending.failure)

    async def _ask(self, call: ReservedCall[T], permit: Permit) -> None:
        answer: Answer[T] | FailedAnswerError
        try:
            answer = await self._model.ask(call.question, self._until)
        except FailedAnswerError as error:
            answer = error
        except StepError as error:
            self._handle_error(call, error)
            return
        except BaseException:  # the service may answer all the same
            self._spending.lose(call.name)
            raise
        finally:
            self._in_flight -= 1
        receipt = answer.receipt if isinstance(answer, FailedAnswerError) else answer
        self._spending.settle(call.name, self._billing.used(receipt))
        self._errors.answered = True
        self._limiter.update(permit, receipt.limits, _now(), receipt.seconds)
        self._slowest = max(self._slowest, receipt.seconds)
        self._expected_seconds = self._slowest * SLOWDOWN
        self._send()  # the next question need not wait until this answer is stored
        dollars = self._billing.dollars(receipt)
        self._sort(await self._answers.record(call.pending, answer, dollars, self._clock()))

    def _sort(self, recorded: Reply[T] | PendingQuestion[T]) -> None:
        """Put a reply to the ready ones, and a retry to the front of the queue."""
        if isinstance(recorded, PendingQuestion):
            self._pending.appendleft(recorded)
        else:
            self._ready.append(recorded)

    # Errors

    def _handle_error(self, call: ReservedCall[T], error: StepError) -> None:
        """Handle an error in place of an answer."""
        if may_be_paid(error):
            self._spending.lose(call.name)
        elif error.reason == Reason.MODEL_REJECTED:
            self._spending.settle(call.name, ModelUsage(calls=1))
        else:
            self._spending.release(call.name)
        if error.reason == Reason.MODEL_TIMEOUT and self._until.remaining() <= 0:
            return  # our own budget ended, not the service's time: left for the next invocation
        if error.reason == Reason.MODEL_REJECTED:
            self._fail(call.pending, error)  # the service works, and refuses this question
        elif error.reason in AMBIGUOUS:
            self._errors.add(call.pending, error)
        else:
            self.failure = self.failure or error

    def _attribute_errors(self) -> None:
        for pending, error in self._errors.take_question_errors():
            self._fail(pending, error)
        if not self._in_flight:
            self.failure = self.failure or self._errors.service_error()

    def _fail(self, pending: PendingQuestion[T], error: StepError) -> None:
        failure = Problem(error.reason, error.message)
        self._start(self._record_failure(pending.unanswered(), failure))

    async def _record_failure(self, pending: PendingQuestion[T], failure: Problem) -> None:
        self._sort(await self._answers.record_failure(pending, failure, self._clock()))


def _now() -> float:
    return asyncio.get_running_loop().time()
