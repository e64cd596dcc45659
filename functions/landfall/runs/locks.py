"""Locks on bases and web sites: one run at a time sends requests to one.

Airtable limits the rate of requests to a base, and a crawl of a site is polite. `bases/{base_id}`
has the run that holds the lock and the end of its lease, and the time before which nobody may send
a request (the pace, Airtable's lock-out after a 429, or the backoff after a failure). All runs that
wait for a base share its backoff, so twenty of them probe an outage no more often than one. Such a
pause after a failure keeps its reason, is shown in `GET /health`, and may be ended by a person.
`sites/{host}` has the same for a web site.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, Protocol, TypeVar

from landfall import logs
from landfall.process.redaction import OURS
from landfall.reasons import LandfallError, Reason, StepError
from landfall.runs.claim import Claim, FencedError
from landfall.runs.commit import Clock
from landfall.store.conflicts import until_committed
from landfall.store.documents import (
    ConflictError,
    Create,
    Document,
    Fields,
    Query,
    Store,
    UnreadableError,
    Update,
    Write,
    together,
)
from landfall.store.shape import fitting
from landfall.store.versioned import NewerDocument, VersionedStore

MAX_LOCK_TRIES = 5
"""Attempts to take a lock while others take it at the same moment."""

QUIET = 0.25
"""Seconds between the last request of an invocation and the first of the next."""

MAX_WAIT = 10.0
"""Most seconds after which a run that found its base locked tries again."""

MAX_PAUSE_WAIT = 60.0
"""The same for a run that found its base paused: a person may end the pause."""

MAX_PAUSES = 50
"""Pauses of a listing, those that end last first."""

Shelf = Literal["bases", "sites"]
"""The collection of the locks."""

WAITING: dict[Shelf, str] = {"bases": "waiting_for_base", "sites": "waiting_for_site"}
"""The `progress_step` of a run that waits for a lock."""


class LockedError(LandfallError):
    """The base or site is locked, or must not be used yet. Try again after `seconds`.

    `pause` is the error that closed it for all runs, if one did; its `retry_after` are the seconds
    until the pause is over.
    """

    def __init__(self, seconds: float, shelf: Shelf, pause: StepError | None = None) -> None:
        super().__init__(f"it is locked; try again after {seconds:.0f} s")
        self.seconds = max(seconds, QUIET)
        self.pause = pause
        self.progress_step = f"waiting: {pause.reason}" if pause else WAITING[shelf]


class Closable(Protocol):
    """A client of a vendor."""

    async def close(self) -> None:
        """Close its connections."""
        ...


@dataclass(frozen=True)
class _LockFields:
    """The fields of a lock's document; an older Landfall stored no `failure`."""

    held_by: str
    held_until: datetime
    not_before: datetime
    failures: int
    failure: Fields | None = None


@dataclass(frozen=True)
class _Failure:
    reason: Reason
    message: str


def _is_readable(lock: Document) -> bool:
    """Return whether a lock can be read. One that somebody has edited holds nobody back."""
    fix = "it is written anew"
    try:
        fitting(_LockFields, lock.path, lock.data, fix)
        if failure := lock.data.get("failure"):
            fitting(_Failure, f"`failure` of {lock.path}", failure, fix)
    except UnreadableError as error:
        logs.error("lock ignored", why=str(error))
        return False
    return True


@dataclass
class Lock:
    """A run's lock on a base or site."""

    store: Store
    clock: Clock
    document: Document

    @property
    def failures(self) -> int:
        """The number of locks in a row, of any run, that ended in a failure of the base or site."""
        failures: int = self.document.data["failures"]
        return failures

    async def leave(
        self, quiet_seconds: float, *, keep: bool, failure: StepError | None = None
    ) -> None:
        """Forbid requests for `quiet_seconds`, and release the lock unless `keep`.

        After a failure of the base or site this is a pause, which keeps its reason. When another
        run has the lock by now, nothing is written.
        """
        now = self.clock()
        fields = {
            "failures": self.failures + 1 if failure else 0,
            "failure": _stored(failure) if failure else None,
            "not_before": now + timedelta(seconds=quiet_seconds),
            "updated_at": now,
            "updated_by": self.document.data["updated_by"],
        }
        if not keep:
            fields["held_until"] = now
        try:
            await self.store.commit([Update(self.document.path, fields, self.document.version)])
        except ConflictError:
            return


def _stored(failure: StepError) -> Fields:
    return {"reason": failure.reason, "message": OURS.message(failure.message)}


C = TypeVar("C", bound=Closable)


@dataclass
class Locked(Generic[C]):
    """A client while its base or site is locked.

    The run keeps the lock for its next invocation, unless it is `finished`. No requests are sent
    for `quiet` seconds afterwards.
    """

    client: C
    finished: bool = False
    quiet: float = QUIET


