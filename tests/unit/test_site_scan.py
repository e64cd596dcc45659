"""The definition of a site scan: errors with their place and the fix."""

import pytest

from landfall.kinds.definition import DefinitionError, parse
from landfall.site.facts import FACTS, FAMILIES
from landfall.site.rubric import clinic_rubric
from landfall.site.scan import SiteScan
from tests.fakes.observed_sites import criterion

SCAN = {"id": "clinic", "kind": "site", "url": "https://clinic.example"}


def problem(**changes):
    """The error message for this definition."""
    with pytest.raises(DefinitionError) as refused:
        parse(SCAN | changes, "scan.yaml")
    return str(refused.value)


def site_scan(**changes):
    scan = parse(SCAN | changes, "scan.yaml")
    assert isinstance(scan, SiteScan)
    return scan


def a_rubric(**changes):
    return {
        "page_types": [{"id": "booking", "words": ["book*"]}],
        "words": {"price": ["price*"]},
        "dimensions": [
            {"id": "one", "name": "One", "criteria": [criterion("a", "home", "h1")]},
        ],
    } | changes


def a_criterion(fact):
    return {
        "dimensions": [{"id": "one", "name": "One", "criteria": [criterion("a", "home", fact)]}]
    }


def test_an_address_is_enough():
    """The rest has values that are polite and fit a clinic."""
    scan = site_scan()
    assert (scan.url, scan.mode, scan.max_pages, scan.scorer) == (
        "https://clinic.example/", "quick", 10, "rules",
    )  # fmt: skip
    assert scan.rubric == clinic_rubric()
    assert scan.heading() == {"name": "", "kind": "site", "url": "https://clinic.example/"}


def test_the_clinic_has_the_six_dimensions():
    """Each of some criteria; the rubric fits together."""
    rubric = clinic_rubric()
    assert [dimension.id for dimension in rubric.dimensions] == [
        "clarity_first_impression", "booking_path", "mobile_experience", "trust_and_proof",
        "treatments_and_offer", "tech_basics",
    ]  # fmt: skip
    assert list(rubric.misfits()) == []


@pytest.mark.parametrize(
    "url",
    ["clinic.example", "ftp://clinic.example", "mailto:a@b.example", "https://",
     "https://clinic.example/a.pdf", "https://[::1", ""],
)  # fmt: skip
def test_what_is_no_home_page(url):
    """It names the field and the fix."""
    said = problem(url=url)
    assert said.startswith("scan.yaml: url: must be the address of a page")


def test_what_an_address_has_too_much_of():
    """It is named, and a password is not repeated."""
    said = problem(url="https://ann:secret@c.example/")
    assert said == "scan.yaml: url: leave out the user and the password before the @"
    assert "leave out the part from # on" in problem(url="https://c.example/#prices")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_pages": 51}, "max_pages"),
        ({"mode": "deeper"}, "mode"),
        ({"delay_seconds": 0}, "delay_seconds"),
        ({"base": "appPeople00000001"}, "base: there is no such setting"),
        ({"contact": "übermorgen"}, "contact: use plain letters, digits and signs (ASCII)"),
        (
            {"scorer": "model", "model": {"batch": True}},
            "model.batch: batches are only for scans of `kind: classification`; pages are judged "
            "one by one; remove `batch`",
        ),
    ],
)
def test_settings_have_bounds(changes, message):
    """And nothing but settings is taken."""
    assert message in problem(**changes)


@pytest.mark.parametrize(
    ("rubric", "message"),
    [
        (a_rubric(**a_criterion("headlines")), "there is no fact 'headlines'; did you mean"),
        (a_rubric(**a_criterion("words.prices")), "'prices' is not in `words`; did you"),
        (a_rubric(**a_criterion("pages.blog")), "'blog' is not in `page_types`; add it there"),
        (a_rubric(**a_criterion("word.price")), "no family of facts 'word'; did you mean 'words'"),
        (a_rubric(bands={"strong": 5, "good": 6, "weak": 4}), "strong must be above good"),
        (a_rubric(journey=[{"stage": "x", "dimensions": ["two"]}]), "there is no dimension 'two'"),
        (
            a_rubric(page_types=[{"id": "a", "words": ["x"]}, {"id": "a", "words": ["y"]}]),
            "page_types.a: 'a' is used twice; rename one",
        ),
        (
            a_rubric(page_types=[{"id": "Über uns", "words": ["x"]}]),
            "rubric.page_types.Über uns.id: use lower-case letters, with underscores between them",
        ),
    ],
)  # fmt: skip
def test_a_rubric_must_fit_together(rubric, message):
    """Each misfit has its place and the fix."""
    assert message in problem(rubric=rubric)


def test_a_gym_has_a_rubric_of_its_own():
    """Dimensions, words and page types are the scan's."""
    gym = a_rubric(**a_criterion("words.price"))
    scan = site_scan(rubric=gym)
    assert [dimension.id for dimension in scan.rubric.dimensions] == ["one"]
    assert scan.version() != parse(SCAN, "scan.yaml").version()


def test_a_definition_survives_its_storing():
    """A definition is read back as it was saved."""
    scan = parse(SCAN | {"mode": "deep"}, "scan.yaml")
    assert parse(scan.document(), "stored") == scan


def test_every_fact_is_explained():
    """For whoever writes a rubric."""
    assert all(fact.meaning for fact in FACTS.values())
    assert all(family.meaning for family in FAMILIES.values())
