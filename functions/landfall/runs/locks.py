"""Who may use a base, or a web site: Airtable limits requests a base, and a site is asked politely,
so one run at a time does.

`bases/{base_id}` says which run holds the base and until when, and until when nobody may ask it
anything (the pace, Airtable's lock-out after a 429, or the back-off after a failure). All runs that
wait for a base share its back-off, so an outage is asked about no more often for twenty of them
than for one. `sites/{host}` says the same of a web site.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from landfall.airtable.protocols import BaseReader, BaseWriter
from landfall.reasons import StepError
from landfall.runs.runs import Claim, Clock, Runs
from landfall.site.page import SiteReader
from landfall.store.documents import ConflictError, Create, Document, Store, Update, Write

TAKE_TRIES = 5
"""Races for one base that may be lost in one call."""

QUIET = 0.25
"""Seconds between the last request of an invocation and the first of the next."""

POLL = 10.0
"""Seconds after which a run that found its base held by another looks again, at the latest."""


Shelf = Literal["bases", "sites"]
"""The collection of the holds."""


class BaseHeldError(Exception):
    """Another run uses the base or site, or nobody may. Look again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it is not free; look again after {seconds:.0f} s")
        self.seconds = seconds


@dataclass
class Hold:
    """A run's hold on a base."""

    store: Store
    clock: Clock
    document: Document

    @property
    def failures(self) -> int:
        """Holds in a row, of any run, that ended because the base did not play along."""
        failures: int = self.document.data["failures"]
        return failures

    async def leave(self, quiet_seconds: float, *, keep: bool, failed: bool = False) -> None:
        """Nobody asks the base anything for `quiet_seconds`; other runs wait while it is kept.

        When somebody else has the base by now, nothing is written.
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


Base = TypeVar("Base", BaseReader, BaseWriter, SiteReader)


@dataclass
class Visit(Generic[Base]):
    """A step's time with a base. It keeps the base for its next one, unless it is `finished`.

    `quiet` are the seconds for which nobody asks it anything then.
    """

    base: Base
    finished: bool = False
    quiet: float = QUIET


@asynccontextmanager
async def visiting(
    runs: Runs,
    claim: Claim,
    base_id: str,
    open_base: Callable[[str], Base],
    shelf: Shelf = "bases",
) -> AsyncIterator[Visit[Base]]:
    """Hold a base and open it; leave it as those need it who come next.

    Raises `BaseHeldError`.
    """
    hold = await take_base(
        runs.store, runs.clock, base_id, claim.run.id, claim.worker, claim.lease_until, shelf
    )
    visit = Visit(open_base(base_id))
    quiet, keep, failed, late = QUIET, False, False, False
    try:
        yield visit
        quiet, keep = visit.quiet, not visit.finished
    except StepError as error:
        failed = error.retried
        if failed:
            quiet = max(quiet, runs.delay(hold.failures, error.retry_after))
            error.retry_after = quiet  # earlier, this run would find the base quiet
        raise
    except asyncio.CancelledError:
        late = True  # out of time: no more calls; the hold ends with the lease
        raise
    finally:
        await visit.base.close()
        if not late:
            await hold.leave(quiet, keep=keep, failed=failed)


async def take_base(
    store: Store,
    clock: Clock,
    base_id: str,
    run_id: str,
    worker: str,
    until: datetime,
    shelf: Shelf = "bases",
) -> Hold:
    """Hold the base, or site, for the run until that moment. Raises `BaseHeldError`."""
    path = f"{shelf}/{base_id}"
    for _ in range(TAKE_TRIES):
        (found,) = await store.read(path)
        now = clock()
        if found:
            _check_free(found, run_id, now)
        fields = {
            "held_by": run_id,
            "held_until": until,
            "not_before": now,
            "failures": found.data["failures"] if found else 0,
            "updated_at": now,
            "updated_by": worker,
        }
        write: Write = Update(path, fields, found.version) if found else Create(path, fields)
        try:
            (version,) = await store.commit([write])
        except ConflictError:
            continue
        return Hold(store, clock, Document(path, fields, version))
    raise BaseHeldError(1.0)


def _check_free(found: Document, run_id: str, now: datetime) -> None:
    quiet = (found.data["not_before"] - now).total_seconds()
    if quiet > 0:
        raise BaseHeldError(quiet)
    held = (found.data["held_until"] - now).total_seconds()
    if held > 0 and found.data["held_by"] != run_id:
        raise BaseHeldError(min(held, POLL))
