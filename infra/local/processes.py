"""Child processes that never outlive us: stopped on the way out, and by the kernel if we die."""

import asyncio
import contextlib
import ctypes
import os
import random
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 5.0
"""How long a process may take to end after SIGTERM before its whole group is killed."""

_PR_SET_PDEATHSIG = 1  # prctl(2)


class StartError(Exception):
    """A process ended, or did not answer, while it was being started. Shows the end of its log."""


class Process:
    """A running child with its own process group and its own log file."""

    def __init__(self, name: str, child: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._child = child

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> "Process":
        """Start the command; its output goes to `log`."""
        with log.open("ab") as output:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is ours to hear; we pass it on in order
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        return cls(name, child, log)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._child.pid

    def check(self) -> None:
        """Raise `StartError` when the process has ended."""
        if self._child.returncode is not None:
            raise StartError(
                f"{self.name} ended with {self._child.returncode}; "
                f"the end of its log:\n{self.log_end()}"
            )

    def log_end(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def stop(self) -> None:
        """End the process and everything that it started."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._child.wait(), STOP_SECONDS)
        self._signal(signal.SIGKILL)
        await self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """A port that nobody listens on.

    Below 32768, where the kernel takes the ports of outgoing connections from: one of those may
    come up between this look and the server's start.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
