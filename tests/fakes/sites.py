"""Site scans over a world and a local site: what the functions do, without their processes."""

from typing import Any

from infra.local.site.server import LocalSite
from landfall.llm.questions import Model
from landfall.llm.session import OpenModel
from landfall.reasons import Reason
from landfall.runs.kind import Outcome
from landfall.runs.tasks import Task
from landfall.site.client import WebReader
from landfall.site.packing import REPORT_ID, unpacked
from landfall.site.scan import SiteScan
from landfall.store.documents import Document
from tests.fakes.clients import FakeClients
from tests.fakes.workers import drive_with, work_with
from tests.fakes.world import World


def _no_model(_: object) -> Model:
    raise AssertionError("rules ask no model")


def a_site_scan(site: LocalSite | str, **changes: Any) -> SiteScan:
    """A deep scan of a site, faster than is polite."""
    content: dict[str, Any] = {
        "id": "clinic",
        "kind": "site",
        "url": site if isinstance(site, str) else f"{site.url}/",
        "mode": "deep",
        "delay_seconds": 0.1,
    }
    return SiteScan.model_validate(content | changes)


async def start_site(world: World, scan: SiteScan, run_id: str = "m-1") -> Task:
    """A run of this scan; its first task."""
    await world.registry.save(scan, "tester")
    return await world.start(scan, run_id)


def site_clients(
    world: World, *sites: LocalSite | str, open_model: OpenModel = _no_model
) -> FakeClients:
    """The clients of the scan's steps, which may reach these sites and ask this model."""
    urls = [site if isinstance(site, str) else site.url for site in sites]

    def open_site(_: str) -> WebReader:
        return WebReader([url.removeprefix("http://") for url in urls], world.runs.ladder)

    return FakeClients(site=open_site, model=open_model)


async def deliver_site(world: World, task: Task, clients: FakeClients) -> Outcome | Reason:
    """Deliver a task at its moment."""
    world.clock.now = max(world.clock.now, task.at)
    return await work_with(world, task, clients)


async def drive_site(
    world: World,
    site: LocalSite | str,
    run_id: str = "m-1",
    open_model: OpenModel = _no_model,
) -> list[Outcome | Reason]:
    """Deliver the run's tasks in their order, each once, until there is none; what became of it."""
    return await drive_with(world, site_clients(world, site, open_model=open_model), run_id)


async def report_of_site(world: World, run_id: str = "m-1") -> Any:
    """The whole report of a run that is done."""
    (document,) = await world.store.read(f"runs/{run_id}/results/{REPORT_ID}")
    assert isinstance(document, Document)
    return unpacked(document)
