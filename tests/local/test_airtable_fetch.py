"""The fetch step over a local Airtable: every record once, whatever happens on the way."""

import asyncio
import json
import zlib
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any, ClassVar

import pytest

from infra.local.airtable.bases import BaseData
from infra.local.airtable.server import EXPIRED_OFFSET, LocalAirtable
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.airtable import fetch as airtable_fetch
from landfall.airtable import inbox as airtable_inbox
from landfall.airtable import pacer as airtable_pacer
from landfall.airtable.client import AirtableClient
from landfall.airtable.fetch import MAX_RESTARTS
from landfall.airtable.fetched import read_tables
from landfall.airtable.inbox import MAX_WAITING_BYTES
from landfall.airtable.last_snapshot import read_last_snapshot
from landfall.airtable.protocols import MAX_PAGE_BYTES, PAGE_SIZE, RecordPage
from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.integrity.kind import KIND
from landfall.runs.kind import Outcome
from landfall.runs.lifecycle import RunStatus
from landfall.runs.locks import QUIET
from landfall.runs.transitions import MAX_ATTEMPTS
from landfall.store.commit_size import MAX_COMMIT_BYTES
from landfall.store.documents import StoreError, Version, Write
from landfall.store.packed import MAX_PACKED_BYTES
from tests.fakes import workers
from tests.fakes.bases import BASE, a_base, a_server, record_id
from tests.fakes.listings import ENDLESS, listing, page_of
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import cursor_of, deliver, documents, drive, fetched, invoke
from tests.fakes.world import World
from tests.waiting import until

SHORT = Ladder(
    **{"step": 1.5, "item": 1.49999, "request": 1.49998, "connect": 1.0},
    **{"last_batch": 1.06, "last_write": 1.05, "last_rule": 1.04, "last_page": 1.03},
    **{"last_suggestion": 1.02, "last_reply": 1.01, "last_listing": 1.0},
)
"""A budget in which pages are asked for during half a second (`last_listing`); it ends before the
patience with a page does."""

TABLES: dict[str, list[str]] = {"People": ["Name", "Email"], "Pets": ["Name"]}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)
    monkeypatch.setattr(airtable_fetch, "CHECKPOINT", 0.1)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """About five pages fit into the SHORT budget."""
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.1)


async def start(world: World, run_id: str = "m-1", **changes: Any) -> None:
    scan = await world.save(**changes)
    await world.start(scan, run_id)


def ids(base: BaseData) -> dict[str, list[str]]:
    return {table.name: [record["id"] for record in table.records] for table in base.tables}


async def fetched_ids(world: World, run_id: str = "m-1") -> dict[str, list[str]]:
    tables = await fetched(world, run_id)
    return {name: [record["id"] for record in records] for name, records in tables.items()}


def status(code: int, after: int = 0, path: str | None = None, wait: str = "") -> FaultRule:
    headers = {"Retry-After": wait} if wait else {}
    fault = Fault(FaultKind.STATUS, status=code, headers=headers, body=b'{"error": "NO"}')
    return FaultRule(fault, after=after, path=path)


def fault(kind: FaultKind, after: int) -> FaultRule:
    return FaultRule(Fault(kind), after=after)


async def arrived(server: LocalAirtable, count: int) -> None:
    async def there() -> bool:
        return len(server.requests) >= count

    await until(there, seconds=10, every=0.01)


async def test_a_base_is_read_exactly_once(world):
    """Every record of the chosen tables, in their order, with one request a page and no more."""
    base = a_base(People=250, Pets=100, Others=10)
    await start(world, tables=TABLES)
    async with a_server(base) as server:
        assert await deliver(world, server) == "finished"
        assert len(server.requests) == 1 + 3 + 1  # the schema, People, Pets
    wanted = ids(base)
    assert await fetched_ids(world) == {"People": wanted["People"], "Pets": wanted["Pets"]}


