"""Scores from evidence alone: the same evidence gives the same scores, without a model.

    criterion   share of its points, or None where its fact could not be observed
    dimension   ten times the share of its observed points, or None where less than half of its
                points were observed
    total       the dimensions that have a score, scaled to 60; and weighted, scaled to 10

A criterion about something that a site does not have at all (the length of a form, where there is
none) does not apply: it lowers neither scores nor coverage. A fact that we failed to observe lowers
the coverage, and no score.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from landfall.site.evidence import Evidence
from landfall.site.observed import ObservedSite
from landfall.site.rubric import Criterion, Dimension, Rubric

MIN_OBSERVED = 0.5
"""Share of a dimension's points that must be observed for a score."""

MAX_CITED = 5
"""Pages that are cited for a criterion."""


@dataclass(frozen=True)
class CriterionScore:
    """A criterion, and the share of its points that a site earns.

    The share is None if nothing was `observed`, or the criterion does not apply. `cited` are pages
    that show it, and `values` the values of the fact on them; none where it is about types of
    pages.
    """

    criterion: Criterion
    share: float | None
    cited: Sequence[str] = ()
    observed: float = 1.0
    applies: bool = True
    values: Sequence[float] = ()

    @property
    def good(self) -> bool:
        """Return whether the criterion is met completely."""
        return self.share == 1

    @property
    def bad(self) -> bool:
        """Return whether the criterion is not met, or only in part."""
        return self.share is not None and self.share < 1

    @property
    def best_worth(self) -> float:
        """The points that it earns if all that was not observed is good."""
        lost = 0.0 if self.share is None else self.observed * (1 - self.share)
        return self.criterion.points * (1 - lost)

    @property
    def worth(self) -> float:
        """The points of the criterion that could be observed."""
        return self.criterion.points * self.observed


@dataclass(frozen=True)
class DimensionScore:
    """A dimension's score from 0 to 10, or None, with the results of its criteria."""

    dimension: Dimension
    results: Sequence[CriterionScore]
    score: float | None
    coverage: float

    @classmethod
    def of(cls, dimension: Dimension, results: Sequence[CriterionScore]) -> "DimensionScore":
        """Return the score of a dimension from the results of its criteria."""
        applying = [one for one in results if one.applies]
        points = sum(one.criterion.points for one in applying)
        known = [(one, one.share) for one in applying if one.share is not None]
        observed = sum(one.worth for one, _ in known)
        coverage = observed / points if points else 0.0
        score = None
        if observed and coverage >= MIN_OBSERVED:
            earned = sum(one.worth * share for one, share in known)
            score = round(10 * earned / observed, 1)
        return cls(dimension, results, score, round(coverage, 3))

    @property
    def best(self) -> float:
        """The score if all that was not observed is good; 10 without a score."""
        points = sum(one.criterion.points for one in self.results)
        if self.score is None or not points:
            return 10.0
        return 10 * sum(one.best_worth for one in self.results) / points


@dataclass(frozen=True)
class Scores:
    """The scores of a site."""

    rubric: Rubric
    dimensions: Sequence[DimensionScore] = field(default_factory=list)

    @property
    def total_score_60(self) -> float | None:
        """The sum of the dimensions that have a score, scaled to six of them."""
        scores = [one.score for one in self.dimensions if one.score is not None]
        return round(6 * sum(scores) / len(scores), 1) if scores else None

    @property
    def patient_flow_score_10(self) -> float | None:
        """The mean by the weights of the dimensions, which favour the way to a booking."""
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

    def best_band(self, more: float) -> str:
        """Return the band if all that was not observed is good, and each score `more` higher."""
        best = [(one.dimension.weight, min(10.0, one.best + more)) for one in self.dimensions]
        weights = sum(weight for weight, _ in best)
        mean = sum(weight * score for weight, score in best) / weights
        return self.rubric.bands.band(round(mean, 1))

    @property
    def coverage(self) -> float:
        """The mean share of points that were observed, over all dimensions."""
        return round(sum(one.coverage for one in self.dimensions) / len(self.dimensions), 3)

    def results(self) -> Iterable[tuple[Dimension, CriterionScore]]:
        """Return the results of all criteria, each with its dimension."""
        return ((one.dimension, result) for one in self.dimensions for result in one.results)


def score(rubric: Rubric, site: ObservedSite) -> Scores:
    """Score the observations of a site by a rubric."""
    return Scores(
        rubric,
        [
            DimensionScore.of(
                dimension, [score_criterion(criterion, site) for criterion in dimension.criteria]
            )
            for dimension in rubric.dimensions
        ],
    )


def score_criterion(criterion: Criterion, site: ObservedSite) -> CriterionScore:
    """Score one criterion."""
    match criterion.where:
        case "home":
            return _of_page(criterion, site.home)
        case "mobile":
            return _of_page(criterion, site.mobile)
        case "site":
            return _of_site(criterion, site)
        case _:
            return _of_pages(criterion, site)


def _of_page(criterion: Criterion, page: Evidence | None) -> CriterionScore:
    if page is None:
        return CriterionScore(criterion, None, observed=0.0)
    value = page.facts.get(criterion.fact)
    if value is None:
        return CriterionScore(criterion, None, applies=False)
    return CriterionScore(criterion, float(criterion.met(value)), [page.url], values=[value])


def _of_site(criterion: Criterion, site: ObservedSite) -> CriterionScore:
    family, _, name = criterion.fact.partition(".")
    if family == "pages":
        return _of_type(criterion, name, site)
    values = [(page.url, page.evidence.facts.get(criterion.fact)) for page in site.pages]
    known = [(url, value) for url, value in values if value is not None]
    meeting = [(url, value) for url, value in known if criterion.met(value)]
    if meeting:
        return _cited(criterion, 1.0, meeting)
    if site.missed:  # it may be on a page that we did not observe
        return CriterionScore(criterion, None, observed=0.0)
    if not known:
        return CriterionScore(criterion, None, applies=False)
    return _cited(criterion, 0.0, known)


def _of_type(criterion: Criterion, page_type: str, site: ObservedSite) -> CriterionScore:
    pages = [page.url for page in site.pages if page.page_type == page_type]
    exists = page_type in site.types or bool(pages)
    return CriterionScore(
        criterion, float(criterion.met(exists)), pages[:MAX_CITED] or [site.home.url]
    )


def _of_pages(criterion: Criterion, site: ObservedSite) -> CriterionScore:
    values = [(page.url, page.evidence.facts.get(criterion.fact)) for page in site.pages]
    known = [(url, value) for url, value in values if value is not None]
    if not known:
        return CriterionScore(criterion, None, applies=False)
    share = sum(criterion.met(value) for _, value in known) / len(known)
    shown = [(url, value) for url, value in known if criterion.met(value) == (share == 1)]
    observed = len(known) / (len(known) + len(site.missed))
    return _cited(criterion, round(share, 3), shown, observed)


def _cited(
    criterion: Criterion, share: float, shown: Sequence[tuple[str, float]], observed: float = 1.0
) -> CriterionScore:
    """Return a result with the first pages that show it."""
    few = shown[:MAX_CITED]
    urls, values = [url for url, _ in few], [value for _, value in few]
    return CriterionScore(criterion, share, urls, observed, values=values)
