"""Scores by rules, computed by hand, for facts that are observed, missed, or do not apply."""

import pytest

from landfall.site.scores import score
from tests.fakes.observed_sites import SITE, a_page, a_rubric, a_site, criterion

HOME = a_page("/", "home", h1=1, forms=0, form_fields=None, images=4)


def scored(site, *criteria):
    """The only dimension of a rubric with these criteria."""
    (dimension,) = score(a_rubric(one=list(criteria)), site).dimensions
    return dimension


@pytest.mark.parametrize(
    ("bounds", "share"),
    [
        ({"at_least": 4}, 1),
        ({"at_least": 5}, 0),
        ({"at_most": 4}, 1),
        ({"at_most": 3}, 0),
        ({"at_least": 1, "at_most": 4}, 1),
    ],
)
def test_bounds_include_their_ends(bounds, share):
    """The bounds of a fact with the value 4."""
    (result,) = scored(a_site(HOME), criterion("x", "home", "images", **bounds)).results
    assert result.share == share


def test_a_score_is_ten_times_the_share_of_the_points():
    """3 of 3 + 1 points: 7.5."""
    dimension = scored(
        a_site(HOME), criterion("a", "home", "h1", 3), criterion("b", "home", "forms", 1)
    )
    assert (dimension.score, dimension.coverage) == (7.5, 1.0)


def test_what_does_not_apply_is_not_asked():
    """Without a form nobody asks how long it is; neither score nor coverage suffer."""
    dimension = scored(
        a_site(HOME), criterion("a", "home", "h1", 1), criterion("b", "site", "form_fields", 9)
    )
    assert (dimension.score, dimension.coverage) == (10.0, 1.0)
    assert not dimension.results[1].applies


def test_a_phone_that_was_not_observed_costs_no_points():
    """The dimension has no score, and the total is that of the others, as if of 60."""
    scores = score(
        a_rubric(
            desktop=[criterion("a", "home", "h1")], phone=[criterion("b", "mobile", "viewport")]
        ),
        a_site(HOME),
    )
    assert [one.score for one in scores.dimensions] == [10.0, None]
    assert (scores.total_score_60, scores.patient_flow_score_10) == (60.0, 10.0)
    assert scores.coverage == 0.5


def test_a_phone_that_was_observed_is_scored():
    """As it got the page."""
    site = a_site(HOME, mobile={"viewport": 0})
    assert scored(site, criterion("b", "mobile", "viewport")).score == 0.0


def test_less_than_half_is_no_score():
    """2 of 5 points were observed: None. 3 of 5: a score from those three."""
    few = [criterion("a", "home", "h1", 2), criterion("b", "mobile", "viewport", 3)]
    more = [criterion("a", "home", "h1", 3), criterion("b", "mobile", "viewport", 2)]
    assert (scored(a_site(HOME), *few).score, scored(a_site(HOME), *few).coverage) == (None, 0.4)
    assert (scored(a_site(HOME), *more).score, scored(a_site(HOME), *more).coverage) == (10.0, 0.6)


def test_once_on_a_site_is_enough():
    """And the page that has it is cited."""
    site = a_site(HOME, a_page("/contact", forms=1))
    (result,) = scored(site, criterion("a", "site", "forms")).results
    assert (result.share, result.cited) == (1.0, [f"{SITE}/contact"])


def test_what_may_be_on_a_page_that_was_missed_is_not_observed():
    """It could be there: no score, and no coverage."""
    dimension = scored(a_site(HOME, missed=1), criterion("a", "site", "forms"))
    assert (dimension.score, dimension.coverage) == (None, 0.0)


def test_all_pages_count_by_their_share():
    """One of three pages: a third of the points. A missed fourth lowers the coverage alone."""
    pages = [a_page("/", h1=1), a_page("/a", h1=0), a_page("/b", h1=0)]
    dimension = scored(a_site(*pages, missed=1), criterion("a", "pages", "h1"))
    assert (dimension.score, dimension.coverage) == (3.3, 0.75)
    assert dimension.results[0].cited == [f"{SITE}/a", f"{SITE}/b"]


@pytest.mark.parametrize(
    ("pages", "types", "share"),
    [((), (), 0), ((), ("booking",), 1), ((a_page("/b", "booking"),), (), 1)],
)
def test_a_page_that_is_known_is_there(pages, types, share):
    """A link to it is enough; nobody needs to have looked at it."""
    site = a_site(HOME, *pages, types=types)
    (result,) = scored(site, criterion("a", "site", "pages.booking")).results
    assert result.share == share


def test_weights_count_in_the_flow_and_not_in_the_total():
    """10 and 0 with weights 3 and 1: 30 of 60, and 7.5 of 10."""
    rubric = a_rubric(a=[criterion("a", "home", "h1")], b=[criterion("b", "home", "forms")])
    heavy = rubric.dimensions[0].model_copy(update={"weight": 3})
    rubric = rubric.model_copy(update={"dimensions": [heavy, rubric.dimensions[1]]})
    scores = score(rubric, a_site(HOME))
    assert (scores.total_score_60, scores.patient_flow_score_10) == (30.0, 7.5)
    assert scores.band == "good"


@pytest.mark.parametrize(
    ("value", "band"),
    [(10, "strong"), (8, "strong"), (7.9, "good"), (6, "good"), (4, "weak"), (3.9, "poor")],
)
def test_bands(value, band):
    """From 8, 6, 4."""
    assert a_rubric(a=[criterion("a", "home", "h1")]).bands.band(value) == band


def test_nothing_observed_is_no_score():
    """Not of the whole either."""
    scores = score(a_rubric(a=[criterion("a", "mobile", "h1")]), a_site(HOME))
    assert (scores.total_score_60, scores.patient_flow_score_10, scores.band) == (None, None, None)
