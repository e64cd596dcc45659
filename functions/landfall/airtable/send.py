"""Sends rows to a table of Airtable, under the hold on its base: what every write step does.

One request of ten rows follows the other. Rows that are refused together are sent one by one, so
that one that Airtable does not take costs only itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Self, TypeVar

from landfall.airtable.protocols import ROWS_MOST, BaseWriter
from landfall.deadlines import CHECKPOINT, Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.locks import QUIET, BaseHeldError, visiting
from landfall.runs.runs import Claim, Runs
from landfall.store.documents import Fields

LAST_WRITE = 5.0
"""Seconds before the end of the budget from which nothing is sent. A request is not to be cut off:
it may still be at work at Airtable when it is repeated."""

SETTLE = 15.0
"""Seconds until what was not answered is sent again, for the same reason."""

REFUSED_MOST = 10
"""Rows that Airtable refuses one by one, after which it is taken to be about the table."""

Item = TypeVar("Item")


@dataclass
class Sent:
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
        """From a step's cursor. One of an earlier Landfall has `requests` besides."""
        return cls(**{name: value for name, value in (stored or {}).items() if name != "requests"})

    def refusals(self, what: str) -> StepError:
        """What a step ends with in which rows were refused; `what` they are about."""
        return StepError(
            Reason.BASE_REJECTED,
            f"{self.refused} {what} were refused, the first is {self.refused_first}; "
            f"{self.refusal}",
        )


@dataclass
class Sending(Generic[Item]):
    """The rows that are to be sent, and how each of them is.

    `what` they are about, `id_of` names one of them, `send` is a request with some of them, and
    `keep` keeps how far that came: now and then, and at the end of the sending (True).
    """

    runs: Runs
    claim: Claim
    sent: Sent
    items: Sequence[Item]
    what: str
    id_of: Callable[[Item], str]
    send: Callable[[BaseWriter, Sequence[Item], Deadline], Awaitable[None]]
    keep: Callable[[bool], Awaitable[None]]

    @property
    def through(self) -> bool:
        """Whether nothing is left to be sent."""
        return self.sent.sent == len(self.items)

    async def send_all(self, base: BaseWriter, deadline: Deadline) -> None:
        """Send what there is time for, and keep how far that came. Raises `StepError`."""
        sent_before = self.sent.sent
        failure: StepError | None = None
        try:
            await self._send_all(base, deadline)
        except StepError as error:
            failure = error
        if self.sent.sent > sent_before:
            await self.keep(True)
        if failure:
            if failure.retried:
                failure.retry_after = max(failure.retry_after, SETTLE)
            raise failure

    async def _send_all(self, base: BaseWriter, deadline: Deadline) -> None:
        loop = asyncio.get_running_loop()
        kept_at, sent_then = loop.time(), self.sent.sent
        while not self.through and deadline.remaining() > LAST_WRITE:
            if loop.time() - kept_at >= CHECKPOINT and self.sent.sent > sent_then:
                await self.keep(False)
                kept_at, sent_then = loop.time(), self.sent.sent
            await self._send(base, deadline.sooner(self.runs.ladder.item))

    async def _send(self, base: BaseWriter, deadline: Deadline) -> None:
        """One request. Rows that are refused together are sent one by one."""
        sent = self.sent
        size = 1 if sent.sent < sent.alone else ROWS_MOST
        some = self.items[sent.sent : sent.sent + size]
        try:
            await self.send(base, some, deadline)
        except StepError as error:
            if error.reason != Reason.BASE_REJECTED:
                raise
            if len(some) > 1:
                sent.alone = sent.sent + len(some)
                return
            sent.refused += 1
            sent.refused_first = sent.refused_first or self.id_of(some[0])
            sent.refusal = error.message
        sent.sent += len(some)
        if sent.refused == REFUSED_MOST:
            raise sent.refusals(self.what)

    def check_time(self, delay: float) -> None:
        """Raise `StepError` when the run has no time for another invocation after this delay."""
        if time_left(self.runs, self.claim) < delay + self.runs.ladder.step:
            raise StepError(
                Reason.RUN_TIMEOUT,
                f"{self.sent.sent} of {len(self.items)} {self.what} were written when the run's "
                "time was over; the next run goes on",
            )


def time_left(runs: Runs, claim: Claim) -> float:
    """Seconds until the run's deadline."""
    left: timedelta = claim.run.data["deadline_at"] - runs.clock()
    return left.total_seconds()


async def visit(
    sending: Sending[Item],
    base_id: str,
    open_base: Callable[[str], BaseWriter],
    work: Callable[[BaseWriter], Awaitable[bool]],
) -> str | None:
    """Do some work with a base, which says whether all is through: None then, else what became of
    the step, which goes on in a task of its own.
    """
    claim = sending.claim
    try:
        async with visiting(sending.runs, claim, base_id, open_base) as visited:
            visited.finished = await work(visited.base)
            if not visited.finished:
                sending.check_time(QUIET)
    except BaseHeldError as held:
        delay = max(held.seconds, QUIET)
        sending.check_time(delay)
        await claim.hand_on(delay, run={"progress_step": "waiting_for_base"})
        return "waiting for the base"
    if not visited.finished:
        await claim.hand_on(QUIET)
        return "to be continued"
    return None
