"""The one way in which tests wait: until something is true, with a deadline."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


async def until(
    look: Callable[[], Awaitable[T | None]], seconds: float, *, every: float = 0.05
) -> T:
    """What `look` gives, once it is true. Fails with the last look at the deadline."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not (seen := await look()):
        assert loop.time() < deadline, f"not within {seconds} s; the last look: {seen!r}"
        await asyncio.sleep(every)
    return seen


def wait_for_port(port: int, seconds: float) -> None:
    """Until somebody listens on 127.0.0.1."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, f"nobody listened on {port} in {seconds} s"
            time.sleep(0.05)
        else:
            return


@contextmanager
def listening(command: Sequence[str], port: int, log: Path) -> Iterator[str]:
    """Run a server until the end of the block; yield host:port once somebody listens there."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for_port(port, seconds=60)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
