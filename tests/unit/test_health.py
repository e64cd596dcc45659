"""What the health of an installation is said to be."""

from dataclasses import replace

import pytest

from landfall.deadlines import LADDER, Deadline
from landfall.documents import Document, IndexMissingError, Query
from landfall.indexes import LOOK, PROBES, Indexes
from landfall.scheduling import Scheduler
from landfall.ticks import health
from landfall.watching import Watchdog
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
    healthy, said = await health(world.store, world.clock, indexes)
    assert healthy
    assert (said["status"], said["indexes_missing"]) == ("ok", [])


async def test_it_names_the_indexes_that_are_missing():
    """By what they are of, as the deployment's file has them."""
    store = Unindexed(PROBES[0], PROBES[-1])
    world = await ticked(store)
    healthy, said = await health(world.store, world.clock, Indexes(store, world.clock))
    assert not healthy
    assert said["status"] == "indexes missing"
    assert said["indexes_missing"] == ["schedules: paused, next_run_at", "steps: stale_at"]
    world.clock.advance(3600)
    _, said = await health(world.store, world.clock, Indexes(store, world.clock))
    assert said["status"] == "ticks missing, indexes missing"


async def test_it_looks_once_in_a_while():
    """Whoever asks for the health every second pays for the indexes every ten minutes."""
    store = Unindexed(PROBES[0])
    world = await ticked(store)
    indexes = Indexes(store, world.clock)
    for _ in range(3):
        assert await indexes.missing() == ["schedules: paused, next_run_at"]
    assert store.looks == len(PROBES)
    store.lacks = []
    world.clock.advance(LOOK)
    assert await indexes.missing() == []
    assert store.looks == 2 * len(PROBES)


@pytest.mark.parametrize("probe", PROBES, ids=str)
async def test_a_look_finds_nothing_and_costs_one_read(probe):
    """Whatever is stored."""
    world = await ticked(MemoryStore())
    await world.start(await world.save(schedule={"cadence": {"every_minutes": 5}}))
    assert await world.stored.find(replace(probe, limit=None)) == []
    assert probe.limit == 1
