"""What the local Cloud Tasks does wrong on purpose: all that an at-least-once queue may do."""

from dataclasses import dataclass
from random import Random

# Seconds within which `shuffle` lets tasks overtake one another.
SHUFFLE_SECONDS = 0.2


@dataclass(frozen=True)
class Faults:
    """What goes wrong on purpose, as probabilities; `seed` repeats the same throws of the dice."""

    seed: int = 0
    # Delivered again although the first delivery succeeded.
    duplicate: float = 0.0
    # A delivery, be it the first, a retry or a duplicate, comes late by up to `late_seconds`.
    late: float = 0.0
    late_seconds: float = 0.0
    # Accepted, its name remembered, and never delivered.
    drop: float = 0.0
    # Tasks due at about the same time arrive in any order.
    shuffle: bool = False
    # CreateTask stores the task, yet answers DEADLINE_EXCEEDED or UNAVAILABLE.
    lose_create_response: float = 0.0


NO_FAULTS = Faults()


class Dice:
    """Decides the faults. A stream of its own for each: one more fault does not move the others."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        kinds = ("duplicate", "late", "drop", "lose_create_response", "delay", "code")
        self._streams = {kind: Random(f"{faults.seed}:{kind}") for kind in kinds}

    def hits(self, kind: str) -> bool:
        probability: float = getattr(self.faults, kind)
        return self._streams[kind].random() < probability

    def delay(self) -> float:
        """Seconds a delivery comes later than it is due."""
        seconds = self.faults.late_seconds if self.hits("late") else 0.0
        seconds += SHUFFLE_SECONDS if self.faults.shuffle else 0.0
        return self._streams["delay"].uniform(0.0, seconds)

    def create_error(self) -> str:
        """The name of the gRPC status a lost answer of CreateTask shows as."""
        return self._streams["code"].choice(("DEADLINE_EXCEEDED", "UNAVAILABLE"))
