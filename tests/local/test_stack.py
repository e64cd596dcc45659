"""The local stack starts if it can, and states why if it cannot."""

import itertools
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import stack as stacks
from infra.local.processes import StartError, free_port, guarded_group
from infra.local.stack import StackOptions, running


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another process listens."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        yield stranger.getsockname()[1]


async def test_a_stack_starts_again_when_a_port_is_taken(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may take a port between its check and the start."""
    given = iter([free_port(), taken])  # the first is the emulator's, the second a function's
    monkeypatch.setattr(stacks, "free_port", lambda: next(given, None) or free_port())
    async with running(StackOptions(tick_seconds=None)) as stack:
        assert str(taken) not in stack.addresses.scheduler
        assert (await stack.call("GET", "/runs")).status_code == 200


async def test_a_stack_that_cannot_start_shows_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that exits at once is named, with the end of its log."""
    broken = ["/bin/sh", "-c", "echo no such thing >&2; exit 7"]
    monkeypatch.setattr(stacks, "emulator_command", lambda *_: broken)
    with pytest.raises(StartError, match=r"(?s)firestore exited with status 7.*no such thing"):
        await running(StackOptions(tick_seconds=None)).__aenter__()


def test_a_port_is_given_out_once() -> None:
    """Two processes of one stack never get the same port."""
    ports = [free_port() for _ in range(50)]
    assert all(one != other for one, other in itertools.combinations(ports, 2))


def test_a_group_ends_whoever_has_a_copy_of_its_pipe() -> None:
    """The guard waits for the end of that pipe, which may then never come."""
    before = _pipes()
    with guarded_group() as group:
        copies = [os.dup(pipe) for pipe in _pipes() - before]
        child = subprocess.Popen(["sleep", "600"], process_group=group)
    assert child.wait(5) == -signal.SIGKILL
    assert copies
    for copy in copies:
        os.close(copy)


def _pipes() -> set[int]:
    """Return the descriptors of this process that are an end of a pipe."""
    return {int(it.name) for it in Path("/proc/self/fd").iterdir() if it.is_fifo()}
