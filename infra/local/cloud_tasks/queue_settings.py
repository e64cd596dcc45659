"""The settings of a queue: their defaults, the backoff of retries, and their end."""

import math
from datetime import timedelta

from google.cloud.tasks_v2 import Queue, RateLimits, RetryConfig

# The defaults of Cloud Tasks (`gcloud tasks queues describe`).
DEFAULT_RATE = 500.0
DEFAULT_CONCURRENCY = 1000
DEFAULT_ATTEMPTS = 100
DEFAULT_MIN_BACKOFF = timedelta(seconds=0.1)
DEFAULT_MAX_BACKOFF = timedelta(hours=1)
DEFAULT_DOUBLINGS = 16


def with_defaults(queue: Queue) -> Queue:
    """Return the queue as Cloud Tasks would describe it.

    Unlike there, backoffs retain fractions of a second, and a max_retry_duration without
    max_attempts is the only limit, so max_attempts becomes -1.
    """
    limits, retry = queue.rate_limits, queue.retry_config
    rate = limits.max_dispatches_per_second or DEFAULT_RATE
    attempts = -1 if retry.max_retry_duration else DEFAULT_ATTEMPTS
    return Queue(
        name=queue.name,
        state=Queue.State.RUNNING,
        rate_limits=RateLimits(
            max_dispatches_per_second=rate,
            max_burst_size=limits.max_burst_size or math.ceil(rate),
            max_concurrent_dispatches=limits.max_concurrent_dispatches or DEFAULT_CONCURRENCY,
        ),
        retry_config=RetryConfig(
            max_attempts=retry.max_attempts or attempts,
            max_retry_duration=retry.max_retry_duration,
            min_backoff=retry.min_backoff or DEFAULT_MIN_BACKOFF,
            max_backoff=retry.max_backoff or DEFAULT_MAX_BACKOFF,
            max_doublings=retry.max_doublings or DEFAULT_DOUBLINGS,
        ),
    )


def backoff(config: RetryConfig, retry: int) -> float:
    """Return the seconds before the retry with this number, from 1.

    They are 10, 20, 40, 80, 160, 240, 300, 300 for the documented example of min_backoff 10 s,
    max_backoff 300 s and max_doublings 3.
    """
    doublings = min(retry - 1, config.max_doublings)
    steps = max(1, retry - config.max_doublings)
    seconds = math.ldexp(config.min_backoff.total_seconds() * steps, doublings)
    longest: float = config.max_backoff.total_seconds()
    return min(seconds, longest)


def exhausted(config: RetryConfig, attempts: int, seconds: float) -> bool:
    """Return whether a failed task is dropped: it has reached every limit that is set."""
    reached = []
    if config.max_attempts > 0:
        reached.append(attempts >= config.max_attempts)
    if config.max_retry_duration:
        reached.append(seconds >= config.max_retry_duration.total_seconds())
    return bool(reached) and all(reached)
