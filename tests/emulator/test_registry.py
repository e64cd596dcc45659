"""Saving a scan, over both stores: nothing that a schedule was about to do gets lost."""

from datetime import timedelta
from typing import Any

from landfall.api.downloads import Download
from landfall.deadlines import LADDER, Deadline
from landfall.kinds.routes import show_scan
from landfall.store.documents import Document, Update
from landfall.ticks.scheduler import Scheduler
from tests.fakes.callers import ask
from tests.fakes.world import World

EVERY_TEN = {"cadence": {"every_minutes": 10}}


async def schedule_of(world: World, **schedule: Any) -> Document:
    """Save the scan with this schedule; the schedule as it is stored."""
    await world.save(schedule=schedule)
    (stored,) = await world.store.read("schedules/people")
    assert stored is not None
    return stored


async def test_saving_again_keeps_a_slot_that_is_due(world: World):
    """A slot that nobody has claimed yet is claimed after the scan was saved again."""
    due = (await schedule_of(world, **EVERY_TEN)).data["next_run_at"]
    world.clock.advance(660)
    saved = await schedule_of(world, **EVERY_TEN, overlap="allow")
    assert (saved.data["next_run_at"], saved.data["overlap"]) == (due, "allow")


async def test_another_cadence_keeps_a_slot_that_is_due(world: World):
    """Whoever adds a time in the minute of another slot does not lose that one."""
    due = (await schedule_of(world, cadence={"daily": ["07:00"]})).data["next_run_at"]
    world.clock.now = due + timedelta(seconds=30)
    saved = await schedule_of(world, cadence={"daily": ["07:00", "12:00"]})
    assert saved.data["next_run_at"] == due
    await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
    (schedule,) = await world.store.read("schedules/people")
    assert schedule
    assert schedule.data["next_run_at"] == due + timedelta(hours=5)
    assert schedule.data["runs_started"] == 1


async def test_another_cadence_begins_anew(world: World):
    """The next slot is the first of the new cadence."""
    await schedule_of(world, **EVERY_TEN)
    saved = await schedule_of(world, cadence={"every_minutes": 60})
    assert saved.data["next_run_at"].minute == 0


async def test_a_schedule_that_ended_can_be_revived(world: World):
    """One that has used up its runs goes on when it is given more."""
    stored = await schedule_of(world, **EVERY_TEN, max_runs=1)
    world.clock.advance(660)
    await Scheduler(world.runs, "scheduler").tick(Deadline.after(10))
    (ended,) = await world.store.read(stored.path)
    assert ended is not None
    assert ended.data["next_run_at"] is None
    assert (await schedule_of(world, **EVERY_TEN, max_runs=2)).data["next_run_at"] is not None


async def test_a_paused_schedule_has_no_next_run(world: World):
    """Nor is a slot that passes meanwhile made up for: it goes on with the next one."""
    await schedule_of(world, **EVERY_TEN)
    world.clock.advance(660)
    paused = await schedule_of(world, **EVERY_TEN, paused=True)
    assert paused.data["next_run_at"] is None
    world.clock.advance(3600)
    again = await schedule_of(world, **EVERY_TEN)
    assert again.data["next_run_at"] > world.clock()
    assert (await Scheduler(world.runs, "scheduler").tick(Deadline.after(10))).started == 0


async def test_a_schedule_that_an_earlier_landfall_paused_goes_on_too(world: World):
    """It was stored with the slot at which it was paused; people are shown none."""
    stored = await schedule_of(world, **EVERY_TEN)
    await world.store.commit([Update(stored.path, {"paused": True}, stored.version)])
    shown = await show_scan(ask(world), "people")
    assert not isinstance(shown, Download)
    assert shown["schedule"]["next_run_at"] is None
    world.clock.advance(3600)
    assert (await schedule_of(world, **EVERY_TEN)).data["next_run_at"] > world.clock()


async def test_a_schedule_that_has_ended_has_no_next_run(world: World):
    """Neither after `stop_at`, nor with `max_runs` used up."""
    past = (world.clock() + timedelta(seconds=1)).isoformat()
    assert (await schedule_of(world, **EVERY_TEN, stop_at=past)).data["next_run_at"] is None
    stored = await schedule_of(world, **EVERY_TEN)
    assert stored.data["next_run_at"] is not None
    assert (await schedule_of(world, **EVERY_TEN, stop_at=past)).data["next_run_at"] is None
    await schedule_of(world, **EVERY_TEN)
    (stored,) = [one for one in await world.store.read(stored.path) if one]
    await world.store.commit([Update(stored.path, {"runs_started": 3}, stored.version)])
    assert (await schedule_of(world, **EVERY_TEN, max_runs=3)).data["next_run_at"] is None


async def test_a_scan_without_a_schedule_has_none(world: World):
    """Taking the schedule out of the definition stops it."""
    await schedule_of(world, **EVERY_TEN)
    await world.save()
    (stored,) = await world.store.read("schedules/people")
    assert stored is not None
    assert stored.data["next_run_at"] is None


async def test_versions_are_kept(world: World):
    """A run finds the definition that it was made from, whatever was saved since."""
    first = await world.save()
    second = await world.save(rules=[first.rules[0].model_dump() | {"id": "other"}])
    kept = await world.registry.definition("people", first.version())
    assert (kept, first.version() != second.version()) == (first, True)
