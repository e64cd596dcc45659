"""Does harm to a running stack: kills, freezes and starves its processes, from a seed."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from infra.local.cloud_tasks import Faults
from infra.local.stack import Stack

WORKERS = ("fetch", "score", "scheduler", "watchdog", "api")


class Nemesis:
    """One harm after the other until it is told to stop. `done` counts them."""

    def __init__(self, stack: Stack, seed: int, lease: float) -> None:
        self._stack = stack
        self._random = Random(seed)
        self._lease = lease
        self._frozen: set[int] = set()
        self.done: Counter[str] = Counter()
        self.kills: list[tuple[str, datetime]] = []
        self.ticking = True

    async def rage(self, seconds: float) -> None:
        """Do harm for so long, then heal everything."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        harms: list[Callable[[], Awaitable[None]]] = [
            *[self._kill] * 5,
            *[self._freeze] * 2,
            self._pause_firestore,
            self._empty_queue,
            self._no_ticks,
        ]
        self._stack.tasks.faults = Faults(
            seed=self._random.randrange(2**31),
            duplicate=1.0,
            late=0.1,
            late_seconds=45.0,
            drop=0.05,
            shuffle=True,
            lose_create_response=0.05,
        )
        # each kind of harm once, whatever is drawn afterwards
        order = [*dict.fromkeys(harms)]
        self._random.shuffle(order)
        try:
            while loop.time() < end:
                harm = order.pop() if order else self._random.choice(harms)
                await harm()
                await asyncio.sleep(self._random.uniform(1.0, 5.0))
        finally:
            self._heal()

    def _heal(self) -> None:
        self._stack.tasks.faults = Faults()
        self.ticking = True
        for pid in self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def _kill(self) -> None:
        """SIGKILL of a function's worker; its server starts another, as Cloud Run does."""
        name = self._random.choice(WORKERS)
        for pid in _children(self._stack.processes[name].pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.done[f"SIGKILL {name}"] += 1
        self.kills.append((name, datetime.now(UTC)))

    async def _freeze(self) -> None:
        """SIGSTOP of a worker for longer than its lease, then SIGCONT: the zombie."""
        name = self._random.choice(("fetch", "score"))
        await self._stop_for(name, _children(self._stack.processes[name].pid), self._lease + 4)

    async def _pause_firestore(self) -> None:
        """The store stands still for 20 s, and then goes on."""
        await self._stop_for("firestore", [self._stack.processes["firestore"].pid], 20.0)

    async def _stop_for(self, name: str, pids: list[int], seconds: float) -> None:
        self.done[f"SIGSTOP {name} {seconds:.0f} s"] += 1
        for pid in pids:
            self._frozen.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            self._frozen.discard(pid)

    async def _empty_queue(self) -> None:
        """The queue is stopped and started again, and has forgotten every task and name."""
        await self._stack.restart_tasks()
        self.done["queue restarted empty"] += 1

    async def _no_ticks(self) -> None:
        """Neither the scheduler nor the watchdog is called for a while."""
        self.ticking = False
        self.done["no ticks for 20 s"] += 1
        await asyncio.sleep(20.0)
        self.ticking = True


def _children(pid: int) -> list[int]:
    """The processes whose parent this is."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # after the command, which is in brackets and may hold anything: state, parent
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found
