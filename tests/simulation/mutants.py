"""Bugs that we plant, one at a time: a simulation that does not see them would prove nothing.

Each is a change to the code of production, small enough to be made by mistake.
"""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from landfall.airtable import records
from landfall.airtable.fetch import Fetch
from landfall.airtable.fetch_cursor import FetchCursor
from landfall.airtable.protocols import OffsetExpiredError, RecordPage
from landfall.airtable.send import Sending
from landfall.integrity.findings.ledger import merge
from landfall.integrity.findings.write_progress import AFTER_ALL
from landfall.integrity.write import WriteFindings
from landfall.reasons import StepError
from landfall.runs import locks, tasks, transitions
from landfall.runs.changes import State
from landfall.runs.claim import Claim
from landfall.runs.documents import run_path, step_path
from landfall.runs.lifecycle import RUN_ENDED, RunStatus, StepStatus
from landfall.runs.report import RunReport
from landfall.runs.runs import DeclinedError, Runs
from landfall.runs.steps import ROLES, StepId
from landfall.runs.transitions import claimed
from landfall.store.documents import Put, Update
from landfall.store.server_clock import ServerClock
from landfall.ticks import scheduler, watchdog
from landfall.ticks.due_schedule import DueSchedule
from tests.fakes.memory_store import MemoryStore
from tests.simulation.outside import IssueTable, TreacherousBase

Planted = contextlib.AbstractContextManager[Any]


def no_fence() -> Planted:
    """A worker writes whatever the step's attempt is by then."""

    async def commit(self: Claim, decide: Any) -> None:
        self._state = await self.engine.commit(self._state, decide, self.worker, [self.step_id])

    return patch.object(Claim, "_commit", commit)


def unguarded_writes() -> Planted:
    """Commits do not look at the versions of what they replace."""
    check = MemoryStore._check

    def lenient(self: MemoryStore, write: Any) -> None:
        if not isinstance(write, Update):
            check(self, write)

    return patch.object(MemoryStore, "_check", lenient)


def impatient_watchdog() -> Planted:
    """The watchdog takes a step away while its worker is within its lease."""
    return patch.object(transitions, "_stale_at", lambda moment, _: moment)


def outbox_not_redriven() -> Planted:
    """The watchdog only looks after steps that run."""
    take_up = Runs.take_up

    async def only_running(self: Runs, run_id: str, step_id: StepId, by: str) -> str:
        (step,) = await self.store.read(step_path(run_id, step_id))
        if step and step.data["status"] == "queued":
            return "nothing"
        return await take_up(self, run_id, step_id, by)

    return patch.object(Runs, "take_up", only_running)


def redriven_under_the_same_name() -> Planted:
    """A task is sent again under a name that the queue has seen."""
    named = property(lambda task: f"{task.run_id}-{task.step_id}-{task.attempt}")
    return patch.object(tasks.Task, "name", named)


def every_delivery_claims() -> Planted:
    """A claim does not look at the attempt that its task is for, nor at the status."""

    async def eager(
        self: Runs, run_id: str, step_id: StepId, _: int, worker: str, progress_of: Any
    ) -> Claim:
        def decide(state: State) -> Any:
            return claimed(state, step_id, worker, "claimed", self.clock(), self.ladder)

        state = await self.read(run_id, [step_id])
        state = await self.commit(state, decide, worker, [step_id], worker_of=step_id)
        return Claim(self, state, step_id, worker, progress_of(state.run))

    return patch.object(Runs, "claim", eager)


def expiry_is_the_end() -> Planted:
    """A listing that has expired is taken for one that has ended."""
    read = TreacherousBase.page

    async def page(self: TreacherousBase, *arguments: Any) -> RecordPage:
        try:
            return await read(self, *arguments)
        except OffsetExpiredError:
            return RecordPage([], None)

    return patch.object(TreacherousBase, "page", page)


