"""The judgements of pages by a language model, and the bounds within which they adjust scores.

A judgement adjusts the scores of the rules by little: `LOWER` and `RAISE` are the bounds, whatever
the model says, and a dimension without a score gets none. A passage that addresses machines is not
evidence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from landfall.llm.plain_text import plain_text
from landfall.llm.questions import Problem, Reply
from landfall.reasons import Reason
from landfall.site.machines import speaks_to_machines
from landfall.site.prompt import PageJudgement
from landfall.site.scores import DimensionScore, Scores
from landfall.store.documents import Fields

LOWER, RAISE = 2.0, 1.0
"""Points by which a model may lower and raise the score of a dimension."""

MAX_REMARK = 500
"""Characters of a remark that are stored."""


@dataclass
class Judgements:
    """The judgements of pages, by address.

    `sources` say where answers come from and their cost. `left` pages have no answer yet. `ended`
    is the reason for which they get none in this run: a limit of the budget, or a failure of the
    service.
    """

    pages: int
    good: dict[str, PageJudgement] = field(default_factory=dict)
    failed: dict[str, Problem] = field(default_factory=dict)
    sources: dict[str, Fields] = field(default_factory=dict)
    left: int = 0
    ended: str | None = None

    def take(self, url: str, reply: Reply[PageJudgement]) -> Fields:
        """Add a reply. Return it in the form that is stored."""
        failure = reply.failure
        stored: Fields = {
            "content": reply.content.model_dump() if reply.content else None,
            "failure": {"reason": failure.reason, "message": failure.message} if failure else None,
            "how": reply.fields(),
        }
        self.restore(url, stored)
        return stored

    def restore(self, url: str, stored: Fields) -> None:
        """Add a stored reply."""
        self.sources[url] = stored["how"]
        if stored["content"]:
            self.good[url] = PageJudgement.model_validate(stored["content"])
        else:
            failure = stored["failure"]
            self.failed[url] = Problem(Reason(failure["reason"]), failure["message"])

    @property
    def judged(self) -> int:
        """The number of pages with an answer, valid or not."""
        return len(self.good) + len(self.failed)

    @property
    def complete(self) -> bool:
        """Return whether every page has a valid judgement."""
        return len(self.good) == self.pages

    def why_incomplete(self) -> list[Fields]:
        """Return the reasons for which the scores are those of the rules alone, if any."""
        why = [
            {"what": f"model: {url}", "why": f"{problem.reason}: {problem.message}"}
            for url, problem in self.failed.items()
        ]
        if self.ended:
            text = f"{self.ended}; {self.left} of {self.pages} pages are left for the next run"
            why.append({"what": "model", "why": text})
        return why

    def fields(self) -> list[Fields]:
        """Return the judgement of each page, or its failure, with the cost."""
        valid = [{"url": url} | remarks(one) | self.sources[url] for url, one in self.good.items()]
        return valid + [
            {"url": url, "failure": {"reason": one.reason, "message": one.message}}
            | self.sources[url]
            for url, one in self.failed.items()
        ]


def adjusted(scores: Scores, judgements: Iterable[PageJudgement]) -> Scores:
    """Return the scores of the rules, adjusted by the mean of the pages' judgements."""
    pages = list(judgements)
    dimensions = [_adjusted(one, _scores_in(one.dimension.id, pages)) for one in scores.dimensions]
    return replace(scores, dimensions=dimensions)


def _scores_in(dimension: str, judgements: Iterable[PageJudgement]) -> Sequence[float]:
    return [
        one.score
        for judgement in judgements
        for one in judgement.dimensions
        if one.dimension == dimension and not speaks_to_machines(one.quote)
    ]


def _adjusted(by_rules: DimensionScore, by_model: Sequence[float]) -> DimensionScore:
    if by_rules.score is None or not by_model:
        return by_rules
    mean = sum(by_model) / len(by_model)
    bounded = min(max(mean, by_rules.score - LOWER), by_rules.score + RAISE)
    return replace(by_rules, score=round(min(10.0, max(0.0, bounded)), 1))


def remarks(judgement: PageJudgement) -> Fields:
    """Return the remarks of a judgement in the form that is stored."""
    return {
        "critique": plain_text(judgement.critique, MAX_REMARK),
        "dimensions": [
            {
                "dimension": one.dimension,
                "score": one.score,
                "why": plain_text(one.why, MAX_REMARK),
                "quote": plain_text(one.quote, MAX_REMARK),
                "counts": not speaks_to_machines(one.quote),
            }
            for one in judgement.dimensions
        ],
    }
