"""Work in forked processes, a few at a time, each of which is stopped when its time is over."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any

_FORK = get_context("fork")


@dataclass(frozen=True)
class Result:
    """The answer to a work; None where its process ended without one, or was stopped."""

    subject: Any
    answer: Any
    stopped: bool


Work = tuple[Any, Callable[[], Any], float]
"""A subject, what is done about it in a process of its own, and the seconds that it may take."""


@dataclass(frozen=True)
class _Job:
    subject: Any
    process: ForkProcess
    answer: Connection
    until: float

    def result(self) -> Result:
        """End its process, and all that it has started."""
        found = None
        with contextlib.suppress(EOFError):
            found = self.answer.recv() if self.answer.poll() else None
        stopped = found is None and time.monotonic() >= self.until
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.join()
        self.answer.close()
        return Result(self.subject, found, stopped)


def results(works: Iterable[Work], processes: int) -> Iterator[Result]:
    """Yield the result of each work, in the order in which they end."""
    waiting = iter(works)
    jobs: list[_Job] = []
    try:
        while True:
            while len(jobs) < processes and (work := next(waiting, None)):
                jobs.append(_begin(*work))
            if not jobs:
                return
            soonest = min(job.until for job in jobs)
            wait([job.answer for job in jobs], max(0.0, soonest - time.monotonic()))
            now = time.monotonic()
            for job in [job for job in jobs if job.answer.poll() or now >= job.until]:
                jobs.remove(job)
                yield job.result()
    finally:
        for job in jobs:
            job.result()


def _begin(subject: Any, work: Callable[[], Any], seconds: float) -> _Job:
    receiving, sending = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_do, args=(work, sending, seconds))
    process.start()
    sending.close()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(process.pid or 0, process.pid or 0)
    return _Job(subject, process, receiving, time.monotonic() + seconds)


def _do(work: Callable[[], Any], sending: Connection, seconds: float) -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.alarm(int(seconds) + 5)  # it ends by itself where nobody is left to stop it
    sending.send(work())
