"""Workers over a world and a local Airtable: the functions without their processes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from infra.local.airtable.server import LocalAirtable
from landfall.airtable.client import AirtableClient
from landfall.airtable.fetch_cursor import FetchCursor
from landfall.airtable.protocols import Record
from landfall.airtable.records import whole_tables
from landfall.deadlines import Deadline
from landfall.integrity.findings.of_run import listing_of_run
from landfall.integrity.findings.wanted import Wanted
from landfall.kinds.table import KINDS
from landfall.process.redaction import OURS
from landfall.reasons import Reason
from landfall.runs.kind import Kind, Outcome
from landfall.runs.steps import ROLES
from landfall.runs.tasks import Task
from landfall.runs.worker import Invocation, Worker
from landfall.store.documents import Document, Fields, Query
from tests.fakes.bases import KEY
from tests.fakes.clients import Do, FakeClients, kinds_doing
from tests.fakes.snapshots import records_of
from tests.fakes.world import World

MAX_TASKS = 60
"""Tasks of a run, after which it is taken never to end."""


@dataclass(frozen=True)
class Looks(Deadline):
    """A deadline that returns these remaining seconds, one after the other."""

    looks: Iterator[float]

    def remaining(self) -> float:
        """Return the next number of seconds."""
        return next(self.looks)


async def invoke(
    world: World, server: LocalAirtable, task: Task, clients: FakeClients | None = None
) -> Outcome | Reason:
    """Deliver a task to the worker of its step; return the outcome."""
    return await work_with(world, task, clients or clients_of(world, server))


def clients_of(world: World, server: LocalAirtable) -> FakeClients:
    """Return clients whose bases are the server's."""
    return FakeClients(base=opening(world, server))


async def work_with(
    world: World, task: Task, clients: FakeClients, kinds: Mapping[str, Kind] = KINDS
) -> Outcome | Reason:
    """Deliver a task to a worker with these clients."""
    OURS.add(KEY)
    worker = Worker(world.runs, kinds, world.registry, clients, OURS)
    return await worker.invoke(Invocation.parse(task.body, task.step_id))


async def work_on(world: World, task: Task, do: Do) -> Outcome | Reason:
    """Deliver a task to a worker that does this."""
    return await work_with(world, task, FakeClients(), kinds_doing(do))


async def deliver(world: World, server: LocalAirtable) -> Outcome | Reason:
    """Deliver the newest task, at its time."""
    task = world.queue.tasks[-1]
    world.clock.now = max(world.clock.now, task.at)
    return await invoke(world, server, task)


async def drive(
    world: World, server: LocalAirtable, run_id: str = "m-1", clients: FakeClients | None = None
) -> list[Outcome | Reason]:
    """Deliver the tasks of a run in order, each once, until none is left; return the outcomes."""
    return await drive_with(world, clients or clients_of(world, server), run_id)


async def drive_with(
    world: World, clients: FakeClients, run_id: str = "m-1"
) -> list[Outcome | Reason]:
    """Do as `drive`, with these clients."""
    delivered: list[Task] = []
    outcomes: list[Outcome | Reason] = []
    while waiting := [t for t in _of_run(world, run_id) if t not in delivered]:
        assert len(outcomes) < MAX_TASKS, outcomes
        world.clock.now = max(world.clock.now, waiting[0].at)
        outcomes.append(await work_with(world, waiting[0], clients))
        delivered.append(waiting[0])
    return outcomes


def _of_run(world: World, run_id: str) -> list[Task]:
    """Return the tasks of the run's steps."""
    return [t for t in world.queue.tasks if t.run_id == run_id and t.step_id in ROLES]


async def fetched(world: World, run_id: str = "m-1") -> Mapping[str, list[Record]]:
    """Return the stored records of a run, as its score step would read them."""
    pages = await documents(world, f"runs/{run_id}/pages")
    cursor = await cursor_of(world, run_id)
    assert [page.id for page in pages] == [f"{n:06d}" for n in range(cursor.documents)]
    listings = {name: table.listing for name, table in cursor.tables.items()}
    fields = {name: table.fields for name, table in cursor.tables.items()}
    tables = whole_tables([page.data for page in pages], listings, fields, created=fields)
    return {name: records_of(table) for name, table in tables.items()}


async def cursor_of(world: World, run_id: str = "m-1") -> FetchCursor:
    """Return the cursor of the run's fetch step."""
    cursor = FetchCursor.load((await world.step("fetch", run_id)).data["cursor"])
    assert cursor is not None
    return cursor


async def documents(world: World, collection: str) -> list[Document]:
    """Return all documents of a collection, in the order of their ids."""
    return await world.store.find(Query(collection))


async def findings(world: World, run_id: str = "m-1") -> list[Fields]:
    """Return the findings of a run, as the api answers them; none before its end."""
    listing = await listing_of_run(world.store, await world.runs.get(run_id))
    return [finding async for finding in listing.each(Wanted())]


def opening(world: World, server: LocalAirtable) -> Callable[[str], AirtableClient]:
    """Return a function that opens a base of the server."""
    return lambda base_id: AirtableClient(base_id, KEY, server.url, world.runs.ladder)
