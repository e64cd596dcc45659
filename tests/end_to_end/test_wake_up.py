"""A function between two requests, when Cloud Run takes its CPU away: it goes on where it was."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from infra.local.environment import environment_of
from infra.local.processes import Process, free_port, guarded_group
from infra.local.stack import framework_command
from tests.waiting import wait_for_port

TIMEOUT = 1
"""Seconds of Cloud Run's timeout, which it tells each container."""

FROZEN = TIMEOUT + 1.0
"""Seconds without a CPU."""

LOOK = 1.2
"""Seconds within which gunicorn's master looks at its workers: it does so every second."""


@pytest.fixture
async def function(tmp_path: Path) -> AsyncIterator[tuple[Process, int]]:
    """Start the api as Cloud Run does, but without its configuration; return it with its port."""
    port = free_port()
    environment = environment_of("api", {"CLOUD_RUN_TIMEOUT_SECONDS": str(TIMEOUT)})
    with guarded_group() as group:
        command = framework_command("api", port)
        started = await Process.start("api", command, tmp_path / "log", environment, group)
        await asyncio.to_thread(wait_for_port, port, 60)
        yield started, port
        await started.stop()


def workers_of(master: Process) -> list[int]:
    """Return the processes that gunicorn's master has started."""
    children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text()
    return [int(child) for child in children.split()]


@asynccontextmanager
async def frozen(master: Process) -> AsyncIterator[None]:
    """Take the CPU away for a while. Then the master has it first, the worst for its workers."""
    workers = workers_of(master)
    for pid in (master.pid, *workers):
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN)
        yield
    finally:
        os.kill(master.pid, signal.SIGCONT)
        await asyncio.sleep(LOOK)
        for pid in set(workers) & set(workers_of(master)):
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def asked(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """Send a request, on a connection that may be kept alive; yield what is to read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /health HTTP/1.1\r\nHost: here\r\nConnection: keep-alive\r\n\r\n")
        await writer.drain()
        yield reader
    finally:
        writer.close()


async def status_in(reader: asyncio.StreamReader) -> bytes:
    """Return the status of an answer."""
    return (await asyncio.wait_for(reader.readline(), 20)).split()[1]


async def test_a_frozen_function_answers_with_the_same_worker(
    function: tuple[Process, int],
) -> None:
    """Frozen for longer than Cloud Run's timeout, it keeps the request that wakes it up, and the
    process: to start another would take a second of CPU at each tick."""
    process, port = function
    async with asked(port) as first:
        assert await status_in(first) == b"503"
    before = workers_of(process)
    async with AsyncExitStack() as exits:
        async with frozen(process):
            waking = await exits.enter_async_context(asked(port))
        assert await status_in(waking) == b"503"
    assert workers_of(process) == before


async def test_an_answer_leaves_no_connection_open(function: tuple[Process, int]) -> None:
    """The server closes an idle one after 2 s: if it was frozen for longer, then as it wakes up,
    with the request in it."""
    async with asked(function[1]) as reader:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert b"connection: close" in head.lower().splitlines()
