"""The tests' own model: what it says of time, money and failures is what the real edge says."""

import asyncio

import pytest

from landfall.deadlines import Deadline
from landfall.llm.questions import FailedAnswerError, Problem
from landfall.reasons import Reason, StepError
from tests.fakes.models import FakeModel, a_question, yes
from tests.simulation.virtual_time import run as run_virtually


def test_it_gives_up_at_the_deadline():
    """With the reason of the real edge, and nothing stays under way."""

    async def scenario() -> None:
        model = FakeModel(yes, seconds=5.0)
        with pytest.raises(StepError) as caught:
            await model.ask(a_question(), Deadline.after(1.0))
        assert (caught.value.reason, model.in_flight) == (Reason.MODEL_TIMEOUT, 0)

    run_virtually(scenario())


def test_a_failed_answer_is_paid_for():
    """A problem comes with its receipt; an error of the service costs nothing."""

    async def scenario() -> None:
        model = FakeModel(lambda _: Problem(Reason.MODEL_REFUSED, "no"))
        with pytest.raises(FailedAnswerError) as caught:
            await model.ask(a_question(), Deadline.after(1.0))
        assert caught.value.receipt.usage.asked == a_question().worst_case().asked

    run_virtually(scenario())


def test_it_knows_how_many_questions_it_had_at_once():
    """Three that overlap, and one after them."""

    async def scenario() -> None:
        model = FakeModel(yes, seconds=1.0)
        await asyncio.gather(*(model.ask(a_question(), Deadline.after(5.0)) for _ in range(3)))
        await model.ask(a_question(), Deadline.after(5.0))
        assert (model.max_in_flight, len(model.asked)) == (3, 4)

    run_virtually(scenario())