@asynccontextmanager
async def locking(
    claim: Claim,
    name: str,
    open_client: Callable[[str], C],
    shelf: Shelf = "bases",
) -> AsyncIterator[Locked[C]]:
    """Lock a base or site and open its client; at the end, leave the lock for the next invocation.

    After an error that is retried, the claim rests as long as the base. Raises `LockedError`.
    """
    locked = Locked(open_client(name))
    quiet, keep, late = QUIET, False, False
    failure: StepError | None = None
    lock: Lock | None = None
    engine = claim.engine
    try:
        lock = await take_lock(
            engine.store, engine.clock, name, claim.run.id, claim.worker, claim.lease_until, shelf
        )
        yield locked
        quiet, keep = locked.quiet, not locked.finished
    except StepError as error:
        failure = error if error.retried else None
        if failure and lock:
            wait = max(claim.rest, error.retry_after)
            quiet = max(quiet, engine.delay(lock.failures, wait))
            claim.rest = quiet  # an earlier attempt could not use the base
        raise
    except asyncio.CancelledError:
        late = True  # out of time: no more calls; the lock ends with the lease
        raise
    finally:
        await locked.client.close()
        if lock and not late:
            await lock.leave(quiet, keep=keep, failure=failure)


async def take_lock(
    store: Store,
    clock: Clock,
    name: str,
    run_id: str,
    worker: str,
    until: datetime,
    shelf: Shelf = "bases",
) -> Lock:
    """Lock a base or site for the run until that time, the end of its worker's lease.

    Raises `LockedError`; `FencedError` where the lease is over, because another worker of the run
    may have the lock by now.
    """
    path = f"{shelf}/{name}"

    async def attempt() -> Lock:
        (found,) = await store.read(path)
        now = clock()
        if now >= until:
            raise FencedError(f"the lease of {worker} is over; it may not lock {path}")
        known = found if found and _is_readable(found) else None
        if known:
            _check_free(known, run_id, now, shelf)
        fields = {
            "held_by": run_id,
            "held_until": until,
            "not_before": now,
            "failures": known.data["failures"] if known else 0,
            "updated_at": now,
            "updated_by": worker,
        }
        if found and not known:
            fields["failure"] = None
        write: Write = Update(path, fields, found.version) if found else Create(path, fields)
        (version,) = await store.commit([write])
        return Lock(store, clock, Document(path, fields, version))

    try:
        return await until_committed(attempt, tries=MAX_LOCK_TRIES, what=path)
    except ConflictError:
        raise LockedError(1.0, shelf) from None


def _check_free(found: Document, run_id: str, now: datetime, shelf: Shelf) -> None:
    quiet = (found.data["not_before"] - now).total_seconds()
    if quiet > 0:
        raise LockedError(min(quiet, MAX_PAUSE_WAIT), shelf, _pause(found.data, quiet))
    held = (found.data["held_until"] - now).total_seconds()
    if held > 0 and found.data["held_by"] != run_id:
        raise LockedError(min(held, MAX_WAIT), shelf)


def _pause(lock: Fields, seconds: float) -> StepError | None:
    failure = lock.get("failure")
    if not failure:
        return None
    until = lock["not_before"].strftime("%Y-%m-%d %H:%M:%S UTC")
    return StepError(
        Reason(failure["reason"]),
        f"no requests until {until}, because an earlier one failed: {failure['message']}",
        retry_after=seconds,
    )


async def pauses(store: VersionedStore, now: datetime) -> list[Fields]:
    """Return the bases and sites that are paused after a failure, those that end last first."""
    where = (("not_before", ">", now),)
    queries = [
        Query(shelf, where, order=("not_before", "desc"), limit=MAX_PAUSES) for shelf in WAITING
    ]
    locks = await together(*map(store.find_any, queries))
    found: list[Fields] = []
    for shelf, its in zip(WAITING, locks, strict=True):
        for lock in its:
            if isinstance(lock, NewerDocument) or not _is_readable(lock):
                continue
            if failure := lock.data.get("failure"):
                place = {"id": lock.id, "of": shelf, "until": lock.data["not_before"]}
                found.append(place | {"failures": lock.data["failures"]} | failure)
    return sorted(found, key=lambda pause: pause["until"], reverse=True)[:MAX_PAUSES]


async def end_pause(store: Store, clock: Clock, name: str, by: str) -> bool:
    """End the pause of a base or site now; return whether there was one.

    Raises `ConflictError` where others write it all the time, `StoreError`.
    """

    async def attempt() -> bool:
        now = clock()
        found = await store.read(*(f"{shelf}/{name}" for shelf in WAITING))
        there = [lock for lock in found if lock and _is_readable(lock)]
        paused = [lock for lock in there if lock.data["not_before"] > now]
        fields = {"not_before": now, "failure": None, "updated_at": now, "updated_by": by}
        ends = [
            Update(lock.path, fields, lock.version) for lock in paused if lock.data.get("failure")
        ]
        if ends:
            await store.commit(ends)
        return bool(ends)

    return await until_committed(attempt, tries=MAX_LOCK_TRIES, what=name)
