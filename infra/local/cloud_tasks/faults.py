"""The deliberate faults of the local Cloud Tasks: all that an at-least-once queue may do."""

from dataclasses import dataclass
from random import Random

# Seconds within which `shuffle` lets tasks overtake one another.
SHUFFLE_SECONDS = 0.2


@dataclass(frozen=True)
class Faults:
    """Probabilities of faults; the same `seed` repeats the same faults."""

    seed: int = 0
    # A delivery is repeated although it succeeded.
    duplicate: float = 0.0
    # A delivery (first, retry or duplicate) is late by up to `late_seconds`.
    late: float = 0.0
    late_seconds: float = 0.0
    # A task is accepted, its name is remembered, and it is never delivered.
    drop: float = 0.0
    # Tasks due at about the same time arrive in any order.
    shuffle: bool = False
    # CreateTask stores the task, but returns DEADLINE_EXCEEDED or UNAVAILABLE.
    lose_create_response: float = 0.0


NO_FAULTS = Faults()


class Dice:
    """Draws of faults, each kind from its own stream: one more fault does not shift the others."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        kinds = ("duplicate", "late", "drop", "lose_create_response", "delay", "code")
        self._streams = {kind: Random(f"{faults.seed}:{kind}") for kind in kinds}

    def hits(self, kind: str) -> bool:
        """Return whether this fault occurs now."""
        probability: float = getattr(self.faults, kind)
        return self._streams[kind].random() < probability

    def delay(self) -> float:
        """Return the seconds by which a delivery is late."""
        seconds = self.faults.late_seconds if self.hits("late") else 0.0
        seconds += SHUFFLE_SECONDS if self.faults.shuffle else 0.0
        return self._streams["delay"].uniform(0.0, seconds)

    def create_error(self) -> str:
        """Return the name of the gRPC status that replaces a lost response of CreateTask."""
        return self._streams["code"].choice(("DEADLINE_EXCEEDED", "UNAVAILABLE"))
