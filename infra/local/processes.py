"""Child processes that never outlive this process, and neither do their children.

All children of a stack are in one process group, with a guard that reads from our pipe. When this
process ends for whatever reason, the kernel closes the pipe, and the guard kills its whole group.
That includes the workers of gunicorn, which survive if only their master is killed.
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
"""Seconds between SIGTERM and SIGKILL: the processes have nothing to save."""

_GUARD = ["/bin/sh", "-c", "trap '' HUP INT TERM; read -r _; kill -KILL 0"]


class StartError(Exception):
    """The stack could not start; the message has the end of the log of the process at fault."""


class ExitedError(Exception):
    """A process has exited that should be running; the message has the end of its log."""


class PortTakenError(Exception):
    """Another process listens on the port of a process."""


@contextmanager
def guarded_group() -> Iterator[int]:
    """Yield a process group for children; it is killed at the exit, or when this process ends."""
    with subprocess.Popen(_GUARD, stdin=subprocess.PIPE, process_group=0) as guard:
        try:
            yield guard.pid
        finally:
            # not by the pipe: another child may have a copy of its end
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

        That group does not get Ctrl-C: this process does, and it stops its children in order.
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
        """Raise `ExitedError` if the process has exited."""
        if self._child.returncode is not None:
            code, log = self._child.returncode, self.log_end()
            raise ExitedError(f"{self.name} exited with status {code}; the end of its log:\n{log}")

    def check_port(self) -> None:
        """Raise `PortTakenError` if the process found its port in use: it may still be retrying."""
        if "in use" in self.log.read_text(errors="replace"):
            raise PortTakenError(f"the port of {self.name} is in use")

    def log_end(self, lines: int = 20) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def stop(self) -> None:
        """Stop the process; its children end with it, or with the group."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._child.wait(), STOP_SECONDS)
        self._signal(signal.SIGKILL)
        await self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        # not send_signal(): it polls the child, and asyncio then misses its exit
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


_PORTS = range(20_000, 32_000)
"""Below 32768, where the kernel's ports of outgoing connections begin: one of those may be opened
between the check of a port and the start of its server."""

_given: set[int] = set()


def free_port() -> int:
    """Return a free port that this function has not returned before.

    Each process searches from another port: two that start at the same moment would otherwise
    find the same port free.
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
