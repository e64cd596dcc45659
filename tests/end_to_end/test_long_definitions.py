"""One caller sends the longest and worst definitions that there are; the others are answered."""

import asyncio
import json
import time

import pytest

from infra.local.stack import Stack
from tests.unit.test_bounds import LONG

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST = 0.25
"""Seconds of nine in ten answers beside them; on a machine of its own, of 99 in 100."""

SECONDS = 1.5
"""Seconds for which each is sent, by three callers at once."""


@pytest.mark.parametrize("name", ["unknown settings of rules", "values of no type", "queries"])
async def test_others_are_answered_beside_a_long_definition(stack: Stack, name: str) -> None:
    """GET /health is answered at once while the api reads what takes seconds."""
    long = json.loads(LONG[name])
    end = time.monotonic() + SECONDS

    async def send() -> int:
        sent = 0
        while time.monotonic() < end:
            answer = await stack.call("PUT", "/scans/x", long)
            assert answer.status_code in (200, 400)
            sent += 1
        return sent

    senders = asyncio.gather(*(send() for _ in range(3)))
    took = []
    while not senders.done():
        began = time.monotonic()
        await stack.call("GET", "/health")
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.01)
    assert min(await senders) > 0
    assert sorted(took)[len(took) * 9 // 10] < MOST
