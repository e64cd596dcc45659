"""The report of a site: verdict, statements that cite pages, and changes since the last one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from landfall.site.judgement import Judgements
from landfall.site.markup import Heading
from landfall.site.observed import ObservedPage
from landfall.site.report import compared, report_of, summary
from landfall.site.scores import score
from tests.fakes.observed_sites import SITE, a_page, a_rubric, a_site, criterion

PHONE = {"viewport": 1}
RUBRIC = a_rubric(
    first=[
        criterion("h1", "home", "h1", 3) | {"impact": "high", "effort": "medium"},
        criterion("fast", "pages", "seconds", 1, at_most=2) | {"effort": "low"},
    ],
    second=[
        criterion("form", "site", "forms", 2) | {"impact": "high", "effort": "low"},
        criterion("phone", "mobile", "viewport", 2) | {"effort": "high"},
    ],
)


def reported(*pages, mode="deep", before=None, **more):
    site = a_site(*pages, **({"mobile": PHONE} | more))
    return report_of("a.example", mode, score(RUBRIC, site), site, before)


def home(**facts):
    return a_page("/", "home", **({"h1": 1, "forms": 1, "seconds": 1} | facts))


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [({}, "healthy"), ({"h1": 0}, "warning"), ({"h1": 0, "forms": 0, "seconds": 9}, "critical")],
)
def test_the_verdict_is_by_the_band(facts, verdict):
    """10: healthy; (2.5 + 10) / 2 = 6.2: warning; (0 + 5) / 2 = 2.5: critical."""
    assert reported(home(**facts)).verdict == verdict


def test_what_was_not_observed_is_inconclusive_with_why():
    """However good the rest is; the scores of the rest are there."""
    report = reported(home(), mobile=None, missed=1)
    assert report.verdict == "inconclusive"
    assert [one["what"] for one in report.inconclusive] == [
        "mobile", f"{SITE}/lost-0", "coverage",
    ]  # fmt: skip
    assert report.fields["scores"]["first"] == 10.0


@pytest.mark.parametrize(
    ("h1", "lost", "verdict"),
    [
        (0, {"mobile": None}, "critical"),
        (1, {"mobile": None}, "inconclusive"),
        (0, {"missed": 1}, "inconclusive"),
    ],
)
def test_a_score_that_nothing_could_lift_is_critical(h1, lost, verdict):
    """Without the phone's 2 of 4 points: if they are good, (0 + 5) / 2 = 2.5 is still poor.

    With a heading, (7.5 + 5) / 2 is not. A form may be on the page that was missed, which leaves
    the second dimension open: (0.1 + 10) / 2.
    """
    report = reported(home(h1=h1, forms=0, seconds=9), **lost)
    assert report.verdict == verdict
    assert report.inconclusive


def test_a_coverage_below_the_limit_is_not_shown_as_if_it_were_at_it():
    """Never "only 90 % were observed; a verdict needs 90 %"."""
    site = a_site(home(), mobile=PHONE)
    scores = score(RUBRIC, site)
    part = [replace(one, coverage=0.896) for one in scores.dimensions]
    report = report_of("a.example", "deep", replace(scores, dimensions=part), site, None)
    (why,) = report.inconclusive
    assert why["why"] == "only 89.6% of all points were observed; a verdict needs 90 %"


def test_a_model_that_stayed_away_might_have_raised_a_score():
    """3.9 of 10 by the rules alone, which a model may raise by 1: not certainly poor."""
    rubric = a_rubric(one=[criterion("h1", "home", "h1", 39), criterion("x", "home", "forms", 61)])
    site = a_site(home(forms=0), mobile=PHONE)
    judged = Judgements(1, ended="no answer", left=1)
    scores = score(rubric, site)
    assert report_of("a.example", "deep", scores, site, None).verdict == "critical"
    assert report_of("a.example", "deep", scores, site, None, judged).verdict == "inconclusive"


def test_statements_cite_pages_that_were_fetched():
    """Each of them, of every kind, at least one."""
    pages = [home(h1=0, forms=0), a_page("/slow", seconds=9), a_page("/slower", seconds=8)]
    report = reported(*pages).fields
    fetched = {page.url for page in pages}
    for kind in ("strengths", "leaks", "quick_wins", "action_plan", "patterns", "journey"):
        for statement in report[kind]:
            assert statement["pages"]
            assert set(statement["pages"]) <= fetched
    assert {page["url"] for page in report["critique"]} == fetched


def test_the_weightiest_leak_is_first():
    """By its dimension's weight and its points."""
    leaks = reported(home(h1=0, forms=0, seconds=9)).fields["leaks"]
    assert [leak["id"] for leak in leaks] == ["h1", "form", "fast"]


