"""Send rows to a table of Airtable, under the lock on its base: the loop of every write step.

One request of ten rows follows the other. Rows that are refused together are sent one by one, so
that a row that Airtable does not take costs only itself.
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
"""Rows that Airtable refuses one by one, after which the fault is taken to be the table's."""

OpenWriter = Callable[[str], BaseWriter]

Item = TypeVar("Item")


@dataclass
class SendCursor:
    """How far the rows of a list are sent.

    `sent` of them are through, the `refused` ones included. Up to `alone` they are sent one by
    one, since ten together were refused.
    """

    sent: int = 0
    alone: int = 0
    refused: int = 0
    refused_first: str | None = None
    refusal: str = ""

    @classmethod
    def load(cls, stored: Fields | None) -> Self:
        """Read a step's cursor. That of an earlier Landfall also has `requests`."""
        return cls(**{name: value for name, value in (stored or {}).items() if name != "requests"})

    def store(self) -> Fields:
        """Return the cursor as the step's document holds it."""
        return asdict(self)

    def refusals(self, noun: str) -> StepError:
        """Return the error that ends a step in which rows, called by this noun, were refused."""
        return StepError(
            Reason.BASE_REJECTED,
            f"{self.refused} {noun} were refused, the first is {self.refused_first}; "
            f"{self.refusal}",
        )


@dataclass
class Sending(Generic[Item]):
    """The rows that are to be sent, and how each of them is.

    `noun` is what the rows are called, `id_of` names one of them, `send` is a request with some of
    them, and `keep` stores how far the sending is: now and then, and at its end (True).
    """

    claim: Claim
    cursor: SendCursor
    items: Sequence[Item]
    noun: str
    id_of: Callable[[Item], str]
    send: Callable[[BaseWriter, Sequence[Item], Deadline], Awaitable[None]]
    keep: Callable[[bool], Awaitable[None]]

    @property
    def through(self) -> bool:
        """Return whether nothing is left to be sent."""
        return self.cursor.sent == len(self.items)

    @property
    def share(self) -> float:
        """The share of the rows that are through."""
        return self.cursor.sent / max(1, len(self.items))

    def run_fields(self, counts: Fields) -> RunFields:
        """Return the fields of the run that say how far the sending is, with these counts."""
        return {"counts": counts, "progress_pct": self.claim.progress.at(self.share)}

    def again(self) -> Again:
        """Return that the step goes on with the rest."""
        done = f"{self.cursor.sent} of {len(self.items)} {self.noun} were written"
        return Again(QUIET, so_far=done)

    async def under_lock(
        self,
        base_id: str,
        open_base: OpenWriter,
        deadline: Deadline,
        is_superseded: Callable[[], Awaitable[bool]] | None = None,
    ) -> bool:
        """Send what there is time for while the base is locked; return whether all is through.

        A step that a later run has superseded sends nothing. Raises `LockedError`, `StepError`.
        """
        until = deadline.sooner(self.claim.seconds_left)
        async with locking(self.claim, base_id, open_base) as locked:
            superseded = bool(is_superseded and await is_superseded())
            if not superseded:
                await self.send_all(locked.client, until)
            through = superseded or self.through
            # the base is left to others also where the run has no time to go on
            locked.finished = through or not self.claim.has_time_after(QUIET)
        return through

    async def send_all(self, base: BaseWriter, deadline: Deadline) -> None:
        """Send what there is time for, and store how far that is. Raises `StepError`."""
        before = self.cursor.sent
        failure: StepError | None = None
        try:
            await self._send_all(base, deadline)
        except StepError as error:
            failure = error
        if self.cursor.sent > before:
            await self.keep(True)
        if failure:
            if failure.retried:
                # a request that was not answered may still be at work when it is sent again
                self.claim.rest = max(self.claim.rest, self.claim.engine.ladder.request)
            raise failure

    async def _send_all(self, base: BaseWriter, deadline: Deadline) -> None:
        loop = asyncio.get_running_loop()
        kept_at, sent_then = loop.time(), self.cursor.sent
        while not self.through and deadline.remaining() > self.claim.engine.ladder.last_write:
            if loop.time() - kept_at >= CHECKPOINT and self.cursor.sent > sent_then:
                await self.keep(False)
                kept_at, sent_then = loop.time(), self.cursor.sent
            await self._send(base, deadline.sooner(self.claim.engine.ladder.item))

    async def _send(self, base: BaseWriter, deadline: Deadline) -> None:
        """Make one request. Rows that are refused together are sent one by one."""
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
