"""Child processes that never outlive us, and neither do theirs.

All children of a stack are in one process group, with a guard that reads from a pipe of ours. When
we end, however that comes, the kernel closes the pipe, and the guard kills its whole group. That
also reaches the workers of gunicorn, who go on when only their master is killed.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 1.0
"""How long a process may take to end after SIGTERM before it is killed: it has nothing to save."""

_GUARD = ["/bin/sh", "-c", "trap '' HUP INT TERM; read -r _; kill -KILL 0"]


class StartError(Exception):
    """The stack could not be started. Shows the end of the log of the process at fault."""


class EndedError(Exception):
    """A process has ended that should be running. Shows the end of its log."""


class PortTakenError(Exception):
    """Somebody else listens on the port of a process."""


@contextmanager
def guarded_group() -> Iterator[int]:
    """A process group for children; whoever is in it at the end, or at ours, is killed."""
    with subprocess.Popen(_GUARD, stdin=subprocess.PIPE, process_group=0) as guard:
        try:
            yield guard.pid
        finally:
            # not by the pipe: somebody in this process may have a copy of its end
            os.killpg(guard.pid, signal.SIGKILL)


class Process:
    """A running child with its own log file."""

    def __init__(self, name: str, child: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._child = child

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        group: int,
    ) -> "Process":
        """Start the command in the process group of a guard; its output goes to `log`.

        Its group is not ours: Ctrl-C is ours to hear, and we stop our children in order.
        """
        with log.open("ab") as output:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                process_group=group,
            )
        return cls(name, child, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def check(self) -> None:
        """Raise `EndedError` when the process has ended."""
        if self._child.returncode is not None:
            code, log = self._child.returncode, self.log_end()
            raise EndedError(f"{self.name} exited with status {code}; the end of its log:\n{log}")

    def check_port(self) -> None:
        """Raise `PortTakenError` when the process has found its port taken: it may still try."""
        if "in use" in self.log.read_text(errors="replace"):
            raise PortTakenError(f"the port of {self.name} is in use")

    def log_end(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def stop(self) -> None:
        """End the process; what it has started ends with it, or with the group."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._child.wait(), STOP_SECONDS)
        self._signal(signal.SIGKILL)
        await self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        # not send_signal(): that looks whether the child has ended, and takes its end from asyncio
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


_PORTS = range(20_000, 32_000)
"""Below 32768, where the kernel takes the ports of outgoing connections from: one of those may
come up between a look and a server's start."""

_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, and that was not given out here before.

    Each process begins to look in another place: two that start at the same moment would
    otherwise find the same port free.
    """
    start = os.getpid() * 17
    for place in range(start, start + len(_PORTS)):
        port = _PORTS[place % len(_PORTS)]
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise StartError(f"no free port between {_PORTS.start} and {_PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
