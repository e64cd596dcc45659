"""A deep scan of ten pages on the local stack, against what its requests must take one by one."""

import io

from rich.console import Console

from infra.local.runner import run_scans
from infra.local.site.pages import Resource, page, plain, sitemap
from infra.local.stack import StackOptions, running
from landfall.kinds.definition import parse
from tests.bench.figures import COMPARED, Sample, Table, compared
from tests.bench.whole_run import moment

LATENCY = 1.0
"""Seconds until the site answers."""

DELAY = 1.0
"""Seconds between the beginnings of two requests: what a scan leaves unless it is told."""

PAGES = 10

ROUNDS = 2
"""Scans, each on a stack of its own."""

URL = "https://ten-pages.example/"

CHAIN = ("robots.txt", "home page", "sitemap", "last page")
"""Each is known only when the one before has come."""

_WAITING = PAGES - 2 + 1
"""Requests that begin before the last page does, once the sitemap has begun: the home page as a
phone gets it, and the pages before the last. Each waits its turn."""


async def measure() -> list[Table]:
    """From the claim of the fetch step to the run's end; and the slowest chain."""
    floor = Sample([len(CHAIN) * LATENCY + _WAITING * DELAY], "s")
    whole = Sample([await _round() for _ in range(ROUNDS)], "s")
    against = f"{len(CHAIN)} dependent requests of {LATENCY:g} s, {_WAITING} waits of {DELAY:g} s"
    rows = [compared("claimed to done", whole, against, floor)]
    return [Table(f"Deep scan of {PAGES} pages, one request a second", COMPARED, rows)]


async def _round() -> float:
    scan = parse(
        {
            "id": "ten-pages",
            "kind": "site",
            "url": URL,
            "mode": "deep",
            "max_pages": PAGES,
            "delay_seconds": DELAY,
        },
        "benchmark",
    )
    async with running(StackOptions(sites={URL: _site()})) as stack:
        (run,) = await run_scans(stack, [scan], Console(file=io.StringIO()))
        asked = len(stack.sites[URL].paths)
    if not run.done or run.document["counts"]["pages"] != PAGES or asked != PAGES + 3:
        raise RuntimeError(f"not {PAGES} pages in {PAGES + 3} requests: {run.document}")
    return (
        moment(run.document["finished_at"]) - moment(run.document["started_at"])
    ).total_seconds()


def _site() -> dict[str, Resource]:
    """Pages that only the sitemap names."""
    paths = [f"/page-{number}" for number in range(PAGES - 1)]
    served = {
        "/": page("<title>Home</title><p>A home page."),
        "/robots.txt": plain("Sitemap: {site}/sitemap.xml"),
        "/sitemap.xml": sitemap(*paths),
    }
    served |= {path: page(f"<title>{path}</title><p>The page {path}.") for path in paths}
    return {path: Resource(one.response, seconds=LATENCY) for path, one in served.items()}
