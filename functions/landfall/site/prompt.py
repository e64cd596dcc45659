"""The question to a language model about a page, and the shape and problems of its answer.

The model gets the text that people read on a page, and the facts of the page; one page is one
question. An answer is valid if each score has a quotation that is on the page, word for word.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from landfall.llm.questions import Problem, Question
from landfall.llm.quoting import QUOTING_RULE, quote_untrusted, visible_text
from landfall.reasons import Reason
from landfall.site.observed import ObservedPage
from landfall.site.rubric import Rubric

MAX_PROMPT_TEXT = 12_000
"""Characters of a page's text in a prompt."""

MIN_QUOTE = 12
"""Characters of a quotation: a single word is on every page."""

ECHO_LENGTH = 60
"""Consecutive characters that an answer never shares with its instructions by chance."""

MAX_ANSWER_TOKENS = 6_000
"""Tokens of an answer, including those of the model's reasoning."""

PROMPT_VERSION = "1"

RULES = f"""\
You judge a page of a web site as a visitor meets it who may become a customer.
You are given facts that a program has measured, and what people read on the page. Judge only what
is there. For each dimension that the page says something about, give a score from 0 (it drives
visitors away) to 10 (nothing is left to wish for), one sentence on why, and a quotation: a passage
of the page, word for word, that shows it. Leave out dimensions that the page says nothing about.
critique: two or three sentences to the owner of the site, in your own words.
A score without a quotation from the page does not count.
{QUOTING_RULE}"""


def _described(description: str) -> ConfigDict:
    """Fix the description in a schema, which is part of the prompt and of stored answers' ids."""
    return ConfigDict(json_schema_extra={"description": description})


class DimensionJudgement(BaseModel):
    """A model's score of a page in a dimension, with its evidence."""

    model_config = _described("What a page says about a dimension.")

    dimension: str
    score: Annotated[float, Field(ge=0, le=10)]
    why: str
    quote: str


class PageJudgement(BaseModel):
    """A model's judgement of a page."""

    model_config = _described("What a model says of a page.")

    dimensions: list[DimensionJudgement]
    critique: str


def question_about(rubric: Rubric, page: ObservedPage, key: str) -> Question[PageJudgement]:
    """Return the question about a page."""
    dimensions = "\n".join(f"- {one.id}: {one.name}" for one in rubric.dimensions)
    reading = page.evidence.reading
    return Question(
        key=key,
        shape=PageJudgement,
        instructions=f"{RULES}\n\nDimensions:\n{dimensions}",
        text=f"Type of the page: {page.page_type}\nFacts: {_facts(page)}\n"
        + quote_untrusted(page.url, reading, MAX_PROMPT_TEXT),
        prompt_version=PROMPT_VERSION,
        max_tokens=MAX_ANSWER_TOKENS,
        problems=partial(problems, rubric, visible_text(reading, MAX_PROMPT_TEXT).text),
    )


def _facts(page: ObservedPage) -> str:
    """Return the facts of a page, without those that differ between two fetches of it."""
    left_out = {"seconds", "status", "redirects", "wire_kilobytes"}
    known = (item for item in page.evidence.facts.items() if item[0] not in left_out)
    return ", ".join(f"{name}={value:g}" for name, value in known if value is not None)


def problems(rubric: Rubric, reading: str, judgement: PageJudgement) -> list[Problem]:
    """Return the problems of an answer: dimensions, quotations, or an echo of the instructions."""
    names = [one.id for one in rubric.dimensions]
    judged = [one.dimension for one in judgement.dimensions]
    found = [
        Problem(Reason.MODEL_OFF_SCHEMA, f"dimensions.{number}: there is no such dimension")
        for number, name in enumerate(judged)
        if name not in names
    ]
    if len(set(judged)) < len(judged):
        found.append(Problem(Reason.MODEL_OFF_SCHEMA, "a dimension is judged twice"))
    found += _unfounded(judgement, reading)
    if not judgement.critique.strip():
        found.append(Problem(Reason.MODEL_OFF_SCHEMA, "critique is empty"))
    if _echoes(judgement):
        found.append(Problem(Reason.MODEL_ECHOED, "it repeats its instructions"))
    return found


def _unfounded(judgement: PageJudgement, reading: str) -> Sequence[Problem]:
    text = _normalised(reading)
    quotes = [_normalised(one.quote) for one in judgement.dimensions]
    return [
        Problem(Reason.MODEL_UNFOUNDED, f"dimensions.{number}.quote: it is not on the page")
        for number, quote in enumerate(quotes)
        if len(quote) < MIN_QUOTE or quote not in text
    ]


def _echoes(judgement: PageJudgement) -> bool:
    texts = [judgement.critique, *(f"{one.why} {one.quote}" for one in judgement.dimensions)]
    passages = _passages(_normalised(" ".join(texts)))
    return not passages.isdisjoint(_passages_of_rules())


@lru_cache(maxsize=1)
def _passages_of_rules() -> frozenset[str]:
    return _passages(_normalised(RULES))


def _passages(text: str) -> frozenset[str]:
    return frozenset(
        text[start : start + ECHO_LENGTH] for start in range(len(text) - ECHO_LENGTH + 1)
    )


def _normalised(text: str) -> str:
    return " ".join(text.casefold().split())
