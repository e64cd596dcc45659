"""What a process holds while it works on steps; `test_memory` starts it, and reads what it prints.

Everything is in this one process: the workers, the store in memory with all that they keep, and
the stand-in for Airtable with its base. A function has the first of these only.

    python -m tests.load.memory many     resident MB after each invocation, for a small base
    python -m tests.load.memory large    [resident, peak] MB before, after fetch, after score
    python -m tests.load.memory wide URL    outcomes of runs over the wide records of a stand-in at
                                            this address, in the memory of an instance
"""

import asyncio
import gc
import json
import resource
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from random import Random
from types import MappingProxyType
from typing import Any

from infra.cloud.resources.sizes import SIZES
from infra.local.airtable.server import LocalAirtable
from landfall import logs
from landfall.airtable import pacer as airtable_pacer
from landfall.airtable.client import AirtableClient
from landfall.deadlines import LADDER, Ladder
from landfall.process.memory import give_back, peak_mb, rss_mb
from landfall.store.documents import Create, Version, Write
from tests.fakes.bases import KEY, a_base, a_server
from tests.fakes.clients import FakeClients
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import deliver, work_with
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

RUNS = SIZES["fetch"].concurrency
"""Runs over wide records at once: as many as an instance takes."""

WIDE_TABLES, WIDE_ROWS = 7, 6
"""Tables of each of their bases, and the records of a table: those of a page."""

WIDE = 330_000
"""Bytes of a record, not counting a character of four: with that, each takes four in memory."""

PATIENT = Ladder(**{name: 10 * limit for name, limit in asdict(LADDER).items()})
"""A slow machine takes no more memory."""

STALL = 6.0
"""Seconds that the first commit of pages takes, in which all others can be read."""


def wide_base() -> dict[str, list[dict[str, Any]]]:
    """The rows of the tables, which are the same: a stand-in keeps one of each."""
    texts = (Random(number).randbytes(WIDE // 2).hex() + "😀" for number in range(WIDE_ROWS))
    rows = [{"Name": text} for text in texts]
    return {name: rows for name in ("People", *(f"T{n}" for n in range(1, WIDE_TABLES)))}


class _Stalling(MemoryStore):
    """Its first commit of pages takes a while. None is kept: they fill the memory."""

    stalled = False

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As `Store.commit`."""
        kept = [_without_records(write) for write in writes]
        if kept != writes and not self.stalled:
            self.stalled = True
            await asyncio.sleep(STALL)
        return await super().commit(kept)


def _without_records(write: Write) -> Write:
    is_page = isinstance(write, Create) and "packed" in write.data
    return Create(write.path, {**write.data, "packed": []}) if is_page else write


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


async def wide(url: str) -> dict[str, Any]:
    """Runs over wide records, at the same time, under the limit of an instance.

    The limit is `RLIMIT_DATA`, which also counts what is only reserved; so threads reserve little.
    """
    give_back()
    threading.stack_size(2**18)
    limit = int(SIZES["fetch"].memory_gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    outcomes = await asyncio.gather(*(_read_wide(url) for _ in range(RUNS)))
    return {"outcomes": outcomes, "peak_mb": peak_mb()}


async def _read_wide(url: str) -> str:
    world = World(_Stalling(), PATIENT)
    tables = {name: ["Name"] for name in wide_base()}
    task = await world.start(await world.save(tables=tables, rules=SCAN["rules"][:1]))
    bases = FakeClients(base=lambda base_id: AirtableClient(base_id, KEY, url, world.runs.ladder))
    return str(await work_with(world, task, bases))


async def _started() -> World:
    world = World()
    await world.start(await world.save(**SCAN))
    return world


async def _invoke(world: World, server: LocalAirtable, expected: str) -> None:
    outcome = await deliver(world, server)
    if outcome != expected:
        raise RuntimeError(f"an invocation ended as {outcome!r}, not {expected!r}")


MEASURES = MappingProxyType[str, Any]({"many": many, "large": large, "wide": wide})


if __name__ == "__main__":
    airtable_pacer.INTERVAL = 0.0  # the pace costs time, not memory
    with logs.silenced():
        print(json.dumps(asyncio.run(MEASURES[sys.argv[1]](*sys.argv[2:]))))
