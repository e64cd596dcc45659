"""The queries that the code makes, against the indexes that are deployed.

The emulator answers every query without an index; but it keeps a report of those that each
needed, and that is compared with `infra/firestore.indexes.json`.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from infra.local.samples.clinic import clinic
from infra.local.site.server import LocalSite
from landfall.airtable.fetch_cursor import FetchCursor, TableCursor
from landfall.airtable.records import ReadPage, pack
from landfall.api.downloads import Download
from landfall.deadlines import LADDER, Deadline
from landfall.integrity import routes as integrity_routes
from landfall.integrity.score import ScoreRules
from landfall.kinds.routes import (
    cancel_run,
    debug_run,
    list_messages,
    list_runs,
    show_run,
    show_scan,
)
from landfall.store.documents import Create, Document, Query
from landfall.store.firestore import FirestoreStore
from landfall.store.indexes import Indexes
from landfall.store.packed import packed_documents
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.fakes.callers import ask
from tests.fakes.elements import Elements, by_the_rules, elements_server
from tests.fakes.models import FakeModel
from tests.fakes.sites import a_site_scan, drive_site, start_site
from tests.fakes.windows import visit
from tests.fakes.world import World

FILE = json.loads((Path(__file__).parents[2] / "infra/firestore.indexes.json").read_text())

Index = tuple[str, str, tuple[tuple[str, str], ...]]
"""Collection, scope, and each field with its direction."""


class Asked(FirestoreStore):
    """The real store, which remembers its queries."""

    def __init__(self, client: AsyncClient) -> None:
        super().__init__(client)
        self.queries: list[Query] = []

    async def find(self, query: Query) -> list[Document]:
        """As the store."""
        self.queries.append(query)
        return await super().find(query)


@pytest.fixture
async def asked(firestore_client: AsyncClient) -> Asked:
    """A store that every query of the code was put to, through its use cases."""
    store = Asked(firestore_client)
    world = World(store)
    await fetch_and_score(world)
    await look_at_a_site(world)
    await classify(world)
    await tick_twice(world)
    await look_at(world)
    return store


async def look_at_a_site(world: World) -> None:
    """A run of a site scan, from its first task to its last."""
    async with LocalSite(clinic()) as site:
        await start_site(world, a_site_scan(site, mode="quick"), "m-site")
        assert await drive_site(world, site, "m-site") == ["finished", "finished"]


async def classify(world: World) -> None:
    """A run of a classification, and what a person does with what it suggests."""
    async with elements_server() as server:
        elements = Elements(server, FakeModel(by_the_rules).open, world)
        elements.runs = 10  # the other runs have the numbers before
        await elements.run()
        await elements.review(1, "confirmed")
        await elements.reviewing.find({})


async def fetch_and_score(world: World) -> None:
    """A run from its first claim to its verdict."""
    word = [{"channel": "ops"}]
    scan = await world.save(schedule={"cadence": {"every_minutes": 5}}, notify=word)
    await world.start(scan)
    claim = await world.runs.claim("m-1", "fetch", 0, "w1")
    table = TableCursor("tblPeople", ["Name"], ["Name"], ["Name"], records=1, done=True)
    cursor = FetchCursor(tables={"People": table}, documents=1)
    records = [{"id": "rec1", "createdTime": "", "fields": {}}]
    (page,) = packed_documents(pack(ReadPage("People", 1, records)))
    await claim.checkpoint(cursor, {}, [Create("runs/m-1/pages/000000", page)])
    await claim.finish_step("score", {}, handover=cursor.fetched().store(), cursor=cursor)
    claim = await world.runs.claim("m-1", "score", 0, "w2")
    assert await ScoreRules(claim, scan).run(Deadline.after(LADDER.step)) == "finished"


async def tick_twice(world: World) -> None:
    """Ticks that claim, take up and end: the second finds the run of the first."""
    for seconds in (300, LADDER.run):
        world.clock.advance(seconds)
        await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
        await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))


async def look_at(world: World) -> None:
    """Every route that reads, with every parameter."""
    both = {"scan_id": "people", "status": "done"}
    older = both | {"page_token": "2100-01-01T00:00:00+00:00~0"}
    for parameters in ({}, {"scan_id": "people"}, {"status": "done"}, {"limit": "1"}, both, older):
        await list_runs(ask(world, query=parameters))
    for url in ("/", "/runs/m-1", "/scans/people", "/runs?scan_id=people&status=done"):
        assert (await visit(world, url)).status_code == 200
    second_page = ask(world, query={"page_token": "1"})
    for look in (show_run, debug_run, list_messages, integrity_routes.run_findings, cancel_run):
        await look(second_page, "m-1")
    await show_scan(second_page, "people")
    listed = await integrity_routes.scan_findings(ask(world), "people")
    assert not isinstance(listed, Download)
    finding_id = listed["findings"][0]["finding_id"]
    await integrity_routes.ignore(ask(world, {"why": "so be it"}), "people", finding_id)
    await integrity_routes.finding(second_page, "people", finding_id)
    await integrity_routes.reopen(second_page, "people", finding_id)


def report(host: str, project: str) -> set[Index]:
    """The indexes that the queries so far needed, without Firestore's own."""
    url = f"http://{host}/emulator/v1/projects/{project}:indexUsage"
    answer = httpx.get(url, params={"database": f"projects/{project}/databases/(default)"})
    return {_reported(entry["index"]) for entry in answer.json()["reports"]}


