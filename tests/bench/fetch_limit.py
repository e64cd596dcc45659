"""A fetch at Airtable's limit: 120 pages of one base, beside `pyairtable` alone.

Four tables of 3,000 records, on a stand-in with the real limit and the real lock-out, at three
latencies. Ours is a whole invocation of the fetch step (its store is in memory), with the request
for the schema; pyairtable reads with `Table.all()`, one table after another and with a thread for
each. The three latencies run side by side, the three ways one after another. Modules are loaded
before: `cold_import` measures that.
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
from landfall.airtable.pacer import RATE_LIMIT
from landfall.airtable.protocols import PAGE_SIZE
from landfall.deadlines import LADDER
from landfall.runs.runs import Runs
from landfall.runs.tasks import Task
from tests.bench.benchmark import check_same
from tests.bench.figures import Cell, Sample, Table
from tests.fakes.bases import BASE, KEY, a_base, a_server
from tests.fakes.workers import cursor_of, deliver, invoke
from tests.fakes.world import World

TABLES = ("Alpha", "Beta", "Gamma", "Delta")


@dataclass(frozen=True)
class Size:
    """Records of each table, and seconds from a request to its answer.

    `one_base`: two runs read one base, where the second tries again after 10 s.
    """

    records: int
    latencies: tuple[float, ...]
    one_base: bool

    @property
    def pages(self) -> int:
        """Return the number of pages of the base."""
        return len(TABLES) * self.records // PAGE_SIZE

    @property
    def floor(self) -> float:
        """Return the seconds of all pages at the limit."""
        return self.pages / RATE_LIMIT


FULL = Size(records=3_000, latencies=(0.1, 0.2, 0.5), one_base=True)
QUICK = Size(records=200, latencies=(0.02,), one_base=False)

LATENCY_OF_TWO = 0.2
"""Seconds of latency where two runs read at once."""

TARGET = 1.06
"""Maximum of our time ÷ the floor."""

ROWS = ("way", "latency", "wall", "÷ floor", "pages alone", "pages", "429s", "6 requests within")


@dataclass(frozen=True)
class Reading:
    """One reading of the base.

    `alone`: seconds from the first request for a page. `gap`: the shortest time in which 6 requests
    arrived; the limit allows no less than 1 second.
    """

    seconds: float
    alone: float
    pages: int
    refused: int
    gap: float
    ended: str = ""


ReadBase = Callable[[LocalAirtable, BaseData], Awaitable[str]]
"""Reads the whole base; returns the reason where it ended early."""


async def measure(size: Size = FULL) -> list[Table]:
    """Measure seconds, refusals, and the distance to the limit."""
    base = a_base(BASE, **dict.fromkeys(TABLES, size.records))
    await _read(a_base(BASE, **dict.fromkeys(TABLES, 1)), 0, _ours)  # loads modules
    rows: list[list[Cell]] = []
    for name, way in WAYS.items():
        readings = await asyncio.gather(*(_read(base, latency, way) for latency in size.latencies))
        for latency, reading in zip(size.latencies, readings, strict=True):
            _check_read(name, reading, size)
            rows.append(_row(name, latency, reading, size))
    notes = (
        f"Floor: {size.floor:g} s, {size.pages} pages at {RATE_LIMIT} a second. Ours may take "
        f"{TARGET:g} times that, {TARGET * size.floor:.1f} s. It also requests the schema.",
        "Pages alone, ÷ floor: from the first request for a page, without that for the schema.",
        "pyairtable: `Table.all()` with `retry_strategy=None`. No rate limit; a 429 ends it.",
        "6 requests within: the stand-in locks out below 1 s.",
    )
    records = f"{len(TABLES) * size.records:,}"
    title = f"Fetch at the limit: {len(TABLES)} tables, {records} records"
    return [Table(title, ROWS, rows, notes), await _two_runs(size)]


def _check_read(name: str, reading: Reading, size: Size) -> None:
    """Check that all was read; pyairtable may be refused. Raises `MismatchError`."""
    if name == OURS or not reading.refused:
        check_same(f"fetch_limit, {name}", (reading.ended, reading.pages), ("", size.pages))


async def _two_runs(size: Size) -> Table:
    """Measure two runs at once: of one base, which they read in turn, and of a base each."""
    half, other = size.records // 2, f"{BASE[:-1]}2"
    one_base = ("two runs, one base", half, [BASE, BASE])
    ways = [*([one_base] if size.one_base else []), ("two bases", size.records, [BASE, other])]
    rows = [
        await _concurrently(name, dict.fromkeys(TABLES, records), bases, size)
        for name, records, bases in ways
    ]
    notes = (
        f"Latency {LATENCY_OF_TWO} s. The floor of a base is that of all its pages, "
        f"{size.floor:g} s in both.",
        "The runs of one base read it one after the other: a run that finds it locked tries again.",
    )
    head = ("at once", "wall", "÷ floor", "pages", "429s", "6 requests within")
    return Table("Two fetches at once", head, rows, notes)


async def _concurrently(
    name: str, tables: Mapping[str, int], ids: Sequence[str], size: Size
) -> list[Cell]:
    bases = [a_base(base_id, **tables) for base_id in dict.fromkeys(ids)]
    loop = asyncio.get_running_loop()
    async with a_server(*bases, latency=LATENCY_OF_TWO, requests_per_second=RATE_LIMIT) as server:
        started = loop.time()
        async with asyncio.TaskGroup() as deliveries:
            world = World()
            queue = TimedQueue(deliveries, partial(invoke, world, server))
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
    return [name, wall, seconds / size.floor, pages - len(ids), refused, gap]


def _now() -> datetime:
    return datetime.now(UTC)


class TimedQueue:
    """A queue that delivers the tasks of the fetch step at their moments, and drops others."""

    def __init__(
        self, deliveries: asyncio.TaskGroup, deliver: Callable[[Task], Awaitable[str]]
    ) -> None:
        self._deliveries = deliveries
        self._deliver = deliver

    async def enqueue(self, task: Task) -> None:
        """Deliver the task at its moment."""
        if task.step_id == "fetch":
            self._deliveries.create_task(self._later(task))

    async def _later(self, task: Task) -> None:
        await asyncio.sleep((task.at - _now()).total_seconds())
        await self._deliver(task)


def _row(name: str, latency: float, reading: Reading, size: Size) -> list[Cell]:
    wall = Sample([reading.seconds], "s")
    ratio: Cell = reading.ended or reading.seconds / size.floor
    gap = Sample([reading.gap], "s")
    alone: Cell = "" if reading.ended else reading.alone / size.floor
    return [name, f"{latency:g} s", wall, ratio, alone, reading.pages, reading.refused, gap]


async def _read(base: BaseData, latency: float, way: ReadBase) -> Reading:
    loop = asyncio.get_running_loop()
    async with a_server(base, latency=latency, requests_per_second=RATE_LIMIT) as server:
        started = loop.time()
        ended = await way(server, base)
        over = loop.time()
        pages = [it for it in server.requests if it.status == 200 and "/meta/" not in it.path]
        refused, alone = server.statuses[429], over - pages[0].started
        gap = _gap(server.requests)
        return Reading(over - started, alone, len(pages), refused, gap, ended)


def _gap(requests: Sequence[Exchange]) -> float:
    """Return the shortest time (s) of `RATE_LIMIT` + 1 requests, up to a refusal if any."""
    times = [it.started for it in requests]
    spans = [late - early for early, late in zip(times, times[RATE_LIMIT:], strict=False)]
    return min(spans, default=math.nan)


async def _ours(server: LocalAirtable, base: BaseData) -> str:
    world = World()
    scan = await world.save(tables={name: ["Name", "Email"] for name in TABLES}, rules=_RULES)
    await world.start(scan)
    outcome = await deliver(world, server)
    records = (await cursor_of(world)).records
    expected = sum(len(table.records) for table in base.tables)
    return "" if (outcome, records) == ("finished", expected) else outcome


_RULES = [{"id": "name", "kind": "required", "table": TABLES[0], "field": "Name"}]


async def _in_turn(server: LocalAirtable, _: BaseData) -> str:
    for name in TABLES:
        if ended := await _by_pyairtable(server, name):
            return ended
    return ""


async def _in_threads(server: LocalAirtable, _: BaseData) -> str:
    return max(await asyncio.gather(*(_by_pyairtable(server, name) for name in TABLES)))


async def _by_pyairtable(server: LocalAirtable, table: str) -> str:
    api = pyairtable.Api(KEY, endpoint_url=server.url, retry_strategy=None)
    try:
        await asyncio.to_thread(api.table(BASE, table).all)
    except requests.HTTPError as error:
        return f"dead: {error.response.status_code}"
    return ""


OURS = "ours"
WAYS: dict[str, ReadBase] = {
    OURS: _ours,
    "pyairtable, tables in turn": _in_turn,
    "pyairtable, a thread a table": _in_threads,
}
