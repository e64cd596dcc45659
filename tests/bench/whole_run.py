"""The sample scans of a base on the local stack, from the scheduler's tick to the last run done."""

import asyncio
import io
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console

from infra.local.runner import run_scans
from infra.local.stack import Stack, StackOptions, running
from tests.bench.figures import COMPARED, Sample, Table, compared
from tests.bench.samples import AIRTABLE_RATE, pages, refusals, sample_bases, sample_scans


@dataclass(frozen=True)
class Size:
    """Whole runs, each on a stack of its own (25 s), over bases with so many records a table."""

    rounds: int
    records: int | None


FULL = Size(rounds=2, records=None)
QUICK = Size(rounds=1, records=100)


@dataclass(frozen=True)
class StackRun:
    """Seconds of a run. The parts are of the scan with the most pages, and add up to its run."""

    start_up: float
    whole: float
    until_claimed: float
    fetch: float
    until_scored: float
    statuses: Counter[int | None]
    """Number of answers of the stand-in for Airtable, by status."""


async def measure(size: Size = FULL) -> list[Table]:
    """Measure the whole and its parts beside the floor that Airtable's limit sets."""
    scans, bases = sample_scans(), sample_bases(size.records)
    counts = {scan.id: pages(scan, bases[scan.base]) for scan in scans}
    slowest = max(counts, key=lambda scan_id: counts[scan_id])
    rounds = [await _round(slowest, size) for _ in range(size.rounds)]
    floor = Sample([counts[slowest] / AIRTABLE_RATE], "s")
    whole = Sample([r.whole for r in rounds], "s")
    against = f"floor: {counts[slowest]} pages ÷ {AIRTABLE_RATE:g}/s ({slowest})"
    rows = [compared("slot of the tick to the last run done", whole, against, floor)]
    for name, values in (
        ("- tick to fetch claimed (cold functions)", [r.until_claimed for r in rounds]),
        ("- fetch", [r.fetch for r in rounds]),
        ("- fetch done to run done (cold function)", [r.until_scored for r in rounds]),
        ("start-up of the stack, before", [r.start_up for r in rounds]),
    ):
        rows.append(compared(name, Sample(values, "s"), "the whole run", whole))
    notes = [refusals(sum((r.statuses for r in rounds), Counter()))]
    return [Table(f"Whole local run: {', '.join(counts)} side by side", COMPARED, rows, notes)]


async def _round(slowest: str, size: Size) -> StackRun:
    loop = asyncio.get_running_loop()
    started = loop.time()
    bases = tuple(sample_bases(size.records).values())
    async with running(StackOptions(bases=bases)) as stack:
        start_up = loop.time() - started
        finished = await run_scans(stack, sample_scans(), Console(file=io.StringIO()))
        runs = {str(run.document["scan_id"]): run.document for run in finished}
        if not all(run.done for run in finished):
            raise RuntimeError(f"a run did not end as done: {runs}")
        steps = await _steps(stack, runs[slowest]["run_id"])
        statuses = stack.airtable.statuses if stack.airtable else Counter()
    # the tick comes with the latest slot: scans are saved one after the other
    ticked = max(moment(run["slot"]) for run in runs.values())
    claimed, fetched = (moment(steps["fetch"][name]) for name in ("started_at", "finished_at"))
    ended = moment(runs[slowest]["finished_at"])
    last = max(moment(run["finished_at"]) for run in runs.values())
    return StackRun(
        start_up=start_up,
        whole=(last - ticked).total_seconds(),
        until_claimed=(claimed - ticked).total_seconds(),
        fetch=(fetched - claimed).total_seconds(),
        until_scored=(ended - fetched).total_seconds(),
        statuses=statuses,
    )


async def _steps(stack: Stack, run_id: str) -> dict[str, Any]:
    answer = await stack.call("GET", f"/runs/{run_id}/debug")
    return {step["step_id"]: step for step in answer.json()["steps"]}


def moment(text: str) -> datetime:
    """Parse a moment as the api writes it."""
    return datetime.fromisoformat(text)
