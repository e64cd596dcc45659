"""Documents of a newer Landfall are left as they are, and do not stop the rest.

So it is while the functions of a new one are deployed one after another, and after going back.
"""

import pytest

from landfall.deadlines import LADDER, Deadline
from landfall.kinds.routes import cancel_run, list_runs
from landfall.reasons import Reason
from landfall.runs.claim import Claim
from landfall.runs.documents import run_path
from landfall.runs.kind import Outcome
from landfall.runs.transitions import MAX_ATTEMPTS
from landfall.store.documents import Fields, SchemaError, Update
from landfall.store.indexes import Indexes
from landfall.store.versions import VERSION_FIELD
from landfall.ticks.marks import health
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.emulator.whole import everything
from tests.fakes.callers import ask
from tests.fakes.workers import work_on
from tests.fakes.world import World

EVERY_5 = {"cadence": {"every_minutes": 5}}


async def make_newer(world: World, path: str) -> None:
    """A newer Landfall writes the document."""
    (found,) = await world.stored.read(path)
    assert found is not None
    await world.stored.commit([Update(path, {VERSION_FIELD: 99}, found.version)])


async def work(world: World) -> Outcome | Reason:
    """Deliver the newest task to a worker that has nothing to do; what became of it."""

    async def nothing(claim: Claim, _scan: object, _deadline: Deadline) -> Outcome:
        await claim.finish_step("score", {})
        return Outcome.FINISHED

    task = world.queue.tasks[-1]
    world.clock.now = max(world.clock.now, task.at)
    return await work_on(world, task, nothing)


async def schedules(world: World, *scan_ids: str, **schedule: object) -> None:
    """Scans whose first slots are just due."""
    for scan_id in scan_ids:
        await world.save(id=scan_id, schedule=EVERY_5 | schedule)
    world.clock.advance(300)


async def tick(world: World) -> Fields:
    return vars(await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step)))


def started(world: World) -> set[str]:
    return {task.run_id.split("-")[1] for task in world.queue.tasks}


async def test_a_step_waits_for_the_newer_one_to_be_deployed(world):
    """A new scheduler may have made the run, and the old worker not be replaced yet."""
    scan = await world.save()
    await world.start(scan)
    version = f"scans/people/versions/{scan.version()}"
    await make_newer(world, version)
    assert await work(world) == "schema_newer"
    run, step = (await world.run()).data, (await world.step()).data
    assert run["progress_step"] == "waiting: schema_newer"
    assert step["last_error"]["message"] == (
        f"{version} has schema version 99, and this Landfall reads 0 to 2: "
        "deploy the newer version that wrote it"
    )
    (found,) = await world.stored.read(version)
    await world.stored.commit([Update(version, {VERSION_FIELD: 2}, found.version)])
    assert await work(world) == "finished"


async def test_when_it_never_is_the_run_ends_and_says_so(world):
    """After as many attempts as with any other error that is retried."""
    scan = await world.save()
    await world.start(scan)
    await make_newer(world, f"scans/people/versions/{scan.version()}")
    assert {await work(world) for _ in range(MAX_ATTEMPTS)} == {"schema_newer"}
    run = (await world.run()).data
    assert (run["status"], run["error"]["reason"]) == ("error", "schema_newer")
    assert "deploy the newer" in run["error"]["message"]


@pytest.mark.parametrize("path", ["runs/m-1", "runs/m-1/steps/fetch"])
async def test_a_newer_run_is_left_to_the_newer_one(world, path):
    """Not claimed, not cancelled, not taken up, not ended; nothing of it is written."""
    await world.start(await world.save())
    await make_newer(world, path)
    before = {p: it for p, it in (await everything(world.stored)).items() if "runs/" in p}
    assert await work(world) == "declined"
    with pytest.raises(SchemaError):
        await cancel_run(ask(world), "m-1")
    world.clock.advance(LADDER.run + 1)
    watch = await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    assert watch.problems >= 1
    assert {p: it for p, it in (await everything(world.stored)).items() if "runs/" in p} == before


@pytest.mark.parametrize("path", ["schedules/a", "scans/a"])
async def test_one_newer_schedule_does_not_stop_the_others(world, path):
    """It is counted as a problem and stays due, for the newer scheduler."""
    await schedules(world, "a", "b")
    await make_newer(world, path)
    did = await tick(world)
    assert (did["started"], did["problems"]) == (1, 1)
    assert started(world) == {"b"}
    (stays,) = await world.stored.read("schedules/a")
    assert stays.data["next_run_at"] <= world.clock.now


@pytest.mark.parametrize("overlap", ["skip", "cancel_running"])
async def test_a_newer_run_that_may_be_under_way_holds_its_schedule_alone(world, overlap):
    """It may not have ended, so the slot waits; the others do not."""
    await schedules(world, "a", overlap=overlap)
    await tick(world)
    (run,) = [task.run_id for task in world.queue.tasks]
    await schedules(world, "b")
    await make_newer(world, run_path(run))
    did = await tick(world)
    assert (did["started"], did["problems"]) == (1, 1)
    assert started(world) == {"a", "b"}


async def test_a_listing_of_runs_names_the_one_that_cannot_be_read(world):
    """The others are there."""
    scan = await world.save()
    await world.start(scan, "m-1")
    world.clock.advance(1)
    await world.start(scan, "m-2")
    await make_newer(world, "runs/m-1")
    listed = await list_runs(ask(world))
    first, second = listed["runs"]
    assert (first["run_id"], first["status"]) == ("m-2", "queued")
    assert second["run_id"] == "m-1"
    assert "schema version 99" in second["problem"]


async def test_a_scan_of_a_newer_one_is_not_saved_over(world):
    """It has more settings than this one knows."""
    await world.save()
    await make_newer(world, "scans/people")
    with pytest.raises(SchemaError, match="scans/people"):
        await world.save(name="other")


async def test_health_says_that_the_last_tick_was_of_a_newer_one(world):
    """Going back is not healthy before this one's ticks are there."""
    indexes = Indexes(world.stored, world.clock)
    await tick(world)
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    assert (await health(world.store, world.clock, indexes, world.server_clock))[0]
    await make_newer(world, "system/scheduler")
    healthy, said = await health(world.store, world.clock, indexes, world.server_clock)
    assert not healthy
    assert "system/scheduler has schema version 99" in said["scheduler"]["problem"]
    assert said["watchdog"]["ok"]
    await tick(world)
    assert (await health(world.store, world.clock, indexes, world.server_clock))[0]
