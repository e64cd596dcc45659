"""Memory of fetch and score: it does not grow with the invocations, and what a large base takes.

Each measure has a process of its own (`tests.load.memory`). Figures are printed (`-s`).
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import linear_regression
from typing import Any

from landfall.process.memory import peak_mb, rss_mb
from tests.fakes.bases import a_base, a_server
from tests.load.memory import INVOCATIONS, LARGE, RUNS, wide_base

ROOT = Path(__file__).parents[2]

WARM_UP = 50
"""Invocations until everything is imported and every cache has its size."""

SLOPE_MOST = 10.0
"""kB an invocation. Measured: 2 to 3, of which 1 is the stand-in's list of its requests. A page
that is kept is 20 kB; a connection's TLS context several hundred."""

PEAK_MOST = 512.0
"""MB: Cloud Run's 512 MiB and less, with room to spare."""


def measured(*what: str) -> Any:
    """What `tests.load.memory` prints."""
    paths = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])
    command = [sys.executable, "-m", "tests.load.memory", *what]
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=120)
    return json.loads(done.stdout)


def test_invocations_leave_nothing_behind() -> None:
    """The slope of resident memory over 200 invocations in one process, without the first 50."""
    held = measured("many")
    assert len(held) == INVOCATIONS
    line = linear_regression(range(WARM_UP, INVOCATIONS), held[WARM_UP:])
    slope = line.slope * 1000
    print(f"\n{INVOCATIONS} invocations: {held[-1]} MB, {slope:.1f} kB more with each")
    assert slope < SLOPE_MOST


def test_a_large_base_fits_into_a_function() -> None:
    """Resident and peak, with the store's and the stand-in's 50,000 records in the same process."""
    before, fetched, scored = measured("large")
    print(f"\n{LARGE} records, resident and peak MB: before {before}, {fetched=}, {scored=}")
    assert scored[1] < PEAK_MOST


async def test_runs_over_wide_records_share_an_instance() -> None:
    """As many as an instance takes at once, each over pages of 2 MiB from seven tables side by
    side, while Firestore is slow: nothing of their memory is refused."""
    async with a_server(a_base(**wide_base())) as server:
        found = await asyncio.to_thread(measured, "wide", server.url)
    print(f"\n{found['peak_mb']} MB")
    assert found["outcomes"] == ["finished"] * RUNS
    assert found["peak_mb"] < PEAK_MOST / 2


def test_what_a_process_holds_is_in_megabytes() -> None:
    """A Python with pytest in it takes tens of them, and holds no more than it ever did."""
    held = rss_mb()
    more = bytearray(b"x" * 50_000_000)
    assert 40 < rss_mb() - held < 60
    assert 20 < held < rss_mb() <= peak_mb() + 1
    del more
