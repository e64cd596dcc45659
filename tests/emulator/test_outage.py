"""Firestore falls silent, or refuses, at each call of a fetch and of a score invocation in turn.

The emulator is reached over a line that the test holds; so a commit of an invocation that has long
ended may still arrive when the line is released.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from secrets import token_hex

import pytest

from infra.local.airtable.server import LocalAirtable
from landfall.airtable import fetch as airtable_fetch
from landfall.airtable import pacer as airtable_pacer
from landfall.airtable.fetch_cursor import FetchCursor
from landfall.deadlines import LADDER, Ladder
from landfall.runs.lifecycle import RUN_ENDED
from landfall.runs.worker import OutOfTimeError
from landfall.store import commit_size
from landfall.store.documents import Document, Query, StoreError, Version, Write
from landfall.store.firestore import FirestoreStore
from tests.fakes.bases import a_base, a_server, people
from tests.fakes.workers import deliver, drive, fetched, findings
from tests.fakes.world import World
from tests.local.clients import store_at
from tests.local.peers import Line
from tests.waiting import until

SHORT = Ladder(
    stale=40,
    lease=30,
    dispatch=20,
    function=10,
    answer=3.4,
    step=2.0,
    item=1.9,
    request=1.8,
    connect=0.5,
)
"""A call that hangs from the middle of the budget on would hang beyond its end. From the record to
the answer it is about as far as in production: 0.6 s."""

ROWS = [*people(348), {"Email": "twice"}, {"Email": "twice"}]
PAGES = 4
RULES = [
    {"id": "name", "kind": "required", "table": "People", "field": "Name"},
    {"id": "email", "kind": "unique", "table": "People", "fields": ["Email"]},
    {"id": "age", "kind": "required", "table": "People", "field": "Age"},
]
FOUND = [("age", 1), ("age", 1), ("email", 2), ("name", 1), ("name", 1)]
"""The rule and the number of records of each finding."""

FAULTS: dict[str, Callable[[Line], None]] = {"silent": Line.hold, "refuses": Line.refuse}


class Counting:
    """A store that counts its calls, and lets something happen at one of them."""

    def __init__(self, store: FirestoreStore) -> None:
        self._store = store
        self.calls = 0
        self._at = 0
        self._happen: Callable[[], None] = lambda: None

    def at(self, call: int, happen: Callable[[], None]) -> None:
        """Let it happen at this call from now, the next being 0."""
        self._at, self._happen = self.calls + call, happen

    async def read(self, *paths: str) -> list[Document | None]:
        self._count()
        return await self._store.read(*paths)

    async def find(self, query: Query) -> list[Document]:
        self._count()
        return await self._store.find(query)

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        self._count()
        return await self._store.commit(writes)

    def _count(self) -> None:
        if self.calls == self._at:
            self._happen()
        self.calls += 1


@pytest.fixture(autouse=True)
def _many_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)
    monkeypatch.setattr(airtable_fetch, "CHECKPOINT", 0.02)
    monkeypatch.setattr(commit_size, "MAX_COMMIT_BYTES", 200)
    monkeypatch.setattr(commit_size, "MAX_COMMIT_WRITES", 2)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("step_id", ["fetch", "score"])
async def test_firestore_is_gone_from_any_call_on(emulator_host, step_id, fault):
    """The invocation answers in its time; the next one continues from stored work."""
    calls = await interrupted(emulator_host, step_id, fault, call=1_000)
    assert calls > 6
    few = asyncio.Semaphore(4)

    async def one(call: int) -> None:
        async with few:
            await interrupted(emulator_host, step_id, fault, call)

    async with asyncio.TaskGroup() as group:
        for call in range(calls):
            group.create_task(one(call))


async def interrupted(host: str, step_id: str, fault: Callable[[Line], None], call: int) -> int:
    """A run with that fault, from that call of the step's first invocation on until its end.

    Gives the number of calls that the invocation made.
    """
    project = f"test-{token_hex(6)}"
    base = a_base(People=ROWS)
    async with (
        Line(host) as line,
        store_at(host, project, LADDER) as direct,
        store_at(line.address, project, SHORT) as through,
        a_server(base, latency=0.06) as server,
    ):
        store = Counting(through)
        world, seen = World(store, SHORT), World(direct, SHORT)
        scan = await seen.save(tables={"People": ["Name", "Email", "Age"]}, rules=RULES)
        await world.runs.enqueue(await seen.start(scan))
        while world.queue.tasks[-1].step_id != step_id:
            await deliver(world, server)
        before = store.calls
        store.at(call, partial(fault, line))
        await answered_in_time(world, server)
        calls = store.calls - before
        store.at(0, lambda: None)  # where the invocation made fewer calls
        left, asked = await requests_left(seen), len(server.requests)
        line.release()
        await to_the_end(world, server)
        assert len(server.requests) - asked <= left
        assert (await seen.run()).data["status"] == "done"
        stored = [record["id"] for record in (await fetched(seen))["People"]]
        assert stored == [record["id"] for record in base.tables[0].records]
        found = [(one["rule_id"], len(one["records"])) for one in await findings(seen)]
        assert sorted(found) == FOUND
    return calls


async def answered_in_time(world: World, server: LocalAirtable) -> None:
    """Deliver the newest task."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with contextlib.suppress(StoreError, OutOfTimeError):
        await deliver(world, server)
    assert loop.time() - began < SHORT.answer


async def requests_left(world: World) -> int:
    """To Airtable, by the checkpoint: the schema and every page, or the pages that are missing."""
    cursor = FetchCursor.load((await world.step()).data["cursor"])
    return math.ceil((len(ROWS) - cursor.records) / 100) if cursor else 1 + PAGES


async def to_the_end(world: World, server: LocalAirtable) -> None:
    """Act as the queue and the watchdog until the run has ended."""

    async def ended() -> bool:
        with contextlib.suppress(StoreError, OutOfTimeError):
            for step_id in "fetch", "score":
                await world.runs.take_up("m-1", step_id, "watchdog")
            await drive(world, server)
            world.clock.advance(SHORT.stale)
            return (await world.run()).data["status"] in RUN_ENDED
        return False

    await until(ended, seconds=30)
