"""A web site on this machine, for scans and tests: pages, and everything that goes wrong with them.

`LocalSite` serves answers by their path, slowly where it is told to, and with faults on the wire
(`wire.faults.FaultRule`).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from infra.local.site.pages import NOT_FOUND, Served
from infra.local.wire.faults import FaultPlan, FaultRule
from infra.local.wire.messages import Exchange, Request, Response
from infra.local.wire.server import WireServer


class LocalSite:
    """Serves these paths on `url`, and 404 for all others. `begun` and `agents` say what was asked
    for, when, and by whom."""

    def __init__(
        self,
        pages: Mapping[str, Served],
        *,
        latency: float = 0.0,
        faults: Sequence[FaultRule] = (),
    ) -> None:
        self.pages = dict(pages)
        self.latency = latency
        self.faults = faults
        self.agents: list[str] = []
        self.begun: list[tuple[float, str]] = []
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
        return self._wire.url

    @property
    def requests(self) -> Sequence[Exchange]:
        """The latest 10,000 requests in order of arrival, with their time and status."""
        return self._wire.exchanges

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for _, path in self.begun]

    @property
    def faults(self) -> Sequence[FaultRule]:
        return self._plan.rules

    @faults.setter
    def faults(self, rules: Sequence[FaultRule]) -> None:
        """Starts the rules with fresh counters."""
        self._plan = FaultPlan(rules)

    async def _handle(self, request: Request) -> Response:
        self.begun.append((time.monotonic(), request.target))
        self.agents.append(request.headers.get("user-agent", ""))
        served = self.pages.get(request.target) or self.pages.get(request.path) or NOT_FOUND
        await asyncio.sleep(self.latency + served.seconds)
        fault = self._plan.pick(request.method, request.path)
        assert not isinstance(fault, str)  # a site has no faults of its own
        phone = "Mobile" in request.headers.get("user-agent", "")
        response = served.mobile if phone and served.mobile else served.response
        return _absolute(replace(response, fault=fault), self.url)


def _absolute(response: Response, url: str) -> Response:
    """Addresses in a sitemap and in robots.txt must be whole, and the port is not known before."""
    kind = response.headers.get("Content-Type", "")
    if kind.startswith(("text/plain", "application/xml")):
        return replace(response, body=response.body.replace(b"{site}", url.encode()))
    return response
