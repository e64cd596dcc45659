"""Does harm to a running stack: kills, freezes and starves its processes, from a seed."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from infra.local.cloud_tasks.faults import Faults
from infra.local.stack import Stack
from tests.chaos.gate import Gate, restart_firestore
from tests.chaos.zombies import Attempt, Zombies, connections


@dataclass(frozen=True)
class Terror:
    """What a nemesis does: the workers it kills; what else, in between; the queue's faults.

    The more often something is listed, the more often it is done.
    """

    killed: tuple[str, ...]
    harms: tuple[str, ...]
    queue: Faults


EVERYTHING = Terror(
    ("fetch", "fetch", "fetch", "score", "score", "scheduler", "watchdog", "api"),
    (
        *(
            "make_zombies",
            "make_zombies",
            "make_zombies",
            "freeze",
            "pause_firestore",
            "restart_firestore",
            "cut_connections",
            "cut_connections",
        ),
        *("empty_queue", "no_ticks"),
    ),
    Faults(
        duplicate=1.0,
        late=0.1,
        late_seconds=45.0,
        drop=0.05,
        shuffle=True,
        lose_create_response=0.05,
    ),
)

SIGKILL_ONLY = Terror(("fetch", "score"), (), Faults())
"""What time it takes to recover from a kill, and from nothing else."""


MUCH = 6
"""Connections of a worker to what it reads: about three invocations at once."""


class Nemesis:
    """Kills, and does one other harm after the other, for a while. `done` counts them."""

    def __init__(
        self, stack: Stack, gate: Gate, zombies: Zombies, seed: int, lease: float, terror: Terror
    ) -> None:
        self._stack = stack
        self._gate = gate
        self._zombies = zombies
        # one each: they go on side by side, and neither may move the other's draws
        self._killing, self._harming = Random(f"{seed}:kill"), Random(f"{seed}:harm")
        self._seed = seed
        self._lease = lease
        self._terror = terror
        self._frozen: set[int] = set()
        self.done: Counter[str] = Counter()
        self.kills: list[tuple[str, datetime]] = []
        self.ticking = True

    @property
    def superseded(self) -> set[Attempt]:
        """As `Zombies.superseded`."""
        return self._zombies.superseded

    async def rage(self, seconds: float) -> None:
        """Do harm for so long, and until there was some of each kind, then heal everything."""
        self._stack.tasks.faults = replace(self._terror.queue, seed=self._seed)
        try:
            end = asyncio.get_running_loop().time() + seconds
            await asyncio.gather(self._kill_until(end), self._harm_until(end))
        finally:
            self._heal()

    async def _harm_until(self, end: float) -> None:
        harms: dict[str, Callable[[], Awaitable[None]]] = {
            "make_zombies": self._make_zombies,
            "freeze": self._freeze,
            "pause_firestore": self._pause_firestore,
            "restart_firestore": self._restart_firestore,
            "cut_connections": self._cut_connections,
            "empty_queue": self._empty_queue,
            "no_ticks": self._no_ticks,
        }
        random = self._harming
        # each kind of harm once, whatever is drawn afterwards; it takes work to make a zombie, of
        # which there is most before the others, and how much one stop finds is chance: two of them
        order = [*dict.fromkeys(self._terror.harms)]
        order += [harm for harm in order if harm == "make_zombies"]
        random.shuffle(order)
        order.sort(key="make_zombies".__eq__)
        while order or (self._terror.harms and asyncio.get_running_loop().time() < end):
            harm = order.pop() if order else random.choice(self._terror.harms)
            await harms[harm]()
            await asyncio.sleep(random.uniform(1.0, 5.0))

    def _heal(self) -> None:
        self._stack.tasks.faults = Faults()
        self.ticking = True
        for pid in self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def _kill_until(self, end: float) -> None:
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(self._killing.uniform(1.0, 5.0))
            name = self._killing.choice(self._terror.killed)
            if name in ("scheduler", "watchdog") and self.ticking:
                await self._kill_in_a_tick(name)
            else:
                self._kill(name)

    async def _kill_in_a_tick(self, name: str) -> None:
        """They work for a moment only, which would hardly ever be hit."""
        tick = asyncio.create_task(self._stack.tick(name))
        await asyncio.sleep(self._killing.uniform(0.0, 0.3))
        self._kill(name)
        await asyncio.gather(tick, return_exceptions=True)

    def _kill(self, name: str) -> None:
        """SIGKILL of one of a function's workers; its server starts another, as Cloud Run does."""
        if pid := self._worker(name, self._killing):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.done[f"SIGKILL {name}"] += 1
            self.kills.append((name, datetime.now(UTC)))

    def _workers(self, name: str) -> list[int]:
        """A function's workers that are not stopped."""
        return sorted({*_children(self._stack.processes[name].pid)} - self._frozen)

    def _worker(self, name: str, random: Random) -> int | None:
        """One of them; None when there is none just now."""
        workers = self._workers(name)
        return random.choice(workers) if workers else None

    async def _make_zombies(self) -> None:
        """Two workers stand still in the middle of much work until another has it."""
        for _ in range(200):  # 20 s, then with less
            busiest = self._reading()
            if len(busiest) >= 2 and min(busiest[pid] for pid in [*busiest][:2]) >= MUCH:
                break
            await asyncio.sleep(0.1)
        stopped = [*busiest][:2]
        self.done["SIGSTOP fetch until its steps are claimed anew"] += len(stopped)
        self._frozen.update(stopped)
        await asyncio.gather(*(self._zombies.stop(pid) for pid in stopped))
        self._frozen.difference_update(stopped)

    def _reading(self) -> dict[int, int]:
        """The connections to what scans read of each worker that has any, most first."""
        read = [self._stack.addresses.airtable, *(site.url for site in self._stack.sites.values())]
        ports = [int(url.rpartition(":")[2]) for url in read]
        reading = {
            pid: sum(connections(pid, port) for port in ports) for pid in self._workers("fetch")
        }
        return dict(sorted(((p, n) for p, n in reading.items() if n), key=lambda each: -each[1]))

    async def _freeze(self) -> None:
        """SIGSTOP of a worker for longer than its lease, then SIGCONT; its clock runs on."""
        name = self._harming.choice(("fetch", "score"))
        if pid := self._worker(name, self._harming):
            await self._stop_for(name, pid, self._lease + 4)

    async def _pause_firestore(self) -> None:
        """The store stands still for 20 s, and then goes on."""
        await self._stop_for("Firestore", self._stack.processes["firestore"].pid, 20.0)

    async def _restart_firestore(self) -> None:
        """The store ends, and is back after 20 s: all connections reset, none let in meanwhile."""
        self.done["Firestore restarted, away for 20 s"] += 1
        await restart_firestore(self._stack, self._gate, 20.0)

    async def _cut_connections(self) -> None:
        """All connections to the store are reset, some in the middle of a commit, five times."""
        for _ in range(5):
            self._gate.cut()
            self.done["connections to Firestore reset"] += 1
            await asyncio.sleep(self._harming.uniform(0.2, 2.0))

    async def _stop_for(self, name: str, pid: int, seconds: float) -> None:
        self.done[f"SIGSTOP {name} {seconds:.0f} s"] += 1
        self._frozen.add(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        self._frozen.discard(pid)

    async def _empty_queue(self) -> None:
        """The queue is stopped and started again, and has forgotten every task and name."""
        faults = self._stack.tasks.faults
        await self._stack.restart_tasks()
        self._stack.tasks.faults = faults
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