def expired_pages_counted() -> Planted:
    """Reading back, nobody asks which listing a page belongs to."""

    real = records.unpack

    def all_current(fields: Any) -> Any:
        return [replace(page, listing=AnyListing()) for page in real(fields)]

    return patch.object(records, "unpack", all_current)


class AnyListing(int):
    """Equal to every listing."""

    def __eq__(self, _: object) -> bool:
        return True

    __hash__ = int.__hash__


def restart_goes_on() -> Planted:
    """A table that is read again keeps the count of what was read before."""

    def advance(self: FetchCursor, page: Any, count: int, **_: bool) -> None:
        table = self.tables[page.table]
        table.listing = page.listing
        table.records += count
        table.offset, table.done = page.offset, page.offset is None

    return patch.object(FetchCursor, "advance", advance)


def cursor_not_kept() -> Planted:
    """Pages are kept, and where they end is not."""
    checkpoint = Claim.checkpoint

    async def forgetful(self: Claim, cursor: Any = None, run: Any = None, writes: Any = ()) -> None:
        kept = None if self.step.cursor else cursor
        await checkpoint(self, kept, run, writes)

    return patch.object(Claim, "checkpoint", forgetful)


def counted_twice() -> Planted:
    """Counts are added to what the run says, each time that it is written."""

    def counts(self: FetchCursor) -> dict[str, int]:
        return {"records": self.records + max(0, self.documents - 1)}

    return patch.object(FetchCursor, "counts", counts)


def error_taken_for_the_end() -> Planted:
    """A fetch that fails half-way goes on to scoring with what it has."""
    read = Fetch._read

    async def content(self: Fetch, *arguments: Any) -> bool:
        try:
            return await read(self, *arguments)
        except StepError:
            if self._cursor is None:
                raise
            return True

    return patch.object(Fetch, "_read", content)


def cancelled_run_lives_on() -> Planted:
    """Ending a run from outside leaves its steps as they are."""

    async def end(self: Runs, run_id: str, status: RunStatus, error: Any, _: str) -> bool:
        (run,) = await self.store.read(run_path(run_id))
        assert run is not None
        fields = {"status": status, "error": error, "finished_at": self.clock()}
        await self.store.commit([Update(run.path, fields, run.version)])
        return True

    return patch.object(Runs, "end", end)


def nobody_times_out() -> Planted:
    """Runs past their deadline are left alone."""

    async def none(*_: Any) -> list[Any]:
        return []

    return patch.object(watchdog.Watchdog, "_overdue_runs", none)


def slots_not_in_run_ids() -> Planted:
    """Every claim of a slot makes a run of its own, and the schedule is written unguarded."""
    numbers = iter(range(1_000_000))
    commit = scheduler.Scheduler._commit

    async def blind(self: Any, claim: Any, creations: Any) -> Any:
        (now,) = await self._store.read(claim(0).path)
        return await commit(self, lambda n: replace(claim(n), version=now.version), creations)

    stack = contextlib.ExitStack()
    stack.enter_context(patch.object(DueSchedule, "run_id", lambda *_: f"s-{next(numbers)}"))
    stack.enter_context(patch.object(scheduler.Scheduler, "_commit", blind))
    return stack


def results_outside_the_fence() -> Planted:
    """Pages are written by themselves, before the commit that holds the worker to its attempt."""
    checkpoint = Claim.checkpoint

    async def early(self: Claim, cursor: Any = None, run: Any = None, writes: Any = ()) -> None:
        await self.engine.store.commit([Put(write.path, write.data) for write in writes])
        await checkpoint(self, cursor, run)

    return patch.object(Claim, "checkpoint", early)


def written_before_it_is() -> Planted:
    """The ledger says that all is written back when a part of it is."""
    return patch.object(WriteFindings, "_before", lambda *_: AFTER_ALL)


def refused_taken_for_written() -> Planted:
    """A write-back that fails goes on with the next rows."""
    send = Sending._send

    async def content(self: Any, *arguments: Any) -> None:
        try:
            await send(self, *arguments)
        except StepError:
            self.cursor.sent += 1

    return patch.object(Sending, "_send", content)


