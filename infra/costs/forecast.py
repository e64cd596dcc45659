"""What a month of a scan costs, from what its runs were measured to use. Pure.

A month has a first run, a later one for each other slot of the schedule, what each slot asks of
the scheduler, and ticks. Days are added up one by one, for some free amounts are of a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from itertools import takewhile
from math import ceil
from typing import Any

from infra.cloud.sizes import SIZES
from infra.costs.prices import AIRTABLE_CALLS, PRICES, Price
from landfall.deadlines import TICK
from landfall.process.config import VARIABLES
from landfall.runs.steps import ROLES
from landfall.scans.schedule import Schedule
from landfall.scans.slots import slots_ahead

DAYS = 30
"""A month."""

STANDING = ("jobs", "versions")
"""Units of what stands there, however much is used."""

A_CENT = 0.01

ROUNDED = 0.1
"""Seconds to which Cloud Run rounds an invocation up."""


@dataclass(frozen=True)
class Use:
    """What something uses, whatever it costs.

    Seconds of a vCPU and of a GiB are as they are billed; `stored_bytes` are those of documents
    that stay, and of others the share of a month for which they do.
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

    def __add__(self, other: "Use") -> "Use":
        """Both."""
        return Use(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def times(self, number: float) -> "Use":
        """This so many times over."""
        return Use(*(value * number for value in asdict(self).values()))


def working(function: str, seconds: float) -> Use:
    """An instance of a function at work, for seconds as they are billed; by its size.

    Requests that share an instance are billed once: each is taken to have one to itself.
    """
    size = SIZES[function]
    return Use(vcpu_seconds=seconds * float(size.cpu), gib_seconds=seconds * size.memory_gib)


IDLE = {
    "scheduler": Use(reads=1, writes=1, requests=1) + working("scheduler", ROUNDED),
    "watchdog": Use(reads=2, writes=1, requests=1) + working("watchdog", ROUNDED),
}
"""A tick that has nothing to do."""

WORKERS = sorted(
    {role.function for role in ROLES.values()}, key=lambda name: SIZES[name].memory_gib
)
"""The functions that do the work of runs, the largest last."""

SLOT = Use(reads=2, writes=1)
"""What the scheduler's tick does besides for each slot: its scan, its last run; the schedule."""


def use_of(counts: Mapping[str, Any], stored_bytes: float = 0, deletes: float = 0) -> Use:
    """What a run used, by its `counts`."""
    tasks = counts.get("tasks", 0)
    seconds = {name: counts.get(f"{name}_seconds", 0) for name in WORKERS}
    # each invocation is rounded up by itself; of which function it is, is not said: the larger
    seconds[WORKERS[-1]] += tasks * ROUNDED
    at_work = sum((working(name, value) for name, value in seconds.items()), Use())
    return at_work + Use(
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
    """Slots of the month that begins at this moment."""
    end = start + timedelta(days=DAYS)
    ahead = slots_ahead(schedule, start) if schedule else ()
    return sum(1 for _ in takewhile(lambda slot: slot <= end, ahead))


@dataclass(frozen=True)
class Line:
    """A line of the forecast: units of a month, those that are to be paid, and what they cost.

    `idle` are those of them that would be used without any run. `free_share` is how much of the
    free amount is used, on the day that uses most of it.
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
    """A month. `airtable_shares` is how much of what a plan has the calls of the scan are."""

    slots: int
    lines: Sequence[Line]
    dollars: float
    dominates: str
    airtable_calls: int
    airtable_shares: Mapping[str, float]
    warnings: Sequence[str]


def forecast(first: Use, later: Use, slots: int, idle: Mapping[str, Use] = IDLE) -> Forecast:
    """A month in which the first run finds everything, and the later ones what it found."""
    ticks = sum(idle.values(), Use()).times(86_400 / TICK)
    runs = (SLOT + later).times(slots / DAYS)
    days = [ticks + runs] * DAYS
    if slots:
        days[0] += first + later.times(-1)
    month = sum(days, Use())
    idle_month = _amounts(ticks.times(DAYS))
    lines = [_line(name, price, days, idle_month[name]) for name, price in PRICES.items()]
    lines.append(_of_model(month))
    calls = ceil(month.airtable_requests)
    return Forecast(
        slots,
        lines,
        sum(line.dollars for line in lines),
        _dominating(lines),
        calls,
        {plan: calls / most for plan, most in AIRTABLE_CALLS.items()},
        _warnings(calls, slots),
    )


def _amounts(use: Use) -> Mapping[str, float]:
    """By the name of its price."""
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
        # those that stand there, whatever is used
        "jobs": len(IDLE),
        "secrets": len(keys),
        # an instance that starts reads its key, and each invocation may need one
        "accesses": use.tasks,
    }


def _line(name: str, price: Price, days: Sequence[Use], idle: float) -> Line:
    periods = days if price.each == "day" else [sum(days, Use())]
    used = [_amounts(period)[name] for period in periods]
    billed = sum(max(0.0, amount - price.free) for amount in used)
    free = f"{price.free:,.0f} a {price.each}" if price.free else "none"
    share = max(used) / price.free if price.free else 0.0
    dollars = billed * price.dollars / price.per
    return Line(price.what, price.unit, sum(used), idle, free, billed, dollars, share)


def _of_model(month: Use) -> Line:
    tokens = month.model_tokens
    return Line("Language model", "tokens", tokens, 0.0, "none", tokens, month.model_dollars, 0.0)


def _dominating(lines: Sequence[Line]) -> str:
    dearest = max(lines, key=lambda line: line.dollars)
    if dearest.dollars >= A_CENT:
        total = sum(line.dollars for line in lines)
        return f"{_named(dearest)}: {dearest.dollars / total:.0%} of what is to be paid"
    moving = [line for line in lines if line.unit not in STANDING]
    fullest = max(moving, key=lambda line: line.free_share)
    return f"not a cent is to be paid; {_named(fullest)}: {fullest.free_share:.0%} of what is free"


def _named(line: Line) -> str:
    idle = f" ({line.idle / line.amount:.0%} of them when idle)" if line.idle else ""
    return f"{line.what}, {line.unit}{idle}"


def _warnings(calls: int, slots: int) -> list[str]:
    over = [plan for plan, most in AIRTABLE_CALLS.items() if calls > most]
    found = [
        f"{calls:,} calls a month are more than Airtable's plan {plan} has for the whole "
        f"workspace ({AIRTABLE_CALLS[plan]:,}): run the scan less often, or with fewer tables"
        for plan in over
    ]
    return found if slots else ["the scan has no slot in this month: it is what idle costs"]