async def test_what_a_fetched_run_says(world):
    """The step is done, the score step has its task, the counts are those of the base."""
    await start(world, tables=TABLES)
    async with a_server(a_base(People=120, Pets=3)) as server:
        await deliver(world, server)
    run, step = await world.run(), await world.step()
    assert (run.data["status"], run.data["progress_step"]) == ("running", "fetched")
    assert run.data["progress_pct"] == KIND.progress["fetch"].last
    counts = {"records": 123, "airtable_requests": 4, "tasks": 2}
    assert run.data["counts"].items() >= counts.items()
    assert (step.data["status"], world.queue.tasks[-1].step_id) == ("done", "score")


async def test_only_what_the_scan_names_is_stored(world):
    """Other fields are neither requested nor stored, in any document of the run."""
    await start(world, tables={"People": ["Email", "Name"]})
    async with a_server(a_base(People=3)) as server:
        await drive(world, server)
    tables = await fetched(world)
    assert [set(record["fields"]) for record in tables["People"]] == [{"Name", "Email"}] * 3
    stored = [await documents(world, f"runs/m-1/{name}") for name in ("pages", "steps", "results")]
    assert "s3cret" not in f"{tables} {stored}"


class _Asking(AirtableClient):
    """A client that records the fields requested from it."""

    asked: ClassVar[list[Sequence[str]]] = []

    async def page(
        self,
        table: str,
        fields: Sequence[str],
        offset: str | None,
        deadline: Deadline,
        size: int = PAGE_SIZE,
        max_bytes: int = MAX_PAGE_BYTES,
    ) -> RecordPage:
        self.asked.append(fields)
        return await super().page(table, fields, offset, deadline, size, max_bytes)


async def test_a_table_without_fields_is_asked_for_one(world, monkeypatch):
    """A request without fields would return all of them."""
    monkeypatch.setattr(workers, "AirtableClient", _Asking)
    await start(world, tables={"People": ["Name"], "Pets": [], "Places": ["Gone"]})
    async with a_server(a_base(People=1, Pets=2, Places=1)) as server:
        await deliver(world, server)
    assert _Asking.asked == [["Name"]] * 3


async def test_a_table_without_fields_gives_ids_only(world):
    """The field that had to be requested is not stored."""
    await start(world, tables={"People": ["Name"], "Pets": []}, record_names=False)
    async with a_server(a_base(People=1, Pets=2)) as server:
        await deliver(world, server)
    stored = await documents(world, "runs/m-1/pages")
    pages = [zlib.decompress(packed) for it in stored for packed in it.data["packed"]]
    assert [b"Person" in page for page in pages].count(True) == 1
    pets = (await fetched(world))["Pets"]
    assert [(pet["id"], pet["fields"]) for pet in pets] == [
        (record_id(2), {}),
        (record_id(3), {}),
    ]


async def test_what_the_base_does_not_have_is_recorded(world):
    """A missing table or field is neither requested nor taken for empty; the rest is read."""
    await start(world, tables={"People": ["Name", "Phone"], "Zoo": ["Name"], "Pets": ["Breed"]})
    async with a_server(a_base(People=2, Pets=1)) as server:
        assert await deliver(world, server) == "finished"
    cursor = await cursor_of(world)
    assert cursor.unresolved == [
        {"table": "People", "field": "Phone"},
        {"table": "Zoo", "field": None},
        {"table": "Pets", "field": "Breed"},
    ]
    assert {name: table.records for name, table in cursor.tables.items()} == {
        "People": 2,
        "Pets": 1,
    }


@pytest.mark.usefixtures("slowly")
async def test_a_budget_that_ends_is_gone_on_from():
    """Several invocations read the base once: no page twice, and none is lost."""
    world, base = World(ladder=SHORT), a_base(People=900, Pets=700)
    await start(world, tables=TABLES)
    async with a_server(base) as server:
        outcomes = await drive(world, server)
        assert len(server.requests) == 1 + 9 + 7
    assert outcomes.count(Outcome.CONTINUED) >= 2
    assert outcomes[-2:] == ["finished", "finished"]
    assert await fetched_ids(world) == ids(base)
    assert (await world.run()).data["counts"]["airtable_requests"] == 1 + 9 + 7


