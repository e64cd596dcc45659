"""`infra/local/run --check` of a site scan: robots.txt and the home page, and nothing else."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.local.checked import Checked
from infra.local.endpoint import Airtable
from infra.local.site import LocalSite, sample_sites
from landfall import logs
from landfall.deadlines import LADDER, Deadline
from landfall.reasons import StepError
from landfall.scans.scan import Scan
from landfall.site import user_agents
from landfall.site.client import WebReader
from landfall.site.evidence import Evidence, evidence_of
from landfall.site.page import Page, transfer_of
from landfall.site.page_selection import OTHER, Types
from landfall.site.robots import Robots, robots_of
from landfall.site.rubric import vocabularies
from landfall.site.scan import SiteScan
from landfall.site.urls import host_of


@dataclass
class _Found:
    """What came of two requests."""

    robots: Robots
    delay: float
    requests: int = 1
    problems: list[str] = field(default_factory=list)
    home: Evidence | None = None
    types: Mapping[str, int] = field(default_factory=dict)


def check(scan: Scan, _: Airtable | None, __: int | None, ___: Console) -> Checked:
    """Whether the home page may be fetched, and can be. Raises `StepError`."""
    assert isinstance(scan, SiteScan)
    with logs.silenced():
        found = asyncio.run(_look(scan))

    def show(console: Console) -> None:
        for line in _lines(scan, found):
            console.print(line, soft_wrap=True)

    return Checked(not found.problems, found.requests, _document(scan, found), show)


async def _look(scan: SiteScan) -> _Found:
    async with AsyncExitStack() as exits:
        url, allowed = scan.url, []
        if pages := sample_sites().get(url):
            url = f"{(await exits.enter_async_context(LocalSite(pages))).url}/"
            allowed = [host_of(url)]
        reader = WebReader(allowed)
        exits.push_async_callback(reader.close)
        return await _ask(scan, url, reader)


async def _ask(scan: SiteScan, url: str, reader: WebReader) -> _Found:
    agent = user_agents.desktop(scan.contact)

    async def fetch(address: str) -> Page:
        return await reader.fetch_page(address, Deadline.after(LADDER.item), agent)

    rules = await fetch(f"{url.split('/', 3)[0]}//{host_of(url)}/robots.txt")
    robots = robots_of(rules.body if rules.status == 200 else b"", user_agents.NAME)
    found = _Found(robots, robots.delay(scan.delay_seconds))
    if not robots.allow(url):
        found.problems.append(f"robots.txt does not let {user_agents.NAME} fetch {scan.url}")
        return found
    await asyncio.sleep(found.delay)
    try:
        page = await fetch(url)
    except StepError as error:
        found.problems.append(f"{error.reason}: {error.message}")
        return found
    found.requests += 1
    if page.status != 200:
        found.problems.append(f"the home page answered {page.status}")
    found.home = evidence_of(transfer_of(page), page.body, vocabularies(scan.rubric))
    types = Types(scan.rubric.page_types)
    found.types = Counter(types.of(link.address, link.text) for link in found.home.links)
    return found


def _document(scan: SiteScan, found: _Found) -> dict[str, Any]:
    home = found.home
    return {
        "scan_id": scan.id,
        "good": not found.problems,
        "problems": found.problems,
        "requests": found.requests,
        "delay_seconds": found.delay,
        "home": {"url": home.url, "title": home.title, "facts": home.facts} if home else None,
        "page_types": dict(found.types),
    }


def _lines(scan: SiteScan, found: _Found) -> Iterator[Text]:
    for problem in found.problems:
        yield Text.assemble(("cannot be scanned", "red"), f": {problem}")
    yield Text(f"robots.txt lets us in; a request every {found.delay:g} s")
    home = found.home
    if home is None:
        return
    facts = home.facts
    yield Text(
        f"home page: {home.title!r}, {facts['words']} words, {len(home.links)} pages linked, "
        f"{facts['seconds']} s"
    )
    named = [f"{count} {name}" for name, count in sorted(found.types.items()) if name != OTHER]
    yield Text(f"links by page type: {', '.join(named) or 'none that the rubric names'}")
    lacking = [one.id for one in scan.rubric.page_types if not found.types.get(one.id)]
    if lacking:
        yield Text.assemble(("note", "cyan"), f": the home page links to no {', '.join(lacking)}")
