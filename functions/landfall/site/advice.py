"""What is said about a site from its scores: strengths, leaks and quick wins; and of a deep scan,
each page by itself, what many pages have in common, the visitor's way, and a plan.

Every statement cites pages that were fetched.
"""

from collections.abc import Iterable, Sequence

from landfall.site.rubric import Criterion, Dimension
from landfall.site.scores import Judged, Look, Scores, Seen
from landfall.store.documents import Fields

PATTERN_PAGES = 2
"""Pages that lack the same thing make a pattern of it."""

_HIGH_FIRST = {"high": 0, "medium": 1, "low": 2}
_WHEN = {"low": "now", "medium": "next", "high": "later"}


def strengths(scores: Scores) -> list[Fields]:
    """What is as it should be, the weightiest first."""
    return [
        _statement(dimension, judged, judged.criterion.good)
        for dimension, judged in _weightiest(scores)
        if judged.good
    ]


def leaks(scores: Scores) -> list[Fields]:
    """Where visitors are lost, the weightiest first."""
    return [
        _statement(dimension, judged, judged.criterion.bad) | {"share": judged.share}
        for dimension, judged in _weightiest(scores)
        if judged.bad
    ]


def quick_wins(scores: Scores) -> list[Fields]:
    """What to do first: by impact, then by effort; nothing of high effort."""
    return [action for action in actions(scores) if action["effort"] != "high"]


def actions(scores: Scores) -> list[Fields]:
    """Everything that there is to do, in the order in which it pays."""
    found = [
        {
            "id": judged.criterion.id,
            "dimension": dimension.id,
            "action": judged.criterion.action,
            "impact": judged.criterion.impact,
            "effort": judged.criterion.effort,
            "when": _WHEN[judged.criterion.effort],
            "pages": list(judged.cited),
        }
        for dimension, judged in _weightiest(scores)
        if judged.bad and judged.criterion.action
    ]
    return sorted(found, key=lambda one: (_HIGH_FIRST[one["impact"]], -_HIGH_FIRST[one["effort"]]))


def critique(scores: Scores, look: Look) -> list[Fields]:
    """Each page by itself: what it does well, and what it lacks."""
    return [_page(scores, page, home=number == 0) for number, page in enumerate(look.pages)]


def patterns(scores: Scores, look: Look) -> list[Fields]:
    """What several pages lack."""
    found = []
    for dimension, criterion in _criteria(scores):
        lacking = [page.url for page in look.pages if _meets(criterion, page) is False]
        if criterion.where == "pages" and len(lacking) >= PATTERN_PAGES:
            found.append(
                {
                    "id": criterion.id,
                    "dimension": dimension.id,
                    "text": criterion.bad,
                    "pages": lacking,
                    "share": round(len(lacking) / len(look.pages), 3),
                }
            )
    return sorted(found, key=lambda one: -len(one["pages"]))


def journey(scores: Scores, look: Look) -> list[Fields]:
    """The visitor's way: of each stage its scores, the pages for it, and its leaks."""
    said = leaks(scores)
    by_id = {one.dimension.id: one.score for one in scores.dimensions}
    return [
        {
            "stage": stage.stage,
            "scores": {name: by_id[name] for name in stage.dimensions},
            "pages": [page.url for page in look.pages if page.page_type in stage.page_types]
            or [look.home.url],
            "leaks": [leak["id"] for leak in said if leak["dimension"] in stage.dimensions],
        }
        for stage in scores.rubric.journey
    ]


def _weightiest(scores: Scores) -> Sequence[tuple[Dimension, Judged]]:
    return sorted(scores.judged(), key=lambda pair: -(pair[0].weight * pair[1].criterion.points))


def _statement(dimension: Dimension, judged: Judged, text: str) -> Fields:
    criterion = judged.criterion
    return {
        "id": criterion.id,
        "dimension": dimension.id,
        "text": text,
        "pages": list(judged.cited),
    }


def _criteria(scores: Scores) -> Iterable[tuple[Dimension, Criterion]]:
    return ((dimension, judged.criterion) for dimension, judged in scores.judged())


def _page(scores: Scores, page: Seen, *, home: bool) -> Fields:
    """What the criteria say of one page: those of all pages, and what a site needs only once."""
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


def _meets(criterion: Criterion, page: Seen) -> bool | None:
    """None when the page says nothing about it."""
    value = page.evidence.facts.get(criterion.fact)
    return None if value is None else criterion.met(value)
