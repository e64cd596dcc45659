"""Clients of vendors for workers under test, and kinds of scan with a test's own work."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from landfall.deadlines import Deadline
from landfall.kinds.table import KINDS
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Kind, MakeWork, Outcome, Work
from landfall.runs.steps import ROLES


def _unexpected(_: object) -> NoReturn:
    raise AssertionError("this scan does not use this vendor")


@dataclass(frozen=True)
class FakeClients:
    """Openers of the vendors' clients; by default, a scan uses none."""

    base: Callable[[str], Any] = _unexpected
    site: Callable[[str], Any] = _unexpected
    model: Callable[[Any], Any] = _unexpected
    batches: Callable[[Any], Any] = _unexpected


def kinds_with(clients: Mapping[str, FakeClients]) -> dict[str, Kind]:
    """Return kinds of scan, each with clients of its own."""
    return {name: _with_clients(KINDS[name], its) for name, its in clients.items()}


def _with_clients(kind: Kind, clients: FakeClients) -> Kind:
    def with_them(make: MakeWork) -> MakeWork:
        return lambda claim, scan, _: make(claim, scan, clients)

    async def abandon(run: Any, step: Any, scan: Any, _: Any, deadline: Deadline) -> None:
        await kind.on_abandoned[step.step_id](run, step, scan, clients, deadline)

    return replace(
        kind,
        steps={step_id: with_them(make) for step_id, make in kind.steps.items()},
        on_abandoned=dict.fromkeys(kind.on_abandoned, abandon),
    )


Do = Callable[[Claim, Any, Deadline], Awaitable[Outcome | Again]]
"""Does the work of a step, as a test defines it."""


def kinds_doing(do: Do) -> dict[str, Kind]:
    """Return the kinds of scan, with this as the work of every step."""

    @dataclass(frozen=True)
    class Doing:
        claim: Claim
        scan: Any

        async def run(self, deadline: Deadline) -> Outcome | Again:
            return await do(self.claim, self.scan, deadline)

    def make(claim: Claim, scan: Any, _: Any) -> Work:
        return Doing(claim, scan)

    steps = dict.fromkeys(ROLES, make)
    return {name: replace(kind, steps=steps) for name, kind in KINDS.items()}
