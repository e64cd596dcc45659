"""What a language model says of a page, and how far it may move the scores that rules have made.

The model is shown what people read on a page and the facts of it, a page a question. What it says
of a dimension counts with a quotation that is on the page, word for word. And it moves a score by
little: `LOWER` and `RAISE` are the whole way, whatever it says; what a dimension has no score for
gets none. A passage that speaks to machines is no evidence of anything.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Annotated

from pydantic import BaseModel, Field

from landfall.llm.questions import Problem, Question, Reply
from landfall.llm.quoting import QUOTING_RULE, quote_untrusted, visible_text
from landfall.reasons import Reason
from landfall.site.rubric import Rubric
from landfall.site.scores import Scored, Scores, Seen
from landfall.store.documents import Fields

LOWER, RAISE = 2.0, 1.0
"""Points by which a model may move a dimension's score down and up."""

TOLD_MOST = 12_000
"""Characters of a page that are told."""

SAID_MOST = 500
"""Characters of a remark that are kept."""

QUOTE_LEAST = 12
"""Characters of a quotation: a word is on every page."""

ECHO = 60
"""Characters in a row that no answer shares by chance with its instructions."""

ANSWER_TOKENS = 6_000
"""Tokens of an answer, at most, with what a model thinks before it."""

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

_TO_MACHINES = re.compile(
    r"instruc|instruk|anweisung|istruzion|prompt|assistant|assistent|asistente|language model|"
    r"sprachmodell|\b(a\.?i\.?|ki|ia|llms?|gpt\S*|chatbots?|bots?)\b|ignore|ignorier|ignora|"
    r"disregard|\bscor(e|es|ing)\b|bewerte|punktzahl|puntuaci|rate this|"
    r"\b10 ?(/|of|out of|von|de) ?10\b|system message|json|<untrusted|"
    r"指示|評価|忽略|评分|инструкц|оценк|تعليمات",
    re.IGNORECASE,
)
"""Words of a passage that is written for whoever scores the page, and not for its visitors."""


class DimensionJudgement(BaseModel):
    """What a page says about a dimension."""

    dimension: str
    score: Annotated[float, Field(ge=0, le=10)]
    why: str
    quote: str


class PageJudgement(BaseModel):
    """What a model says of a page."""

    dimensions: list[DimensionJudgement]
    critique: str


@dataclass
class Judgements:
    """What came of asking about the pages, by their addresses.

    `how` is where an answer comes from and what it cost. `left` pages have no answer yet; `ended`
    says why there will be none in this run: the budget's limit, or what is wrong with the service.
    """

    pages: int
    good: dict[str, PageJudgement] = field(default_factory=dict)
    failed: dict[str, Problem] = field(default_factory=dict)
    how: dict[str, Fields] = field(default_factory=dict)
    left: int = 0
    ended: str | None = None

    def take(self, url: str, reply: Reply[PageJudgement]) -> Fields:
        """Count a reply in; what is to be kept of it."""
        failure = reply.failure
        kept: Fields = {
            "content": reply.content.model_dump() if reply.content else None,
            "failure": {"reason": failure.reason, "message": failure.message} if failure else None,
            "how": reply.fields(),
        }
        self.restore(url, kept)
        return kept

    def restore(self, url: str, kept: Fields) -> None:
        """Count in what was kept of a reply."""
        self.how[url] = kept["how"]
        if kept["content"]:
            self.good[url] = PageJudgement.model_validate(kept["content"])
        else:
            failure = kept["failure"]
            self.failed[url] = Problem(Reason(failure["reason"]), failure["message"])

    @property
    def judged(self) -> int:
        """Pages of which something has come."""
        return len(self.good) + len(self.failed)

    @property
    def complete(self) -> bool:
        """Whether there is a good answer about every page."""
        return len(self.good) == self.pages

    def why_incomplete(self) -> list[Fields]:
        """Why scores are those of the rules alone, if they are."""
        why = [
            {"what": f"model: {url}", "why": f"{problem.reason}: {problem.message}"}
            for url, problem in self.failed.items()
        ]
        if self.ended:
            said = f"{self.ended}; {self.left} of {self.pages} pages are left for the next run"
            why.append({"what": "model", "why": said})
        return why

    def fields(self) -> list[Fields]:
        """What was said of each page, or why there is nothing, and what it cost."""
        said = [{"url": url} | remarks(one) | self.how[url] for url, one in self.good.items()]
        return said + [
            {"url": url, "failure": {"reason": one.reason, "message": one.message}} | self.how[url]
            for url, one in self.failed.items()
        ]


