"""A web site on this machine, for scans and tests: resources by path, slow ones, and faults."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from infra.local.site.pages import NOT_FOUND, Resource
from infra.local.wire.faults import FaultRule
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.stand_in import StandIn


class LocalSite(StandIn):
    """A server of these paths at `url`, with 404 for all others, and a record of its requests.

    `started`: time (monotonic seconds) and path of each; `user_agents`: their user agents.
    """

    def __init__(
        self,
        pages: Mapping[str, Resource],
        *,
        latency: float = 0.0,
        faults: Sequence[FaultRule] = (),
    ) -> None:
        super().__init__(latency, faults)
        self.pages = dict(pages)
        self.user_agents: list[str] = []
        self.started: list[tuple[float, str]] = []

    @property
    def paths(self) -> list[str]:
        """The paths of all requests, in order."""
        return [path for _, path in self.started]

    async def _handle(self, request: WireRequest) -> WireResponse:
        self.started.append((time.monotonic(), request.target))
        self.user_agents.append(request.headers.get("user-agent", ""))
        served = self.pages.get(request.target) or self.pages.get(request.path) or NOT_FOUND
        await asyncio.sleep(self.latency + served.seconds)
        fault = self._plan.pick(request.method, request.path)
        assert not isinstance(fault, str)  # a site has no faults of its own
        phone = "Mobile" in request.headers.get("user-agent", "")
        response = served.mobile if phone and served.mobile else served.response
        return _absolute(replace(response, fault=fault), self.url)


def _absolute(response: WireResponse, url: str) -> WireResponse:
    """Fill in the address in a sitemap or robots.txt: it must be absolute, and the port is new."""
    kind = response.headers.get("Content-Type", "")
    if kind.startswith(("text/plain", "application/xml")):
        return replace(response, body=response.body.replace(b"{site}", url.encode()))
    return response
