"""Counts what a client could leave behind: tasks, threads and sockets of this process."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.waiting import until


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fails when its body leaves a task, a thread or a socket that was not there before."""
    before = _everything()
    yield

    async def gone() -> bool:
        return not _everything() - before

    try:
        await until(gone, seconds=3, every=0.01)
    except AssertionError:
        raise AssertionError(f"left behind: {_everything() - before}") from None


def _everything() -> set[str]:
    tasks = {repr(task.get_coro()) for task in asyncio.all_tasks() if not task.done()}
    threads = {
        f"thread {thread.name} {thread.ident}"
        for thread in threading.enumerate()
        if "_run_safe_shutdown_loop" not in thread.name  # pycares has one, for the whole process
    }
    return tasks | threads | set(_sockets())


def _sockets() -> list[str]:
    """Like "socket:[48151]", the number being the inode."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(descriptor))  # noqa: PTH115  it is no path
        except FileNotFoundError:  # the one that was listing the folder
            continue
    return [target for target in found if target.startswith("socket:")]
