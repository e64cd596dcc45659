"""The contract between the engine and a kind of scan, which is a package.

    Kind ──steps──> Work of a claimed step ──run──> FINISHED, SUPERSEDED, or Again

A kind has the settings of its scans, the work of each step, and the part of a run's progress that
each step covers. The worker does the rest, once for all kinds.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from landfall.runs.documents import Run, RunFields, Step
from landfall.runs.steps import Progress, StepId
from landfall.store.documents import Fields, Store

if TYPE_CHECKING:
    from landfall.deadlines import Deadline
    from landfall.runs.claim import Claim
    from landfall.scans.scan import Scan


class Outcome(StrEnum):
    """The end of an invocation without an error: logged, answered, asserted in tests."""

    FINISHED = "finished"  # the step is done
    CONTINUED = "continued"  # the budget is over: the step goes on in a task of its own
    WAITING = "waiting"  # for a base, a site or a vendor: the step goes on later
    SUPERSEDED = "superseded"  # by a later run: the step is done without its work
    DECLINED = "declined"  # there was nothing to claim
    FENCED = "fenced"  # another worker took the step


@dataclass(frozen=True)
class Again:
    """The step is not done: it goes on in a task of its own after `delay` seconds.

    `waiting` means that it waits for others, such as a vendor's rate limit; then the attempt need
    not have made a checkpoint. `run` are fields of the run to store. `so_far` is a message about
    the work so far, in case the run has no time to go on.
    """

    delay: float = 0.0
    waiting: bool = False
    run: RunFields = field(default_factory=RunFields)
    so_far: str = "not everything was written"


class Work(Protocol):
    """The work of one invocation of a step."""

    async def run(self, deadline: "Deadline") -> Outcome | Again:
        """Work until the deadline, with checkpoints; end the step when it is done.

        Raises `StepError`, `LockedError` when another run has the base or site, `FencedError`,
        `StoreError`.
        """
        ...


class Definitions(Protocol):
    """The stored definitions of scans."""

    async def definition(self, scan_id: str, version: str) -> "Scan":
        """Return the definition that a run was made from. Raises `LandfallError`."""
        ...


MakeWork = Callable[["Claim", Any, Any], Work]
"""Makes the work of a claimed step, given its scan and the clients of the vendors."""

Abandon = Callable[[Run, Step, Any, Any, "Deadline"], Awaitable[None]]
"""Stops the work that a step of an ended run left at a vendor. Raises `StepError`."""


Check = Callable[[Any, Store, "Deadline"], Awaitable[Fields]]
"""Tries a definition on what the last run has read, until the deadline, and writes nothing.

The answer has `against`, the run with its number of `records` or None, and whether all is `good`.
"""


async def _checked_by_a_run(_scan: Any, _store: Store, _deadline: "Deadline") -> Fields:
    return {"against": None, "good": True}


@dataclass(frozen=True)
class Kind:
    """A kind of scan.

    `scan` returns the model of its definitions. All members import what they use when they are
    called: a cold start imports nothing of a kind that it does not run. `routes` returns its part
    of the api; each is a `landfall.api.request.Route`.
    """

    scan: Callable[[], "type[Scan]"]
    steps: Mapping[StepId, MakeWork]
    progress: Mapping[StepId, Progress]
    routes: Callable[[], Sequence[Any]] = tuple
    on_abandoned: Mapping[StepId, Abandon] = field(default_factory=dict)
    check: Check = _checked_by_a_run
