"""Concurrency towards a model: low at first, then higher, within the rate limits."""

import pytest

from landfall.llm.questions import RateLimits
from landfall.llm.rate_limit import (
    CONCURRENCY_INCREMENT,
    INITIAL_CONCURRENCY,
    MAX_CONCURRENCY,
    MAX_CONCURRENCY_WITHOUT_LIMITS,
    STAGGER,
    Permit,
    RateLimiter,
)

PLENTY = RateLimits(1000, 0.1, 1_000_000, 0.1, 1000, 1_000_000)


def fill(limiter: RateLimiter, now: float = 0.0, tokens: int = 10) -> list[Permit]:
    """Send every question that may be sent now."""
    permits: list[Permit] = []
    while limiter.delay(now, len(permits), tokens) == 0.0:
        permits.append(limiter.acquire(tokens))
    return permits


def test_it_starts_with_low_concurrency():
    """No limit is known yet."""
    assert len(fill(RateLimiter())) == INITIAL_CONCURRENCY


def test_the_first_limits_allow_the_maximum_concurrency():
    """The service's limits are known then, and our own maximum holds whatever they are."""
    limiter = RateLimiter()
    first, *_ = fill(limiter)
    limiter.update(first, PLENTY, 1.0)
    in_flight = INITIAL_CONCURRENCY - 1
    while limiter.delay(1.0, in_flight, 10) == 0.0:
        limiter.acquire(10)
        in_flight += 1
    assert in_flight == MAX_CONCURRENCY


def test_a_limit_of_tokens_alone_is_one():
    """Services need not say both."""
    limiter = RateLimiter()
    first, *_ = fill(limiter)
    limiter.update(first, RateLimits(tokens_left=0, tokens_reset=60.0), 0.0)
    delay = limiter.delay(0.0, 0, 10)
    assert delay is not None
    assert delay > 0


def test_without_headers_concurrency_grows_slowly():
    """A limit would not be known before it is hit."""
    limiter, sizes = RateLimiter(), []
    for second in range(3):
        permits = fill(limiter, second)
        sizes.append(len(permits))
        for permit in permits[:2]:
            limiter.update(permit, RateLimits(), second + 1)
    assert sizes == [
        INITIAL_CONCURRENCY,
        INITIAL_CONCURRENCY + 2 * CONCURRENCY_INCREMENT,
        MAX_CONCURRENCY_WITHOUT_LIMITS,
    ]


def limited(limits: RateLimits) -> RateLimiter:
    """Return a limiter after one question and its answer, at second 0."""
    limiter = RateLimiter()
    limiter.update(limiter.acquire(10), limits, 0.0)
    return limiter


def test_no_more_requests_than_are_left():
    """The next is sent as soon as the bucket has one more: 60 a minute are one a second."""
    limiter = limited(RateLimits(2, 1.0, None, None, 60, None))
    assert len(fill(limiter)) == 2
    assert limiter.delay(0.0, 0, 10) == pytest.approx(1.0)
    assert limiter.delay(0.75, 0, 10) == pytest.approx(0.25)
    assert limiter.delay(1.0, 0, 10) == 0.0


def test_no_more_tokens_than_are_left():
    """A question counts with all tokens that it may use, its answer included."""
    limiter = limited(RateLimits(100, 1.0, 250, 1.0, 1000, 6000))
    assert len(fill(limiter, tokens=100)) == 2
    assert limiter.delay(0.0, 0, 100) == pytest.approx(0.5)  # 50 more, at 100 a second


def test_what_was_sent_since_is_subtracted():
    """The headers of an answer do not count the questions sent after it."""
    limiter = RateLimiter()
    first, second = limiter.acquire(10), limiter.acquire(10)
    limiter.update(first, RateLimits(1, 60.0, None, None, 60, None), 0.0)
    assert limiter.delay(0.0, 1, 10) == pytest.approx(1.0)
    limiter.update(second, RateLimits(1, 60.0, None, None, 60, None), 0.0)
    assert limiter.delay(0.0, 0, 10) == 0.0


def test_the_headers_of_an_older_answer_are_ignored():
    """Answers arrive in any order."""
    limiter = RateLimiter()
    first, second = limiter.acquire(10), limiter.acquire(10)
    limiter.update(second, RateLimits(0, 60.0, None, None, 60, None), 0.0)
    limiter.update(first, PLENTY, 0.0)
    assert limiter.delay(0.0, 0, 10) == pytest.approx(1.0)


def test_a_question_larger_than_the_bucket_waits_for_a_full_one():
    """Then the service decides."""
    limiter = limited(RateLimits(100, 1.0, 0, 60.0, 1000, 600))
    assert limiter.delay(0.0, 0, 5000) == pytest.approx(60.0)
    assert limiter.delay(60.0, 0, 5000) == 0.0


def test_without_a_rate_it_waits_for_the_reset():
    """Then the bucket is full again."""
    limiter = limited(RateLimits(0, 5.0, None, None))
    assert limiter.delay(1.0, 0, 10) == pytest.approx(4.0)
    assert limiter.delay(6.0, 0, 10) == 0.0


def test_questions_are_staggered_over_the_time_of_an_answer():
    """Fifty sent at once would be answered at once, and wait for one another."""
    limiter = RateLimiter()
    limiter.update(limiter.acquire(10), PLENTY, 1.0, seconds=1.0)
    limiter.acquire(10, 1.0)
    gap = STAGGER / MAX_CONCURRENCY
    assert limiter.delay(1.0, 1, 10) == pytest.approx(gap)
    assert limiter.delay(1.0 + gap, 1, 10) == 0.0
