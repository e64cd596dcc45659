"""What a function's log says at the end of an invocation."""

import json
from typing import Any

import httpx
import pytest

from infra.cloud.resources.alerts import TICKS, wanted_metric
from infra.local.stack import Stack
from tests.end_to_end.acting import ended, scan, start
from tests.end_to_end.conftest import SMALL
from tests.log_filters import entry, takes
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("function", "outcome"), [("fetch", "finished"), ("score", "finished")])
async def test_an_invocation_says_what_memory_its_process_holds(
    stack: Stack, function: str, outcome: str
) -> None:
    """MB, now and at most: on the same line as the run and what became of its step."""
    run_id = await start(stack, scan(SMALL, "memory"))
    await ended(stack, run_id)

    async def invoked() -> list[dict[str, Any]]:
        lines = stack.processes[function].log.read_text().splitlines()
        logged = [json.loads(line) for line in lines if line.startswith("{")]
        return [
            line for line in logged if (line["message"], line.get("run_id")) == ("invoked", run_id)
        ]

    (line,) = await until(invoked, seconds=5)
    assert (line["step_id"], line["outcome"]) == (function, outcome)
    assert 20 < line["rss_mb"] <= line["peak_mb"] + 1 < 512


@pytest.mark.parametrize("name", ["scheduler", "watchdog"])
async def test_a_tick_is_counted_for_the_alert_that_misses_it(stack: Stack, name: str) -> None:
    """Once it has come to its end, under the name of who ticked; one that is refused is not."""
    log = stack.processes[name].log

    def counted() -> list[str]:
        filter_ = wanted_metric(TICKS)["filter"]
        lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
        entries = [entry(line, name) for line in lines]
        return [it["jsonPayload"]["function"] for it in entries if takes(filter_, it)]

    before = len(counted())
    assert (await stack.tick(name)).status_code == 200
    async with httpx.AsyncClient(trust_env=False) as nobody:
        assert (await nobody.post(getattr(stack.addresses, name))).status_code == 401

    async def those() -> list[str]:
        return counted()[before:]

    assert await until(those, seconds=5) == [name]
