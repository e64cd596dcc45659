"""The dead man's switch: each tick of the scheduler and the watchdog leaves a mark."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall import logs
from landfall.deadlines import TICK_MISSING
from landfall.runs.commit import Clock
from landfall.runs.lifecycle import RunStatus
from landfall.runs.locks import pauses
from landfall.runs.runs import Runs
from landfall.store.documents import (
    Document,
    Fields,
    Put,
    Query,
    StoreError,
    UnreadableError,
    both,
    together,
)
from landfall.store.indexes import Indexes
from landfall.store.metering import Account
from landfall.store.server_clock import ServerClock
from landfall.store.shape import fitting
from landfall.store.versioned import Found, NewerDocument, VersionedStore

TICKERS = ("scheduler", "watchdog")

MAX_UNREADABLE = 20
"""Documents of each kind that the health names, of those that cannot be read."""


@dataclass(frozen=True)
class _Mark:
    """The fields of a mark that the health needs."""

    last_tick_at: datetime
    did: Fields


async def mark_tick(runs: Runs, name: str, by: str, did: Fields, account: Account) -> None:
    """Record a tick of the scheduler or the watchdog, with its results and its cost.

    Each logs a line for every tick of its own in which the other is silent: an alert reports many
    of them, and a function that has never ticked leaves nothing else to count.
    """
    await _note_silence(runs, name)
    now, spent = runs.clock(), account.spent()
    spent["firestore_writes"] += 1  # this one
    mark = {"last_tick_at": now, "did": did, "spent": spent, "updated_at": now, "updated_by": by}
    await runs.store.commit([Put(f"system/{name}", mark)])


async def _note_silence(runs: Runs, name: str) -> None:
    (other,) = (one for one in TICKERS if one != name)
    try:
        (mark,) = await runs.store.read_any(f"system/{other}")
    except StoreError:
        return  # the mark itself cannot be written either, and that is an error
    tick = _tick(mark, runs.clock())
    if not (tick["ok"] or "problem" in tick):  # a mark that cannot be read is one all the same
        if tick["age_seconds"] is None:  # one of the two ticks first, of all
            logs.warning("silent", silent=other, age_seconds=None)
        else:
            logs.error("silent", silent=other, age_seconds=tick["age_seconds"])


async def health(
    store: VersionedStore, clock: Clock, indexes: Indexes, server_clock: ServerClock
) -> tuple[bool, dict[str, Any]]:
    """Return whether all is well, with the age of each last tick, the missing indexes, the fault of
    the clock, the documents that somebody has edited so that they cannot be read, and the bases and
    sites that get no requests for a time after a failure."""
    marks = await store.read_any(*(f"system/{name}" for name in TICKERS))
    ticks = {name: _tick(mark, clock()) for name, mark in zip(TICKERS, marks, strict=True)}
    clock_fault = server_clock.fault()  # at the read of the marks
    (missing, paused), (odd, set_aside) = await both(
        both(indexes.missing(), pauses(store, clock())),
        both(_never_found(store), _set_aside(store)),
    )
    problems = [] if all(tick["ok"] for tick in ticks.values()) else ["ticks missing"]
    problems += ["indexes missing"] if missing else []
    problems += ["clock off"] if clock_fault else []
    unreadable = [*_seen_by_watchdog(marks[-1]), *odd, *set_aside]
    problems += ["documents unreadable"] if unreadable else []
    state = {
        "status": ", ".join(problems) or "ok",
        **ticks,
        "indexes_missing": missing,
        "clock": clock_fault or "ok",
        "unreadable": unreadable,
        "pauses": paused,
    }
    return not problems, state


def _tick(mark: Found | None, now: datetime) -> dict[str, Any]:
    if isinstance(mark, NewerDocument):
        return {"ok": False, "problem": mark.why}
    try:
        last = _read(mark).last_tick_at if mark else None
    except UnreadableError as error:
        return {"ok": False, "problem": str(error)}
    age = None if last is None else round((now - last).total_seconds(), 1)
    return {
        "last_tick_at": last,
        "age_seconds": age,
        "limit_seconds": TICK_MISSING,
        "ok": age is not None and age <= TICK_MISSING,
    }


def _read(mark: Document) -> _Mark:
    return _Mark(**fitting(_Mark, mark.path, mark.data, "the next tick writes it anew"))


def _seen_by_watchdog(mark: Found | None) -> list[Fields]:
    """Return the documents with which the last tick of the watchdog could do nothing."""
    try:
        seen = _read(mark).did.get("unreadable") if isinstance(mark, Document) else None
    except UnreadableError:
        return []  # the tick says so
    return seen if isinstance(seen, list) else []


_ODD = (
    ("runs", ("status", "not-in", sorted(RunStatus)), "end it: `POST /runs/{id}/cancel`"),
    ("schedules", ("next_run_at", ">", ""), "save the scan again"),
    ("schedules", ("paused", "not-in", [False, True]), "save the scan again"),
)
"""Collections, conditions that no document has which Landfall wrote, and fixes: a tick does not
find these documents. Firestore finds none by a field that is missing."""


async def _never_found(store: VersionedStore) -> list[Fields]:
    """Return the documents that no tick finds, because of a value that they cannot have."""
    found = await together(
        *(
            store.find_any(Query(collection, where=(condition,), limit=MAX_UNREADABLE))
            for collection, condition, _ in _ODD
        )
    )
    named: list[Fields] = []
    for its, (_, condition, fix) in zip(found, _ODD, strict=True):
        why = f"`{condition[0]}` has a value that it cannot have; correct it, or {fix}"
        named += [{"path": one.path, "why": why} for one in its]
    return named


async def _set_aside(store: VersionedStore) -> list[Fields]:
    """Return the schedules that the scheduler has paused because it could not read them."""
    query = Query("schedules", where=(("problem", ">", ""),), limit=MAX_UNREADABLE)
    found = await store.find_any(query)
    return [
        {"path": one.path, "why": one.data["problem"]} for one in found if isinstance(one, Document)
    ]
