"""A forecast of the cost of a month of a scan, from the measured use of its runs. Pure.

A month has a first run, a later run for each other slot of the schedule, the scheduler's work for
each slot, and ticks. Days are added up one by one, because some free amounts are per day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from itertools import takewhile
from math import ceil
from typing import Any

from infra.cloud.resources.sizes import SIZES
from infra.costs.prices import AIRTABLE_CALLS, PRICES, Price
from landfall.deadlines import TICK
from landfall.process.config import VARIABLES, WINDOW
from landfall.runs.steps import ROLES
from landfall.scans.schedule import Schedule
from landfall.scans.slots import slots_ahead
from landfall.window.visit import LATER

DAYS = 30
"""Days of a month."""

FIXED_UNITS = ("jobs", "versions")
"""Units that are billed for existing, however little they are used."""

CENT = 0.01

BILLING_STEP = 0.1
"""Seconds to which Cloud Run rounds an invocation up."""


@dataclass(frozen=True)
class ResourceUse:
    """Resources that something uses, before prices.

    Seconds of a vCPU and of a GiB are as billed. `stored_bytes` counts documents that stay, and of
    others the share of a month for which they exist.
    """

    reads: float = 0
    writes: float = 0
    deletes: float = 0
    stored_bytes: float = 0
    tasks: float = 0
    requests: float = 0
    vcpu_seconds: float = 0
    gib_seconds: float = 0
    airtable_requests: float = 0
    model_tokens: float = 0
    model_dollars: float = 0

    def __add__(self, other: "ResourceUse") -> "ResourceUse":
        """Return the sum of both."""
        return ResourceUse(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def times(self, number: float) -> "ResourceUse":
        """Return this use, multiplied."""
        return ResourceUse(*(value * number for value in asdict(self).values()))


def use_of_instance(function: str, seconds: float) -> ResourceUse:
    """Return the use of an instance of a function for some billed seconds, by its size.

    Requests that share an instance are billed once; each is assumed to have one to itself.
    """
    size = SIZES[function]
    return ResourceUse(
        vcpu_seconds=seconds * float(size.cpu), gib_seconds=seconds * size.memory_gib
    )


CLOCK_READS = 2
"""Reads of a tick, before it begins to count them, by which it compares its clock. It is the first
call after a minute without a CPU; its connection may have broken, and then it is sent twice."""

TICK_SECONDS = 0.2
"""Billed seconds of an idle tick: 15 ms of work, and three or four calls to Firestore, one after
another, for which 10 to 40 ms each are assumed. An instance that starts takes a second more."""

IDLE_TICKS = {
    "scheduler": ResourceUse(reads=2 + CLOCK_READS, writes=1, requests=1)
    + use_of_instance("scheduler", TICK_SECONDS),
    "watchdog": ResourceUse(reads=5 + CLOCK_READS, writes=1, requests=1)
    + use_of_instance("watchdog", TICK_SECONDS),
}
"""Use of a tick that finds nothing to do; one of its reads is the mark of the other function."""

WORKERS = sorted(
    {role.function for role in ROLES.values()}, key=lambda name: SIZES[name].memory_gib
)
"""Functions that do the work of runs, the largest last."""

USE_PER_SLOT = ResourceUse(reads=2, writes=1)
"""Use of a tick for each slot: it reads the scan and its last run, and writes the schedule."""


USE_OF_OPEN_PAGE = (ResourceUse(reads=4, requests=1) + use_of_instance(WINDOW, BILLING_STEP)).times(
    3600 / LATER
)
"""Use of an hour of an open page at which nothing moves. It looks every `LATER` seconds: two to
four reads, and less than the 100 ms that are billed."""


def use_of_run(
    counts: Mapping[str, Any], stored_bytes: float = 0, deletes: float = 0
) -> ResourceUse:
    """Return the use of a run, from its `counts`."""
    tasks = counts.get("tasks", 0)
    seconds = {name: counts.get(f"{name}_seconds", 0) for name in WORKERS}
    # each invocation is rounded up; counts do not name its function, so the largest is assumed
    seconds[WORKERS[-1]] += tasks * BILLING_STEP
    at_work = sum((use_of_instance(name, value) for name, value in seconds.items()), ResourceUse())
    return at_work + ResourceUse(
        reads=counts.get("firestore_reads", 0),
        writes=counts.get("firestore_writes", 0),
        deletes=deletes,
        stored_bytes=stored_bytes,
        tasks=tasks,
        requests=tasks,
        airtable_requests=counts.get("airtable_requests", 0),
        model_tokens=counts.get("model_tokens", 0),
        model_dollars=counts.get("model_cost", 0),
    )


def slots_of(schedule: Schedule | None, start: datetime) -> int:
    """Count the slots of the month that starts at a time."""
    end = start + timedelta(days=DAYS)
    ahead = slots_ahead(schedule, start) if schedule else ()
    return sum(1 for _ in takewhile(lambda slot: slot <= end, ahead))


@dataclass(frozen=True)
class CostLine:
    """Line of the forecast: units of a month, billed units, and their cost.

    `idle` are the units that are used without any run. `free_share` is the used share of the free
    amount, on the day that uses most of it.
    """

    what: str
    unit: str
    amount: float
    idle: float
    free: str
    billed: float
    dollars: float
    free_share: float


@dataclass(frozen=True)
class Forecast:
    """Forecast of a month. `airtable_shares` is the used share of the calls of each plan."""

    slots: int
    lines: Sequence[CostLine]
    dollars: float
    dominates: str
    airtable_calls: int
    airtable_shares: Mapping[str, float]
    warnings: Sequence[str]


def forecast(
    first: ResourceUse,
    later: ResourceUse,
    slots: int,
    idle: Mapping[str, ResourceUse] = IDLE_TICKS,
    page_hours: float = 0,
) -> Forecast:
    """Forecast a month in which only the first run finds changes.

    `page_hours` are the hours of a day for which pages of the window are open, added up.
    """
    ticks = sum(idle.values(), ResourceUse()).times(86_400 / TICK)
    runs = (USE_PER_SLOT + later).times(slots / DAYS)
    days = [ticks + runs + USE_OF_OPEN_PAGE.times(page_hours)] * DAYS
    if slots:
        days[0] += first + later.times(-1)
    month = sum(days, ResourceUse())
    idle_month = _amounts(ticks.times(DAYS))
    lines = [_line(name, price, days, idle_month[name]) for name, price in PRICES.items()]
    lines.append(_model_line(month))
    calls = ceil(month.airtable_requests)
    return Forecast(
        slots,
        lines,
        sum(line.dollars for line in lines),
        _dominant(lines),
        calls,
        {plan: calls / limit for plan, limit in AIRTABLE_CALLS.items()},
        _warnings(calls, slots),
    )


def _amounts(use: ResourceUse) -> Mapping[str, float]:
    """Return the amounts of a use by the name of their price."""
    keys = [name for name, variable in VARIABLES.items() if variable.secret]
    return {
        "reads": use.reads,
        "writes": use.writes,
        "deletes": use.deletes,
        "stored": use.stored_bytes / 2**30,
        "operations": 2 * use.tasks,
        "requests": use.requests,
        "cpu": use.vcpu_seconds,
        "memory": use.gib_seconds,
        # fixed amounts, however much is used
        "jobs": len(IDLE_TICKS),
        "secrets": len(keys),
        # an instance that starts reads its key, and each invocation may need one
        "accesses": use.tasks,
    }


def _line(name: str, price: Price, days: Sequence[ResourceUse], idle: float) -> CostLine:
    periods = days if price.each == "day" else [sum(days, ResourceUse())]
    used = [_amounts(period)[name] for period in periods]
    billed = sum(max(0.0, amount - price.free) for amount in used)
    free = f"{price.free:,.0f} a {price.each}" if price.free else "none"
    share = max(used) / price.free if price.free else 0.0
    dollars = billed * price.dollars / price.per
    return CostLine(price.what, price.unit, sum(used), idle, free, billed, dollars, share)


def _model_line(month: ResourceUse) -> CostLine:
    tokens = month.model_tokens
    return CostLine(
        "Language model", "tokens", tokens, 0.0, "none", tokens, month.model_dollars, 0.0
    )


def _dominant(lines: Sequence[CostLine]) -> str:
    dearest = max(lines, key=lambda line: line.dollars)
    if dearest.dollars >= CENT:
        total = sum(line.dollars for line in lines)
        return f"{_named(dearest)}: {dearest.dollars / total:.0%} of the bill"
    moving = [line for line in lines if line.unit not in FIXED_UNITS]
    fullest = max(moving, key=lambda line: line.free_share)
    share = f"{fullest.free_share:.0%} of the free amount"
    return f"less than a cent is billed; {_named(fullest)}: {share}"


def _named(line: CostLine) -> str:
    idle = f" ({line.idle / line.amount:.0%} of them idle)" if line.idle else ""
    return f"{line.what}, {line.unit}{idle}"


def _warnings(calls: int, slots: int) -> list[str]:
    over = [plan for plan, limit in AIRTABLE_CALLS.items() if calls > limit]
    found = [
        f"{calls:,} calls a month exceed plan {plan} of Airtable ({AIRTABLE_CALLS[plan]:,} for the "
        "whole workspace): run the scan less often, or with fewer tables"
        for plan in over
    ]
    return (
        found
        if slots
        else ["the scan has no slot in this month: the forecast is the cost when idle"]
    )