def _reported(index: Mapping[str, Any]) -> Index:
    collection = index["name"].split("/collectionGroups/")[1].split("/")[0]
    fields = [(field["fieldPath"], field["order"]) for field in index["fields"]]
    # every index ends in the document's name, in the direction of its last field
    return collection, index["queryScope"], tuple(it for it in fields if it[0] != "__name__")


def deployed() -> set[Index]:
    """The indexes of the file."""
    composite = {
        (it["collectionGroup"], it["queryScope"], _ordered(it["fields"])) for it in FILE["indexes"]
    }
    single = {
        (it["collectionGroup"], index["queryScope"], ((it["fieldPath"], index["order"]),))
        for it in FILE["fieldOverrides"]
        for index in it["indexes"]
    }
    return composite | single


def _ordered(fields: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((field["fieldPath"], field["order"]) for field in fields)


async def test_every_query_has_its_index_and_no_index_is_idle(
    asked: Asked, emulator_host: str, firestore_client: AsyncClient
) -> None:
    """The emulator reports the file's: no query fails in production, no write is dearer."""
    assert asked.queries
    assert report(emulator_host, firestore_client.project) == deployed()


async def test_health_looks_at_every_index_of_the_file(
    emulator_host: str, firestore_client: AsyncClient
) -> None:
    """Its queries need exactly the indexes that the code's do."""
    store = FirestoreStore(firestore_client)
    assert await Indexes(store, lambda: datetime.now(UTC)).missing() == []
    assert report(emulator_host, firestore_client.project) == deployed()


async def test_no_query_needs_a_field_that_is_not_indexed(asked: Asked) -> None:
    """Fields that are exempt from indexing are those that nobody filters or orders by."""
    exempt = {
        (it["collectionGroup"], it["fieldPath"].split(".")[0])
        for it in FILE["fieldOverrides"]
        if not it["indexes"]
    }
    needed = {
        (query.collection.rsplit("/", 1)[-1], name)
        for query in asked.queries
        for name in [it[0] for it in query.where] + [it[0] for it in [query.order] if it]
    }
    assert ("steps", "stale_at") in needed
    assert not exempt & needed


async def test_what_is_large_or_hot_is_not_indexed(asked: Asked) -> None:
    """An index entry for each element is paid for at each write, and a clock in one is a hot spot.

    The fields are really there: an exemption for a field that was renamed exempts nothing.
    """
    exempt = [it for it in FILE["fieldOverrides"] if not it.get("ttl")]
    groups = sorted({it["collectionGroup"] for it in exempt})
    for group in groups:
        found = await asked.find(Query(group, group=True))
        stored = {name for document in found for name in document.data}
        assert stored >= {it["fieldPath"] for it in exempt if it["collectionGroup"] == group}
