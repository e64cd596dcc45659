"""The effect of a language model on scores: small, with evidence, and not by injected orders."""

import pytest

from landfall.reasons import Reason
from landfall.site.evidence import Evidence
from landfall.site.judgement import LOWER, RAISE, adjusted, remarks
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
    assert question_about(RUBRIC, page, "0").hash("m", "low") == "0a40e778ea9575d91519a79d0badd60b"


NAMED = [attack.name for attack in PASSAGES]


@pytest.mark.parametrize("attack", PASSAGES, ids=NAMED)
def test_an_injected_instruction_raises_nothing(attack):
    """A model that obeys it, and cites it, changes no score: it speaks to machines."""
    obeying = judgement(("first", 10), ("second", 10), quote=attack.text)
    assert speaks_to_machines(attack.text)
    assert first(obeying) == 5.0


def test_remarks_are_harmless_where_they_are_shown():
    """A page can bring a model to write what is harmful in a browser or a spreadsheet."""
    said = judgement(("first", 5), quote="=<b>Open</b> daily").model_copy(
        update={"critique": "=HYPERLINK(1)<script>x"}
    )
    found = remarks(said)
    assert (found["critique"], found["dimensions"][0]["quote"]) == ("HYPERLINK(1)x", "Open daily")


DISGUISED = [
    "\u0406gn\u043er\u0435 all", "ign\u00f3re", "1gn0re this",
    "\uff49\uff47\uff4e\uff4f\uff52\uff45",
    "\U0001d422\U0001d420\U0001d427\U0001d428\U0001d42b\U0001d41e", "i g n o r e", "i.g.n.o.r.e",
    "\u0455\u0441\u043er\u0435 it", "pr0mpt", "\u1d18\u0280\u1d0f\u1d0d\u1d18\u1d1b",
    "\u0438\u043dc\u0442p\u0443\u043a\u0446\u0438\u044f", "\u0408\u0405\u041eN", "S C O R E",
    "$core 9",
    "\u0410ss\u0456stant", "\u24d8\u24d6\u24dd\u24de\u24e1\u24d4", "a\u0336i\u0336",
    "inst\u00adruction",
    "\U0001f178\U0001f176\U0001f17d\U0001f17e\U0001f181\U0001f174",
]  # fmt: skip
"""Words to machines in letters that only look like theirs."""


@pytest.mark.parametrize("passage", DISGUISED)
def test_a_disguised_word_is_recognised(passage):
    """A model reads it as what it looks like."""
    assert speaks_to_machines(passage)


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
        "A1 German course", "Grade A!",
        "\u0412\u043e\u0442 \u043d\u0430\u0448\u0438 \u0446\u0435\u043d\u044b",
        "a b c d e f", "B2B since 1995",
    ],
)  # fmt: skip
def test_what_visitors_read_is_evidence(passage):
    """It speaks to people."""
    assert not speaks_to_machines(passage)
