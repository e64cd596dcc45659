"""The ladder of deadlines, and the `Deadline` that is passed down from an entry point."""

import json
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import asyncio


@dataclass(frozen=True)
class Ladder:
    """Every limit in seconds, the outermost first; each must be longer than the next.

    Whatever waits for something is higher up than what it waits for: when the lower one gives
    up, the upper one is still there to see it. The deployment reads these same numbers.
    """

    run: float = 3600.0
    """A run ends within this after its creation, unless its scan sets `deadline_seconds`."""
    stale: float = 48.0
    """The watchdog takes up a step that nobody moved for this long."""
    lease: float = 43.0
    """A claimed step belongs to its worker for this long."""
    dispatch: float = 38.0
    """Cloud Tasks hangs up (it allows 15 s to 30 min, and is approximate)."""
    function: float = 33.0
    """Cloud Run ends the request."""
    step: float = 27.0
    """What an invocation may spend on work before it hands on."""
    item: float = 20.0
    """One page or record, whatever it takes."""
    request: float = 15.0
    """One call to the outside, from the first byte out to the last byte in."""
    connect: float = 5.0
    """Opening a connection: name, TCP and TLS."""

    def __post_init__(self) -> None:
        """Raise `ValueError` when a limit is not longer than the one it waits for."""
        rungs = list(asdict(self).items())
        for (outer, longer), (inner, shorter) in pairwise(rungs):
            if not longer > shorter > 0:
                raise ValueError(f"deadline {outer}={longer:g} s must exceed {inner}={shorter:g} s")

    @classmethod
    def parse(cls, text: str) -> Self:
        """A ladder from JSON such as `{"stale": 20, "lease": 19}`; what is absent is the default.

        Raises `ValueError` for an unknown name, a value that is not a number, or a wrong order.
        """
        given = json.loads(text) if text else {}
        names = [field.name for field in fields(cls)]
        if not isinstance(given, dict) or not set(given) <= set(names):
            raise ValueError(f"deadlines are a JSON object with some of {', '.join(names)}")
        if not all(type(value) in (int, float) for value in given.values()):
            raise ValueError("deadlines are numbers of seconds")
        return cls(**given)


LADDER = Ladder()

TICK = 60.0
"""Seconds between two ticks of the scheduler and of the watchdog (Cloud Scheduler's least)."""

TICK_MISSING = 3 * TICK
"""A last tick older than this makes `GET /health` answer 503."""

CHECKPOINT = 1.0
"""Seconds between two checkpoints of a step: Firestore wants at most one write a second to a
document, and this is what a killed worker has to read again."""


@dataclass(frozen=True)
class Deadline:
    """A moment on the event loop's clock, absolute: nothing that happens moves it."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The moment `seconds` from now."""
        return cls(_now() + seconds)

    def sooner(self, seconds: float) -> "Deadline":
        """This deadline, or `seconds` from now when that comes first."""
        return min(self, Deadline.after(seconds), key=lambda deadline: deadline.at)

    def remaining(self) -> float:
        """Seconds left; negative when it has passed."""
        return self.at - _now()

    def limit(self) -> "asyncio.Timeout":
        """A context manager that raises `TimeoutError` in its body at this moment."""
        import asyncio

        return asyncio.timeout_at(self.at)


def _now() -> float:
    import asyncio  # who reads a definition needs only the ladder's numbers

    return asyncio.get_running_loop().time()
