"""The deletion of a scan: all that belongs to it and nothing else, whatever comes in between."""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import count

import pytest

from landfall.deadlines import Deadline
from landfall.kinds.routes import list_scans, save_scan, start_run
from landfall.kinds.settings_routes import delete_scan, show_deletion
from landfall.reasons import NotFoundError
from landfall.runs import deletion as deletions
from landfall.runs.deletion import BeingDeletedError, Deletion
from landfall.runs.lifecycle import RunStatus
from landfall.store.documents import Create, Fields, Put, StoreError, Version, Write
from landfall.store.versioned import VersionedStore
from landfall.store.versions import DOCUMENT_KINDS
from landfall.ticks.scheduler import Scheduler, Tick
from landfall.ticks.watchdog import Watchdog
from tests.fakes.callers import ask
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World, a_scan

HOURLY = {"cadence": {"every_minutes": 60}}


def paths(world: World) -> set[str]:
    """Return the paths of all documents."""
    assert isinstance(world.stored, MemoryStore)
    return set(world.stored.whole())


async def a_world(store: MemoryStore | None = None) -> World:
    """Return a world with two scans that have documents of every kind."""
    world = World(store or MemoryStore())
    for scan_id in ("people", "peoples"):
        await world.registry.save(a_scan(id=scan_id, schedule=HOURLY), "tester")
        for number in range(3):
            scan = await world.registry.definition(scan_id, await _version(world, scan_id))
            await world.start(scan, f"{scan_id}-{number}")
        stamp = {"updated_at": world.clock(), "updated_by": "x", "scan_id": scan_id}
        for kind in DOCUMENT_KINDS:
            collections = kind.split("/")
            if kind in ("runs/pages", "runs/results"):
                await _put(world, [f"runs/{scan_id}-0/{collections[1]}/{n}" for n in "ab"], stamp)
            if collections[0] == "scans" and len(collections) == 2:
                await _put(world, [f"scans/{scan_id}/{collections[1]}/{n}" for n in "ab"], stamp)
        decisions = [f"scans/{scan_id}/ledgers/a/decisions/{n}" for n in range(5)]
        await _put(world, [*decisions, f"findings/{scan_id}-f"], stamp)
    return world


async def _put(world: World, at: Sequence[str], fields: Fields) -> None:
    await world.stored.commit([Put(path, fields | {"schema_version": 1}) for path in at])


async def _version(world: World, scan_id: str) -> str:
    return str((await world.registry.head(scan_id)).data["version"])


def of(world: World, scan_id: str) -> set[str]:
    """Return the paths of what belongs to a scan, by the names of the documents."""
    parts = {path: path.split("/")[1] for path in paths(world)}
    its = {path for path, part in parts.items() if part == scan_id}
    its |= {p for p, part in parts.items() if part.rpartition("-")[0] == scan_id and p[0] != "s"}
    return its - {f"deletions/{scan_id}"}


async def until_done(world: World, scan_id: str = "people") -> Fields:
    """Repeat the request until it is done, a quarter of a minute apart."""
    for _ in range(20):
        answer = await delete_scan(ask(world), scan_id)
        if answer["done"]:
            return answer
        world.clock.advance(15)
    raise AssertionError("it does not end")


async def test_all_that_belongs_to_a_scan_goes_and_nothing_else() -> None:
    """Documents of every kind, counted; those of a scan with a similar id stay."""
    world = await a_world()
    other, its = of(world, "peoples"), of(world, "people")
    kinds = {"/".join(path.split("/")[::2]) for path in its}
    assert kinds >= {kind for kind in DOCUMENT_KINDS if kind.split("/")[0] in ("scans", "runs")}
    answer = await until_done(world)
    assert of(world, "people") == set()
    assert of(world, "peoples") == other
    assert sum(answer["deleted"].values()) == len(its) + _events_of_cancelled(answer, its)
    assert (answer["deleted"]["runs"], answer["deleted"]["decisions"]) == (3, 5)
    assert answer["requested_by"] == "tester"
    assert [scan["scan_id"] for scan in (await list_scans(ask(world)))["scans"]] == ["peoples"]


def _events_of_cancelled(answer: Fields, its: set[str]) -> int:
    """Return the events that the ends of live runs added before they were removed."""
    before = sum("/events/" in path for path in its)
    return int(answer["deleted"]["events"]) - before


