"""The dead man's switch: each tick of the scheduler and the watchdog leaves a mark."""

from datetime import datetime
from typing import Any

from landfall.deadlines import TICK_MISSING
from landfall.runs.commit import Clock
from landfall.runs.locks import pauses
from landfall.runs.runs import Runs
from landfall.store.documents import Fields, Put
from landfall.store.indexes import Indexes
from landfall.store.metering import Account
from landfall.store.server_clock import ServerClock
from landfall.store.versioned import Found, NewerDocument, VersionedStore

TICKERS = ("scheduler", "watchdog")


async def mark_tick(runs: Runs, name: str, by: str, did: Fields, account: Account) -> None:
    """Record a tick of the scheduler or the watchdog, with its results and its cost."""
    now, spent = runs.clock(), account.spent()
    spent["firestore_writes"] += 1  # this one
    mark = {"last_tick_at": now, "did": did, "spent": spent, "updated_at": now, "updated_by": by}
    await runs.store.commit([Put(f"system/{name}", mark)])


async def health(
    store: VersionedStore, clock: Clock, indexes: Indexes, server_clock: ServerClock
) -> tuple[bool, dict[str, Any]]:
    """Return whether all is well, with the age of each last tick, the missing indexes, the fault of
    the clock, and the bases and sites that get no requests for a time after a failure."""
    marks = await store.read_any(*(f"system/{name}" for name in TICKERS))
    ticks = {name: _tick(mark, clock()) for name, mark in zip(TICKERS, marks, strict=True)}
    missing = await indexes.missing()
    problems = [] if all(tick["ok"] for tick in ticks.values()) else ["ticks missing"]
    problems += ["indexes missing"] if missing else []
    clock_fault = server_clock.fault()  # at the read of the marks
    problems += ["clock off"] if clock_fault else []
    state = {
        "status": ", ".join(problems) or "ok",
        **ticks,
        "indexes_missing": missing,
        "clock": clock_fault or "ok",
        "pauses": await pauses(store, clock()),
    }
    return not problems, state


def _tick(mark: Found | None, now: datetime) -> dict[str, Any]:
    if isinstance(mark, NewerDocument):
        return {"ok": False, "problem": mark.why}
    last = mark.data["last_tick_at"] if mark else None
    age = None if last is None else round((now - last).total_seconds(), 1)
    return {
        "last_tick_at": last,
        "age_seconds": age,
        "limit_seconds": TICK_MISSING,
        "ok": age is not None and age <= TICK_MISSING,
    }
