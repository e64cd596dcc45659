"""The watchdog's tick: end late runs, take up steps and messages that do not move, and end
deletions."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

from landfall import logs
from landfall.deadlines import Deadline
from landfall.reasons import Reason
from landfall.runs.backlog import Backlog, Find
from landfall.runs.commit import RunNotFoundError
from landfall.runs.deletion import Deletion
from landfall.runs.documents import Step
from landfall.runs.lifecycle import RUN_LIVE, RunStatus
from landfall.runs.outbox import Message, taken_up
from landfall.runs.runs import Runs
from landfall.store.documents import (
    ConflictError,
    Fields,
    Query,
    SchemaError,
    StoreError,
    UnreadableError,
    both,
)
from landfall.store.metering import metering
from landfall.store.versioned import Found, readable
from landfall.ticks.marks import mark_tick

PAGE = 100
"""Runs or steps of one query, not counting those that could not be dealt with."""

MAX_UNREADABLE = 20
"""Documents that a tick names, of those that cannot be read."""

MAX_WHY = 300
"""Characters that it says of each."""

CONCURRENCY = 40
"""Runs or steps that are dealt with at the same time."""

CALLS = 3
"""Calls of Firestore, one after the other, for one of them: a run, its steps, and a commit."""


@dataclass
class Watch:
    """The results of a tick, counted."""

    timed_out: int = 0
    redriven: int = 0
    retried: int = 0
    failed: int = 0
    messages: int = 0
    problems: int = 0
    left_over: bool = False
    unreadable: list[Fields] = field(default_factory=list)
    """Documents that somebody has edited, so that nothing can be done with them: `path`, `why`."""


class Watchdog:
    """One tick, by the worker named `by`."""

    def __init__(self, runs: Runs, by: str) -> None:
        self._runs = runs
        self._by = by
        self._watch = Watch()

    async def tick(self, deadline: Deadline) -> Watch:
        """End late runs, take up what is stale, go on with deletions, and leave a mark."""
        half = deadline.sooner(deadline.remaining() / 2)
        with metering() as account:
            late = asyncio.ensure_future(self._all(self._overdue_runs, self._time_out, deadline))

            async def steps() -> None:
                # then, as those of a run end with it; but late runs leave them half the time
                await asyncio.wait([late], timeout=half.remaining())
                await self._all(self._stale_steps, self._take_up, deadline)

            delete = partial(self._go_on_deleting, half)
            deletions = self._all(self._open_deletions, delete, deadline)
            messages = self._all(self._stale_messages, self._take_up_message, deadline)
            await both(late, both(steps(), both(deletions, messages)))
            await mark_tick(self._runs, "watchdog", self._by, asdict(self._watch), account)
        return self._watch

    async def _all(
        self,
        find: Find,
        deal_with: Callable[[Found], Awaitable[None]],
        deadline: Deadline,
    ) -> None:
        backlog, places = Backlog(find, PAGE), asyncio.Semaphore(CONCURRENCY)
        seconds = 0.0
        while backlog.more and deadline.remaining() > (1 + CALLS) * seconds:
            began = deadline.remaining()
            page = await backlog.next_page()
            seconds = began - deadline.remaining()
            last = Deadline(deadline.at - CALLS * seconds)
            await asyncio.gather(*(self._one(it, deal_with, places, last) for it in page))
        self._watch.left_over |= backlog.more

    async def _one(
        self,
        document: Found,
        deal_with: Callable[[Found], Awaitable[None]],
        places: asyncio.Semaphore,
        last: Deadline,
    ) -> None:
        """Deal with a document; after `last`, only with those that need not wait for a place."""
        waits = places.locked()
        async with places:
            if waits and last.remaining() <= 0:
                self._watch.left_over = True
                return
            try:
                await deal_with(document)
            except (ConflictError, StoreError, RunNotFoundError) as error:
                self._watch.problems += 1
                logs.warning("not dealt with", path=document.path, error=str(error))
            except UnreadableError as error:
                self._cannot_read(document, str(error))
            except SchemaError as error:
                self._watch.problems += 1
                logs.error("not dealt with", path=document.path, error=str(error))
            except Exception as error:
                # a bug, or a document that somebody edited: loud, and no reason to stop the others
                logs.error("bug", path=document.path, traceback=traceback.format_exc())
                self._cannot_read(document, f"nothing can be done with it: {error!r}")

    def _cannot_read(self, document: Found, why: str) -> None:
        self._watch.problems += 1
        logs.error("not dealt with", path=document.path, error=why)
        if len(self._watch.unreadable) < MAX_UNREADABLE:
            self._watch.unreadable.append({"path": document.path, "why": why[:MAX_WHY]})

    async def _overdue_runs(self, limit: int) -> Sequence[Found]:
        where = (("status", "in", sorted(RUN_LIVE)), ("deadline_at", "<=", self._runs.clock()))
        return await self._runs.store.find_any(
            Query("runs", where=where, order=("deadline_at", "asc"), limit=limit)
        )

    async def _stale_steps(self, limit: int) -> Sequence[Found]:
        where = (("stale_at", "<=", self._runs.clock()),)
        return await self._runs.store.find_any(
            Query("steps", group=True, where=where, order=("stale_at", "asc"), limit=limit)
        )

    async def _stale_messages(self, limit: int) -> Sequence[Found]:
        where = (("stale_at", "<=", self._runs.clock()),)
        return await self._runs.store.find_any(
            Query("outbox", where=where, order=("stale_at", "asc"), limit=limit)
        )

    async def _open_deletions(self, limit: int) -> Sequence[Found]:
        where = (("done", "==", False),)
        return await self._runs.store.find_any(Query("deletions", where=where, limit=limit))

    async def _go_on_deleting(self, until: Deadline, document: Found) -> None:
        await Deletion(self._runs, document.id, self._by).go_on(until)

    async def _time_out(self, document: Found) -> None:
        run = readable(document)  # of which more need not fit than the query has found it by
        message = f"it was {run.data['status']} ({run.data.get('progress_step')}) at its deadline"
        error = {"reason": Reason.RUN_TIMEOUT, "message": message}
        ended = await self._runs.end(run.id, RunStatus.TIMED_OUT, error, self._by)
        self._watch.timed_out += ended

    async def _take_up_message(self, document: Found) -> None:
        """Send the task of a message again, or end it where its time is over."""
        message = Message.load(readable(document))
        update, task = taken_up(message, self._runs.clock(), self._runs.ladder, self._by)
        await self._runs.store.commit([update])
        self._watch.messages += 1
        logs.warning("rescued", message_id=message.id, did="redriven" if task else "failed")
        if task:
            await self._runs.enqueue(task)

    async def _take_up(self, document: Found) -> None:
        step = Step.load(readable(document))
        did = await self._runs.take_up(step.run_id, step.step_id, self._by)
        if did != "nothing":
            logs.warning("rescued", run_id=step.run_id, step_id=step.id, did=did)
            setattr(self._watch, did, getattr(self._watch, did) + 1)
