"""Sizes of the functions, and rates of the queue. All times are from the ladder."""

import math
from dataclasses import dataclass

from landfall.deadlines import TICK, Ladder


@dataclass(frozen=True)
class Size:
    """Size of an instance of a function, and the number of instances.

    `concurrency` is the requests in flight in an instance.
    """

    memory: str
    concurrency: int
    max_instances: int
    cpu: str = "1"
    min_instances: int = 0

    @property
    def memory_gib(self) -> float:
        """Return the memory of an instance in GiB, the unit of its price."""
        return int(self.memory[:-2]) / {"Gi": 1, "Mi": 1024}[self.memory[-2:]]


SIZES = {
    "scheduler": Size("512Mi", concurrency=4, max_instances=2),
    "watchdog": Size("512Mi", concurrency=4, max_instances=2),
    # it mostly waits for Airtable; a base is never read twice at once
    "fetch": Size("512Mi", concurrency=8, max_instances=2),
    # one at a time: SQLite's memory limit, and the memory of a snapshot, are per process
    "score": Size("1Gi", concurrency=1, max_instances=10),
    "api": Size("512Mi", concurrency=20, max_instances=2),
    "window": Size("512Mi", concurrency=20, max_instances=2),
}

QUOTA_VCPU = 20
"""CPUs that all instances of a new project may have in a region (Cloud Run's 20,000 milliCPU)."""

MAX_CONCURRENT_DISPATCHES = 10
"""Tasks in flight: as many as `score` has instances. To a task that finds none, Cloud Run answers
429, and Cloud Tasks then slows the whole queue down."""

RATE_LIMITS = {
    "maxDispatchesPerSecond": 100,
    "maxConcurrentDispatches": MAX_CONCURRENT_DISPATCHES,
}

RETRY_CONFIG = {
    # Deliveries of one task. They are not the attempts of a step, which Firestore counts. A
    # function answers 200 even if its step failed, so only an unreachable function is retried;
    # the watchdog sends again what is not delivered within these limits.
    "maxAttempts": 5,
    "maxRetryDuration": "120s",
    "minBackoff": "1s",
    "maxBackoff": "10s",
    "maxDoublings": 3,
}

TICK_SCHEDULE = "* * * * *"
"""Every `TICK` seconds."""


def tick_deadline(ladder: Ladder) -> str:
    """Return the deadline of Cloud Scheduler: longer than Cloud Run allows a tick to take."""
    return f"{ladder.dispatch:g}s"


def function_seconds(ladder: Ladder) -> int:
    """Return the timeout of Cloud Run, in whole seconds."""
    return math.ceil(ladder.function)


if TICK != 60:
    raise ValueError("Cloud Scheduler ticks every minute: `TICK_SCHEDULE` must say what TICK does")
