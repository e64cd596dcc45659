"""A killed worker, a lost task and doubled deliveries: the run still ends with the exact result."""

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from infra.local.cloud_tasks.faults import Faults
from infra.local.stack import Stack, StackOptions, running
from tests.end_to_end.acting import ended, findings, get, history, people, scan, start
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Short, so that a test need not wait for production's. Cloud Tasks would refuse a dispatch
# deadline below 15 s.
DEADLINES = {
    **{"stale": 10, "lease": 9, "dispatch": 8, "function": 7},
    **{"step": 5, "item": 4, "request": 3, "connect": 2},
}
KILLED, KILLED_KEY = people("appKilled00000001", 1_200)
LOST, LOST_KEY = people("appLost0000000001", 120)
DOUBLED, DOUBLED_KEY = people("appDoubled0000001", 120)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hasty() -> AsyncIterator[Stack]:
    """A stack with short deadlines and a slow Airtable."""
    options = StackOptions(
        bases=(KILLED, LOST, DOUBLED),
        tick_seconds=None,
        environment={"LANDFALL_DEADLINES": json.dumps(DEADLINES)},
        stand_in={"requests_per_second": 8, "latency": 0.3},
        queue={"min_deadline": 1.0},
    )
    async with running(options) as stack:
        yield stack


def _workers(stack: Stack, function: str) -> list[int]:
    """The processes that gunicorn's master has started for a function."""
    master = stack.processes[function].pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text()
    return [int(child) for child in children.split()]


async def test_a_killed_worker_loses_nothing(hasty: Stack) -> None:
    """Its lease runs out, the watchdog has the step repeated from its checkpoint, and the result
    is that of an undisturbed run."""
    run_id = await start(hasty, scan(KILLED, "killed"))

    async def fetching() -> bool:
        counts = (await get(hasty, f"/runs/{run_id}"))["counts"]
        return bool(counts.get("records"))

    await until(fetching, 15)
    for worker in _workers(hasty, "fetch"):
        os.kill(worker, signal.SIGKILL)
    run = await ended(hasty, run_id, 60, tick=True)
    assert (run["status"], run["counts"]["records"]) == ("done", 1_200)
    assert await findings(hasty, run_id) == KILLED_KEY
    debug = await get(hasty, f"/runs/{run_id}/debug")
    (fetch,) = (step for step in debug["steps"] if step["step_id"] == "fetch")
    assert fetch["last_error"]["reason"] == "worker_lost"
    assert debug["pages"]["records"] == 1_200


async def test_a_lost_task_is_sent_again(hasty: Stack) -> None:
    """What the queue swallowed is seen on the step that waits for it."""
    hasty.tasks.faults = Faults(drop=1.0)
    run_id = await start(hasty, scan(LOST, "lost"))
    hasty.tasks.faults = Faults()
    assert hasty.tasks.statistics.lost == 1
    run = await ended(hasty, run_id, 40, tick=True)
    assert run["status"] == "done"
    assert await findings(hasty, run_id) == LOST_KEY


async def test_doubled_deliveries_change_nothing(hasty: Stack) -> None:
    """Every task arrives twice; each step is worked on once."""
    hasty.tasks.faults = Faults(duplicate=1.0)
    run_id = await start(hasty, scan(DOUBLED, "doubled"))
    run = await ended(hasty, run_id)

    async def delivered_twice() -> bool:
        numbers = hasty.tasks.statistics
        return numbers.redelivered >= 2 and not numbers.in_flight

    await until(delivered_twice, 10)
    hasty.tasks.faults = Faults()
    assert await get(hasty, f"/runs/{run_id}") == run
    debug = await get(hasty, f"/runs/{run_id}/debug")
    assert history(debug) == ["queued", "running", "scoring", "done"]
    assert {step["attempt"] for step in debug["steps"]} == {1}
    assert await findings(hasty, run_id) == DOUBLED_KEY