@pytest.mark.usefixtures("slowly")
async def test_only_the_page_in_flight_is_read_again():
    """A page that hangs until the budget ends costs one request, and no stored page."""
    world, base = World(ladder=SHORT), a_base(People=600)
    await start(world)
    silent = [fault(FaultKind.SILENT, after=3)]
    async with a_server(base, faults=silent) as server:
        outcomes = await drive(world, server)
        assert len(server.requests) == 1 + 6 + 1
    assert set(outcomes) <= {"continued", "step_timeout", "finished"}
    assert await fetched_ids(world) == ids(base)


async def test_no_page_in_a_whole_budget_is_an_error_that_is_retried():
    """It does not continue for ever: ten such attempts in a row end the run."""
    world = World(ladder=SHORT)
    await start(world)
    async with a_server(a_base(People=1)) as server:
        server.faults = [FaultRule(Fault(FaultKind.SILENT), times=None, after=1)]
        assert await deliver(world, server) == "continued"  # it has the schema
        assert await deliver(world, server) == "step_timeout"
    step = await world.step()
    assert (step.data["retries"], step.data["last_error"]["reason"]) == (1, "step_timeout")


FAULTS = [
    (status(503, after=4), "base_unavailable"),
    (status(500, after=1), "base_unavailable"),
    (status(503), "base_unavailable"),
    (fault(FaultKind.RESET, after=4), "base_unreachable"),
    (fault(FaultKind.CUT_BODY, after=4), "base_malformed"),
    (fault(FaultKind.MALFORMED_JSON, after=2), "base_malformed"),
    (fault(FaultKind.REDIRECT_LOOP, after=3), "base_malformed"),
]


@pytest.mark.parametrize(("rule", "reason"), FAULTS)
async def test_a_fault_keeps_what_was_read(world, rule, reason):
    """The step is retried from there: one request more than without the fault, all records."""
    base = a_base(People=550)
    await start(world)
    async with a_server(base, faults=[rule]) as server:
        assert await deliver(world, server) == reason
        step = await world.step()
        kept = (step.data["cursor"] or {}).get("tables", [{"records": 0}])[0]["records"]
        assert kept == 100 * max(0, rule.after - 1)
        assert step.data["last_error"]["reason"] == reason
        await drive(world, server)
        assert len(server.requests) == 1 + 6 + 1
    assert await fetched_ids(world) == ids(base)
    assert (await world.run()).data["status"] == "done"


async def test_a_fault_in_one_table_stops_the_others(world):
    """The pages of the other tables are stored too; those in flight are read again."""
    base = a_base(People=550, Pets=550)
    await start(world, tables=TABLES)
    rule = status(503, path="/Pets$", after=2)
    async with a_server(base, faults=[rule]) as server:
        assert await deliver(world, server) == "base_unavailable"
        assert (await cursor_of(world)).tables["Pets"].records == 200
        await drive(world, server)
        assert len(server.requests) <= 1 + 12 + 2
    assert await fetched_ids(world) == ids(base)


async def test_retries_that_get_somewhere_start_counting_anew(world):
    """Occasional faults do not end the run; ten in a row without a page would."""
    await start(world)
    rules = [status(503, after=n) for n in range(4)]
    async with a_server(a_base(People=550), faults=rules) as server:
        await drive(world, server)
    run, step = await world.run(), await world.step()
    assert (run.data["status"], step.data["retries"], step.data["attempt"]) == ("done", 0, 5)


