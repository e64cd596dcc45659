"""The advice of a report, from the scores of a site: strengths, leaks and quick wins; for a deep
scan also a critique of each page, patterns across pages, the visitor's journey, and an action plan.

Every statement cites pages that were fetched.
"""

from collections.abc import Iterable, Sequence

from landfall.site.observed import ObservedPage, ObservedSite
from landfall.site.rubric import Criterion, Dimension
from landfall.site.scores import CriterionScore, Scores
from landfall.store.documents import Fields

MIN_PATTERN_PAGES = 2
"""Pages that must fail the same criterion to make a pattern."""

_HIGH_FIRST = {"high": 0, "medium": 1, "low": 2}
_WHEN = {"low": "now", "medium": "next", "high": "later"}


def strengths(scores: Scores) -> list[Fields]:
    """Return the criteria that are met, the weightiest first."""
    return [
        _statement(dimension, result, result.criterion.good)
        for dimension, result in _weightiest(scores)
        if result.good
    ]


def leaks(scores: Scores) -> list[Fields]:
    """Return the criteria that are not met, where visitors are lost, the weightiest first."""
    return [
        _statement(dimension, result, result.criterion.bad) | {"share": result.share}
        for dimension, result in _weightiest(scores)
        if result.bad
    ]


def quick_wins(scores: Scores) -> list[Fields]:
    """Return the actions without high effort, ordered by impact and then effort."""
    return [action for action in actions(scores) if action["effort"] != "high"]


def actions(scores: Scores) -> list[Fields]:
    """Return all actions, ordered by impact and then effort."""
    found = [
        {
            "id": result.criterion.id,
            "dimension": dimension.id,
            "action": result.criterion.action,
            "impact": result.criterion.impact,
            "effort": result.criterion.effort,
            "when": _WHEN[result.criterion.effort],
            "pages": list(result.cited),
        }
        for dimension, result in _weightiest(scores)
        if result.bad and result.criterion.action
    ]
    return sorted(found, key=lambda one: (_HIGH_FIRST[one["impact"]], -_HIGH_FIRST[one["effort"]]))


def critique(scores: Scores, site: ObservedSite) -> list[Fields]:
    """Return the criteria that each page meets, and those that it does not meet."""
    return [_page(scores, page, home=number == 0) for number, page in enumerate(site.pages)]


def patterns(scores: Scores, site: ObservedSite) -> list[Fields]:
    """Return the criteria that several pages do not meet."""
    found = []
    for dimension, criterion in _criteria(scores):
        lacking = [page.url for page in site.pages if _meets(criterion, page) is False]
        if criterion.where == "pages" and len(lacking) >= MIN_PATTERN_PAGES:
            found.append(
                {
                    "id": criterion.id,
                    "dimension": dimension.id,
                    "text": criterion.bad,
                    "pages": lacking,
                    "share": round(len(lacking) / len(site.pages), 3),
                }
            )
    return sorted(found, key=lambda one: -len(one["pages"]))


def journey(scores: Scores, site: ObservedSite) -> list[Fields]:
    """Return the stages of the visitor's journey, with the scores, pages and leaks of each."""
    found = leaks(scores)
    by_id = {one.dimension.id: one.score for one in scores.dimensions}
    return [
        {
            "stage": stage.stage,
            "scores": {name: by_id[name] for name in stage.dimensions},
            "pages": [page.url for page in site.pages if page.page_type in stage.page_types]
            or [site.home.url],
            "leaks": [leak["id"] for leak in found if leak["dimension"] in stage.dimensions],
        }
        for stage in scores.rubric.journey
    ]


def _weightiest(scores: Scores) -> Sequence[tuple[Dimension, CriterionScore]]:
    return sorted(scores.results(), key=lambda pair: -(pair[0].weight * pair[1].criterion.points))


def _statement(dimension: Dimension, result: CriterionScore, text: str) -> Fields:
    criterion = result.criterion
    return {
        "id": criterion.id,
        "dimension": dimension.id,
        "text": text,
        "pages": list(result.cited),
    }


def _criteria(scores: Scores) -> Iterable[tuple[Dimension, Criterion]]:
    return ((dimension, result.criterion) for dimension, result in scores.results())


def _page(scores: Scores, page: ObservedPage, *, home: bool) -> Fields:
    """Return a page with its results: criteria of every page, and of the site where it helps."""
    facts, good, bad = page.evidence.facts, [], []
    for _, criterion in _criteria(scores):
        met = _meets(criterion, page)
        asked = criterion.where == "pages" or (home and criterion.where == "home")
        if met and (asked or criterion.where == "site"):
            good.append(criterion.id)
        elif met is False and asked:
            bad.append(criterion.id)
    return {
        "url": page.url,
        "page_type": page.page_type,
        "title": page.evidence.title,
        "words": facts["words"],
        "seconds": facts["seconds"],
        "good": good,
        "bad": bad,
    }


def _meets(criterion: Criterion, page: ObservedPage) -> bool | None:
    """Return whether the page meets a criterion; None if it has no such fact."""
    value = page.evidence.facts.get(criterion.fact)
    return None if value is None else criterion.met(value)
