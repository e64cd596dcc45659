"""What a run says that it cost, against what went over the wire."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc.aio
import pytest

from infra.local.openai.server import LocalOpenAI
from infra.local.samples.clinic import clinic
from infra.local.site.server import LocalSite
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.airtable import pacer as airtable_pacer
from landfall.airtable.scan import BaseScan
from landfall.deadlines import LADDER, Deadline
from landfall.llm.model_settings import ModelSettings
from landfall.llm.openai.batches import OpenAIBatches
from landfall.llm.openai.chat import OpenAIModel
from landfall.llm.prices import BATCH_FACTOR, PRICES
from landfall.llm.usage import TokenUsage
from landfall.reasons import Reason
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.runs.lifecycle import RUN_ENDED, RunStatus
from landfall.store import firestore as store_firestore
from landfall.store.documents import Document, Fields, StoreError, Version, Write
from landfall.store.firestore import FirestoreStore
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.fakes.bases import a_base, a_server
from tests.fakes.cursors import At
from tests.fakes.elements import ROWS, Elements, elements_server
from tests.fakes.memory_store import MemoryStore
from tests.fakes.sites import a_site_scan, drive_site, start_site
from tests.fakes.workers import deliver, drive, work_on
from tests.fakes.world import World


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


@dataclass
class Wire(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
    """Counts the documents in the messages of a channel, as Firestore bills them."""

    reads: int = 0
    writes: int = 0

    async def intercept_unary_unary(self, go_on: Any, details: Any, request: Any) -> Any:
        call = await go_on(details, request)
        if details.method.endswith(b"/Commit"):
            await call
            self.writes += len(request.writes)
        return call

    def counted(self, method: bytes, messages: Sequence[Any]) -> None:
        """The answer to a read or a query."""
        if method.endswith(b"/RunQuery"):
            self.reads += max(1, sum(bool(message.document.name) for message in messages))
        else:
            self.reads += len(messages)


class Streams(grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[misc]  # as above
    """Passes on to a `Wire` what comes in streams."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def intercept_unary_stream(self, go_on: Any, details: Any, request: Any) -> Any:
        call = await go_on(details, request)

        async def messages() -> AsyncIterator[Any]:
            seen = []
            async for message in call:
                seen.append(message)
                yield message
            self.wire.counted(details.method, seen)

        return messages()


@pytest.fixture
async def wired(
    emulator_host: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[World, Wire]]:
    """Landfall over the emulator, and what goes over its channel."""
    wire = Wire()
    real = grpc.aio.insecure_channel
    with monkeypatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", emulator_host)
        patch.setattr(
            grpc.aio,
            "insecure_channel",
            lambda host, options: real(host, options, interceptors=[wire, Streams(wire)]),
        )
        client = store_firestore.firestore_client(f"test-{uuid4().hex[:20]}")
    yield World(FirestoreStore(client)), wire
    await client._firestore_api.transport.close()


def cost(run: Document) -> tuple[int, int]:
    counts = run.data["counts"]
    return counts["firestore_reads"], counts["firestore_writes"]


STATUS_503 = Fault(FaultKind.STATUS, status=503)


WRITE_BACK = {"table": "Data issues", "fields": {"finding_id": "Fingerprint", "message": "What"}}
PEOPLE: list[Fields] = [{"Name": f"P{n}", "Email": f"{n}@example.org"} for n in range(150)]
RULES = [{"id": "email", "kind": "required", "table": "People", "field": "Email"}]


async def test_a_run_says_exactly_what_went_over_the_wire(wired):
    """Fetch, score and write, in several invocations; then again, when nothing has changed.

    Airtable fails at the very first request, in the middle of the fetch, and of the writing.
    """
    world, wire = wired
    scan = await world.save(rules=RULES, write_back=WRITE_BACK)
    issues = [{"Fingerprint": "mine", "What": "x"}]
    base = a_base(People=[*PEOPLE, {"Name": "Q"}], **{"Data issues": issues})
    fails = [FaultRule(STATUS_503, after=after, times=1) for after in (0, 2)]
    fails.append(FaultRule(STATUS_503, method="PATCH"))
    async with a_server(base, faults=fails) as server:
        for run_id, retries in (("m-1", 3), ("m-2", 0)):
            writes, asked = wire.writes, len(server.requests)
            await world.start(scan, run_id)
            reads = wire.reads
            outcomes = await drive(world, server, run_id)
            measured = (wire.reads - reads, wire.writes - writes)
            run = await world.run(run_id)
            assert outcomes[-1] in ("finished", "finished")
            assert outcomes.count(Reason.BASE_UNAVAILABLE) == retries
            assert cost(run) == measured
            assert run.data["counts"]["airtable_requests"] == len(server.requests) - asked
            assert run.data["counts"]["tasks"] == len(outcomes)