async def test_an_airtable_that_stays_down_ends_the_run(world):
    """Ten attempts, with growing delays in between, and the last error on the run."""
    await start(world)
    down = FaultRule(Fault(FaultKind.STATUS, status=503), times=None)
    async with a_server(a_base(People=1), faults=[down]) as server:
        outcomes = await drive(world, server)
        assert len(server.requests) == 10
    run = await world.run()
    assert outcomes == ["base_unavailable"] * 10
    assert (run.data["status"], run.data["error"]["reason"]) == ("error", "base_unavailable")
    assert (run.data["error"]["step"], run.data["error"]["attempt"]) == ("fetch", 10)


async def test_an_expired_offset_starts_its_table_again(world):
    """Only that table; the pages of its first listing are not counted twice, and none is lost."""
    base = a_base(People=450, Pets=300)
    await start(world, tables=TABLES)
    expired = FaultRule(EXPIRED_OFFSET, path="/People$", after=2)
    async with a_server(base, faults=[expired]) as server:
        await drive(world, server)
        paths = [exchange.path.rsplit("/", 1)[1] for exchange in server.requests]
    cursor = await cursor_of(world)
    assert (paths.count("People"), paths.count("Pets")) == (3 + 1 + 5, 3)
    assert (cursor.tables["People"].listing, cursor.tables["Pets"].listing) == (2, 1)
    assert await fetched_ids(world) == ids(base)
    assert (await world.run()).data["counts"]["records"] == 750


@pytest.mark.usefixtures("slowly")
async def test_an_offset_that_expired_between_invocations():
    """The listing of the invocation before has expired; the new one has the base's current
    state."""
    world, base = World(ladder=SHORT), a_base(People=600)
    await start(world)
    async with a_server(base) as server:
        assert await deliver(world, server) == "continued"
        server.faults = [FaultRule(EXPIRED_OFFSET)]
        server.remove(BASE, "People", record_id(1))
        await drive(world, server)
    assert await fetched_ids(world) == {"People": ids(base)["People"][1:]}
    assert (await cursor_of(world)).tables["People"].listing == 2


@pytest.mark.parametrize(("stored", "pages"), ENDLESS.values(), ids=ENDLESS)
async def test_a_listing_that_does_not_advance_is_malformed(world, stored, pages):
    """Within a few pages of each attempt, also where the one before has read them; the run ends."""
    await start(world, tables={"People": ["Name"]})
    async with a_server(a_base(People=1), faults=listing(*pages)) as server:
        outcomes = await drive(world, server)
        assert set(outcomes) == {"base_malformed"}
        assert len(outcomes) == MAX_ATTEMPTS
        assert len(server.requests) < 6 * len(outcomes) + len(pages)
    assert (await cursor_of(world)).records == 2 * stored
    error = (await world.run()).data["error"]
    assert error["reason"] == "base_malformed"
    assert "the listing of table 'People' does not end" in error["message"]


async def test_some_empty_and_repeated_pages_are_passed_over(world):
    """Airtable may send a page without records, and a record may move into the next page."""
    pages = [
        *(page_of(1, 2, offset="a"), page_of(offset="b"), page_of(offset="c")),
        *(page_of(1, 2, offset="d"), page_of(2, 3, offset="e"), page_of(offset=None)),
    ]
    await start(world, tables={"People": ["Name"]})
    async with a_server(a_base(People=1), faults=listing(*pages)) as server:
        assert await drive(world, server) == ["finished", "finished"]
    run = await world.run()
    tables = await read_tables(world.store, run.path, (await cursor_of(world)).fetched())
    assert tables["People"].ids == [record_id(n) for n in (1, 2, 3)]


