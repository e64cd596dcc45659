"""Asking a language model many questions in one invocation: what every kind of scan asks with.

    questions ──> kept answers? ──no──> budget, time and pace allow it? ──> the model
                       │ yes                                                  │ answer
                       v                                                      v
                    replies <──── good, or failed twice ──── kept, then checked by code
                                                                  │ wrong: asked once more
                                                                  └──> to the front of the queue

    async with Asking(claim, settings, open_model) as asking:
        async for reply in asking.replies(questions, deadline):
            ...                      # now and then, and at the end, with its results:
            await claim.checkpoint(cursor, run, [*results, *asking.spending.writes()])
        if asking.spent: ...         # the budget's limit: end the run, `asking.left` are the next's
        elif asking.left: ...        # the invocation's time is over: return Again

What goes wrong with one question is its reply's `failure`. What goes wrong with the service ends
the replies with a `StepError`, after those that were still under way; what was taken by then is
kept by the caller, and every paid answer is kept anyway (`answers`), so nothing is paid twice.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel

from landfall import logs
from landfall.deadlines import Deadline
from landfall.llm.answer_store import Answers, Payer
from landfall.llm.batch import BatchService
from landfall.llm.budget import Spending
from landfall.llm.concurrency import Conversation
from landfall.llm.questions import Model, Question, Reply
from landfall.llm.settings import ModelSettings, no_price
from landfall.reasons import Reason, StepError
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
"""Attempts of a step in a row that got nowhere, after which a question is to blame by itself."""


class Asking:
    """The questions of one invocation. What it leaves to its caller is in the module's text."""

    spending: Spending
    """What the run uses, to be written with the results that it paid for."""

    left: int
    """Questions that have no reply yet."""

    spent: str | None
    """The limit of the budget that ended the replies, such as "run.max_calls: 100"."""

    pause: float
    """Seconds until the service's limits allow to go on: the delay to go on after."""

    def __init__(self, claim: Claim, settings: ModelSettings, open_model: OpenModel) -> None:
        self.left, self.spent, self.pause = 0, None, 0.0
        self._claim = claim
        self._settings = settings
        self._open_model = open_model
        self._talk: Conversation[Any] | None = None

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self._model.name

    @property
    def effort(self) -> str | None:
        """How long it is to think, where the scan says so."""
        return self._model.effort

    async def __aenter__(self) -> Self:
        """Open the model. Raises `StepError`: no key, or no price for a budget in dollars."""
        self._model = self._open_model(self._settings)
        try:
            await self._prepare()
        except BaseException:
            await self._model.close()
            raise
        return self

    async def _prepare(self) -> None:
        engine, run, settings = self._claim.engine, self._claim.run, self._settings
        self._price = settings.price_for(self._model.name)
        if self._price is None and settings.budget.has_dollars:
            raise StepError(Reason.MODEL_PRICE_UNKNOWN, no_price(self._model.name))
        scan_id = run.scan_id
        self.spending = await Spending.load(
            engine.store, scan_id, run.id, engine.clock, settings.budget
        )
        payer = Payer(scan_id, run.id, self._claim.worker)
        self._answers = Answers(engine.store, payer, self._model.name, self._model.effort)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._talk:
            await self._talk.stop()
        await self._model.close()

    async def replies(
        self, questions: Sequence[Question[T]], deadline: Deadline
    ) -> AsyncIterator[Reply[T]]:
        """What comes of the questions, as it comes; until all are through, the budget is spent or
        the deadline is near.

        Raises `StepError` when the service does not play along, `StoreError`.
        """
        self.left, self.spent, self.pause = len(questions), None, 0.0
        talk = self._conversation(questions, deadline)
        while replies := await talk.more():
            for reply in replies:
                self.left -= 1
                self.spending.take(reply)
                yield reply
        self.spent, self.pause = talk.spent, talk.pause
        logs.info("asked", replies=len(questions) - self.left, left=self.left, spent=self.spent)
        if talk.failure:
            raise talk.failure

    def _conversation(
        self, questions: Sequence[Question[T]], deadline: Deadline
    ) -> Conversation[T]:
        talk = Conversation(
            self._model,
            self._answers,
            self.spending,
            self._price,
            self._claim.engine,
            questions,
            deadline,
            patient=self._claim.step.retries < PATIENCE,
        )
        self._talk = talk
        return talk