def test_quick_wins_are_what_pays_first():
    """High impact and low effort come first; what is of high effort is in the plan alone."""
    report = reported(home(h1=0, forms=0, seconds=9), mobile={"viewport": 0}).fields
    assert [one["id"] for one in report["quick_wins"]] == ["form", "h1", "fast"]
    assert [one["when"] for one in report["action_plan"]] == ["now", "next", "now", "later"]


def test_a_page_by_itself():
    """The criteria that it meets or not; those for one page do not apply to every page."""
    critique = reported(home(h1=0), a_page("/slow", seconds=9, forms=0)).fields["critique"]
    assert [(page["good"], page["bad"]) for page in critique] == [
        (["fast", "form"], ["h1"]),
        ([], ["fast"]),
    ]


def test_a_criterion_has_the_values_that_decided_it():
    """Beside each page that is cited; one that was not decided says what it asks for."""
    pages = [home(h1=0), a_page("/slow", seconds=9.5), a_page("/ok", seconds=2)]
    rows = {one["id"]: one for one in reported(*pages, mobile=None).fields["criteria"]}
    assert (rows["h1"]["values"], rows["h1"]["at_least"], rows["h1"]["text"]) == ([0], 1, None)
    assert (rows["fast"]["pages"], rows["fast"]["values"]) == ([f"{SITE}/slow"], [9.5])
    assert (rows["fast"]["share"], rows["fast"]["at_most"]) == (0.667, 2)
    assert (rows["phone"]["text"], rows["phone"]["values"]) == ("phone is good", [])


def test_a_report_has_what_is_seen_on_each_page():
    """Its texts, the first of each kind and cut, and its facts, beside those of a phone."""
    headings = [Heading(1, f"{n}" * 200) for n in range(9)] + [Heading(2, "less")]
    evidence = replace(home(words__prices=2).evidence, title="A title", headings=headings)
    fields = reported(ObservedPage("home", evidence)).fields
    (desktop,), mobile = fields["seen"]["desktop"], fields["seen"]["mobile"]
    assert desktop["title"] == "A title"
    assert desktop["headings"] == [f"{n}" * 160 for n in range(3)]
    assert desktop["facts"] == {"words": 100, "seconds": 1, "h1": 1, "forms": 1}
    assert mobile["facts"] == PHONE
    assert fields["names"] == {"first": "first", "second": "second"}


def test_two_pages_make_a_pattern():
    """One does not."""
    assert reported(home(), a_page("/slow", seconds=9)).fields["patterns"] == []
    (pattern,) = reported(home(), a_page("/a", seconds=9), a_page("/b", seconds=9)).fields[
        "patterns"
    ]
    assert (pattern["id"], pattern["share"]) == ("fast", 0.667)


def test_a_quick_scan_says_nothing_of_other_pages():
    """It has not looked at them."""
    assert not {"critique", "patterns", "journey", "action_plan"} & set(
        reported(home(), mode="quick").fields
    )


def test_what_is_not_as_it_was():
    """Scores, pages and leaks, against the run before."""
    before = summary("r1", reported(home(h1=0), a_page("/gone")).fields)
    before["captured_at"] = datetime(2026, 3, 2, tzinfo=UTC)
    after = reported(home(forms=0), a_page("/new"), before=before).fields["comparison"]
    assert after == {
        "run_id": "r1",
        "captured_at": "2026-03-02T00:00:00+00:00",
        "scores": {"first": 7.5, "second": -5.0},
        "total_score_60": 7.5,
        "patient_flow_score_10": 1.3,  # 7.5 and 6.2, as they were shown
        "pages_new": [f"{SITE}/new"],
        "pages_gone": [f"{SITE}/gone"],
        "leaks_mended": ["h1"],
        "leaks_new": ["form"],
    }


def test_another_mode_is_not_compared():
    """But for its pages: less was asked of a quick scan."""
    before = summary("r1", reported(home(h1=0), mode="quick").fields)
    after = compared(reported(home()).fields, before)
    assert (after["scores"], after["total_score_60"], after["leaks_mended"]) == ({}, None, [])


def test_a_leak_that_was_not_observed_is_not_fixed():
    """The page that had it was missed."""
    before = summary("r1", reported(home(forms=0)).fields)
    after = reported(home(forms=0), missed=1, before=before).fields["comparison"]
    assert after["leaks_mended"] == []
