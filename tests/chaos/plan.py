"""How a campaign goes: what is run, for how long, and under which harm."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landfall.deadlines import LADDER, TICK, Ladder
from tests.chaos.nemesis import EVERYTHING, SIGKILL_ONLY, Terror
from tests.generated.engine import RECOVERY

SHORT = Ladder(
    stale=19.0,
    lease=18.0,
    dispatch=17.0,
    function=16.0,
    step=8.0,
    item=6.0,
    request=4.0,
    connect=2.0,
)
"""Cloud Tasks takes no dispatch deadline below 15 s."""

LOADS = {"integrity": 17, "classification": 5, "site": 5}
"""Scans of each kind."""


@dataclass(frozen=True)
class Plan:
    """How a campaign goes. Seconds."""

    seed: int = 1
    loads: Mapping[str, int] = field(default_factory=lambda: LOADS)
    runs_a_load: int = 12
    rage: float = 140.0
    terror: Terror = EVERYTHING
    tick: float = 5.0
    ladder: Ladder = SHORT
    run_deadline: float = 150.0
    short_deadline: float = 60.0
    """Of the runs of every fourth load: some end at it, which they must do in time."""
    latency: float = 0.8
    """Of the stand-ins: long enough for a harm to find work under way."""
    workers: int = 3
    """Of each function: when some stand still, others go on with their steps."""
    most_ahead: float = 600.0
    """By which the clock of a worker's machine may be off."""
    zombies: int = 5
    """So many of them must have tried to write, and were refused."""
    recovered: float | None = None
    """Within this a step goes on after a SIGKILL, in 99 of 100 cases."""

    @property
    def runs(self) -> int:
        """That the schedules make."""
        return sum(self.loads.values()) * self.runs_a_load


PRODUCTION = Plan(
    ladder=LADDER,
    tick=TICK,
    rage=300.0,
    terror=SIGKILL_ONLY,
    run_deadline=1200.0,
    short_deadline=1200.0,
    latency=1.0,
    recovered=RECOVERY,
    most_ahead=0.0,
    zombies=0,
    workers=1,
)
"""Answers are slow, so that most kills interrupt something."""
