"""Locks on bases and web sites: one run at a time asks one.

Airtable limits requests a base, and a site is asked politely. `bases/{base_id}` says which run
holds the base and until when, and until when nobody may ask it anything (the pace, Airtable's
lock-out after a 429, or the back-off after a failure). All runs that wait for a base share its
back-off, so an outage is asked about no more often for twenty of them than for one. `sites/{host}`
says the same of a web site.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, Protocol, TypeVar

from landfall.reasons import LandfallError, StepError
from landfall.runs.claim import Claim
from landfall.runs.commit import Clock
from landfall.store.conflicts import until_committed
from landfall.store.documents import ConflictError, Create, Document, Store, Update, Write

LOCK_TRIES = 5
"""Races for one base that may be lost in one call."""

QUIET = 0.25
"""Seconds between the last request of an invocation and the first of the next."""

POLL = 10.0
"""Most seconds after which a run that found its base locked looks again."""

Shelf = Literal["bases", "sites"]
"""The collection of the locks."""

WAITING: dict[Shelf, str] = {"bases": "waiting_for_base", "sites": "waiting_for_site"}
"""The `progress_step` of a run that waits for a lock."""


class LockedError(LandfallError):
    """Another run has the base or site, or nobody may ask it. Look again after `seconds`."""

    def __init__(self, seconds: float, shelf: Shelf) -> None:
        super().__init__(f"it is not free; look again after {seconds:.0f} s")
        self.seconds = max(seconds, QUIET)
        self.progress_step = WAITING[shelf]


class Closable(Protocol):
    """A client of a vendor."""

    async def close(self) -> None:
        """End its connections."""
        ...


@dataclass
class Lock:
    """A run's lock on a base or site."""

    store: Store
    clock: Clock
    document: Document

    @property
    def failures(self) -> int:
        """Locks in a row, of any run, that ended because the base did not answer as it should."""
        failures: int = self.document.data["failures"]
        return failures

    async def leave(self, quiet_seconds: float, *, keep: bool, failed: bool = False) -> None:
        """Have nobody ask the base for `quiet_seconds`; other runs wait while the lock is kept.

        When somebody else has the lock by now, nothing is written.
        """
        now = self.clock()
        fields = {
            "failures": self.failures + 1 if failed else 0,
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


C = TypeVar("C", bound=Closable)


@dataclass
class Locked(Generic[C]):
    """A client while its base or site is locked.

    The run keeps the lock for its next invocation, unless it is `finished` with it. Nobody asks
    anything for `quiet` seconds then.
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
    """Lock a base or site and open it; leave it as those need it who come next.

    After an error that is retried, the claim rests as long as the base does. Raises `LockedError`.
    """
    locked = Locked(open_client(name))
    quiet, keep, failed, late = QUIET, False, False, False
    lock: Lock | None = None
    engine = claim.engine
    try:
        lock = await take_lock(
            engine.store, engine.clock, name, claim.run.id, claim.worker, claim.lease_until, shelf
        )
        yield locked
        quiet, keep = locked.quiet, not locked.finished
    except StepError as error:
        failed = error.retried
        if failed and lock:
            wait = max(claim.rest, error.retry_after)
            quiet = max(quiet, engine.delay(lock.failures, wait))
            claim.rest = quiet  # earlier, this run would find the base quiet
        raise
    except asyncio.CancelledError:
        late = True  # out of time: no more calls; the lock ends with the lease
        raise
    finally:
        await locked.client.close()
        if lock and not late:
            await lock.leave(quiet, keep=keep, failed=failed)


async def take_lock(
    store: Store,
    clock: Clock,
    name: str,
    run_id: str,
    worker: str,
    until: datetime,
    shelf: Shelf = "bases",
) -> Lock:
    """Lock a base or site for the run until that moment. Raises `LockedError`."""
    path = f"{shelf}/{name}"

    async def attempt() -> Lock:
        (found,) = await store.read(path)
        now = clock()
        if found:
            _check_free(found, run_id, now, shelf)
        fields = {
            "held_by": run_id,
            "held_until": until,
            "not_before": now,
            "failures": found.data["failures"] if found else 0,
            "updated_at": now,
            "updated_by": worker,
        }
        write: Write = Update(path, fields, found.version) if found else Create(path, fields)
        (version,) = await store.commit([write])
        return Lock(store, clock, Document(path, fields, version))

    try:
        return await until_committed(attempt, tries=LOCK_TRIES, what=path)
    except ConflictError:
        raise LockedError(1.0, shelf) from None


def _check_free(found: Document, run_id: str, now: datetime, shelf: Shelf) -> None:
    quiet = (found.data["not_before"] - now).total_seconds()
    if quiet > 0:
        raise LockedError(quiet, shelf)
    held = (found.data["held_until"] - now).total_seconds()
    if held > 0 and found.data["held_by"] != run_id:
        raise LockedError(min(held, POLL), shelf)
