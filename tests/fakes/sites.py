"""Site scans over a world and a local site: what the functions do, without their processes."""

from typing import Any

from infra.local.site.server import LocalSite
from landfall.deadlines import Deadline
from landfall.llm.questions import Model
from landfall.llm.session import OpenModel
from landfall.process.redaction import Redactor
from landfall.runs.runs import Claim
from landfall.runs.tasks import Task
from landfall.runs.worker import Invocation, Work, Worker
from landfall.site.client import WebReader
from landfall.site.fetch import Capture
from landfall.site.packing import REPORT_ID, unpacked
from landfall.site.scan import SiteScan
from landfall.site.score import SiteScoring
from landfall.store.documents import Document
from tests.fakes.world import World

MOST = 60
"""Tasks after which a run that has not ended never will."""


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


def capturing(world: World, *sites: LocalSite | str) -> Work:
    """The work of a fetch step, which may reach these sites."""
    urls = [site if isinstance(site, str) else site.url for site in sites]

    def open_site(_: str) -> WebReader:
        return WebReader([url.removeprefix("http://") for url in urls], world.runs.ladder)

    async def work(claim: Claim, scan: SiteScan, deadline: Deadline) -> str:
        return await Capture(world.runs, claim, scan, open_site).run(deadline)

    return work


def scoring_site(world: World, open_model: OpenModel = _no_model) -> Work:
    """The work of a score step, which asks this model."""

    async def work(claim: Claim, scan: SiteScan, deadline: Deadline) -> str:
        return await SiteScoring(world.runs, claim, scan, open_model).run(deadline)

    return work


async def deliver_site(world: World, task: Task, work: Work) -> str:
    """Deliver a task at its moment."""
    world.clock.now = max(world.clock.now, task.at)
    worker = Worker(world.runs, world.registry, Redactor([]), work)
    return await worker.invoke(Invocation.parse(task.body, task.step_id))


async def drive_site(
    world: World,
    site: LocalSite | str,
    run_id: str = "m-1",
    open_model: OpenModel = _no_model,
) -> list[str]:
    """Deliver the run's tasks in their order, each once, until there is none; what became of it."""
    works = {"fetch": capturing(world, site), "score": scoring_site(world, open_model)}
    delivered: list[Task] = []
    outcomes: list[str] = []
    while waiting := [t for t in world.queue.tasks if t.run_id == run_id and t not in delivered]:
        assert len(outcomes) < MOST, outcomes
        outcomes.append(await deliver_site(world, waiting[0], works[waiting[0].step_id]))
        delivered.append(waiting[0])
    return outcomes


async def report_of_site(world: World, run_id: str = "m-1") -> Any:
    """The whole report of a run that is done."""
    (document,) = await world.store.read(f"runs/{run_id}/results/{REPORT_ID}")
    assert isinstance(document, Document)
    return unpacked(document)
