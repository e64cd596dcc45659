"""What the health of an installation is said to be."""

import json
from dataclasses import replace

import pytest
from starlette.requests import Request

from infra.cloud.resources.environment import environment
from infra.cloud.resources.target import DeployTarget
from landfall.deadlines import LADDER, TICK_MISSING, Deadline
from landfall.entry.app import App
from landfall.entry.callers import Callers, Visitors, fetch_certificates
from landfall.entry.clients import Clients
from landfall.entry.serve import Call
from landfall.entry.ticks import tick_scheduler, tick_watchdog
from landfall.process.config import load_config
from landfall.process.redaction import Redactor
from landfall.store.documents import Document, IndexMissingError, Query
from landfall.store.indexes import CHECK_INTERVAL, PROBES, RECHECK_INTERVAL, Indexes
from landfall.store.server_clock import ClockError
from landfall.ticks.marks import health
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.emulator.whole import edit, everything
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World


class Unindexed(MemoryStore):
    """Lacks the indexes of some queries."""

    def __init__(self, *lacks: Query) -> None:
        super().__init__()
        self.lacks = list(lacks)
        self.looks = 0

    async def find(self, query: Query) -> list[Document]:
        self.looks += query in PROBES
        if query in self.lacks:
            raise IndexMissingError("The query requires an index.")
        return await super().find(query)


async def ticked(store: MemoryStore) -> World:
    world = World(store)
    await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    return world


async def test_it_is_well_when_both_tick_and_no_index_is_missing():
    """And it says so."""
    world = await ticked(MemoryStore())
    indexes = Indexes(world.stored, world.clock)
    healthy, said = await health(world.store, world.clock, indexes, world.server_clock)
    assert healthy
    assert (said["status"], said["indexes_missing"]) == ("ok", [])


async def test_it_names_the_indexes_that_are_missing():
    """By what they are of, as the deployment's file has them."""
    store = Unindexed(PROBES[0], PROBES[-1])
    world = await ticked(store)
    healthy, said = await health(
        world.store, world.clock, Indexes(store, world.clock), world.server_clock
    )
    assert not healthy
    assert said["status"] == "indexes missing"
    assert said["indexes_missing"] == ["schedules: paused, next_run_at", "steps: stale_at"]
    world.clock.advance(3600)
    _, said = await health(
        world.store, world.clock, Indexes(store, world.clock), world.server_clock
    )
    assert said["status"] == "ticks missing, indexes missing"


async def test_a_healthy_answer_says_how_old_each_tick_is():
    """And that nothing else is wrong."""
    world = await ticked(MemoryStore())
    at = world.clock()
    world.clock.advance(TICK_MISSING)
    indexes = Indexes(world.stored, world.clock)
    tick = {"last_tick_at": at, "age_seconds": 180.0, "limit_seconds": TICK_MISSING, "ok": True}
    assert await health(world.store, world.clock, indexes, world.server_clock) == (
        True,
        {
            "status": "ok",
            "scheduler": tick,
            "watchdog": tick,
            "indexes_missing": [],
            "clock": "ok",
            "unreadable": [],
            "pauses": [],
        },
    )


async def test_a_schedule_that_was_set_aside_is_named():
    """With the reason, until it is saved again."""
    world = await ticked(MemoryStore())
    await world.save(schedule={"cadence": {"every_minutes": 5}})
    await edit(world.store, "schedules/people", overlap="perhaps")
    world.clock.advance(300)
    await Scheduler(world.runs, "me").tick(Deadline.after(LADDER.step))
    await Watchdog(world.runs, "me").tick(Deadline.after(LADDER.step))
    indexes = Indexes(world.stored, world.clock)
    healthy, said = await health(world.store, world.clock, indexes, world.server_clock)
    assert (healthy, said["status"]) == (False, "documents unreadable")
    (named,) = said["unreadable"]
    assert named["path"] == "schedules/people"
    assert named["why"].startswith("paused by the scheduler: ")


@pytest.mark.parametrize(
    ("path", "field"),
    [("runs/m-1", "status"), ("schedules/people", "next_run_at"), ("schedules/people", "paused")],
)
async def test_what_no_tick_finds_any_more_is_named(path, field):
    """By the field that somebody has edited, with the fix."""
    world = await ticked(MemoryStore())
    await world.start(await world.save(schedule={"cadence": {"every_minutes": 5}}))
    await edit(world.store, path, **{field: "perhaps"})
    indexes = Indexes(world.stored, world.clock)
    healthy, said = await health(world.store, world.clock, indexes, world.server_clock)
    assert (healthy, said["status"]) == (False, "documents unreadable")
    (named,) = said["unreadable"]
    assert named["path"] == path
    assert f"`{field}` has a value that it cannot have; correct it, or " in named["why"]