async def test_a_record_that_is_read_twice_counts_once(world):
    """As it was read the second time: no rule finds it twice."""
    records = [
        [{"id": record_id(1), "createdTime": "2026-01-01T00:00:00.000Z", "fields": {"Name": name}}]
        for name in ("before", "after")
    ]
    offsets = ["x", None]
    bodies = [{"records": r, "offset": o} for r, o in zip(records, offsets, strict=True)]
    pages = [Fault(FaultKind.STATUS, status=200, body=json.dumps(body).encode()) for body in bodies]
    once = {"id": "once", "kind": "unique", "table": "People", "fields": ["Name"]}
    scan = await world.save(tables={"People": ["Name"]}, rules=[once])
    await world.start(scan)
    async with a_server(a_base(People=1), faults=listing(*pages)) as server:
        assert await drive(world, server) == ["finished", "finished"]
    run = await world.run()
    assert (run.data["verdict"], run.data["counts"]["findings"]) == ("healthy", 0)
    tables = await read_tables(world.store, run.path, (await cursor_of(world)).fetched())
    assert tables["People"].columns == {"Name": ["after"]}
    last = await read_last_snapshot(world.store, scan)
    assert last
    assert last.tables["People"].columns == {"Name": ["after"]}
    assert not last.incomplete


async def test_a_listing_that_keeps_expiring_is_given_up(world):
    """A few restarts in one invocation, then an error that is not retried."""
    await start(world)
    expired = FaultRule(EXPIRED_OFFSET, times=None)
    async with a_server(a_base(People=150), faults=[expired]) as server:
        assert await drive(world, server) == ["listing_expired"]
        assert len(server.requests) == 1 + 2 * (MAX_RESTARTS + 1)
    assert (await world.run()).data["error"]["reason"] == "listing_expired"


async def test_a_429_is_waited_out_without_holding_a_function(world):
    """The invocation ends at once; the next begins after the lock-out, and continues from there."""
    base = a_base(People=350)
    await start(world)
    async with a_server(base, faults=[status(429, after=2)]) as server:
        before = world.clock()
        assert await deliver(world, server) == "base_rate_limited"
        step, run = await world.step(), await world.run()
        assert step.data["next_attempt_at"] >= before + timedelta(seconds=30)
        assert run.data["progress_step"] == "waiting: base_rate_limited"
        await drive(world, server)
        assert len(server.requests) == 1 + 4 + 1
    assert await fetched_ids(world) == ids(base)


async def test_a_429_locks_the_base_for_every_run(world):
    """A request of another run during the lock-out would cause the next one."""
    await start(world)
    async with a_server(a_base(People=1), faults=[status(429)]) as server:
        before = world.clock()
        await deliver(world, server)
        await start(world, "m-2")
        assert await deliver(world, server) == "waiting"
        assert len(server.requests) == 1
        assert await deliver(world, server) == "finished"
        assert world.clock() >= before + timedelta(seconds=30)


@pytest.mark.parametrize("asked", ["86400", "inf"])
async def test_a_base_that_asks_to_wait_for_a_day_is_tried_again(world, asked):
    """One such answer, by a fault or a proxy, closes a base for minutes and not for a day."""
    async with a_server(a_base(People=1), faults=[status(503, wait=asked)]) as server:
        before = world.clock()
        await start(world)
        assert await deliver(world, server) == "base_unavailable"
        await start(world, "m-2")
        outcomes = await drive(world, server, "m-2")
        assert outcomes == [*["waiting"] * (len(outcomes) - 2), "finished", "finished"]
        assert world.clock() < before + timedelta(seconds=330)


async def test_a_pause_longer_than_the_run_ends_it_with_the_reason(world):
    """At once, and it is the reason of the pause: not that the time was over."""
    busy = status(503, wait="200")
    async with a_server(a_base(People=1), faults=[busy]) as server:
        await start(world)
        assert await deliver(world, server) == "base_unavailable"
        await start(world, "m-2", limits={"deadline_seconds": 60})
        assert await deliver(world, server) == "base_unavailable"
        assert len(server.requests) == 1
    run = (await world.run("m-2")).data
    assert (run["status"], run["error"]["reason"]) == ("error", "base_unavailable")
    assert "no requests until" in run["error"]["message"]
    assert "Airtable answered 503" in run["error"]["message"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (401, "base_unauthorized"),
        (403, "base_forbidden"),
        (404, "base_not_found"),
        (413, "base_rejected"),
    ],
)
async def test_what_no_retry_can_mend_ends_the_run_at_once(world, code, reason):
    """One request, one attempt, no further task."""
    await start(world)
    async with a_server(a_base(People=1), faults=[status(code)]) as server:
        assert await drive(world, server) == [reason]
        assert len(server.requests) == 1
    run = await world.run()
    assert (run.data["status"], run.data["error"]["reason"]) == ("error", reason)
    assert (run.data["finished_at"], run.data["progress_pct"]) == (world.clock(), 1)