def question_about(rubric: Rubric, page: Seen, key: str) -> Question[PageJudgement]:
    """The question about a page."""
    dimensions = "\n".join(f"- {one.id}: {one.name}" for one in rubric.dimensions)
    reading = page.evidence.reading
    return Question(
        key=key,
        shape=PageJudgement,
        instructions=f"{RULES}\n\nDimensions:\n{dimensions}",
        text=f"Type of the page: {page.page_type}\nFacts: {_facts(page)}\n"
        + quote_untrusted(page.url, reading, TOLD_MOST),
        prompt_version=PROMPT_VERSION,
        max_tokens=ANSWER_TOKENS,
        problems=partial(problems, rubric, visible_text(reading, TOLD_MOST).text),
    )


def _facts(page: Seen) -> str:
    """The numbers of a page, without its times: they are never twice the same."""
    left_out = {"seconds", "status", "redirects", "wire_kilobytes"}
    known = (item for item in page.evidence.facts.items() if item[0] not in left_out)
    return ", ".join(f"{name}={value:g}" for name, value in known if value is not None)


def problems(rubric: Rubric, reading: str, judgement: PageJudgement) -> list[Problem]:
    """What is wrong with an answer: a dimension, a quotation, or that it tells our instructions."""
    names = [one.id for one in rubric.dimensions]
    said = [one.dimension for one in judgement.dimensions]
    found = [
        Problem(Reason.MODEL_OFF_SCHEMA, f"dimensions.{number}: there is no such dimension")
        for number, name in enumerate(said)
        if name not in names
    ]
    if len(set(said)) < len(said):
        found.append(Problem(Reason.MODEL_OFF_SCHEMA, "a dimension is judged twice"))
    there = _even(reading)
    found += [
        Problem(Reason.MODEL_UNFOUNDED, f"dimensions.{number}.quote: it is not on the page")
        for number, one in enumerate(judgement.dimensions)
        if len(_even(one.quote)) < QUOTE_LEAST or _even(one.quote) not in there
    ]
    if not judgement.critique.strip():
        found.append(Problem(Reason.MODEL_OFF_SCHEMA, "critique is empty"))
    if _tells(judgement):
        found.append(Problem(Reason.MODEL_ECHOED, "it repeats its instructions"))
    return found


def _tells(judgement: PageJudgement) -> bool:
    texts = [judgement.critique, *(f"{one.why} {one.quote}" for one in judgement.dimensions)]
    said = _passages(_even(" ".join(texts)))
    return not said.isdisjoint(_instructed())


@lru_cache(maxsize=1)
def _instructed() -> frozenset[str]:
    return _passages(_even(RULES))


def _passages(text: str) -> frozenset[str]:
    return frozenset(text[start : start + ECHO] for start in range(len(text) - ECHO + 1))


def _even(text: str) -> str:
    return " ".join(text.casefold().split())


def speaks_to_machines(passage: str) -> bool:
    """Whether a passage is written for whoever scores the page."""
    # letters that show nothing would split its words
    return _TO_MACHINES.search(visible_text(passage, TOLD_MOST).text) is not None


def moved(scores: Scores, judgements: Iterable[PageJudgement]) -> Scores:
    """The scores of the rules, moved by what was said of the pages.

    What pages say about a dimension counts by its mean.
    """
    said = list(judgements)
    dimensions = [_moved(one, list(_said(one.dimension.id, said))) for one in scores.dimensions]
    return replace(scores, dimensions=dimensions)


def _said(dimension: str, judgements: Iterable[PageJudgement]) -> Iterable[float]:
    return (
        one.score
        for judgement in judgements
        for one in judgement.dimensions
        if one.dimension == dimension and not speaks_to_machines(one.quote)
    )


def _moved(scored: Scored, said: Sequence[float]) -> Scored:
    if scored.score is None or not said:
        return scored
    mean = sum(said) / len(said)
    bounded = min(max(mean, scored.score - LOWER), scored.score + RAISE)
    return replace(scored, score=round(min(10.0, max(0.0, bounded)), 1))


def remarks(judgement: PageJudgement) -> Fields:
    """What is kept of what was said of a page."""
    return {
        "critique": visible_text(judgement.critique, SAID_MOST).text,
        "dimensions": [
            {
                "dimension": one.dimension,
                "score": one.score,
                "why": visible_text(one.why, SAID_MOST).text,
                "quote": visible_text(one.quote, SAID_MOST).text,
                "counts": not speaks_to_machines(one.quote),
            }
            for one in judgement.dimensions
        ],
    }
