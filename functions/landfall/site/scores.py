"""Scores from evidence alone: the same evidence gives the same scores, and no model is asked.

    criterion   share of its points, or None where what it asks for could not be observed
    dimension   ten times the share of its observed points, or None where less than half of its
                points were observed
    total       the dimensions that have a score, as if of 60; and weighted, as if of 10

What a site does not have at all (a form, where one asks how long it is) asks nothing of it, and
lowers neither scores nor coverage. What we failed to see lowers the coverage, and no score.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from landfall.site.evidence import Evidence
from landfall.site.rubric import Criterion, Dimension, Rubric

OBSERVED_LEAST = 0.5
"""Share of a dimension's points that must have been observed for a score."""

CITED_MOST = 5
"""Pages that a statement cites."""


@dataclass(frozen=True)
class Seen:
    """A page that was looked at."""

    page_type: str
    evidence: Evidence

    @property
    def url(self) -> str:
        """Where it is."""
        return self.evidence.url


@dataclass(frozen=True)
class Missed:
    """A page that was asked for and not observed, and why."""

    url: str
    page_type: str
    reason: str
    message: str


@dataclass(frozen=True)
class Look:
    """All that was seen of a site. `pages` begin with the home page.

    `mobile` is the home page as a phone gets it; None when that was not observed. `types` are
    those of all pages that are known, looked at or not.
    """

    pages: Sequence[Seen]
    mobile: Evidence | None
    missed: Sequence[Missed] = ()
    types: frozenset[str] = frozenset()

    @property
    def home(self) -> Evidence:
        """The home page, as a desktop gets it."""
        return self.pages[0].evidence

    @property
    def urls(self) -> frozenset[str]:
        """Every page that may be cited."""
        seen = {page.url for page in self.pages}
        return frozenset(seen | {self.mobile.url} if self.mobile else seen)


@dataclass(frozen=True)
class Judged:
    """A criterion, and the share of its points that a site has.

    None when it was not `observed`, or does not `apply`. `cited` are pages that show it.
    """

    criterion: Criterion
    share: float | None
    cited: Sequence[str] = ()
    observed: float = 1.0
    applies: bool = True

    @property
    def good(self) -> bool:
        """Whether all of it is as it should be."""
        return self.share == 1

    @property
    def bad(self) -> bool:
        """Whether something about it is not as it should be."""
        return self.share is not None and self.share < 1

    @property
    def worth(self) -> float:
        """Its points, as far as they could be observed."""
        return self.criterion.points * self.observed


@dataclass(frozen=True)
class Scored:
    """A dimension's score, of 0 to 10, or None; and what it comes from."""

    dimension: Dimension
    judged: Sequence[Judged]
    score: float | None
    coverage: float

    @classmethod
    def of(cls, dimension: Dimension, judged: Sequence[Judged]) -> "Scored":
        """From its judged criteria."""
        applying = [one for one in judged if one.applies]
        asked = sum(one.criterion.points for one in applying)
        seen = [(one, one.share) for one in applying if one.share is not None]
        observed = sum(one.worth for one, _ in seen)
        coverage = observed / asked if asked else 0.0
        score = None
        if observed and coverage >= OBSERVED_LEAST:
            earned = sum(one.worth * share for one, share in seen)
            score = round(10 * earned / observed, 1)
        return cls(dimension, judged, score, round(coverage, 3))


@dataclass(frozen=True)
class Scores:
    """The scores of a site."""

    rubric: Rubric
    dimensions: Sequence[Scored] = field(default_factory=list)

    @property
    def total_score_60(self) -> float | None:
        """The dimensions that have a score, as if all six of them had."""
        scores = [one.score for one in self.dimensions if one.score is not None]
        return round(6 * sum(scores) / len(scores), 1) if scores else None

    @property
    def patient_flow_score_10(self) -> float | None:
        """The same by the weights of the dimensions: what brings a visitor to a booking."""
        pairs = [
            (one.dimension.weight, one.score) for one in self.dimensions if one.score is not None
        ]
        weights = sum(weight for weight, _ in pairs)
        return round(sum(weight * score for weight, score in pairs) / weights, 1) if pairs else None

    @property
    def band(self) -> str | None:
        """The band of `patient_flow_score_10`."""
        score = self.patient_flow_score_10
        return None if score is None else self.rubric.bands.band(score)

    @property
    def coverage(self) -> float:
        """The share of what was asked that was observed, each dimension alike."""
        return round(sum(one.coverage for one in self.dimensions) / len(self.dimensions), 3)

    def judged(self) -> Iterable[tuple[Dimension, Judged]]:
        """Every criterion with its dimension."""
        return ((one.dimension, judged) for one in self.dimensions for judged in one.judged)


def score(rubric: Rubric, look: Look) -> Scores:
    """The scores of what was seen."""
    return Scores(
        rubric,
        [
            Scored.of(dimension, [judge(criterion, look) for criterion in dimension.criteria])
            for dimension in rubric.dimensions
        ],
    )


def judge(criterion: Criterion, look: Look) -> Judged:
    """What one criterion comes to."""
    match criterion.where:
        case "home":
            return _of_page(criterion, look.home)
        case "mobile":
            return _of_page(criterion, look.mobile)
        case "site":
            return _of_site(criterion, look)
        case _:
            return _of_pages(criterion, look)


def _of_page(criterion: Criterion, page: Evidence | None) -> Judged:
    if page is None:
        return Judged(criterion, None, observed=0.0)
    value = page.facts.get(criterion.fact)
    if value is None:
        return Judged(criterion, None, applies=False)
    return Judged(criterion, float(criterion.met(value)), [page.url])


def _of_site(criterion: Criterion, look: Look) -> Judged:
    family, _, name = criterion.fact.partition(".")
    if family == "pages":
        return _of_type(criterion, name, look)
    values = [(page.url, page.evidence.facts.get(criterion.fact)) for page in look.pages]
    known = [(url, value) for url, value in values if value is not None]
    meeting = [url for url, value in known if criterion.met(value)]
    if meeting:
        return Judged(criterion, 1.0, meeting[:CITED_MOST])
    if look.missed:  # it may be on a page that we did not see
        return Judged(criterion, None, observed=0.0)
    if not known:
        return Judged(criterion, None, applies=False)
    return Judged(criterion, 0.0, [url for url, _ in known][:CITED_MOST])


def _of_type(criterion: Criterion, page_type: str, look: Look) -> Judged:
    seen = [page.url for page in look.pages if page.page_type == page_type]
    there = page_type in look.types or bool(seen)
    return Judged(criterion, float(criterion.met(there)), seen[:CITED_MOST] or [look.home.url])


def _of_pages(criterion: Criterion, look: Look) -> Judged:
    values = [(page.url, page.evidence.facts.get(criterion.fact)) for page in look.pages]
    known = [(url, criterion.met(value)) for url, value in values if value is not None]
    if not known:
        return Judged(criterion, None, applies=False)
    share = sum(met for _, met in known) / len(known)
    cited = [url for url, met in known if met == (share == 1)]
    observed = len(known) / (len(known) + len(look.missed))
    return Judged(criterion, round(share, 3), cited[:CITED_MOST], observed)