async def test_a_base_larger_than_the_limit_is_an_error(world):
    """It ends early, names the setting to change, and does not read on to the end."""
    await start(world, limits={"max_records": 150})
    async with a_server(a_base(People=2000), latency=0.03) as server:
        assert await drive(world, server) == ["too_many_records"]
        assert len(server.requests) < 1 + 20
    assert "raise limits.max_records" in (await world.run()).data["error"]["message"]


async def test_a_base_of_exactly_the_limit_is_read(world):
    """The limit itself is allowed."""
    await start(world, limits={"max_records": 150})
    async with a_server(a_base(People=150)) as server:
        assert await deliver(world, server) == "finished"


async def test_two_runs_do_not_read_a_base_at_once(world):
    """The second waits without a request, reports that, and reads when the first has finished."""
    base = a_base(People=250)
    await start(world)
    await start(world, "m-2")
    first, second = world.queue.tasks
    async with a_server(base, latency=0.1) as server:
        reading = asyncio.create_task(invoke(world, server, first))
        await arrived(server, 2)
        assert await invoke(world, server, second) == "waiting"
        assert (await world.run("m-2")).data["progress_step"] == "waiting_for_base"
        assert await reading == "finished"
        assert len(server.requests) == 1 + 3
        server.latency = 0
        await drive(world, server, "m-2")
    assert await fetched_ids(world, "m-2") == ids(base)


@pytest.mark.usefixtures("slowly")
async def test_a_base_stays_held_between_two_invocations():
    """No other run can intervene: the first would lose its listings to it, and the pace."""
    world = World(ladder=SHORT)
    await start(world)
    async with a_server(a_base(People=700)) as server:
        assert await deliver(world, server) == "continued"
        await start(world, "m-2")
        world.clock.advance(10 * QUIET)
        assert await invoke(world, server, world.queue.tasks[-1]) == "waiting"
        assert set(await drive(world, server)) >= {"finished"}
        assert "finished" in await drive(world, server, "m-2")


async def test_a_second_delivery_of_a_task_does_nothing(world):
    """Concurrent or later: one of them reads, the others make no request."""
    await start(world)
    (task,) = world.queue.tasks
    async with a_server(a_base(People=150)) as server:
        outcomes = await asyncio.gather(*(invoke(world, server, task) for _ in range(3)))
        outcomes.append(await invoke(world, server, task))
        assert sorted(outcomes) == ["declined"] * 3 + ["finished"]
        assert len(server.requests) == 1 + 2
    assert (await cursor_of(world)).records == 150


