"""Gives each process a machine of its own: one that is suspended, and one whose clock is off.

Python imports a module of this name when it starts.

A process finds that no time has passed while it was stopped, as on a suspended machine. SIGSTOP
alone is not one: the monotonic clock runs on, so a worker that comes back finds its own deadline
over and gives up before it writes. A machine that was suspended has a clock that stood still: its
worker goes on where it was, long after its lease, and only the fence is left to stop it.

Whoever stopped this process writes since when, on the same clock, into the file $SUSPENDED/PID.

The clock of a worker is up to $MOST_AHEAD seconds ahead or behind; those of the functions that
refuse to work by such a clock are nearly right.
"""

import importlib.util
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

_running_on = time.monotonic
_stood_still: list[float] = []


def _monotonic() -> float:
    note = f"{os.environ['SUSPENDED']}/{os.getpid()}"
    if os.path.exists(note):  # noqa: PTH110 asked in every round of the event loop
        _stood_still.append(_running_on() - float(Path(note).read_text()))
        Path(note).unlink()
    return _running_on() - sum(_stood_still)


time.monotonic = _monotonic


CLOCK = "landfall.store.server_clock"

NEARLY_RIGHT = 4.0
"""Seconds by which a clock may be off where ticks work by it."""


class _ClockFinder(MetaPathFinder):
    """Has the module of the clock take another one for that of the machine."""

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        """Find the module as others do, and change what its loader makes."""
        if fullname != CLOCK:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def load_off(module: ModuleType) -> None:
            load(module)
            module.ServerClock.__init__.__defaults__ = (_local_clock(),)

        spec.loader.exec_module = load_off  # type: ignore[method-assign]
        return spec


def _local_clock() -> Any:
    most = float(os.environ.get("MOST_AHEAD", "0"))
    if {"scheduler", "watchdog"} & {*sys.argv}:
        most = min(most, NEARLY_RIGHT)
    ahead = timedelta(seconds=Random(os.getpid()).uniform(-most, most))
    return lambda: datetime.now(UTC) + ahead


sys.meta_path.insert(0, _ClockFinder())
