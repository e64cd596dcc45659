"""Who may read a base: Airtable limits requests a base, so one run at a time does.

`bases/{base_id}` says which run holds the base and until when, and until when nobody may ask it
anything (the pace, Airtable's lock-out after a 429, or the back-off after a failure). All runs that
wait for a base share its back-off, so an outage is asked about no more often for twenty of them
than for one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from landfall.documents import ConflictError, Create, Document, Store, Update, Write
from landfall.runs import Clock

TAKE_TRIES = 5
"""Races for one base that may be lost in one call."""


POLL = 10.0
"""Seconds after which a run that found its base held by another looks again, at the latest."""


class BaseHeldError(Exception):
    """Another run reads the base, or nobody may. Look again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the base is not free; look again after {seconds:.0f} s")
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


async def take_base(
    store: Store, clock: Clock, base_id: str, run_id: str, worker: str, until: datetime
) -> Hold:
    """Hold the base for the run until that moment. Raises `BaseHeldError`."""
    path = f"bases/{base_id}"
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
