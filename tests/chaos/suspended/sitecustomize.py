"""Lets a process find that no time has passed while it was stopped, as on a suspended machine.

Python imports a module of this name when it starts. SIGSTOP alone is not a suspended machine: the
monotonic clock runs on, so a worker that comes back finds its own deadline over and gives up
before it writes. A machine that was suspended has a clock that stood still: its worker goes on
where it was, long after its lease, and only the fence is left to stop it.

Whoever stopped this process writes since when, on the same clock, into the file $SUSPENDED/PID.
"""

import os
import time
from pathlib import Path

_running_on = time.monotonic
_stood_still: list[float] = []


def _monotonic() -> float:
    note = f"{os.environ['SUSPENDED']}/{os.getpid()}"
    if os.path.exists(note):  # noqa: PTH110 asked in every round of the event loop
        _stood_still.append(_running_on() - float(Path(note).read_text()))
        Path(note).unlink()
    return _running_on() - sum(_stood_still)


time.monotonic = _monotonic
