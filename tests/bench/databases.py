"""A Firestore emulator for a benchmark, and clients of empty databases in it."""

import asyncio
import contextlib
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from google.cloud.firestore import AsyncClient

from infra.local.emulator import emulator_command
from infra.local.processes import Process, StartError, free_port, guarded_group

READY_SECONDS = 30.0
"""Seconds until an emulator must listen; usually 2."""

_HOST = "FIRESTORE_EMULATOR_HOST"


@asynccontextmanager
async def emulator() -> AsyncIterator[str]:
    """Start a Firestore emulator for the clients that this process makes; yield "host:port".

    Raises `MissingError`, `StartError`.
    """
    port = free_port()
    host = f"127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as logs, guarded_group() as group:
        command = emulator_command(port)
        log = Path(logs) / "firestore.log"
        process = await Process.start("firestore", command, log, os.environ, group)
        try:
            await _listening(process, port)
            os.environ[_HOST] = host
            yield host
        finally:
            os.environ.pop(_HOST, None)
            await process.stop()


async def _listening(process: Process, port: int) -> None:
    for _ in range(int(READY_SECONDS / 0.05)):
        process.check()
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.05)
    raise StartError(f"the emulator did not listen within {READY_SECONDS:.0f} s")


@asynccontextmanager
async def database() -> AsyncIterator[AsyncClient]:
    """Yield a client of an empty database of its own in the running emulator."""
    client = AsyncClient(project=f"bench-{secrets.token_hex(6)}")
    try:
        yield client
    finally:
        # AsyncClient.close is the synchronous client's, and leaves the channel open
        await client._firestore_api.transport.close()
