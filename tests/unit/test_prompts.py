"""Prompts are stable: an answer that was paid for is found again under the hash of its question.

Docstrings and field descriptions of an answer's shape are part of the prompt, and of the hash.
"""

from landfall.classification.elements import Element
from landfall.classification.labels import Labels
from landfall.classification.prompt import Prompt
from landfall.llm.questions import Question
from landfall.site.prompt import PROMPT_VERSION, RULES, PageJudgement


def test_the_question_about_elements_is_stable():
    """With another hash, every element of every scan would be asked about and paid again."""
    elements = [Element("rec1", {"name": "Phone", "description": "of a patient"})]
    prompt = Prompt(Labels())
    assert prompt.question(elements).hash("m", "low") == "d41dd81c69ee78192e6cea1ad649664d"
    assert elements[0].hash(prompt.key("m", "low")) == "1a149f291fbb2de6ae665a07262ddec9"


def test_the_question_about_a_page_is_stable():
    """With another hash, every page of every scan would be judged and paid again."""
    question = Question("q1", PageJudgement, RULES, "a page", PROMPT_VERSION, 1)
    assert question.hash("m", "low") == "5d0101cf80a877572f61cf950da85213"
