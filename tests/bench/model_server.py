"""The stand-in for OpenAI in a process of its own: `python -m tests.bench.model_server ARGUMENTS`.

ARGUMENTS are those of `LocalOpenAI`, as JSON. Its first line is its address; when its input ends it
writes, as JSON, the moment and the status of every request, and ends too.
"""

import asyncio
import json
import sys
from typing import Any

from infra.local.openai import LocalOpenAI


async def serve(arguments: dict[str, Any]) -> None:
    """Serve until the input ends."""
    async with LocalOpenAI(**arguments) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps([(exchange.started, exchange.status) for exchange in server.requests]))


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