async def test_a_live_run_is_cancelled_first_and_its_worker_writes_nothing() -> None:
    """Its task finds no run, also one that was on its way."""
    world = await a_world()
    claim = await world.runs.claim("people-1", "fetch", 0, "worker")
    await Deletion(world.runs, "people", "ann").begin()
    deletion = Deletion(world.runs, "people", "ann")
    await deletion._cancel_runs(Deadline.after(10))
    run = await world.run("people-1")
    assert (run.data["status"], run.data["error"]["message"]) == (
        RunStatus.CANCELLED,
        "its scan was deleted by ann",
    )
    await until_done(world)
    with pytest.raises(Exception, match="run"):
        await claim.checkpoint(writes=[Create("runs/people-1/pages/000009", {"records": 1})])
    assert of(world, "people") == set()


async def test_nothing_starts_once_it_has_begun() -> None:
    """No slot, no request; and none that had read the definition before stays behind."""
    world = await a_world()
    head = await world.registry.head("people")
    await delete_scan(ask(world), "people")
    world.clock.advance(3600 - 20)
    for act in (start_run(ask(world, {"scan_id": "people"})), _tick(world, "people")):
        with pytest.raises(NotFoundError):
            await act
    world.clock.advance(20 - 3600)
    late = await world.runs.start(head, "a slow request", "manual")
    assert not (await delete_scan(ask(world), "people"))["done"]
    assert f"runs/{late}" not in paths(world)
    assert (await until_done(world))["done"]


async def _tick(world: World, scan_id: str) -> None:
    before = paths(world)
    tick = await Scheduler(world.runs, "scheduler").tick(Deadline.after(20))
    assert not {path for path in paths(world) - before if path.startswith(f"runs/s-{scan_id}-2026")}
    assert isinstance(tick, Tick)
    raise NotFoundError("nothing was started")


async def test_an_id_can_be_used_again_when_all_is_gone() -> None:
    """And not before: what is saved would be removed with the rest."""
    world = await a_world()
    body = a_scan().text().encode()
    await delete_scan(ask(world), "people")
    with pytest.raises(BeingDeletedError, match="is being deleted"):
        await save_scan(ask(world, raw=body), "people")
    await until_done(world)
    await save_scan(ask(world, raw=body), "people")
    assert (await delete_scan(ask(world), "people"))["done"] is False
    assert (await until_done(world))["deleted"]["scans"] == 1


async def test_what_is_done_stays_so_and_what_was_never_there_is_not_found() -> None:
    """A request that is sent again gets the same answer."""
    world = await a_world()
    done = await until_done(world)
    assert await delete_scan(ask(world), "people") == done
    assert await show_deletion(ask(world), "people") == done
    for handle in (delete_scan, show_deletion):
        with pytest.raises(NotFoundError):
            await handle(ask(world), "none")


class _Failing(MemoryStore):
    """Fails the n-th commit from now, before it is made or after it."""

    left, after = -1, False

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        self.left -= 1
        if self.left != 0:
            return await super().commit(writes)
        if self.after:
            await super().commit(writes)
        raise StoreError("the process was killed")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_killed_between_any_two_steps_it_still_ends(
    monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """The watchdog goes on from wherever it was, and each document is counted once."""
    monkeypatch.setattr(deletions, "BATCH", 4)
    whole = None
    for killed_at in count(1):
        store = _Failing()
        world = await a_world(store)
        store.left, store.after = killed_at, after
        with contextlib.suppress(StoreError):
            await delete_scan(ask(world), "people")
        over, store.left = store.left > 0, -1
        if "scans/people" in paths(world):
            assert killed_at == 1
            await delete_scan(ask(world), "people")
        for _ in range(3):
            world.clock.advance(60)
            await Watchdog(world.runs, "watchdog").tick(Deadline.after(20))
        answer = await show_deletion(ask(world), "people")
        assert answer["done"], killed_at
        assert of(world, "people") == set(), killed_at
        whole = whole or answer["deleted"]
        assert answer["deleted"] == whole, killed_at
        if over:
            assert killed_at > 10  # commits of a deletion that nobody interrupts
            return


async def test_two_callers_and_the_watchdog_at_once() -> None:
    """None of them fails, and each document is counted once."""
    world = await a_world()
    expected = (await until_done(await a_world()))["deleted"]
    await asyncio.gather(*(delete_scan(ask(world), "people") for _ in range(3)))
    assert (await until_done(world))["deleted"] == expected


async def test_a_step_ends_in_time() -> None:
    """The answer says how far it is, whatever is left."""
    world = await a_world()
    deletion = Deletion(world.runs, "people", "ann")
    await deletion.begin()
    await deletion.go_on(Deadline.after(-1))
    assert (await deletion.show())["deleted"] == {"scans": 1, "schedules": 1}
    assert isinstance(world.store, VersionedStore)
