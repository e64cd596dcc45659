"""What a process holds while it works on steps; `test_memory` starts it, and reads what it prints.

Everything is in this one process: the workers, the store in memory with all that they keep, and
the stand-in for Airtable with its base. A function has the first of these only.

    python -m tests.load.memory many     resident MB after each invocation, for a small base
    python -m tests.load.memory large    [resident, peak] MB before, after fetch, after score
"""

import asyncio
import gc
import json
import sys
from types import MappingProxyType
from typing import Any

from infra.local.airtable.server import LocalAirtable
from landfall import logs
from landfall.airtable import pacer as airtable_pacer
from landfall.process.memory import peak_mb, rss_mb
from tests.fakes.bases import a_base, a_server
from tests.fakes.workers import deliver
from tests.fakes.world import World

INVOCATIONS = 200
SMALL = 300
LARGE = 50_000
"""Records of the base."""

SCAN: dict[str, Any] = {
    "tables": {"People": ["Name", "Email", "Age"]},
    "rules": [
        {"id": "name", "kind": "required", "table": "People", "field": "Name"},
        {"id": "email", "kind": "unique", "table": "People", "fields": ["Email"]},
    ],
}


async def many() -> list[float]:
    """Fetch and score, again and again, each run in a world of its own that is gone afterwards.

    Garbage is collected before each look: what is left is held, and grows only where it leaks.
    """
    held: list[float] = []
    async with a_server(a_base(People=SMALL)) as server:
        while len(held) < INVOCATIONS:
            world = await _started()
            for outcome in ("finished", "finished"):
                await _invoke(world, server, outcome)
                gc.collect()
                held.append(rss_mb())
    return held


async def large() -> list[tuple[float, float]]:
    """A fetch and a score of a large base."""
    async with a_server(a_base(People=LARGE)) as server:
        world = await _started()
        held = [(rss_mb(), peak_mb())]
        for outcome in ("finished", "finished"):
            await _invoke(world, server, outcome)
            held.append((rss_mb(), peak_mb()))
    return held


async def _started() -> World:
    world = World()
    await world.start(await world.save(**SCAN))
    return world


async def _invoke(world: World, server: LocalAirtable, expected: str) -> None:
    outcome = await deliver(world, server)
    if outcome != expected:
        raise RuntimeError(f"an invocation ended as {outcome!r}, not {expected!r}")


MEASURES = MappingProxyType({"many": many, "large": large})


if __name__ == "__main__":
    airtable_pacer.INTERVAL = 0.0  # the pace costs time, not memory
    with logs.silenced():
        print(json.dumps(asyncio.run(MEASURES[sys.argv[1]]())))