KEY = "sk-test"


@pytest.fixture
async def openai() -> AsyncIterator[LocalOpenAI]:
    async with LocalOpenAI(api_key=KEY, batch_seconds=0.01) as service:
        yield service


def opens(service: LocalOpenAI) -> Callable[[ModelSettings], OpenAIModel]:
    return lambda _: OpenAIModel(service.url, KEY, MODEL)


MODEL = "gpt-6-luna"
PRICE = PRICES[MODEL]


def paid(service: LocalOpenAI, share: float = 1.0) -> dict[str, Any]:
    """What a run's counts must say of the tokens that the stand-in has answered with."""
    of = service.tokens
    usage = TokenUsage(of["prompt"], of["completion"], of["cached"], 0)
    dollars = pytest.approx(PRICE.dollars(usage, share), abs=1e-6)
    return {"model_tokens": of["prompt"] + of["completion"], "model_cost": dollars}


@pytest.mark.parametrize("batch", [False, True], ids=["questions", "batches"])
async def test_a_classification_says_what_it_asked_of_everybody(wired, openai, batch):
    """Fetched, asked, repaired and filled in; the model's tokens are those it has given out."""
    world, wire = wired
    openai.faults = [] if batch else [FaultRule("wrong_enum", times=1)]
    cells = {"information_security_classification": "Label"}
    settings: dict[str, Any] = {"write_back": {"when": "always", "fields": cells}}
    if batch:
        settings |= {"model": {"batch": True}, "limits": {"deadline_seconds": 86_400}}
    fails = FaultRule(STATUS_503, method="PATCH", times=1)
    rows = [{**row, "Label": "?"} for row in ROWS]
    async with elements_server(*rows, faults=[fails]) as server:
        batches = lambda _: OpenAIBatches(openai.url, KEY, MODEL)  # noqa: E731
        elements = Elements(server, opens(openai), world, batches, **settings)
        writes = wire.writes
        run_id = await elements.start()
        # what saving the scan cost is a person's: its head, its schedule, and what was saved
        writes += 3
        reads = wire.reads
        outcomes = await drive(world, server, run_id, elements.clients)
        measured = (wire.reads - reads, wire.writes - writes)
        run = await world.run(run_id)
        asked = len(server.requests)
    counts = run.data["counts"]
    assert (run.data["status"], run.data["verdict"]) == ("done", "healthy")
    assert cost(run) == measured
    assert (counts["airtable_requests"], counts["tasks"]) == (asked, len(outcomes))
    assert openai.tokens["completion"] > 0
    assert {name: counts[name] for name in ("model_tokens", "model_cost")} == paid(
        openai, BATCH_FACTOR if batch else 1.0
    )


async def test_a_site_scan_says_what_it_asked_of_everybody(wired, openai):
    """Captured and judged by a model, page by page; it has nothing to do with Airtable."""
    world, wire = wired
    async with LocalSite(clinic()) as site:
        await start_site(world, a_site_scan(site, scorer="model"))
        reads, writes = wire.reads, wire.writes - 3  # the run, its step and an event
        outcomes = await drive_site(world, site, open_model=opens(openai))
        measured = (wire.reads - reads, wire.writes - writes)
    run = await world.run()
    counts = run.data["counts"]
    assert run.data["status"] == "done"
    assert cost(run) == measured
    assert (counts["airtable_requests"], counts["tasks"]) == (0, len(outcomes))
    assert openai.tokens["completion"] > 0
    assert {name: counts[name] for name in ("model_tokens", "model_cost")} == paid(openai)


async def test_a_run_has_every_meter_from_its_beginning(world):
    """Also those of whom its kind of scan asks nothing: nobody has to know the kinds."""
    await world.start(await world.save())
    counts = (await world.run()).data["counts"]
    assert set(counts) == {
        *("firestore_reads", "firestore_writes", "tasks", "function_seconds"),
        *("airtable_requests", "model_tokens", "model_cost"),
    }


