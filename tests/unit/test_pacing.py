"""How many questions go out at once: a few at first, then more, within the limits."""

import pytest

from landfall.llm.questions import RateLimits
from landfall.llm.rate_limit import (
    FIRST_AT_ONCE,
    MOST_AT_ONCE,
    ROOM,
    SPREAD,
    UNTOLD_AT_ONCE,
    Call,
    Pace,
)

PLENTY = RateLimits(1000, 0.1, 1_000_000, 0.1, 1000, 1_000_000)


def fill(pace: Pace, now: float = 0.0, tokens: int = 10) -> list[Call]:
    """Begin what may be begun at this moment."""
    calls: list[Call] = []
    while pace.wait(now, len(calls), tokens) == 0.0:
        calls.append(pace.begin(tokens))
    return calls


def test_it_begins_with_a_few():
    """Nothing is known yet."""
    assert len(fill(Pace())) == FIRST_AT_ONCE


def test_the_first_answer_that_tells_limits_makes_room_for_all():
    """How many the service takes is then known; of ours there are never more than so many."""
    pace = Pace()
    first, *_ = fill(pace)
    pace.answered(first, PLENTY, 1.0)
    under_way = FIRST_AT_ONCE - 1
    while pace.wait(1.0, under_way, 10) == 0.0:
        pace.begin(10)
        under_way += 1
    assert under_way == MOST_AT_ONCE


def test_a_service_without_headers_gets_more_little_by_little():
    """Nothing would tell of a limit before it is met."""
    pace, sizes = Pace(), []
    for second in range(3):
        calls = fill(pace, second)
        sizes.append(len(calls))
        for call in calls[:2]:
            pace.answered(call, RateLimits(), second + 1)
    assert sizes == [FIRST_AT_ONCE, FIRST_AT_ONCE + 2 * ROOM, UNTOLD_AT_ONCE]


def told(limits: RateLimits) -> Pace:
    """After one question and its answer, at second 0."""
    pace = Pace()
    pace.answered(pace.begin(10), limits, 0.0)
    return pace


def test_no_more_requests_than_are_left():
    """And the next as soon as one more is allowed: 60 a minute are one a second."""
    pace = told(RateLimits(2, 1.0, None, None, 60, None))
    assert len(fill(pace)) == 2
    assert pace.wait(0.0, 0, 10) == pytest.approx(1.0)
    assert pace.wait(0.75, 0, 10) == pytest.approx(0.25)
    assert pace.wait(1.0, 0, 10) == 0.0


def test_no_more_tokens_than_are_left():
    """By what a question may take, its answer included."""
    pace = told(RateLimits(100, 1.0, 250, 1.0, 1000, 6000))
    assert len(fill(pace, tokens=100)) == 2
    assert pace.wait(0.0, 0, 100) == pytest.approx(0.5)  # 50 more, at 100 a second


def test_what_was_asked_since_is_taken_off():
    """An answer's headers know nothing of the questions behind it."""
    pace = Pace()
    first, second = pace.begin(10), pace.begin(10)
    pace.answered(first, RateLimits(1, 60.0, None, None, 60, None), 0.0)
    assert pace.wait(0.0, 1, 10) == pytest.approx(1.0)
    pace.answered(second, RateLimits(1, 60.0, None, None, 60, None), 0.0)
    assert pace.wait(0.0, 0, 10) == 0.0


def test_an_older_answer_tells_nothing_new():
    """They come in any order."""
    pace = Pace()
    first, second = pace.begin(10), pace.begin(10)
    pace.answered(second, RateLimits(0, 60.0, None, None, 60, None), 0.0)
    pace.answered(first, PLENTY, 0.0)
    assert pace.wait(0.0, 0, 10) == pytest.approx(1.0)


def test_a_question_larger_than_the_bucket_waits_for_a_full_one():
    """The service has to say what it makes of it."""
    pace = told(RateLimits(100, 1.0, 0, 60.0, 1000, 600))
    assert pace.wait(0.0, 0, 5000) == pytest.approx(60.0)
    assert pace.wait(60.0, 0, 5000) == 0.0


def test_where_the_rate_is_not_told_it_waits_for_the_reset():
    """Then everything is there again."""
    pace = told(RateLimits(0, 5.0, None, None))
    assert pace.wait(1.0, 0, 10) == pytest.approx(4.0)
    assert pace.wait(6.0, 0, 10) == 0.0


def test_questions_are_spread_over_the_time_of_an_answer():
    """Fifty that go out at one moment would come back at one moment, and wait for one another."""
    pace = Pace()
    pace.answered(pace.begin(10), PLENTY, 1.0, seconds=1.0)
    pace.begin(10, 1.0)
    gap = SPREAD / MOST_AT_ONCE
    assert pace.wait(1.0, 1, 10) == pytest.approx(gap)
    assert pace.wait(1.0 + gap, 1, 10) == 0.0
