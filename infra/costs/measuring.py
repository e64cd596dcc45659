"""A measurement on the local stack.

A scan runs twice: the second run finds the base unchanged, as most runs do, and idle
ticks of the scheduler and the watchdog follow.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

from rich.console import Console

from infra.costs.forecast import DAYS, IDLE, ROUNDED, Use, use_of, working
from infra.costs.measurement import Measured, MeasureError
from infra.costs.stored import Documents, growth
from infra.local.running import stack_options
from infra.local.scans import run_scans
from infra.local.stack import Stack, running
from landfall.scans.scan import Scan

WARM = 3
"""Ticks of which the last is timed: a function that has just started is slower."""


async def measure(scan: Scan, console: Console) -> Measured:
    """On the local stack. Raises `MeasureError`, `RunFailedError`, `StartError`, `MissingError`."""
    async with AsyncExitStack() as exits:
        with console.status("Starting the local stack ..."):
            # nobody ticks but us: an idle tick is one that nobody else has made busy
            options = replace(stack_options([scan]), tick_seconds=None)
            stack = await exits.enter_async_context(running(options))
        documents = Documents(stack.addresses.firestore, stack.addresses.project)
        exits.push_async_callback(documents.close)
        first, later = [await _run(stack, documents, scan, console) for _ in range(2)]
        idle = {name: await _idle(stack, documents, name) for name in IDLE}
    return Measured(first, later, idle)


async def _run(stack: Stack, documents: Documents, scan: Scan, console: Console) -> Use:
    before = await documents.everything()
    (run,) = await run_scans(stack, [scan], console)
    if not run.done:
        error = run.document["error"] or {}
        raise MeasureError(f"the run ended {run.document['status']}: {error.get('message')}")
    stored = growth(before, await documents.everything(), datetime.now(UTC), DAYS)
    return use_of(run.document["counts"], stored.size, stored.expiring)


async def _idle(stack: Stack, documents: Documents, name: str) -> Use:
    loop = asyncio.get_running_loop()
    for _ in range(WARM):
        started = loop.time()
        answer = await stack.tick(name)
        answer.raise_for_status()
    seconds = ceil((loop.time() - started) / ROUNDED) * ROUNDED
    mark = await documents.one(f"system/{name}")
    spent = mark["spent"]["mapValue"]["fields"]
    reads, writes = (int(spent[n]["integerValue"]) for n in ("firestore_reads", "firestore_writes"))
    return Use(reads=reads, writes=writes, requests=1) + working(name, seconds)