def rows_without_an_id() -> Planted:
    """Rows are added, and not merged with what is there."""
    numbers = iter(range(1_000_000))

    def upsert(self: IssueTable, _: str, rows: Any, __: Any) -> None:
        self.rows |= {str(next(numbers)): row for row in rows}

    return patch.object(IssueTable, "upsert", upsert)


def every_look_is_the_last() -> Planted:
    """What a run saw takes the place of what a later one saw, if it ends after that."""

    async def late(*_: Any) -> datetime:
        return datetime.max.replace(tzinfo=UTC)

    return patch.object(Claim, "first_page_at", late)


def paused_base_is_asked() -> Planted:
    """A run that finds its base paused after a failure reads it all the same."""
    check = locks._check_free

    def held_only(found: Any, run_id: str, now: datetime, shelf: Any) -> None:
        check(replace(found, data=found.data | {"not_before": now}), run_id, now, shelf)

    return patch.object(locks, "_check_free", held_only)


def clock_not_corrected() -> Planted:
    """Every machine goes by its own clock, however far it is from that of the store."""
    return patch.object(ServerClock, "correct", lambda *_: None)


def inconclusive_rules_resolve() -> Planted:
    """A rule that could not be evaluated has found nothing, so that its findings are resolved."""

    def sure(ledger: Any, scope: str, reports: Any, *arguments: Any) -> Any:
        found = [replace(report, inconclusive="") for report in reports]
        return merge(ledger, scope, found, *arguments)

    return patch("landfall.integrity.publication.merge", sure)


def lost_race_claims_again() -> Planted:
    """Whether there is anything to claim is looked at once, before another one was faster."""

    async def blind(
        self: Runs, run_id: str, step_id: StepId, attempt: int, worker: str, progress_of: Any
    ) -> Claim:
        state = await self.read(run_id, [step_id])
        run, step = state.run, state.steps[step_id]
        if run.status in RUN_ENDED or (step.status, step.attempt) != (StepStatus.QUEUED, attempt):
            raise DeclinedError("it was claimed before")

        def decide(state: State) -> Any:
            return claimed(state, step_id, worker, "claimed", self.clock(), self.ladder)

        state = await self.commit(state, decide, worker, [step_id], worker_of=step_id)
        return Claim(self, state, step_id, worker, progress_of(state.run))

    return patch.object(Runs, "claim", blind)


def healthy_whatever_was_found() -> Planted:
    """The verdict does not look at the findings."""
    return patch("landfall.integrity.report.worst_of", lambda _: "healthy")


def never_complete() -> Planted:
    """A run says that something was not evaluated, and does not say so by its verdict."""
    run_fields = RunReport.run_fields

    def incomplete(self: RunReport, percent: int) -> Any:
        return run_fields(self, percent) | {"complete": False}

    return patch.object(RunReport, "run_fields", incomplete)


def write_back_ends_the_run() -> Planted:
    """A write-back that fails ends its run in error."""
    return patch.dict(ROLES, {"write": replace(ROLES["write"], warning=None)})


MUTANTS = (
    no_fence,
    unguarded_writes,
    impatient_watchdog,
    outbox_not_redriven,
    redriven_under_the_same_name,
    every_delivery_claims,
    expiry_is_the_end,
    expired_pages_counted,
    restart_goes_on,
    cursor_not_kept,
    counted_twice,
    error_taken_for_the_end,
    cancelled_run_lives_on,
    nobody_times_out,
    slots_not_in_run_ids,
    results_outside_the_fence,
    written_before_it_is,
    refused_taken_for_written,
    rows_without_an_id,
    write_back_ends_the_run,
    every_look_is_the_last,
    paused_base_is_asked,
    clock_not_corrected,
    inconclusive_rules_resolve,
    lost_race_claims_again,
    healthy_whatever_was_found,
    never_complete,
)
