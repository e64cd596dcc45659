"""What the stand-in for OpenAI was asked is known again by the id of its answer."""

from typing import Any

import pytest

from infra.local.openai.completions import chat_call
from landfall.classification.elements import Element
from landfall.classification.labels import Labels
from landfall.classification.prompt import Prompt
from landfall.llm.openai.client import chat_body
from landfall.llm.questions import Question
from landfall.site.evidence import evidence_of
from landfall.site.observed import ObservedPage
from landfall.site.page import Transfer
from landfall.site.prompt import question_about
from landfall.site.rubric import clinic_rubric, vocabularies
from tests.chaos.judging import answer_of
from tests.simulation.checker_answers import EFFORT, MODEL


def _of_elements() -> Question[Any]:
    return Prompt(Labels()).question([Element("rec1", {"name": "Room"}), Element("rec2", {})])


def _of_a_page() -> Question[Any]:
    rubric = clinic_rubric()
    visit = Transfer("https://a.example/", 200, 0, 0.5, 100, 100, None, {})
    evidence = evidence_of(visit, b"<title>Book</title><p>Book a visit", vocabularies(rubric))
    return question_about(rubric, ObservedPage("home", evidence), "000000")


@pytest.mark.parametrize("question", [_of_elements(), _of_a_page()], ids=["elements", "page"])
def test_a_call_is_known_by_the_id_of_its_answer(question: Question[Any]) -> None:
    """Else nothing that is paid for twice would be seen."""
    assert answer_of(chat_call(chat_body(MODEL, EFFORT, question))) == question.hash(MODEL, EFFORT)