async def test_each_of_many_in_one_process_counts_its_own():
    """Invocations that take turns on one event loop: together they are what the store says."""
    memory = MemoryStore()
    world = World(memory)
    async with a_server(a_base(People=PEOPLE)) as server:
        scan = await world.save()
        before = memory.meter.writes
        for n in range(4):
            await world.start(scan, f"m-{n}")
        reads = memory.meter.reads
        await asyncio.gather(*(drive(world, server, f"m-{n}") for n in range(4)))
    measured = (memory.meter.reads - reads, memory.meter.writes - before)
    costs = [cost(await world.run(f"m-{n}")) for n in range(4)]
    assert tuple(map(sum, zip(*costs, strict=True))) == measured


class Ambiguous(MemoryStore):
    """Its n-th commit but those of ticks happens, and nobody is told."""

    left = 0

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        versions = await super().commit(writes)
        if not writes[0].path.startswith("system/"):
            self.left -= 1
            if self.left == 0:
                raise StoreError("no answer")
        return versions


@pytest.mark.parametrize("commit", range(1, 10))
async def test_what_was_committed_without_an_answer_is_counted_once(commit):
    """The next commit replaces what the attempt has said, whether or not that was stored."""
    memory = Ambiguous()
    world, ticks = World(memory), 0
    scan = await world.save()
    before = memory.meter.writes
    await world.start(scan)
    memory.left = commit
    async with a_server(a_base(People=3)) as server:
        while (await world.run()).data["status"] not in RUN_ENDED:
            with contextlib.suppress(StoreError):  # the claim's: nobody has the step
                await deliver(world, server)
            world.clock.advance(LADDER.stale + 1)
            ticks += 1
            await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    run = await world.run()
    assert run.data["status"] == "done"
    assert memory.left <= 0
    assert cost(run)[1] == memory.meter.writes - before - ticks


async def test_a_lost_attempt_counts_up_to_its_last_commit():
    """What it did after that is known to nobody; the watchdog's part is counted too."""
    world = World(MemoryStore())
    await world.start(await world.save())

    async def vanish(claim: Claim, _scan: BaseScan, _deadline: Deadline) -> Outcome:
        await claim.checkpoint(At())
        await world.store.read("runs/m-1")
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await work_on(world, world.queue.tasks[-1], vanish)
    counts = (await world.run()).data["counts"]
    # made: run, step, event; claimed: both, two events; checkpoint: both
    assert counts["firestore_writes"] == 3 + 4 + 2
    assert counts["firestore_reads"] == 2 + 1  # run, step; the scan
    world.clock.advance(LADDER.stale + 1)
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    later = (await world.run()).data["counts"]
    assert later["firestore_reads"] == counts["firestore_reads"] + 2
    assert later["firestore_writes"] == counts["firestore_writes"] + 3


async def test_a_run_that_is_cancelled_counts_that_too():
    """Whoever ends it reads the run and its steps, and writes them."""
    world = World(MemoryStore())
    await world.start(await world.save())
    error = {"reason": Reason.CANCELLED, "message": "by hand"}
    assert await world.runs.end("m-1", RunStatus.CANCELLED, error, "person")
    assert cost(await world.run()) == (2, 3 + 4)


async def test_tasks_are_those_that_a_run_asked_for():
    """One a step, one a continuation or retry, and one for each that got lost."""
    world = World()
    scan = await world.save()
    await world.start(scan)
    world.clock.advance(LADDER.stale + 1)  # the first was lost
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    async with a_server(a_base(People=3)) as server:
        await drive(world, server)
    run = await world.run()
    assert run.data["status"] == "done"
    assert run.data["counts"]["tasks"] == len(world.queue.tasks) == 3


async def test_seconds_are_those_of_the_invocations():
    """From the delivery to the last commit; what lies between them is not. Whose, is said too."""
    world = World()
    await world.start(await world.save())

    async def slow(_claim: Claim, _scan: BaseScan, _deadline: Deadline) -> Again:
        await asyncio.sleep(0.2)
        return Again(waiting=True)

    for _ in range(2):
        await work_on(world, world.queue.tasks[-1], slow)
        await asyncio.sleep(0.3)
    counts = (await world.run()).data["counts"]
    assert 0.4 <= counts["function_seconds"] < 0.6
    assert counts["fetch_seconds"] == counts["function_seconds"]
    assert "score_seconds" not in counts


async def test_a_tick_says_what_it_cost():
    """With nothing to do: a query each that finds nothing is a read, as is the mark of the other
    function, and the own mark is a write."""
    world = World(MemoryStore())
    await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    marks = await world.store.read("system/scheduler", "system/watchdog")
    assert [mark and mark.data["spent"] for mark in marks] == [
        {"firestore_reads": 2, "firestore_writes": 1},
        {"firestore_reads": 5, "firestore_writes": 1},  # deletions and messages, too
    ]
