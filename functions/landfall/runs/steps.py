"""The steps that a run can have, and the role of each in the engine: one table.

fetch ──> score ──> write        the last one only where there is something to write back
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from landfall.runs.lifecycle import RunStatus

StepId = Literal["fetch", "score", "write"]

FIRST_STEP: StepId = "fetch"

TELL = cast(StepId, "tell")
"""The part that sends messages: it has a URL as the steps have, and is a step of no run."""


@dataclass(frozen=True)
class Progress:
    """The part of a run's progress that a step covers, in per cent, and the step's label.

    The label is the run's `progress_step` while the step is running.
    """

    first: int
    last: int
    label: str

    def at(self, share: float) -> int:
        """Return the progress of the run, in per cent, at this share of the step."""
        return self.first + int(min(max(share, 0.0), 1.0) * (self.last - self.first))


@dataclass(frozen=True)
class Role:
    """A step's role in the engine.

    `function` receives its tasks: `fetch` is for all steps that use Airtable or a site. A step with
    a `warning` is optional: a run is done without it, with that warning.
    """

    function: Literal["fetch", "score"]
    run_status: RunStatus
    after: StepId | None = None
    warning: str | None = None


ROLES: Mapping[StepId, Role] = {
    "fetch": Role("fetch", RunStatus.RUNNING),
    "score": Role("score", RunStatus.SCORING, after="fetch"),
    "write": Role("fetch", RunStatus.SCORING, after="score", warning="write_back"),
}


def steps_of(function: str) -> tuple[StepId, ...]:
    """Return the steps whose tasks go to a function."""
    return tuple(step_id for step_id, role in ROLES.items() if role.function == function)
