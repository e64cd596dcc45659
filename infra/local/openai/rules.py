"""The rules of the stand-in for OpenAI, by the schema of a question.

A kind of scan defines its rule in a module of its own beside this one, and adds it to `RULES`.
"""

from collections.abc import Callable
from typing import Any

from infra.local.openai import classification, site
from infra.local.openai.answers import ParsedQuestion, general_answer

AnswerRule = Callable[[ParsedQuestion], Any]
"""Returns the JSON value that answers a question."""

RULES: dict[str, AnswerRule] = {
    "ElementAnswers": classification.element_answers,
    "PageJudgement": site.page_answer,
}
"""Rules by the name of a schema, which is that of its pydantic class; others: `general_answer`."""


def answer(question: ParsedQuestion) -> Any:
    """Return the JSON value that answers the question."""
    return RULES.get(question.name, general_answer)(question)
