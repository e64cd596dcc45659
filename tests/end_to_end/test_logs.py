"""What a function's log says at the end of an invocation."""

import json
from typing import Any

import pytest

from infra.local.stack import Stack
from tests.end_to_end.acting import ended, scan, start
from tests.end_to_end.conftest import SMALL
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("function", "outcome"), [("fetch", "fetched"), ("score", "scored")])
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
