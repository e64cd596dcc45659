"""Workers over a world and a local Airtable: what the functions do, without their processes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from infra.local.airtable.server import LocalAirtable
from landfall.airtable.client import AirtableReader
from landfall.airtable.fetch import Cursor, Fetch
from landfall.airtable.records import Record, whole_tables
from landfall.deadlines import Deadline
from landfall.integrity.findings.views import findings_of_run
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score import Scoring
from landfall.integrity.write import Writing
from landfall.process.redaction import Redactor
from landfall.runs.runs import Claim
from landfall.runs.tasks import Task
from landfall.runs.worker import Invocation, Leave, Work, Worker
from landfall.scans.scan import BaseScan
from landfall.store.documents import Document, Fields, Query
from tests.fakes.bases import KEY
from tests.fakes.snapshots import records_of
from tests.fakes.world import World

MOST = 60
"""Tasks after which a run that has not ended never will."""


@dataclass(frozen=True)
class Looks(Deadline):
    """A deadline that says these numbers of seconds remaining, one look after the other."""

    looks: Iterator[float]

    def remaining(self) -> float:
        """Seconds left, as this look says."""
        return next(self.looks)


Works = Mapping[str, Work]
"""What does the work of each step."""


async def invoke(
    world: World,
    server: LocalAirtable,
    task: Task,
    works: Works | None = None,
    leave: Mapping[str, Leave] | None = None,
) -> str:
    """Deliver a task to the worker of its step; what became of it."""
    works = works or {
        "fetch": fetching(world, server),
        "score": scoring(world),
        "write": writing(world, server),
    }
    return await work_on(world, task, works[task.step_id], leave)


async def work_on(
    world: World, task: Task, work: Work, leave: Mapping[str, Leave] | None = None
) -> str:
    """Deliver a task to a worker that does this work, and leaves runs that have ended like this."""
    worker = Worker(world.runs, world.registry, Redactor([KEY]), work, leave or {})
    return await worker.invoke(Invocation.parse(task.body, task.step_id))


async def deliver(world: World, server: LocalAirtable) -> str:
    """Deliver the newest task, at its moment."""
    task = world.queue.tasks[-1]
    world.clock.now = max(world.clock.now, task.at)
    return await invoke(world, server, task)


async def drive(
    world: World, server: LocalAirtable, run_id: str = "m-1", works: Works | None = None
) -> list[str]:
    """Deliver the run's tasks in their order, each once, until there is none; what became of it."""
    delivered: list[Task] = []
    outcomes: list[str] = []
    while waiting := [t for t in world.queue.tasks if t.run_id == run_id and t not in delivered]:
        assert len(outcomes) < MOST, outcomes
        world.clock.now = max(world.clock.now, waiting[0].at)
        outcomes.append(await invoke(world, server, waiting[0], works))
        delivered.append(waiting[0])
    return outcomes


async def fetched(world: World, run_id: str = "m-1") -> Mapping[str, list[Record]]:
    """The records that a run holds, as its score step would read them."""
    pages = await documents(world, f"runs/{run_id}/pages")
    cursor = await cursor_of(world, run_id)
    assert [page.id for page in pages] == [f"{n:06d}" for n in range(cursor.documents)]
    listings = {name: table.listing for name, table in cursor.tables.items()}
    fields = {name: table.fields for name, table in cursor.tables.items()}
    tables = whole_tables([page.data for page in pages], listings, fields, created=fields)
    return {name: records_of(table) for name, table in tables.items()}


async def cursor_of(world: World, run_id: str = "m-1") -> Cursor:
    """How far the run's fetch step says that it is."""
    cursor = Cursor.load((await world.step("fetch", run_id)).data["cursor"])
    assert cursor is not None
    return cursor


async def documents(world: World, collection: str) -> list[Document]:
    """Everything in a collection, in the order of the ids."""
    return await world.store.find(Query(collection))


async def findings(world: World, run_id: str = "m-1") -> list[Fields]:
    """The findings of a run, as the api answers them; none before its end."""
    return await findings_of_run(world.store, await world.run(run_id), {})


def fetching(world: World, server: LocalAirtable) -> Work:
    """The work of a fetch step."""

    async def work(claim: Claim, scan: BaseScan, deadline: Deadline) -> str:
        return await Fetch(world.runs, claim, scan, opening(world, server)).run(deadline)

    return work


def writing(world: World, server: LocalAirtable) -> Work:
    """The work of a write step."""

    async def work(claim: Claim, scan: IntegrityScan, deadline: Deadline) -> str:
        return await Writing(world.runs, claim, scan, opening(world, server)).run(deadline)

    return work


def opening(world: World, server: LocalAirtable) -> Callable[[str], AirtableReader]:
    """Opens a base of the server."""
    return lambda base_id: AirtableReader(base_id, KEY, server.url, world.runs.ladder)


def scoring(world: World) -> Work:
    """The work of a score step."""

    async def work(claim: Claim, scan: IntegrityScan, deadline: Deadline) -> str:
        return await Scoring(world.runs, claim, scan).run(deadline)

    return work
