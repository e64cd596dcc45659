"""A session with a language model: many questions in one invocation, for every kind of scan.

    questions ──> stored answers? ──no──> budget, time and rate limit allow it? ──> the model
                       │ yes                                                          │ answer
                       v                                                              v
                    replies <──── good, or failed twice ──── stored, then checked by code
                                                                  │ wrong: asked once more
                                                                  └──> to the front of the queue

    async with Asking(claim, settings, open_model) as asking:
        async for reply in asking.replies(questions, deadline):
            ...                      # every second and at the end, with the results:
            await claim.checkpoint(cursor, run, results)      # stores the spending along
        if asking.spent: ...         # the budget is spent: the next run asks `asking.left`
        elif asking.left: ...        # the invocation's time is over: return Again

A failure of one question is its reply's `failure`. A failure of the service ends the replies with
a `StepError`, after those still in flight. The caller stores the replies so far, and every paid
answer is stored anyway (`answer_store`), so nothing is paid twice.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel

from landfall import logs
from landfall.deadlines import Deadline
from landfall.llm.batch import BatchService
from landfall.llm.budget import Spending
from landfall.llm.concurrency import Dispatcher
from landfall.llm.funding import Funding
from landfall.llm.model_settings import ModelSettings
from landfall.llm.questions import Model, Question, Reply
from landfall.runs.claim import Claim

T = TypeVar("T", bound=BaseModel)

OpenModel = Callable[[ModelSettings], Model]
"""Opens the model that a scan names. Raises `StepError` where there is no key for one."""


class Models(Protocol):
    """Opens the models that scans name. Both raise `StepError` where there is no key for one."""

    def model(self, settings: ModelSettings) -> Model:
        """Open a model that answers at once."""
        ...

    def batches(self, settings: ModelSettings) -> BatchService:
        """Open a model that answers in batches."""
        ...


PATIENCE = 3
"""Attempts of a step in a row without progress, after which errors are attributed to questions."""


class Asking:
    """The questions of one invocation. The module's docstring says what is left to the caller."""

    left: int
    """Questions that have no reply yet."""

    spent: str | None
    """The spent limit of the budget that ended the replies, such as "run.max_calls: 100"."""

    pause: float
    """Seconds until the service's rate limits allow the next question."""

    def __init__(self, claim: Claim, settings: ModelSettings, open_model: OpenModel) -> None:
        self.left, self.spent, self.pause = 0, None, 0.0
        self._claim = claim
        self._settings = settings
        self._open_model = open_model
        self._dispatcher: Dispatcher[Any] | None = None

    @property
    def spending(self) -> Spending:
        """The usage of the run, which every commit of the claim stores."""
        return self._funding.spending

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._model.name

    @property
    def effort(self) -> str | None:
        """The model's reasoning effort; None leaves it to the model."""
        return self._model.effort

    async def __aenter__(self) -> Self:
        """Open the model. Raises `StepError`: no key, or no price for a budget in dollars."""
        self._model = self._open_model(self._settings)
        try:
            self._funding = await Funding.load(
                self._claim, self._settings, self._model.name, self._model.effort
            )
        except BaseException:
            await self._model.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._dispatcher:
            await self._dispatcher.cancel()
        await self._model.close()

    async def replies(
        self, questions: Sequence[Question[T]], deadline: Deadline
    ) -> AsyncIterator[Reply[T]]:
        """Yield replies as they arrive, until all did, the budget is spent or the deadline is near.

        Raises `StepError` when the service fails, `StoreError`.
        """
        self.left, self.spent, self.pause = len(questions), None, 0.0
        dispatcher = self._dispatch(questions, deadline)
        while replies := await dispatcher.next_replies():
            for reply in replies:
                self.left -= 1
                yield reply
        self.spent, self.pause = dispatcher.spent, dispatcher.pause
        logs.info("asked", replies=len(questions) - self.left, left=self.left, spent=self.spent)
        if dispatcher.failure:
            raise dispatcher.failure

    def _dispatch(self, questions: Sequence[Question[T]], deadline: Deadline) -> Dispatcher[T]:
        dispatcher = Dispatcher(
            self._model,
            self._funding,
            self._claim,
            questions,
            deadline,
            patient=self._claim.step.retries < PATIENCE,
        )
        self._dispatcher = dispatcher
        return dispatcher
