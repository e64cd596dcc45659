"""The ladder of deadlines, and the `Deadline` that an entry point passes down."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import asyncio


LONGEST_RUN = 24 * 3600.0
"""Most seconds of a run, the longest of all limits."""


@dataclass(frozen=True)
class Ladder:
    """All limits, in seconds, in two chains: each limit must be longer than the next.

    The first chain goes from the outside inwards: a caller's timeout exceeds its callee's, so the
    caller sees how the callee gave up. The second has the reserves that an invocation leaves of its
    budget (`step`) for its end. The deployment uses the same numbers.

    Limits that are 0 here follow from `step`, unless they are given.
    """

    run: float = 3600.0
    """A run ends within this time of its creation, unless its scan sets `deadline_seconds`."""
    stale: float = 48.0
    """The watchdog takes up a step that has not moved for this long."""
    lease: float = 43.0
    """A claimed step belongs to its worker for this long."""
    dispatch: float = 38.0
    """Cloud Tasks closes the connection (it allows 15 s to 30 min, approximately)."""
    function: float = 33.0
    """Cloud Run ends the request."""
    answer: float = 0.0
    """An entry point has answered, in every case (`step` and 17 %, or 1 s)."""
    record: float = 0.0
    """A worker has recorded the end of its attempt (`step` and 15 %, or 0.8 s)."""
    step: float = 27.0
    """The budget of an invocation, after which it continues in another task."""
    item: float = 20.0
    """One page or record, retries included."""
    request: float = 15.0
    """One request to a vendor, from the first byte sent to the last byte received."""
    connect: float = 5.0
    """Opening a connection: name, TCP and TLS."""

    last_batch: float = 0.0
    """With less left of the budget, no part of a batch is started (1/3 of `step`)."""
    last_write: float = 0.0
    """With less left, nothing is written to Airtable, where a request that timed out may still be
    running when it is repeated (5/27)."""
    last_rule: float = 0.0
    """With less left, no rule is evaluated; the findings are stored (1/8)."""
    last_page: float = 0.0
    """With less left, no page of a site is requested (1/9)."""
    last_suggestion: float = 0.0
    """With less left, the suggestions of a model are stored (1/12)."""
    last_reply: float = 0.0
    """With less left, no reply of a model is awaited (1/20)."""
    last_listing: float = 0.0
    """With less left, no page of a base is requested (1/27)."""

    def __post_init__(self) -> None:
        """Fill in the derived limits. Raises `ValueError` when one is not longer than the next."""
        for name, of_step in _OF_STEP.items():
            if getattr(self, name) == 0.0:
                object.__setattr__(self, name, of_step(self.step))
        limits = asdict(self)
        if self.run > LONGEST_RUN:
            raise ValueError(f"deadline run={self.run:g} s exceeds {LONGEST_RUN:g} s, a day")
        for chain in (_RUNGS, ("step", *_RESERVES)):
            for outer, inner in pairwise(chain):
                longer, shorter = limits[outer], limits[inner]
                if not longer > shorter > 0:
                    raise ValueError(
                        f"deadline {outer}={longer:g} s must exceed {inner}={shorter:g} s"
                    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a ladder from JSON such as `{"stale": 20, "lease": 19}`, with defaults for the rest.

        Raises `ValueError` for an unknown name, a value that is not a number, or a wrong order.
        """
        given = json.loads(text) if text else {}
        names = [field.name for field in fields(cls)]
        if not isinstance(given, dict) or not set(given) <= set(names):
            raise ValueError(f"deadlines are a JSON object with some of {', '.join(names)}")
        if not all(type(value) in (int, float) for value in given.values()):
            raise ValueError("deadlines are numbers of seconds")
        return cls(**given)


_OF_STEP: dict[str, Callable[[float], float]] = {
    "answer": lambda step: step + max(1.0, 0.17 * step),
    "record": lambda step: step + max(0.8, 0.15 * step),
    "last_batch": lambda step: step / 3,
    "last_write": lambda step: step * 5 / 27,
    "last_rule": lambda step: step / 8,
    "last_page": lambda step: step / 9,
    "last_suggestion": lambda step: step / 12,
    "last_reply": lambda step: step / 20,
    "last_listing": lambda step: step / 27,
}
_RESERVES = tuple(name for name in _OF_STEP if name.startswith("last_"))
_RUNGS = tuple(field.name for field in fields(Ladder) if field.name not in _RESERVES)

LADDER = Ladder()

TICK = 60.0
"""Seconds between two ticks of the scheduler and of the watchdog (Cloud Scheduler's minimum)."""

TICK_MISSING = 3 * TICK
"""Seconds since the last tick after which `GET /health` answers 503."""

CHECKPOINT = 1.0
"""Seconds between two checkpoints of a step: Firestore recommends at most one write a second to a
document, and a killed worker loses no more than this."""


@dataclass(frozen=True)
class Deadline:
    """A fixed moment on the event loop's clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the moment `seconds` from now."""
        return cls(_now() + seconds)

    def sooner(self, seconds: float) -> "Deadline":
        """Return this deadline, or `seconds` from now if that is sooner."""
        return min(self, Deadline.after(seconds), key=lambda deadline: deadline.at)

    def remaining(self) -> float:
        """Return the seconds left; negative when it has passed."""
        return self.at - _now()

    def limit(self) -> "asyncio.Timeout":
        """Return a context manager that raises `TimeoutError` in its body at this moment."""
        import asyncio

        return asyncio.timeout_at(self.at)


def _now() -> float:
    import asyncio  # reading a definition needs only the ladder's numbers

    return asyncio.get_running_loop().time()
