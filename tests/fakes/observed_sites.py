"""Observations of a site without a site: pages with these facts."""

from typing import Any

from landfall.site.evidence import Evidence
from landfall.site.observed import MissedPage, ObservedPage, ObservedSite
from landfall.site.rubric import Rubric

SITE = "https://a.example"


def a_page(path: str, page_type: str = "other", /, **facts: Any) -> ObservedPage:
    """A page at this path."""
    given = {"words": 100, "seconds": 0.5} | {
        name.replace("__", "."): v for name, v in facts.items()
    }
    return ObservedPage(page_type, Evidence(url=SITE + path, facts=given))


def a_site(
    *pages: ObservedPage, mobile: Any = None, missed: int = 0, types: Any = ()
) -> ObservedSite:
    """These pages; `mobile` are the facts of the home page in its version for phones."""
    lost = [MissedPage(f"{SITE}/lost-{n}", "other", "site_timeout", "late") for n in range(missed)]
    phone = None if mobile is None else Evidence(url=f"{SITE}/", facts=mobile)
    return ObservedSite(pages, phone, lost, frozenset(types))


def criterion(name: str, where: str, fact: str, points: float = 1, **bounds: float) -> Any:
    """A criterion that says what it is."""
    return {
        "id": name,
        "points": points,
        "where": where,
        "fact": fact,
        "good": f"{name} is good",
        "bad": f"{name} is bad",
        "action": f"fix {name}",
        **(bounds or {"at_least": 1}),
    }


def a_rubric(**dimensions: list[Any]) -> Rubric:
    """A rubric of these dimensions, with two types of pages and one vocabulary."""
    return Rubric.model_validate(
        {
            "page_types": [
                {"id": "booking", "words": ["book*"]},
                {"id": "pricing", "words": ["price*"]},
            ],
            "words": {"prices": ["price*"]},
            "dimensions": [
                {"id": name, "name": name, "criteria": criteria}
                for name, criteria in dimensions.items()
            ],
        }
    )
