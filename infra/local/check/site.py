"""The check of a site scan: it fetches robots.txt and the home page, and nothing else."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.local.check.result import CheckResult
from infra.local.endpoints import AirtableEndpoint
from infra.local.samples.clinic import sample_sites
from infra.local.site.server import LocalSite
from infra.local.terminal import plural
from landfall import logs
from landfall.deadlines import LADDER, Deadline
from landfall.reasons import StepError
from landfall.scans.scan import Scan
from landfall.site import user_agents
from landfall.site.client import WebReader
from landfall.site.evidence import Evidence, evidence_in
from landfall.site.page import Page
from landfall.site.page_selection import OTHER, Types
from landfall.site.robots import READ_BYTES, Robots, robots_of, rules_in
from landfall.site.rubric import vocabularies
from landfall.site.scan import SiteScan
from landfall.site.unobserved import failure_of
from landfall.site.urls import host_of


@dataclass
class _SiteProbe:
    """The results of two requests."""

    robots: Robots
    delay: float
    requests: int = 1
    problems: list[str] = field(default_factory=list)
    home: Evidence | None = None
    types: Mapping[str, int] = field(default_factory=dict)


def check(scan: Scan, _: AirtableEndpoint | None, __: int | None, ___: Console) -> CheckResult:
    """Check that the home page may be fetched, and can be. Raises `StepError`."""
    assert isinstance(scan, SiteScan)
    with logs.silenced():
        probe = asyncio.run(_probe_site(scan))

    def show(console: Console) -> None:
        for line in _lines(scan, probe):
            console.print(line, soft_wrap=True)

    return CheckResult(not probe.problems, probe.requests, _document(scan, probe), show)


async def _probe_site(scan: SiteScan) -> _SiteProbe:
    async with AsyncExitStack() as exits:
        url, allowed = scan.url, []
        if pages := sample_sites().get(url):
            url = f"{(await exits.enter_async_context(LocalSite(pages))).url}/"
            allowed = [host_of(url)]
        reader = WebReader(allowed)
        exits.push_async_callback(reader.close)
        return await _fetch_home(scan, url, reader)


async def _fetch_home(scan: SiteScan, url: str, reader: WebReader) -> _SiteProbe:
    agent = user_agents.desktop(scan.contact)

    async def fetch(address: str, first_bytes: int | None = None) -> Page:
        return await reader.fetch_page(address, Deadline.after(LADDER.item), agent, first_bytes)

    rules = await fetch(f"{url.split('/', 3)[0]}//{host_of(url)}/robots.txt", READ_BYTES)
    robots = robots_of(rules_in(rules), user_agents.NAME)
    probe = _SiteProbe(robots, robots.delay(scan.delay_seconds))
    if not robots.allow(url):
        probe.problems.append(f"robots.txt does not allow {user_agents.NAME} to fetch {scan.url}")
        return probe
    await asyncio.sleep(probe.delay)
    try:
        page = await fetch(url)
    except StepError as error:
        probe.problems.append(f"{error.reason}: {error.message}")
        return probe
    probe.requests += 1
    home = evidence_in(page, vocabularies(scan.rubric))
    if failure := failure_of(page, home, is_home=True):
        probe.problems.append(f"{failure.reason}: {failure.message}")
        return probe
    probe.home = home
    types = Types(scan.rubric.page_types)
    probe.types = Counter(types.of(link.address, link.text) for link in probe.home.links)
    return probe


def _document(scan: SiteScan, probe: _SiteProbe) -> dict[str, Any]:
    home = probe.home
    return {
        "scan_id": scan.id,
        "good": not probe.problems,
        "problems": probe.problems,
        "requests": probe.requests,
        "delay_seconds": probe.delay,
        "home": {"url": home.url, "title": home.title, "facts": home.facts} if home else None,
        "page_types": dict(probe.types),
    }


def _lines(scan: SiteScan, probe: _SiteProbe) -> Iterator[Text]:
    for problem in probe.problems:
        yield Text.assemble(("cannot be scanned", "red"), f": {problem}")
    yield Text(f"request rate: one every {probe.delay:g} s")
    home = probe.home
    if home is None:
        return
    facts = home.facts
    yield Text(
        f"home page: {home.title!r}, {facts['words']} words, links to "
        f"{plural(len(home.links), 'page')}, {facts['seconds']} s"
    )
    named = [f"{count} {name}" for name, count in sorted(probe.types.items()) if name != OTHER]
    yield Text(f"links by page type: {', '.join(named) or 'none of the types in the rubric'}")
    lacking = [one.id for one in scan.rubric.page_types if not probe.types.get(one.id)]
    if lacking:
        yield Text.assemble(
            ("note", "cyan"), f": no link from the home page to: {', '.join(lacking)}"
        )
