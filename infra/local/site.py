"""A web site on this machine, for scans and tests: pages, and everything that goes wrong with them.

`LocalSite` serves answers by their path, slowly where it is told to, and with faults on the wire
(`faults.FaultRule`). `clinic()` are those of a made-up clinic, whose pages are in `clinic/`: a
redirect, duplicates, a slow and a broken page, a page for phones, a page that speaks to machines.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.faults import FaultPlan, FaultRule
from infra.local.wire import Exchange, Request, Response, WireServer

PAGES = Path(__file__).with_name("clinic")

HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True)
class Served:
    """What a path answers, after so many seconds; `mobile` is for phones."""

    response: Response
    mobile: Response | None = None
    seconds: float = 0.0


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
        served = self.pages.get(request.target) or self.pages.get(request.path) or _NOT_THERE
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


_NOT_THERE = Served(Response(404, HTML, b"<!doctype html><title>Not found</title><p>Not found"))


def page(text: str, **headers: str) -> Served:
    """A page of HTML."""
    return Served(Response(200, {**HTML, **headers}, text.encode()))


def plain(text: str) -> Served:
    """A text, such as a robots.txt."""
    return Served(Response(200, {"Content-Type": "text/plain; charset=utf-8"}, text.encode()))


def sitemap(*paths: str) -> Served:
    """A sitemap of these paths."""
    locations = "".join(f"<url><loc>{{site}}{path}</loc></url>" for path in paths)
    body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locations}</urlset>'
    return Served(Response(200, {"Content-Type": "application/xml"}, body.encode()))


def redirect(target: str, status: int = 301) -> Served:
    """An answer that leads elsewhere."""
    return Served(Response(status, {"Location": target}))


def clinic() -> dict[str, Served]:
    """The made-up clinic's site."""
    read = _read
    return {
        "/": replace(page(read("home.html")), mobile=page(read("home_mobile.html")).response),
        "/services": page(read("services.html")),
        "/services/implants": page(read("implants.html")),
        "/services/whitening": page(read("whitening.html")),
        "/services/whitening/": page(read("whitening.html")),
        "/services/checkups": page(read("checkups.html")),
        "/services/emergency": replace(page(read("emergency.html")), seconds=3.0),
        "/prices": page(read("prices.html")),
        "/about": redirect("/about-us/"),
        "/about-us/": page(read("about.html")),
        "/contact": page(read("contact.html")),
        "/book": page(read("book.html")),
        "/reviews": page(read("reviews.html")),
        "/our-reviews": page(read("reviews.html")),
        "/gallery": Served(Response(500, HTML, b"<!doctype html><title>Error</title>")),
        "/private/prices": page("<title>Not for robots</title>"),
        "/robots.txt": plain(read("robots.txt")),
        "/sitemap.xml": sitemap(*_LISTED),
    }


_LISTED = (
    "/", "/services", "/services/implants", "/services/whitening/", "/services/checkups",
    "/services/emergency", "/prices", "/about", "/contact", "/book", "/our-reviews",
    "/private/prices",
)  # fmt: skip


def _read(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


def sample_sites() -> dict[str, Mapping[str, Served]]:
    """Sites of the samples, by the address that their definitions name."""
    return {"https://brightside.example/": clinic()}
