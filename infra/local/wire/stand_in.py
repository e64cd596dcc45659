"""The base of the stand-ins: a server, faults on request, and a record of the requests."""

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from infra.local.wire.faults import FaultPlan, FaultRule
from infra.local.wire.messages import Exchange, WireRequest, WireResponse
from infra.local.wire.server import WireServer


class StandIn:
    """A local server in place of a vendor's, between `__aenter__` and `__aexit__`.

    `latency`: seconds before an answer; may be set while it runs, like `faults`.
    `OWN_FAULTS` are the names of faults that are the vendor's rather than the wire's, and `PATH`
    is what the vendor's clients expect at the end of their base URL.
    """

    OWN_FAULTS: Collection[str] = ()
    PATH = ""

    def __init__(self, latency: float, faults: Sequence[FaultRule]) -> None:
        self.latency = latency
        self.faults = faults
        self._wire = WireServer(self._handle)

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._wire.stop()

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"{self._wire.url}{self.PATH}"

    @property
    def requests(self) -> Sequence[Exchange]:
        """The latest 10,000 requests in order of arrival, with their time and status."""
        return self._wire.exchanges

    @property
    def faults(self) -> Sequence[FaultRule]:
        """The fault rules; setting them restarts their counters."""
        return self._plan.rules

    @faults.setter
    def faults(self, rules: Sequence[FaultRule]) -> None:
        """Set the fault rules. Raises `ValueError` for an unknown named fault."""
        for rule in rules:
            if isinstance(rule.fault, str) and rule.fault not in self.OWN_FAULTS:
                known = ", ".join(sorted(self.OWN_FAULTS)) or "none"
                raise ValueError(f"no such fault: {rule.fault!r}; known are {known}")
        self._plan = FaultPlan(rules)

    async def _handle(self, request: WireRequest) -> WireResponse:
        """Answer a request."""
        raise NotImplementedError
