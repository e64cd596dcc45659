"""Sending of rows to a table of Airtable, under the lock on its base: the loop of every write step.

Requests of ten rows follow one another. Rows that are refused together are sent one by one, so a
row that Airtable does not accept holds up no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Generic, Self, TypeVar

from landfall.airtable.protocols import MAX_ROWS, BaseWriter
from landfall.deadlines import CHECKPOINT, Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.runs.documents import RunFields
from landfall.runs.kind import Again
from landfall.runs.locks import QUIET, locking
from landfall.store.documents import Fields

MAX_REFUSED = 10
"""Rows that Airtable refuses one by one, before the error is attributed to the table."""

OpenWriter = Callable[[str], BaseWriter]

Item = TypeVar("Item")


@dataclass
class SendCursor:
    """The progress of sending a list of rows.

    `sent` includes the `refused` rows. Up to `alone`, rows are sent one by one, since ten together
    were refused.
    """

    sent: int = 0
    alone: int = 0
    refused: int = 0
    refused_first: str | None = None
    refusal: str = ""

    @classmethod
    def load(cls, stored: Fields | None) -> Self:
        """Read a step's cursor. One of an earlier Landfall has also `requests`."""
        return cls(**{name: value for name, value in (stored or {}).items() if name != "requests"})

    def store(self) -> Fields:
        """Return the cursor as stored."""
        return asdict(self)

    def refusals(self, noun: str) -> StepError:
        """Return the error that ends a step with refused rows, which the noun names."""
        return StepError(
            Reason.BASE_REJECTED,
            f"{self.refused} {noun} were refused, the first is {self.refused_first}; "
            f"{self.refusal}",
        )


@dataclass
class Sending(Generic[Item]):
    """The rows of a write step, and the functions that send them.

    `noun` names the rows in messages, `id_of` one of them. `send` makes a request with some of
    them. `checkpoint` stores the progress: every second, and at the end of an invocation (True).
    """

    claim: Claim
    cursor: SendCursor
    items: Sequence[Item]
    noun: str
    id_of: Callable[[Item], str]
    send: Callable[[BaseWriter, Sequence[Item], Deadline], Awaitable[None]]
    checkpoint: Callable[[bool], Awaitable[None]]

    @property
    def through(self) -> bool:
        """Return whether all rows are sent."""
        return self.cursor.sent == len(self.items)

    @property
    def share(self) -> float:
        """The share of the rows that are sent."""
        return self.cursor.sent / max(1, len(self.items))

    def run_fields(self, counts: Fields) -> RunFields:
        """Return the run's fields with this progress and these counts."""
        return {"counts": counts, "progress_pct": self.claim.progress.at(self.share)}

    def again(self) -> Again:
        """Return the outcome that the step goes on with the rest."""
        done = f"{self.cursor.sent} of {len(self.items)} {self.noun} were written"
        return Again(QUIET, so_far=done)

    async def under_lock(
        self,
        base_id: str,
        open_base: OpenWriter,
        deadline: Deadline,
        is_superseded: Callable[[], Awaitable[bool]] | None = None,
    ) -> bool:
        """Send what there is time for while the base is locked; return whether the step is done.

        A step that a later run has superseded sends nothing. Raises `LockedError`; `StepError`,
        also at the end when rows were refused.
        """
        until = deadline.sooner(self.claim.seconds_left)
        async with locking(self.claim, base_id, open_base) as locked:
            superseded = bool(is_superseded and await is_superseded())
            if not superseded:
                await self.send_all(locked.client, until)
            through = superseded or self.through
            # the lock is released also where the run has no time to go on
            locked.finished = through or not self.claim.has_time_after(QUIET)
        if through and self.cursor.refused:
            raise self.cursor.refusals(self.noun)
        return through

    async def send_all(self, base: BaseWriter, deadline: Deadline) -> None:
        """Send what there is time for, and store the progress. Raises `StepError`."""
        before = self.cursor.sent
        failure: StepError | None = None
        try:
            await self._send_all(base, deadline)
        except StepError as error:
            failure = error
        if self.cursor.sent > before:
            await self.checkpoint(True)
        if failure:
            if failure.retried:
                # an unanswered request may still be running when it is sent again
                self.claim.rest = max(self.claim.rest, self.claim.engine.ladder.request)
            raise failure

    @property
    def _reserve(self) -> float:
        return self.claim.reserve(self.claim.engine.ladder.last_write)

    async def _send_all(self, base: BaseWriter, deadline: Deadline) -> None:
        loop = asyncio.get_running_loop()
        stored_at, sent_then = loop.time(), self.cursor.sent
        while not self.through and deadline.remaining() > self._reserve:
            if loop.time() - stored_at >= CHECKPOINT and self.cursor.sent > sent_then:
                await self.checkpoint(False)
                stored_at, sent_then = loop.time(), self.cursor.sent
            await self._send(base, deadline.sooner(self.claim.engine.ladder.item))

    async def _send(self, base: BaseWriter, deadline: Deadline) -> None:
        """Make one request. Rows that are refused together are sent again, one by one."""
        cursor = self.cursor
        size = 1 if cursor.sent < cursor.alone else MAX_ROWS
        some = self.items[cursor.sent : cursor.sent + size]
        try:
            await self.send(base, some, deadline)
        except StepError as error:
            if error.reason != Reason.BASE_REJECTED:
                raise
            if len(some) > 1:
                cursor.alone = cursor.sent + len(some)
                return
            cursor.refused += 1
            cursor.refused_first = cursor.refused_first or self.id_of(some[0])
            cursor.refusal = error.message
        cursor.sent += len(some)
        if cursor.refused == MAX_REFUSED:
            raise cursor.refusals(self.noun)