async def test_it_looks_once_in_a_while():
    """Whoever asks for the health every second pays for the indexes every ten minutes.

    Where one is missing it looks sooner: that may be built by now.
    """
    store = Unindexed(PROBES[0])
    world = await ticked(store)
    indexes = Indexes(store, world.clock)
    for _ in range(3):
        assert await indexes.missing() == ["schedules: paused, next_run_at"]
    assert store.looks == len(PROBES)
    store.lacks = []
    world.clock.advance(RECHECK_INTERVAL)
    for _ in range(2):
        assert await indexes.missing() == []
        world.clock.advance(RECHECK_INTERVAL)
    assert store.looks == 2 * len(PROBES)
    world.clock.advance(CHECK_INTERVAL)
    assert await indexes.missing() == []
    assert store.looks == 3 * len(PROBES)


@pytest.mark.parametrize("probe", PROBES, ids=str)
async def test_the_scheduler_starts_nothing_as_long_as_an_index_is_missing(probe):
    """Whichever it is. It says which; when it is built, the next tick begins what is due."""
    store = Unindexed(probe)
    world = World(store)
    await world.save(schedule={"cadence": {"every_minutes": 5}})
    world.clock.advance(300)
    app = an_app(world, Indexes(store, world.clock))
    with pytest.raises(IndexMissingError, match=f"built yet: {probe.collection}: "):
        await tick_scheduler(app, NOBODY)
    assert (world.queue.tasks, await world.store.read("system/scheduler")) == ([], [None])
    store.lacks = []
    world.clock.advance(60)
    status, tick = await tick_scheduler(app, NOBODY)
    assert (status, len(world.queue.tasks), tick["problems"]) == (200, 1, 0)


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        (-600, "this machine's clock is 600 s ahead of Firestore's"),
        (11, "this machine's clock is 11 s behind Firestore's"),
    ],
)
async def test_nothing_is_done_by_a_clock_that_is_off(ahead, says):
    """A clock that is ahead would take steps from live workers, and end runs that have time."""
    world = await ticked(MemoryStore())
    await world.start(await world.save(schedule={"cadence": {"every_minutes": 5}}))
    world.clock.advance(2 * LADDER.run)
    world.timed.ahead = ahead
    app = an_app(world, Indexes(world.stored, world.clock))
    before = await everything(world.store)
    for tick in (tick_scheduler, tick_watchdog):
        with pytest.raises(ClockError, match=says):
            await tick(app, NOBODY)
    assert await everything(world.store) == before
    healthy, said = await health(world.store, world.clock, app.indexes, world.server_clock)
    assert not healthy
    assert "clock off" in said["status"]
    assert said["clock"] == says


@pytest.mark.parametrize("ahead", [-10, 0, 10])
async def test_a_clock_that_is_nearly_right_will_do(ahead):
    """A request takes some time, and no two clocks agree."""
    world = await ticked(MemoryStore())
    world.timed.ahead = ahead
    app = an_app(world, Indexes(world.stored, world.clock))
    assert [(await tick(app, NOBODY))[0] for tick in (tick_scheduler, tick_watchdog)] == [200, 200]
    assert (await health(world.store, world.clock, app.indexes, world.server_clock))[0]


NOBODY = Call(Request({"type": "http"}), "")


def an_app(world: World, indexes: Indexes) -> App:
    """The scheduler's, as `app_of` makes it."""
    target = DeployTarget("demo-project", "123456789012", "europe-west1")
    config = load_config("scheduler", environment(target, "scheduler", [], {}))
    callers = Callers(
        issuer=config.token_issuer,
        audiences=config.audiences,
        allowed=config.callers,
        certificates=lambda: fetch_certificates(config.certificates_url),
    )
    visitors = Visitors(audience="", keys=lambda: fetch_certificates(config.iap_keys_url))
    clients = Clients(config)
    return App(
        config,
        world.runs,
        indexes,
        world.server_clock,
        callers,
        visitors,
        clients,
        Redactor(),
        None,
    )


@pytest.mark.parametrize("probe", PROBES, ids=str)
async def test_a_look_finds_nothing_and_costs_one_read(probe):
    """Whatever is stored."""
    world = await ticked(MemoryStore())
    await world.start(await world.save(schedule={"cadence": {"every_minutes": 5}}))
    assert await world.stored.find(replace(probe, limit=None)) == []
    assert probe.limit == 1


@pytest.mark.parametrize(("ticks", "silent"), [(Scheduler, "watchdog"), (Watchdog, "scheduler")])
async def test_each_function_logs_the_silence_of_the_other(ticks, silent, capsys):
    """One that never ticked, which is no error yet, and one that ticked long ago."""
    world = World(MemoryStore())

    def said() -> list[tuple[str, float | None]]:
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        return [
            (one["severity"], one["age_seconds"]) for one in lines if one.get("silent") == silent
        ]

    await ticks(world.runs, "me").tick(Deadline.after(LADDER.step))
    assert said() == [("WARNING", None)]
    other = Watchdog if ticks is Scheduler else Scheduler
    await other(world.runs, "me").tick(Deadline.after(LADDER.step))
    await ticks(world.runs, "me").tick(Deadline.after(LADDER.step))
    assert said() == []
    world.clock.advance(TICK_MISSING + 1)
    await ticks(world.runs, "me").tick(Deadline.after(LADDER.step))
    assert said() == [("ERROR", TICK_MISSING + 1)]
