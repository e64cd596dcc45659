"""Measure the use of a scan's runs on the local stack.

A scan runs twice: the second run finds the base unchanged, as most runs do. Idle ticks of the
scheduler and the watchdog follow.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

from rich.console import Console

from infra.costs.forecast import (
    BILLING_STEP,
    CLOCK_READS,
    DAYS,
    IDLE_TICKS,
    TICK_SECONDS,
    ResourceUse,
    use_of_instance,
    use_of_run,
)
from infra.costs.measurement import MeasureError, Measurement
from infra.costs.storage import EmulatorDocuments, growth
from infra.local.runner import run_scans
from infra.local.session import stack_options
from infra.local.stack import Stack, running
from landfall.scans.scan import Scan

WARM_UP_TICKS = 3
"""Ticks of which the last is timed: a function that has just started is slower."""


async def measure(scan: Scan, console: Console) -> Measurement:
    """Measure on the local stack.

    Raises `MeasureError`, `RunFailedError`, `StartError`, `MissingError`.
    """
    async with AsyncExitStack() as exits:
        with console.status("Starting the local stack ..."):
            # no clock ticks but ours: an idle tick must find nothing to do
            options = replace(stack_options([scan]), tick_seconds=None)
            stack = await exits.enter_async_context(running(options))
        documents = EmulatorDocuments(stack.addresses.firestore, stack.addresses.project)
        exits.push_async_callback(documents.close)
        first, later = [await _run(stack, documents, scan, console) for _ in range(2)]
        idle = {name: await _idle(stack, documents, name) for name in IDLE_TICKS}
    return Measurement(first, later, idle)


async def _run(
    stack: Stack, documents: EmulatorDocuments, scan: Scan, console: Console
) -> ResourceUse:
    before = await documents.list_all()
    (run,) = await run_scans(stack, [scan], console)
    if not run.done:
        error = run.document["error"] or {}
        raise MeasureError(f"the run ended {run.document['status']}: {error.get('message')}")
    stored = growth(before, await documents.list_all(), datetime.now(UTC), DAYS)
    return use_of_run(run.document["counts"], stored.size, stored.expiring)


async def _idle(stack: Stack, documents: EmulatorDocuments, name: str) -> ResourceUse:
    loop = asyncio.get_running_loop()
    for _ in range(WARM_UP_TICKS):
        started = loop.time()
        answer = await stack.tick(name)
        answer.raise_for_status()
    seconds = ceil((loop.time() - started) / BILLING_STEP) * BILLING_STEP
    seconds = max(seconds, TICK_SECONDS)  # Firestore is nearer here
    mark = await documents.fields_of(f"system/{name}")
    spent = mark["spent"]["mapValue"]["fields"]
    reads, writes = (int(spent[n]["integerValue"]) for n in ("firestore_reads", "firestore_writes"))
    reads += CLOCK_READS
    return ResourceUse(reads=reads, writes=writes, requests=1) + use_of_instance(name, seconds)
