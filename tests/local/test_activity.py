"""Who operates Landfall sees what is at work, what waits and for what, and what failed last."""

from datetime import timedelta

import pytest

from landfall.entry.app import App
from landfall.entry.health import health_of
from landfall.kinds.activity import FAILURES_SHOWN, STEPS_SHOWN, activity
from landfall.process.installed import packages
from landfall.store.documents import Fields, Put
from tests.fakes.callers import ask
from tests.fakes.memory_store import MemoryStore
from tests.fakes.windows import app_of, page
from tests.fakes.world import World


@pytest.fixture
async def world() -> World:
    return World(MemoryStore())


async def step_of(world: World, run_id: str, **changes: object) -> Fields:
    """Start a run, change its first step as a worker would leave it, and return how it is shown."""
    await world.start(await world.save(), run_id)
    path = f"runs/{run_id}/steps/fetch"
    (step,) = await world.stored.read(path)
    assert step
    await world.stored.commit([Put(path, step.data | changes)])
    steps: list[Fields] = (await activity(ask(world)))["steps"]
    return {step["run_id"]: step for step in steps}.get(run_id, {})


async def test_a_step_says_what_it_waits_for(world: World) -> None:
    """A retry after a failure, its turn, its task, or nothing; one that has ended is not shown."""
    later = world.clock() + timedelta(seconds=30)
    failure = {"reason": "base_rate_limited", "message": "SECRET of a vendor"}
    retry = await step_of(world, "m-1", next_attempt_at=later, last_error=failure, attempt=2)
    assert (retry["waits_for"], retry["next_attempt_at"]) == ("retry", later)
    assert (await step_of(world, "m-2", next_attempt_at=later))["waits_for"] == "turn"
    assert (await step_of(world, "m-3"))["waits_for"] == "task"
    working = await step_of(world, "m-4", status="running", lease_until=later)
    assert working["waits_for"] is None
    assert await step_of(world, "m-5", status="done", stale_at=None) == {}
    text = await page(world, "/health")
    assert "It tries again <time" in text
    assert "after <a" in text
    assert "attempt</a> 2 failed" in text
    assert "Its turn is <time" in text
    assert "Its task is in the queue" in text
    assert "nobody else takes it up before" in text
    assert "the base is locked for 30 s" in text
    assert "SECRET" not in text


async def test_the_last_failures_are_shown_and_no_more(world: World) -> None:
    """The newest first, by whichever status they ended, and in our words."""
    await world.start(await world.save())
    run = (await world.run()).data
    for number in range(2 * FAILURES_SHOWN + 2):
        began = run["created_at"] - timedelta(hours=number)
        status = "timed_out" if number % 2 else "error"
        reason = "run_timeout" if number % 2 else "base_timeout"
        ended: Fields = {"status": status, "created_at": began, "finished_at": began}
        ended |= {"run_id": f"m-f{number}", "error": {"reason": reason, "message": "SECRET"}}
        await world.stored.commit([Put(f"runs/m-f{number}", run | ended)])
    failures = (await activity(ask(world)))["failures"]
    assert [one["run_id"] for one in failures] == [f"m-f{n}" for n in range(FAILURES_SHOWN)]
    text = await page(world, "/health")
    assert text.count('href="/runs/m-f') == FAILURES_SHOWN
    assert "SECRET" not in text


async def test_it_is_bounded(world: World) -> None:
    """However many steps wait."""
    for number in range(STEPS_SHOWN + 1):
        await world.start(await world.save(), f"m-{number}")
    shown = await activity(ask(world))
    assert (len(shown["steps"]), shown["more_steps"]) == (STEPS_SHOWN, True)
    assert "And more" in await page(world, "/health")


async def test_an_edited_document_hides_no_other(world: World) -> None:
    """One of a newer version is named with its fix."""
    assert await step_of(world, "m-1")
    (step,) = await world.stored.read("runs/m-1/steps/fetch")
    assert step
    await world.stored.commit([Put(step.path, step.data | {"schema_version": 999})])
    assert await step_of(world, "m-2")
    steps = {one["run_id"]: one for one in (await activity(ask(world)))["steps"]}
    assert "999" in steps["m-1"]["problem"]
    assert "problem" not in steps["m-2"]
    assert "999" in await page(world, "/health")


async def test_the_versions_are_those_that_are_installed(world: World) -> None:
    """On the page as in the facts."""
    app: App = app_of(world)
    _, facts = await health_of(app)
    assert facts["versions"]["revision"] is None
    assert len(packages()) == len(facts["versions"]["packages"]) == 7
    assert f"pyairtable {packages()['pyairtable']}" in await page(world, "/health")