class _History(MemoryStore):
    """A store that records the writes to a run, and the bytes of records in each commit."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[dict[str, Any]] = []
        self.sizes: list[int] = []

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        versions = await super().commit(writes)
        self.sizes.append(sum(len(d) for w in writes for d in w.data.get("packed", [])))
        self.runs += [write.data for write in writes if write.path == "runs/m-1"]
        return versions


@pytest.mark.usefixtures("slowly")
@pytest.mark.parametrize("expected", [None, 10, 100_000])
async def test_progress_never_falls(expected):
    """Whatever the last run counted, and whatever goes wrong; the end is 100."""
    store = _History()
    world = World(store, SHORT)
    await start(world)
    await start(world, "m-2")
    store._documents["runs/m-1"].data["expected_records"] = expected
    rules = [status(503, after=4), FaultRule(EXPIRED_OFFSET, after=3)]
    async with a_server(a_base(People=500), faults=rules) as server:
        await drive(world, server)
    percents = [run["progress_pct"] for run in store.runs if "progress_pct" in run]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert len(set(percents)) > 3


async def test_a_zombie_writes_nothing(world):
    """Its step was taken from it while a page was in flight: that page is discarded."""
    base = a_base(People=250)
    await start(world)
    (task,) = world.queue.tasks
    async with a_server(base, latency=0.2) as server:
        zombie = asyncio.create_task(invoke(world, server, task))
        await arrived(server, 2)
        world.clock.advance(LADDER.stale)
        assert await world.runs.take_up("m-1", "fetch", "watchdog") == "retried"
        step = await world.step()
        assert await zombie == "fenced"
        assert (await world.step()).data == step.data
        assert not await documents(world, "runs/m-1/pages")
        server.latency = 0
        await drive(world, server)
    assert await fetched_ids(world) == ids(base)
    assert (await world.run()).data["counts"]["records"] == 250


async def test_a_zombie_beside_its_successor_writes_nothing(world):
    """Both read at the same time; only the one that holds the lease stores, and each page once."""
    base = a_base(People=450)
    await start(world)
    (task,) = world.queue.tasks
    async with a_server(base, latency=0.15) as server:
        zombie = asyncio.create_task(invoke(world, server, task))
        await arrived(server, 2)
        world.clock.advance(LADDER.stale)
        await world.runs.take_up("m-1", "fetch", "watchdog")
        world.clock.now = world.queue.tasks[-1].at
        successor = invoke(world, server, world.queue.tasks[-1])
        outcomes = await asyncio.gather(zombie, successor)
    assert list(outcomes) == ["fenced", "finished"]
    assert await fetched_ids(world) == ids(base)


async def test_a_run_that_ended_meanwhile_stops_its_worker(world):
    """Cancelled by a person: the worker learns it at its next checkpoint, and stores nothing."""
    await start(world)
    (task,) = world.queue.tasks
    async with a_server(a_base(People=2000), latency=0.1) as server:
        working = asyncio.create_task(invoke(world, server, task))
        await arrived(server, 2)
        error = {"reason": "cancelled", "message": "by tester"}
        assert await world.runs.end("m-1", RunStatus.CANCELLED, error, "tester")
        assert await working == "fenced"
        assert len(server.requests) < 1 + 10
    run = await world.run()
    assert (run.data["status"], run.data["updated_by"]) == ("cancelled", "tester")


async def test_pages_of_a_second_share_a_document(world, monkeypatch):
    """Twenty pages between two checkpoints are one document: Firestore bills by the document."""
    monkeypatch.setattr(airtable_fetch, "CHECKPOINT", 60.0)
    await start(world, tables=TABLES)
    async with a_server(a_base(People=1500, Pets=500)) as server:
        await deliver(world, server)
    (page,) = await documents(world, "runs/m-1/pages")
    assert (page.data["records"], len(page.data["packed"])) == (2000, 20)


async def test_a_large_base_is_stored_in_commits_that_firestore_accepts(monkeypatch):
    """Four megabytes between two checkpoints: several commits, and every record once."""
    monkeypatch.setattr(airtable_fetch, "CHECKPOINT", 60.0)
    monkeypatch.setattr(airtable_inbox, "MAX_WAITING_BYTES", 60_000_000)
    rows = [{"Name": Random(number).randbytes(10_000).hex()} for number in range(400)]
    base, store = a_base(People=rows), _History()
    world = World(store)
    await start(world)
    async with a_server(base) as server:
        assert await deliver(world, server) == "finished"
    assert await fetched_ids(world) == ids(base)
    assert MAX_PACKED_BYTES < max(store.sizes) <= MAX_COMMIT_BYTES
    assert sum(size > 0 for size in store.sizes) == 2


def wide(count: int) -> list[dict[str, Any]]:
    """Rows of 200 kB that do not shrink: a page of a hundred has 20 MB."""
    return [{"Name": Random(number).randbytes(100_000).hex()} for number in range(count)]


async def test_a_table_of_wide_records_is_read_in_smaller_pages():
    """Of no more bytes than fit into memory, and the next invocation begins with their size."""
    base, store = a_base(People=wide(60), Pets=[{"Name": "Rex"}] * 150), _History()
    world = World(store)
    await start(world, tables=TABLES)
    async with a_server(base, faults=[status(503, path="/People$", after=4)]) as server:
        assert await deliver(world, server) == "base_unavailable"
        (people, pets) = (await cursor_of(world)).tables.values()
        assert 1 < people.size < 100 == pets.size
        before = len(server.requests)
        assert await deliver(world, server) == "finished"
        sent = [request.path for request in list(server.requests)[before:]]
        assert len([path for path in sent if path.endswith("People")]) <= 60 // people.size
    assert await fetched_ids(world) == ids(base)
    assert max(store.sizes) <= MAX_COMMIT_BYTES


async def test_pages_grow_again_after_wide_records():
    """A table with a few of them costs few requests more."""
    base = a_base(People=[*wide(30), *({"Name": "x"} for _ in range(600))])
    world = World()
    await start(world, tables={"People": ["Name"]})
    async with a_server(base) as server:
        await drive(world, server)
        assert len(server.requests) < 1 + 3 + 8 + 4 + 7
    assert await fetched_ids(world) == ids(base)


class _AwayAfter(_History):
    """Takes so many commits of pages; one more does not come through, and then it is as ever."""

    left = 1

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As `Store.commit`."""
        if any("/pages/" in write.path for write in writes):
            self.left -= 1
            if self.left < 0:
                self.left = 1_000
                raise StoreError("no answer")
        return await super().commit(writes)


