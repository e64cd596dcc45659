"""The contract of a kind of scan: a package that the engine runs without knowing it.

    Kind ──steps──> Work of a claimed step ──run──> FINISHED, SUPERSEDED, or Again

A kind says with which settings its scans are defined, what does the work of each of its steps, and
how far each takes a run. The worker does the rest once for all kinds.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from landfall.deadlines import Deadline
from landfall.runs.claim import Claim
from landfall.runs.documents import Run, RunFields, Step
from landfall.runs.steps import Progress, StepId

if TYPE_CHECKING:
    from landfall.scans.scan import Scan


class Outcome(StrEnum):
    """How an invocation ended that met no error: logged, answered, asserted in tests."""

    FINISHED = "finished"  # the step is done
    CONTINUED = "continued"  # the budget is over: the step goes on in a task of its own
    WAITING = "waiting"  # for a base, a site or a vendor: the step goes on later
    SUPERSEDED = "superseded"  # a later run has the word: the step is done without its work
    DECLINED = "declined"  # there was nothing to claim
    FENCED = "fenced"  # somebody took the step away


@dataclass(frozen=True)
class Again:
    """The step is not through: it goes on in a task of its own after `delay` seconds.

    `waiting` is for somebody else, such as a vendor's rate limit: then the attempt need not have
    made a checkpoint. `run` are fields of the run that say so. `so_far` is what is done, for the
    case that the run has no time to go on.
    """

    delay: float = 0.0
    waiting: bool = False
    run: RunFields = field(default_factory=RunFields)
    so_far: str = "not everything was written"


class Work(Protocol):
    """The work of one invocation of a step."""

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Do what fits until the deadline, with checkpoints; end the step when it is through.

        Raises `StepError`, `LockedError` when somebody else has the base or site, `FencedError`,
        `StoreError`.
        """
        ...


class Definitions(Protocol):
    """The stored definitions of scans."""

    async def definition(self, scan_id: str, version: str) -> "Scan":
        """Return the definition that a run was made from. Raises `LandfallError`."""
        ...


MakeWork = Callable[[Claim, Any, Any], Work]
"""Makes the work of a claimed step, given its scan and the clients of the vendors."""

Abandon = Callable[[Run, Step, Any, Any, Deadline], Awaitable[None]]
"""Stops what a step of a run that has ended left at a vendor. Raises `StepError`."""


@dataclass(frozen=True)
class Kind:
    """A kind of scan.

    `scan` returns its model, and the other members import what they use when they are called: a
    cold start imports nothing of a kind that it does not run. `routes` returns what it adds to the
    api; each is a `landfall.api.request.Route`.
    """

    scan: Callable[[], "type[Scan]"]
    steps: Mapping[StepId, MakeWork]
    progress: Mapping[StepId, Progress]
    routes: Callable[[], Sequence[Any]] = tuple
    on_abandoned: Mapping[StepId, Abandon] = field(default_factory=dict)
