"""The stand-in for OpenAI in a process of its own: `python -m tests.bench.model_server ARGUMENTS`.

ARGUMENTS are those of `LocalOpenAI`, as JSON. The first line of output is the address. When the
input ends, the process writes the moment and the status of every request as JSON, and ends.
"""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from infra.local.openai.server import LocalOpenAI


class ModelServer:
    """The stand-in, in a process of its own. Made by `model_server`."""

    def __init__(self, process: Process, url: str) -> None:
        self._process = process
        self.url = url

    async def stop(self) -> list[tuple[float, int]]:
        """End it; return the moment and the status of every request."""
        written, _ = await self._process.communicate(b"")  # which closes its input
        found: list[tuple[float, int]] = json.loads(written)
        return found


@asynccontextmanager
async def model_server(**arguments: Any) -> AsyncIterator[ModelServer]:
    """Start it with these arguments of `LocalOpenAI`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.model_server", json.dumps(arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        yield ModelServer(process, (await process.stdout.readline()).decode().strip())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def serve(arguments: dict[str, Any]) -> None:
    """Serve until the input ends."""
    async with LocalOpenAI(**arguments) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps([(exchange.started, exchange.status) for exchange in server.requests]))


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
