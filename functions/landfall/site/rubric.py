"""What a site is judged by: page types, words, dimensions and their criteria, all of it data.

`clinic.yaml` is the rubric of a clinic, which a scan has unless it brings its own. A criterion
asks for a fact of pages (`facts.FACTS`) to lie within bounds; what is said about it, good or bad,
and what to do, is written with it.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from landfall.scans.settings import Id, Settings, suggest
from landfall.site.facts import FACTS, FAMILIES

Key = str
Grade = Literal["low", "medium", "high"]

CLINIC = Path(__file__).with_name("clinic.yaml")


class PageType(Settings):
    """A type of page, known by words in the links that lead to it or in its address."""

    id: Key = Field(pattern=r"^[a-z][a-z_]*$", max_length=40)
    words: list[str] = Field(
        min_length=1, max_length=100, description="Words of links; `book*` is any ending."
    )
    most: int = Field(
        2, ge=1, le=50, description="Pages of this type, while there are others to look at."
    )


class Criterion(Settings):
    """One thing that is looked at, and how many points of its dimension it is worth."""

    id: Id
    points: float = Field(1, gt=0, le=100)
    where: Literal["home", "mobile", "site", "pages"] = Field(
        description="home and mobile: that page. site: it is enough on one of the pages. pages: "
        "the share of the pages counts."
    )
    fact: str = Field(description="A fact of a page; `words.NAME` and others count words.")
    at_least: float | None = None
    at_most: float | None = None
    good: str = Field(max_length=300, description="What is said when it is so.")
    bad: str = Field(max_length=300, description="What is said when it is not.")
    action: str = Field("", max_length=300, description="What to do about it.")
    impact: Grade = "medium"
    effort: Grade = "medium"

    def met(self, value: float) -> bool:
        """Whether a fact's value lies within the bounds."""
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


class Dimension(Settings):
    """A score from 0 to 10: ten times the share of its criteria's points."""

    id: Key = Field(pattern=r"^[a-z][a-z_]*$", max_length=40)
    name: str = Field(max_length=100)
    weight: float = Field(1, gt=0, le=100, description="In `patient_flow_score_10`.")
    criteria: list[Criterion] = Field(min_length=1, max_length=50)


class Stage(Settings):
    """A part of the way that a visitor takes through the site."""

    stage: str = Field(max_length=100)
    dimensions: list[Key] = Field(min_length=1)
    page_types: list[Key] = Field([])


class Bands(Settings):
    """From which score on a site is in which band; below all of them it is `poor`."""

    strong: float = Field(8, ge=0, le=10)
    good: float = Field(6, ge=0, le=10)
    weak: float = Field(4, ge=0, le=10)

    def band(self, score: float) -> str:
        """The band of a score."""
        return next((name for name, least in self if score >= least), "poor")


class Rubric(Settings):
    """All that a site is judged by."""

    page_types: list[PageType] = Field(min_length=1, max_length=30)
    words: dict[Key, list[str]] = Field(
        {}, description="Vocabularies: a name, and the words that stand for it."
    )
    dimensions: list[Dimension] = Field(min_length=1, max_length=12)
    journey: list[Stage] = Field([])
    bands: Bands = Bands()

    @property
    def criteria(self) -> Iterable[Criterion]:
        """Those of all dimensions."""
        return (criterion for dimension in self.dimensions for criterion in dimension.criteria)

    def misfits(self) -> Iterable[str]:
        """What of it does not fit together: a line each."""
        types = [page_type.id for page_type in self.page_types]
        names = [dimension.id for dimension in self.dimensions]
        yield from _twice("page_types", types)
        yield from _twice("dimensions", names)
        yield from _twice("criteria", [criterion.id for criterion in self.criteria])
        for dimension in self.dimensions:
            for criterion in dimension.criteria:
                for problem in _unknown_fact(criterion, types, list(self.words)):
                    yield f"dimensions.{dimension.id}.{criterion.id}.fact: {problem}"
        for stage in self.journey:
            for name in stage.dimensions:
                if name not in names:
                    fix = suggest(name, names, "name a dimension of this rubric")
                    yield f"journey.{stage.stage}: there is no dimension {name!r}; {fix}"
        if not self.bands.strong > self.bands.good > self.bands.weak:
            yield "bands: strong must be above good, and good above weak"


def _twice(what: str, ids: Sequence[str]) -> Iterable[str]:
    for number, one in enumerate(ids):
        if one in ids[:number]:
            yield f"{what}: {one!r} is used twice; rename one"


def _unknown_fact(
    criterion: Criterion, types: Sequence[str], vocabularies: Sequence[str]
) -> Iterable[str]:
    """What is wrong with the fact that a criterion names, and the fix."""
    family, dot, name = criterion.fact.partition(".")
    if not dot:
        if criterion.fact not in FACTS:
            fix = suggest(criterion.fact, FACTS, f"there are {', '.join(FACTS)}")
            yield f"there is no fact {criterion.fact!r}; {fix}"
        return
    if family not in FAMILIES:
        yield f"there are no facts {family!r}; {suggest(family, FAMILIES, ', '.join(FAMILIES))}"
        return
    known = types if FAMILIES[family].of_types else vocabularies
    if name not in known:
        where = "page_types" if FAMILIES[family].of_types else "words"
        yield f"{name!r} is not in `{where}`; {suggest(name, known, 'add it there')}"


@functools.cache
def clinic_rubric() -> Rubric:
    """The rubric of a clinic."""
    return Rubric.model_validate(yaml.safe_load(CLINIC.read_text(encoding="utf-8")))


def vocabularies(rubric: Rubric) -> Mapping[str, tuple[str, ...]]:
    """The words of each vocabulary of a rubric."""
    return {name: tuple(words) for name, words in rubric.words.items()}
