"""Workers that are stopped in the middle of their work until others have it: zombies.

A worker process has several invocations at once, each with a claim of its own. SIGSTOP stops them
all; all lose their leases; and after SIGCONT each goes on, and is on its own refused.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from landfall.reasons import Reason
from landfall.runs.lifecycle import StepStatus
from landfall.store.documents import Document, Query, Store, StoreError

LOOK = 0.1
"""Seconds between two looks at the store."""


@dataclass(frozen=True)
class Attempt:
    """One claim of a step, as a line of a function's log names it."""

    run_id: str
    step_id: str
    attempt: int


class Zombies:
    """Makes zombies.

    `superseded` are the attempts that were lost, and their step claimed by another worker, while
    one stood still: those of that worker, and of any that was killed meanwhile, which says nothing
    any more.
    """

    def __init__(self, store: Store, notes: Path, patience: float) -> None:
        self._store = store
        self._notes = notes
        self._patience = patience
        self.superseded: set[Attempt] = set()

    async def stop(self, pid: int) -> None:
        """Stop a worker until all that it held is claimed anew or ended, then let it go on.

        Its clock stands still meanwhile. What is not claimed anew within `patience` never is; and
        it goes on only when the store answers, which is to refuse it.
        """
        stopped_at = time.monotonic()
        _signal(pid, signal.SIGSTOP)
        try:
            end = stopped_at + self._patience
            # those of other workers too: they end soon by themselves
            left = {_attempt(step) for step in await self._running()}
            steps: dict[Attempt, Document] = {}
            while left and (time.monotonic() < end or not steps):
                await asyncio.sleep(LOOK)
                steps = await self._steps(left)
                self.superseded |= {a for a in left if _lost_and_claimed(steps.get(a), a)}
                left = {a for a in left if _is_open(steps.get(a), a)}
        finally:
            (self._notes / str(pid)).write_text(str(stopped_at))
            _signal(pid, signal.SIGCONT)

    async def _running(self) -> list[Document]:
        """The fetches; asked until there is an answer."""
        where = (("status", "==", StepStatus.RUNNING),)
        while True:
            with contextlib.suppress(StoreError):  # it is being restarted, maybe
                found = await self._store.find(Query("steps", group=True, where=where))
                return [step for step in found if step.id == "fetch"]
            await asyncio.sleep(LOOK)

    async def _steps(self, attempts: Iterable[Attempt]) -> dict[Attempt, Document]:
        asked = list(attempts)
        paths = [f"runs/{attempt.run_id}/steps/{attempt.step_id}" for attempt in asked]
        with contextlib.suppress(StoreError):
            found = await self._store.read(*paths)
            return {attempt: step for attempt, step in zip(asked, found, strict=True) if step}
        return {}


def _attempt(step: Document) -> Attempt:
    return Attempt(step.data["run_id"], step.id, step.data["attempt"])


def _is_open(step: Document | None, attempt: Attempt) -> bool:
    """Whether nobody has claimed the step since, and it has not ended; None: nobody knows."""
    return step is None or (
        step.data["attempt"] == attempt.attempt and step.data["finished_at"] is None
    )


def _lost_and_claimed(step: Document | None, attempt: Attempt) -> bool:
    """Whether the watchdog took the step from this attempt, and another has claimed it."""
    if step is None or step.data["attempt"] == attempt.attempt:
        return False
    error = step.data["last_error"] or {}
    return (error.get("reason"), error.get("attempt")) == (Reason.WORKER_LOST, attempt.attempt)


def connections(pid: int, port: int) -> int:
    """How many connections a process has to a port: what it is asking just now."""
    ours = set()
    with contextlib.suppress(OSError):  # it has ended
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            ours.add(descriptor.readlink().name)
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    to_port = (f"socket:[{row[9]}]" for row in rows if _is_open_to(row, port))
    return sum(inode in ours for inode in to_port)


def _is_open_to(row: list[str], port: int) -> bool:
    """Of a row of /proc/net/tcp: remote address as hex, state 01 is established."""
    return row[3] == "01" and int(row[2].rpartition(":")[2], 16) == port


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
