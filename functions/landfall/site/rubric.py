"""The rubric of a site scan: page types, words, and dimensions with their criteria, all of it data.

`clinic.yaml` is the rubric of a clinic and the default of a scan. A criterion requires that a fact
of pages (`facts.FACTS`) is within bounds, and has the statements and the action for its result.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field

from landfall.scans.settings import Id, Misfit, Number, Settings, Whole, suggest
from landfall.site.facts import FACTS, FAMILIES

Key = str
Word = Annotated[str, Field(max_length=60)]
Grade = Literal["low", "medium", "high"]

CLINIC = Path(__file__).with_name("clinic.yaml")


class PageType(Settings):
    """A type of page, recognised by words in links to it or in its address."""

    id: Key = Field(pattern=r"^[a-z][a-z_]*$", max_length=40)
    words: list[str] = Field(
        min_length=1, max_length=100, description="Words of links; `book*` matches any ending."
    )
    most: Whole = Field(
        2, ge=1, le=50, description="Pages of this type, while there are other pages to fetch."
    )


class Criterion(Settings):
    """A criterion, and the points of its dimension that it is worth."""

    id: Id
    points: Number = Field(1, gt=0, le=100)
    where: Literal["home", "mobile", "site", "pages"] = Field(
        description="home, mobile: that page must meet it. site: one page must meet it. pages: "
        "the share of pages that meet it counts."
    )
    fact: str = Field(description="A fact of a page; `words.NAME` and the like count words.")
    at_least: Number | None = None
    at_most: Number | None = None
    good: str = Field(max_length=300, description="The statement of the report if it is met.")
    bad: str = Field(max_length=300, description="The statement of the report if it is not met.")
    action: str = Field("", max_length=300, description="The action that the report recommends.")
    impact: Grade = "medium"
    effort: Grade = "medium"

    def met(self, value: float) -> bool:
        """Return whether the value of a fact is within the bounds."""
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


class Dimension(Settings):
    """A score from 0 to 10: ten times the share of its criteria's points."""

    id: Key = Field(pattern=r"^[a-z][a-z_]*$", max_length=40)
    name: str = Field(max_length=100)
    weight: Number = Field(1, gt=0, le=100, description="The weight in `patient_flow_score_10`.")
    criteria: list[Criterion] = Field(min_length=1, max_length=50)


class Stage(Settings):
    """A stage of a visitor's journey through the site."""

    stage: str = Field(max_length=100)
    dimensions: list[Key] = Field(min_length=1, max_length=12)
    page_types: list[Key] = Field([], max_length=30)


class Bands(Settings):
    """The lowest score of each band; below all of them a site is `poor`."""

    strong: Number = Field(8, ge=0, le=10)
    good: Number = Field(6, ge=0, le=10)
    weak: Number = Field(4, ge=0, le=10)

    def band(self, score: float) -> str:
        """Return the band of a score."""
        return next((name for name, least in self if score >= least), "poor")


class Rubric(Settings):
    """The standard by which a site is judged."""

    page_types: list[PageType] = Field(min_length=1, max_length=30)
    words: dict[Word, list[str]] = Field(
        {}, max_length=100, description="Vocabularies: a name, and the words that belong to it."
    )
    dimensions: list[Dimension] = Field(min_length=1, max_length=12)
    journey: list[Stage] = Field([], max_length=30)
    bands: Bands = Bands()

    @property
    def criteria(self) -> Iterable[Criterion]:
        """The criteria of all dimensions."""
        return (criterion for dimension in self.dimensions for criterion in dimension.criteria)

    def misfits(self) -> Iterable[Misfit]:
        """Return the contradictions in the rubric."""
        types = [page_type.id for page_type in self.page_types]
        names = [dimension.id for dimension in self.dimensions]
        yield from _twice("page_types", types)
        yield from _twice("dimensions", names)
        yield from _twice("criteria", [criterion.id for criterion in self.criteria])
        for number, dimension in enumerate(self.dimensions):
            for place, criterion in enumerate(dimension.criteria):
                for problem in _unknown_fact(criterion, types, list(self.words)):
                    yield Misfit(("dimensions", number, "criteria", place, "fact"), problem)
        for number, stage in enumerate(self.journey):
            for name in stage.dimensions:
                if name not in names:
                    fix = suggest(name, names, "name a dimension of this rubric")
                    yield Misfit(("journey", number), f"there is no dimension {name!r}; {fix}")
        if not self.bands.strong > self.bands.good > self.bands.weak:
            yield Misfit(("bands",), "strong must be above good, and good above weak")


def _twice(what: str, ids: Sequence[str]) -> Iterable[Misfit]:
    for number, one in enumerate(ids):
        if one in ids[:number]:
            yield Misfit((what, number), f"{one!r} is used twice; rename one")


def _unknown_fact(
    criterion: Criterion, types: Sequence[str], vocabularies: Sequence[str]
) -> Iterable[str]:
    """Return the problem with the fact of a criterion, if any, and the fix."""
    family, dot, name = criterion.fact.partition(".")
    if not dot:
        if criterion.fact not in FACTS:
            fix = suggest(criterion.fact, FACTS, f"there are {', '.join(FACTS)}")
            yield f"there is no fact {criterion.fact!r}; {fix}"
        return
    if family not in FAMILIES:
        fix = suggest(family, FAMILIES, f"there are {', '.join(FAMILIES)}")
        yield f"there is no family of facts {family!r}; {fix}"
        return
    known = types if FAMILIES[family].of_types else vocabularies
    if name not in known:
        where = "page_types" if FAMILIES[family].of_types else "words"
        yield f"{name!r} is not in `{where}`; {suggest(name, known, 'add it there')}"


@functools.cache
def clinic_rubric() -> Rubric:
    """Return the rubric of a clinic."""
    return Rubric.model_validate(yaml.safe_load(CLINIC.read_text(encoding="utf-8")))


def vocabularies(rubric: Rubric) -> Mapping[str, tuple[str, ...]]:
    """Return the words of each vocabulary of a rubric."""
    return {name: tuple(words) for name, words in rubric.words.items()}
