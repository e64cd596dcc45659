"""A deep scan of ten pages on the local stack, beside the time of its requests one by one."""

import io
from dataclasses import dataclass

from rich.console import Console

from infra.local.runner import run_scans
from infra.local.site.pages import Resource, page, plain, sitemap
from infra.local.stack import StackOptions, running
from landfall.kinds.definition import parse
from tests.bench.figures import COMPARED, Sample, Table, compared
from tests.bench.whole_run import moment


@dataclass(frozen=True)
class Size:
    """Scans, each on a stack of its own. The site takes `latency` seconds for an answer."""

    rounds: int
    pages: int
    latency: float
    delay: float
    """Seconds between the beginnings of two requests, as the scan says."""


FULL = Size(rounds=2, pages=10, latency=1.0, delay=1.0)
QUICK = Size(rounds=1, pages=3, latency=0.05, delay=0.1)

URL = "https://ten-pages.example/"

CHAIN = ("robots.txt", "home page", "sitemap", "last page")
"""Each is known only when the one before has arrived."""


async def measure(size: Size = FULL) -> list[Table]:
    """Measure the claim of the fetch step to the run's end, beside the slowest chain."""
    # Requests that begin before the last page does, once the sitemap has begun: the home page as a
    # phone gets it, and the pages before the last. Each waits its turn.
    waiting = size.pages - 2 + 1
    floor = Sample([len(CHAIN) * size.latency + waiting * size.delay], "s")
    whole = Sample([await _round(size) for _ in range(size.rounds)], "s")
    against = (
        f"{len(CHAIN)} dependent requests of {size.latency:g} s, "
        f"{waiting} waits of {size.delay:g} s"
    )
    rows = [compared("claimed to done", whole, against, floor)]
    title = f"Deep scan of {size.pages} pages, a request every {size.delay:g} s"
    return [Table(title, COMPARED, rows)]


async def _round(size: Size) -> float:
    scan = parse(
        {
            "id": "ten-pages",
            "kind": "site",
            "url": URL,
            "mode": "deep",
            "max_pages": size.pages,
            "delay_seconds": size.delay,
        },
        "benchmark",
    )
    async with running(StackOptions(sites={URL: _site(size)})) as stack:
        (run,) = await run_scans(stack, [scan], Console(file=io.StringIO()))
        requested = len(stack.sites[URL].paths)
    expected = size.pages + 3
    if not run.done or run.document["counts"]["pages"] != size.pages or requested != expected:
        raise RuntimeError(f"not {size.pages} pages in {expected} requests: {run.document}")
    return (
        moment(run.document["finished_at"]) - moment(run.document["started_at"])
    ).total_seconds()


def _site(size: Size) -> dict[str, Resource]:
    """Return pages that only the sitemap names."""
    paths = [f"/page-{number}" for number in range(size.pages - 1)]
    served = {
        "/": page("<title>Home</title><p>A home page."),
        "/robots.txt": plain("Sitemap: {site}/sitemap.xml"),
        "/sitemap.xml": sitemap(*paths),
    }
    served |= {path: page(f"<title>{path}</title><p>The page {path}.") for path in paths}
    return {path: Resource(one.response, seconds=size.latency) for path, one in served.items()}
