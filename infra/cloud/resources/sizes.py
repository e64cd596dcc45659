"""What each function may use, and how fast work is given out. All times are the ladder's."""

import math
from dataclasses import dataclass

from landfall.deadlines import TICK, Ladder


@dataclass(frozen=True)
class Size:
    """Of one instance of a function, and how many of them there may be.

    `concurrency` is requests at once in an instance.
    """

    memory: str
    concurrency: int
    max_instances: int
    cpu: str = "1"
    min_instances: int = 0

    @property
    def memory_gib(self) -> float:
        """Of an instance; the unit of its price."""
        return int(self.memory[:-2]) / {"Gi": 1, "Mi": 1024}[self.memory[-2:]]


SIZES = {
    "scheduler": Size("512Mi", concurrency=4, max_instances=2),
    "watchdog": Size("512Mi", concurrency=4, max_instances=2),
    # it waits for Airtable most of the time; a base is never read twice at once
    "fetch": Size("512Mi", concurrency=8, max_instances=10),
    # one at a time: SQLite's limit of memory, and the memory of a snapshot, are the process's
    "score": Size("1Gi", concurrency=1, max_instances=20),
    "api": Size("512Mi", concurrency=20, max_instances=4),
}

MAX_CONCURRENT_DISPATCHES = 20
"""Tasks under way. With more, instances start for work that waits for the same bases anyway."""

RATE_LIMITS = {
    "maxDispatchesPerSecond": 100,
    "maxConcurrentDispatches": MAX_CONCURRENT_DISPATCHES,
}

RETRY_CONFIG = {
    # Deliveries of one task. Attempts of a step are not these: they are state, in Firestore. A
    # function answers 200 also when its step failed, so what is retried is a function that could
    # not be reached, and what is not delivered then is the watchdog's to send again.
    "maxAttempts": 5,
    "maxRetryDuration": "120s",
    "minBackoff": "1s",
    "maxBackoff": "10s",
    "maxDoublings": 3,
}

TICK_SCHEDULE = "* * * * *"
"""Every `TICK` seconds."""


def tick_deadline(ladder: Ladder) -> str:
    """How long Cloud Scheduler waits: longer than Cloud Run lets a tick go on."""
    return f"{ladder.dispatch:g}s"


def function_seconds(ladder: Ladder) -> int:
    """When Cloud Run ends a request, which it counts in whole seconds."""
    return math.ceil(ladder.function)


if TICK != 60:
    raise ValueError("Cloud Scheduler ticks every minute: `TICK_SCHEDULE` must say what TICK does")
