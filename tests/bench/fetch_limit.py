"""A fetch at Airtable's limit: 120 pages of one base, beside `pyairtable` alone.

Four tables of 3,000 records, on a stand-in with the real limit and the real lock-out, at three
latencies. Ours is a whole invocation of the fetch step (its store is in memory), with the request
for the schema; pyairtable reads with `Table.all()`, one table after another and with a thread for
each. The three latencies run side by side, the three ways one after another. What a process loads
once is loaded before: `first_request` measures that.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from random import Random

import pyairtable
import requests

from infra.local.airtable.bases import BaseData
from infra.local.airtable.server import LocalAirtable
from infra.local.wire.messages import Exchange
from landfall.airtable.client import PAGE_SIZE
from landfall.airtable.pacer import RATE_LIMIT
from landfall.deadlines import LADDER
from landfall.runs.runs import Runs
from landfall.runs.tasks import Task
from tests.bench.figures import Cell, Sample, Table
from tests.fakes.bases import BASE, KEY, a_base, a_server
from tests.fakes.workers import cursor_of, deliver, invoke
from tests.fakes.world import World

LATENCIES = (0.1, 0.2, 0.5)
"""Seconds from a request to its answer."""

TABLES = ("Alpha", "Beta", "Gamma", "Delta")
RECORDS = 3_000
"""Records of a table."""

FLOOR = len(TABLES) * RECORDS / PAGE_SIZE / RATE_LIMIT
"""Seconds that the pages take at the limit."""

TOGETHER = 0.2
"""Seconds of latency where two runs read at once."""

TARGET = 1.06
"""Times the floor: what ours may take."""

ROWS = ("way", "latency", "wall", "÷ floor", "pages alone", "pages", "429s", "6 requests within")


@dataclass(frozen=True)
class Outcome:
    """One reading of the base.

    `alone`: seconds from the first request for a page. `gap`: the fewest in which 6 requests came
    in; the limit allows no less than 1.
    """

    seconds: float
    alone: float
    pages: int
    refused: int
    gap: float
    ended: str = ""


Way = Callable[[LocalAirtable], Awaitable[str]]
"""Reads the whole base; gives why it ended early, or nothing."""


async def measure() -> list[Table]:
    """Seconds, refusals, and how near each came to the limit."""
    base = a_base(BASE, **dict.fromkeys(TABLES, RECORDS))
    await _read(a_base(BASE, **dict.fromkeys(TABLES, 1)), 0, _ours)  # what is loaded once
    rows: list[list[Cell]] = []
    for name, way in WAYS.items():
        outcomes = await asyncio.gather(*(_read(base, latency, way) for latency in LATENCIES))
        rows += [_row(name, *pair) for pair in zip(LATENCIES, outcomes, strict=True)]
    notes = (
        f"Floor: {FLOOR:g} s, {FLOOR * RATE_LIMIT:g} pages at {RATE_LIMIT} a second. Ours may take "
        f"{TARGET:g} times that, {TARGET * FLOOR:.1f} s. It asks for the schema besides.",
        "Pages alone, ÷ floor: from the first request for a page, without that for the schema.",
        "pyairtable: `Table.all()` with `retry_strategy=None`. It keeps no pace; a 429 ends it.",
        "6 requests within: the stand-in locks out below 1 s.",
    )
    alone = Table("Fetch at the limit: 4 tables, 12,000 records", ROWS, rows, notes)
    return [alone, await _together()]


async def _together() -> Table:
    """Two runs at once: of one base, which they read in turn, and of a base each."""
    other = f"{BASE[:-1]}2"
    ways = [("two runs, one base", 1_500, [BASE, BASE]), ("two bases", 3_000, [BASE, other])]
    rows = [
        await _in_time(name, dict.fromkeys(TABLES, records), bases) for name, records, bases in ways
    ]
    notes = (
        f"Latency {TOGETHER} s. The floor of a base is that of all its pages, {FLOOR:g} s in both.",
        "The runs of one base read it one after the other: a run that finds it held looks again.",
    )
    head = ("at once", "wall", "÷ floor", "pages", "429s", "6 requests within")
    return Table("Two fetches at once", head, rows, notes)


async def _in_time(name: str, tables: Mapping[str, int], ids: Sequence[str]) -> list[Cell]:
    bases = [a_base(base_id, **tables) for base_id in dict.fromkeys(ids)]
    loop = asyncio.get_running_loop()
    async with a_server(*bases, latency=TOGETHER, requests_per_second=RATE_LIMIT) as server:
        started = loop.time()
        async with asyncio.TaskGroup() as deliveries:
            world = World()
            queue = AtItsTime(deliveries, partial(invoke, world, server))
            world.runs = Runs(world.store, queue, _now, Random(1), LADDER)
            for number, base_id in enumerate(ids, 1):
                scan = await world.save(
                    id=f"people-{number}",
                    base=base_id,
                    tables={table: ["Name", "Email"] for table in TABLES},
                    rules=_RULES,
                )
                await world.start(scan, f"m-{number}")
        seconds = loop.time() - started
        gaps = [_gap([it for it in server.requests if f"/{base.id}/" in it.path]) for base in bases]
        pages, refused = server.statuses[200], server.statuses[429]
    wall, gap = Sample([seconds], "s"), Sample([min(gaps)], "s")
    return [name, wall, seconds / FLOOR, pages - len(ids), refused, gap]


def _now() -> datetime:
    return datetime.now(UTC)


class AtItsTime:
    """A queue that delivers a task when its moment has come. What comes after fetch is left."""

    def __init__(
        self, deliveries: asyncio.TaskGroup, deliver: Callable[[Task], Awaitable[str]]
    ) -> None:
        self._deliveries = deliveries
        self._deliver = deliver

    async def enqueue(self, task: Task) -> None:
        """Have the task delivered."""
        if task.step_id == "fetch":
            self._deliveries.create_task(self._later(task))

    async def _later(self, task: Task) -> None:
        await asyncio.sleep((task.at - _now()).total_seconds())
        await self._deliver(task)


def _row(name: str, latency: float, outcome: Outcome) -> list[Cell]:
    wall = Sample([outcome.seconds], "s")
    ratio: Cell = outcome.ended or outcome.seconds / FLOOR
    gap = Sample([outcome.gap], "s")
    alone: Cell = "" if outcome.ended else outcome.alone / FLOOR
    return [name, f"{latency:g} s", wall, ratio, alone, outcome.pages, outcome.refused, gap]


async def _read(base: BaseData, latency: float, way: Way) -> Outcome:
    loop = asyncio.get_running_loop()
    async with a_server(base, latency=latency, requests_per_second=RATE_LIMIT) as server:
        started = loop.time()
        ended = await way(server)
        over = loop.time()
        pages = [it for it in server.requests if it.status == 200 and "/meta/" not in it.path]
        refused, alone = server.statuses[429], over - pages[0].started
        gap = _gap(server.requests)
        return Outcome(over - started, alone, len(pages), refused, gap, ended)


def _gap(requests: Sequence[Exchange]) -> float:
    """Seconds, up to the refusal if there was one."""
    times = [it.started for it in requests]
    spans = [late - early for early, late in zip(times, times[RATE_LIMIT:], strict=False)]
    return min(spans, default=math.nan)


async def _ours(server: LocalAirtable) -> str:
    world = World()
    scan = await world.save(tables={name: ["Name", "Email"] for name in TABLES}, rules=_RULES)
    await world.start(scan)
    outcome = await deliver(world, server)
    records = (await cursor_of(world)).records
    return "" if (outcome, records) == ("finished", len(TABLES) * RECORDS) else outcome


_RULES = [{"id": "name", "kind": "required", "table": TABLES[0], "field": "Name"}]


async def _in_turn(server: LocalAirtable) -> str:
    for name in TABLES:
        if ended := await _by_pyairtable(server, name):
            return ended
    return ""


async def _abreast(server: LocalAirtable) -> str:
    return max(await asyncio.gather(*(_by_pyairtable(server, name) for name in TABLES)))


async def _by_pyairtable(server: LocalAirtable, table: str) -> str:
    api = pyairtable.Api(KEY, endpoint_url=server.url, retry_strategy=None)
    try:
        await asyncio.to_thread(api.table(BASE, table).all)
    except requests.HTTPError as error:
        return f"dead: {error.response.status_code}"
    return ""


WAYS: dict[str, Way] = {
    "ours": _ours,
    "pyairtable, tables in turn": _in_turn,
    "pyairtable, a thread a table": _abreast,
}
