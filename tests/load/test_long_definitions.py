"""One caller sends the longest and worst definitions that there are; the others are answered."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.local.stack import Stack, StackOptions, running
from tests.unit.test_bounds import LONG

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST = 0.25
"""Seconds of nine in ten answers beside them."""

SECONDS = 1.5
"""Seconds for which each is sent, by three callers at once."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    """A running stack, in which nothing ticks."""
    async with running(StackOptions(tick_seconds=None)) as started:
        yield started


@pytest.mark.parametrize("name", ["unknown settings of rules", "values of no type", "queries"])
async def test_others_are_answered_beside_a_long_definition(stack: Stack, name: str) -> None:
    """GET /health is answered at once while the api reads what takes seconds."""
    long = json.loads(LONG[name])
    for method, path in [("PUT", "/scans/x"), ("GET", "/health")]:  # imports all that they need
        await stack.call(method, path, long)
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
