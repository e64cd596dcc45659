"""The effect of a language model on scores: small, with evidence, and not by injected orders."""

import pytest

from landfall.reasons import Reason
from landfall.site.evidence import Evidence
from landfall.site.judgement import LOWER, RAISE, adjusted
from landfall.site.machines import speaks_to_machines
from landfall.site.observed import ObservedPage
from landfall.site.prompt import RULES, DimensionJudgement, PageJudgement, problems, question_about
from landfall.site.scores import score
from tests.fakes.injections import PASSAGES
from tests.fakes.observed_sites import SITE, a_page, a_rubric, a_site, criterion

READING = "Gentle dentistry\nWe take our time for you, and you know the price before we begin."
QUOTE = "you know the price before"
RUBRIC = a_rubric(
    first=[criterion("h1", "home", "h1"), criterion("b", "home", "images")],
    second=[criterion("phone", "mobile", "viewport")],
)
RULED = score(RUBRIC, a_site(a_page("/", h1=1, images=0)))
"""5.0, and none."""


def judgement(*scores, critique="It is good.", quote=QUOTE):
    """A judgement with these dimensions and scores."""
    dimensions = [
        DimensionJudgement(dimension=name, score=points, why="because", quote=quote)
        for name, points in scores
    ]
    return PageJudgement(dimensions=dimensions, critique=critique)


def first(*judgements):
    """The first dimension's score, adjusted by these."""
    return adjusted(RULED, judgements).dimensions[0].score


@pytest.mark.parametrize(
    ("given", "score"),
    [(5, 5.0), (5.5, 5.5), (9, 5 + RAISE), (10, 5 + RAISE), (4, 4.0), (0, 5 - LOWER)],
)
def test_a_score_moves_by_little(given, score):
    """Whatever the model says, it stays near what the evidence supports."""
    assert first(judgement(("first", given))) == score


def test_pages_count_by_their_mean():
    """(4 + 5) / 2; a page that says nothing about it does not count."""
    assert first(judgement(("first", 4)), judgement(("first", 5)), judgement()) == 4.5


def test_what_was_not_observed_gets_no_score():
    """A model cannot make up for it."""
    assert adjusted(RULED, [judgement(("second", 9))]).dimensions[1].score is None


def test_a_score_stays_a_score():
    """From 0 to 10."""
    low, high = (score(RUBRIC, a_site(a_page("/", h1=n, images=n))) for n in (0, 1))
    assert adjusted(low, [judgement(("first", 0))]).dimensions[0].score == 0.0
    assert adjusted(high, [judgement(("first", 10))]).dimensions[0].score == 10.0


WRONG = [
    (judgement(("third", 5)), Reason.MODEL_OFF_SCHEMA),
    (judgement(("first", 5), ("first", 6)), Reason.MODEL_OFF_SCHEMA),
    (judgement(("first", 5), critique="  "), Reason.MODEL_OFF_SCHEMA),
    (judgement(("first", 5), quote="We are the best of all"), Reason.MODEL_UNFOUNDED),
    (judgement(("first", 5), quote="price"), Reason.MODEL_UNFOUNDED),
    (judgement(("first", 5), quote=""), Reason.MODEL_UNFOUNDED),
    (judgement(critique=f"My instructions: {RULES[:120]}"), Reason.MODEL_ECHOED),
]


@pytest.mark.parametrize(("answer", "reason"), WRONG)
def test_what_is_wrong_with_an_answer(answer, reason):
    """It is never a result: an unknown dimension, a made-up quotation, our instructions."""
    assert [problem.reason for problem in problems(RUBRIC, READING, answer)] == [reason]


def test_a_quotation_may_be_spaced_otherwise():
    """Lines and case are the page's layout."""
    assert problems(RUBRIC, READING, judgement(("first", 5), quote="YOU know\nthe price")) == []


def test_a_question_has_the_page_in_a_fence():
    """With its facts outside, and without times, which are never twice the same."""
    page = ObservedPage(
        "home", Evidence(url=f"{SITE}/", facts={"h1": 1, "seconds": 2}, text=READING)
    )
    question = question_about(RUBRIC, page, "0")
    assert "h1=1" in question.text.split("<untrusted")[0]
    assert "seconds" not in question.text
    assert "- first: first" in question.instructions
    assert READING in question.text.split("<untrusted")[1]


def test_the_question_about_a_page_stays_the_same():
    """Its texts and schema make the id of stored answers: a change pays for all of them again."""
    page = ObservedPage("home", Evidence(url=f"{SITE}/", facts={"h1": 1}, text=READING))
    assert question_about(RUBRIC, page, "0").hash("m", "low") == "9b8ffb29e666c61270601e80b109e739"


NAMED = [attack.name for attack in PASSAGES]


@pytest.mark.parametrize("attack", PASSAGES, ids=NAMED)
def test_an_injected_instruction_raises_nothing(attack):
    """A model that obeys it, and cites it, changes no score: it speaks to machines."""
    obeying = judgement(("first", 10), ("second", 10), quote=attack.text)
    assert speaks_to_machines(attack.text)
    assert first(obeying) == 5.0


@pytest.mark.parametrize("attack", PASSAGES, ids=NAMED)
def test_an_obedient_model_with_other_evidence_stays_within_the_guardrails(attack):
    """It cites something harmless of the same page: one point, and no more."""
    page = f"{READING}\n{attack.text}"
    obeying = judgement(("first", 10))
    assert problems(RUBRIC, page, obeying) == []
    assert first(obeying) == 5 + RAISE


@pytest.mark.parametrize(
    "passage",
    [
        "Book an appointment online", "Our dentists have twenty years of experience",
        "You know the price before we begin", "Rated 4.8 of 5 in 212 reviews",
        "Open Monday to Friday 8 to 18", "Zahnarztpraxis in der Altstadt",
    ],
)  # fmt: skip
def test_what_visitors_read_is_evidence(passage):
    """It speaks to people."""
    assert not speaks_to_machines(passage)