@pytest.mark.parametrize("left", [1, 2])
async def test_a_page_that_is_stored_in_parts_may_be_cut_off(monkeypatch, left):
    """Its records are read again with the rest of it, and count once."""
    monkeypatch.setattr(airtable_fetch, "MAX_COMMIT_BYTES", 1_000_000)
    base, store = a_base(People=wide(30)), _AwayAfter()
    store.left = left
    world = World(store)
    await start(world, tables={"People": ["Name"]})
    async with a_server(base) as server:
        assert await deliver(world, server) == "store_unavailable"
        stored = await documents(world, "runs/m-1/pages")
        assert 0 < sum(page.data["records"] for page in stored) < 25
        await drive(world, server)
    run = await world.run()
    tables = await read_tables(world.store, run.path, (await cursor_of(world)).fetched())
    assert sorted(tables["People"].ids) == sorted(ids(base)["People"])


async def test_no_more_is_read_than_waits_to_be_stored(monkeypatch):
    """While nothing is stored, a table of wide records does not fill the memory."""
    waiting: list[int] = []
    read = AirtableClient.page

    async def page(self: AirtableClient, *arguments: Any) -> RecordPage:
        found = await read(self, *arguments)
        waiting.append(found.bytes)
        return found

    monkeypatch.setattr(AirtableClient, "page", page)
    monkeypatch.setattr(airtable_fetch, "CHECKPOINT", 60.0)
    world = World()
    await start(world, tables={"People": ["Name"]})
    async with a_server(a_base(People=wide(90))) as server:
        reading = asyncio.create_task(deliver(world, server))

        async def full() -> bool:
            return sum(waiting) > MAX_WAITING_BYTES

        await until(full, seconds=20)
        await asyncio.sleep(0.3)
        assert sum(waiting) <= 2 * MAX_WAITING_BYTES  # which wait as little more than half of it
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
