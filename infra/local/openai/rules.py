"""By which rule the stand-in for OpenAI answers a question of which shape.

A kind of scan states what its answers are to be in a module of its own, beside this one, and names
it here: `from infra.local.openai import KIND`, and an entry of `RULES`.
"""

from collections.abc import Callable
from typing import Any

from infra.local.openai import classification, site
from infra.local.openai.answers import Asked, general

Rule = Callable[[Asked], Any]
"""The JSON value that answers a question."""

RULES: dict[str, Rule] = {
    "ElementAnswers": classification.answers,
    "PageJudgement": site.answers,
}
"""By the name of the schema, which is that of the pydantic class; every other: `general`."""


def answer(asked: Asked) -> Any:
    """The JSON value that answers the question."""
    return RULES.get(asked.name, general)(asked)
