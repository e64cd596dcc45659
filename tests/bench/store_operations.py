"""Firestore operations of a run, as billed: each use case over a store with a meter of its own.

Requests of people to the api are not counted, nor is saving the scan.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from google.cloud.firestore import AsyncClient

from infra.local.airtable.server import LocalAirtable
from landfall.airtable.client import AirtableClient
from landfall.deadlines import CHECKPOINT, LADDER, Deadline
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.registry import Registry
from landfall.kinds.table import KINDS
from landfall.process.redaction import Redactor
from landfall.runs.lifecycle import RunStatus
from landfall.runs.runs import Runs
from landfall.runs.worker import Invocation, Worker
from landfall.store.documents import Document, Meter, Query
from landfall.store.firestore import FirestoreStore
from landfall.store.versioned import VersionedStore
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.bench.databases import database, emulator
from tests.bench.figures import Cell, Table
from tests.bench.samples import pages, refusals, sample_bases, sample_scans
from tests.fakes.clients import FakeClients
from tests.fakes.world import FakeQueue

API_KEY = "patBench000000000.stand-in"

OPERATIONS = ("reads", "writes", "commits")

SLOT = timedelta(minutes=5)
"""Age of the slot that is due; the scan is saved as of twice as long ago."""


@dataclass(frozen=True)
class Size:
    """Records of a table of the samples at most; None is all."""

    records: int | None


FULL = Size(None)
QUICK = Size(150)


@dataclass(frozen=True)
class RunOperations:
    """The operations of a run of a scan by function, and those of an idle tick by ticker."""

    scan: IntegrityScan
    records: int
    fetch_seconds: float
    functions: Mapping[str, Meter]
    idle: Mapping[str, Meter]

    @property
    def total(self) -> Meter:
        """Return the sum of all functions."""
        sums = {name: sum(vars(m)[name] for m in self.functions.values()) for name in OPERATIONS}
        return Meter(**sums)


async def measure(size: Size = FULL) -> list[Table]:
    """Count the operations of a run of each sample, side by side, each in its own database."""
    bases = sample_bases(size.records)
    airtable = LocalAirtable(bases.values(), api_key=API_KEY)
    async with emulator(), airtable:
        costs = await asyncio.gather(*(_cost(scan, airtable.url) for scan in sample_scans()))
    costs.sort(key=lambda cost: cost.records)
    rows = [row for cost in costs for row in _rows(cost, pages(cost.scan, bases[cost.scan.base]))]
    rows += [_row(f"idle tick of {name}", meter, 0) for name, meter in costs[0].idle.items()]
    columns = ("of", *OPERATIONS, *(f"{name} a 1,000 records" for name in OPERATIONS))
    title = "Firestore operations a run (documents read or written, and commits)"
    notes = [refusals(airtable.statuses)]
    if not airtable.statuses[429]:  # a repeated fetch has no part in how it grows
        notes += _growth(costs[0], costs[-1])
    return [Table(title, columns, rows, notes)]


def _rows(cost: RunOperations, page_count: int) -> list[list[Cell]]:
    name = f"{cost.scan.id} ({cost.records:,} records)"
    rows = [_row(f"{name}: {of}", meter, cost.records) for of, meter in cost.functions.items()]
    beside = {
        "a checkpoint a page": Meter(page_count, 3 * page_count, page_count),
        "a document a record": Meter(cost.records, cost.records, page_count),
    }
    total = cost.total
    rows.append(_row(f"{name}: **whole run**", total, cost.records))
    for what, meter in beside.items():
        ratios = [vars(total)[name] / vars(meter)[name] for name in OPERATIONS]
        rows.append([f"- ÷ {what} (counted, without claims and ends)", *ratios, "", "", ""])
    return rows


def _row(name: str, meter: Meter, records: int) -> list[Cell]:
    values = [vars(meter)[operation] for operation in OPERATIONS]
    each = [value / records * 1000 for value in values] if records else ["", "", ""]
    return [name, *values, *each]


def _growth(small: RunOperations, large: RunOperations) -> list[str]:
    """Return notes on the cost of more records: the difference of two runs omits fixed costs."""
    few, many = small.functions["fetch"], large.functions["fetch"]
    commits, writes = many.commits - few.commits, many.writes - few.writes
    rate = _per(commits, large.fetch_seconds - small.fetch_seconds)
    thousands = (large.records - small.records) / 1000
    reads = large.functions["score"].reads - small.functions["score"].reads
    return [
        f"How it grows, from {small.scan.id} to {large.scan.id}: {rate:.2f} checkpoints a second "
        f"of fetching (one is due every {CHECKPOINT:g} s), each of {_per(writes, commits):.1f} "
        "writes (run, step, page document).",
        f"For each 1,000 records more: {_per(writes, thousands):.1f} writes in fetch, and "
        f"{_per(reads, thousands):.1f} reads in score, which reads every page document once. What "
        "score writes grows with the rules and the findings, and the rest not at all.",
    ]


def _per(amount: float, of: float) -> float:
    return amount / of if of else math.nan


class _Functions:
    """The functions over one database: the same clock and queue, a meter each."""

    def __init__(self, client: AsyncClient, airtable_url: str) -> None:
        self.queue = FakeQueue()
        self._airtable_url = airtable_url
        self.stores = {name: FirestoreStore(client) for name in ("fetch", "score")}
        self.workers = {name: self._worker(store) for name, store in self.stores.items()}

    def runs(self, store: FirestoreStore) -> Runs:
        return Runs(VersionedStore(store), self.queue, _now, Random(1), LADDER)

    def _worker(self, store: FirestoreStore) -> Worker:
        runs = self.runs(store)
        clients = FakeClients(base=self._open_base)
        return Worker(runs, KINDS, Registry(runs.store, _now), clients, Redactor())

    def _open_base(self, base_id: str) -> AirtableClient:
        return AirtableClient(base_id, API_KEY, self._airtable_url)

    async def work(self) -> None:
        """Deliver every task, and those that they enqueue, until there is none."""
        for task in self.queue.tasks:
            await asyncio.sleep(max(0.0, (task.at - _now()).total_seconds()))
            invocation = Invocation(task.run_id, task.step_id, task.attempt)
            await self.workers[task.step_id].invoke(invocation)


async def _cost(scan: IntegrityScan, airtable_url: str) -> RunOperations:
    async with database() as client:
        functions = _Functions(client, airtable_url)
        store = FirestoreStore(client)

        async def metered(tick: Callable[[Runs, Deadline], Awaitable[object]]) -> Meter:
            own = FirestoreStore(client)
            await tick(functions.runs(own), Deadline.after(LADDER.step))
            return own.meter

        await Registry(VersionedStore(store), lambda: _now() - 2 * SLOT).save(_due(scan), "bench")
        scheduler = await metered(lambda runs, at: Scheduler(runs, "bench").tick(at))
        await functions.work()
        (run,) = await store.find(Query("runs"))
        (step,) = await store.read(f"{run.path}/steps/fetch")
        idle = {
            "scheduler": await metered(lambda runs, at: Scheduler(runs, "b").tick(at)),
            "watchdog": await metered(lambda runs, at: Watchdog(runs, "b").tick(at)),
        }
    if run.data["status"] != RunStatus.DONE or step is None:
        raise RuntimeError(f"the run of {scan.id} did not end as done: {run.data}")
    meters = {name: own.meter for name, own in functions.stores.items()}
    records = run.data["counts"]["records"]
    return RunOperations(scan, records, _seconds(step), {"scheduler": scheduler} | meters, idle)


def _due(scan: IntegrityScan) -> IntegrityScan:
    slot = (_now() - SLOT).replace(microsecond=0, tzinfo=None)
    schedule = {"cadence": {"at": [slot.isoformat()]}, "time_zone": "UTC"}
    return IntegrityScan.model_validate(scan.document() | {"schedule": schedule})


def _seconds(step: Document) -> float:
    taken: timedelta = step.data["finished_at"] - step.data["started_at"]
    return taken.total_seconds()


def _now() -> datetime:
    return datetime.now(UTC)
