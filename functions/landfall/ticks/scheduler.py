"""The scheduler's tick: claim every schedule that is due, exactly once for each slot.

A claim is one commit that moves `next_run_at` on and creates the run, guarded by the schedule's
version: of two ticks at the same moment one commits, and the other finds nothing to do. The run's
id consists of the schedule and the slot, so it is unique even when a slot is claimed again.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from landfall import logs
from landfall.deadlines import Deadline
from landfall.process.redaction import OURS
from landfall.reasons import Reason
from landfall.runs.backlog import Backlog
from landfall.runs.documents import Run, run_path
from landfall.runs.lifecycle import RUN_LIVE, RunStatus
from landfall.runs.plan import plan_run
from landfall.runs.runs import Runs
from landfall.store.documents import (
    ConflictError,
    Document,
    Fields,
    Query,
    SchemaError,
    StoreError,
    UnreadableError,
    Update,
    Write,
)
from landfall.store.metering import metering
from landfall.store.versioned import Found, NewerDocument, readable
from landfall.ticks.marks import mark_tick

if TYPE_CHECKING:
    from landfall.ticks.due_schedule import DueSchedule

PAGE = 250
"""Due schedules of one query, not counting those that could not be claimed."""

MAX_GROUP = 25
"""Schedules that are claimed in one commit, which is ten times as fast as one by one."""

CONCURRENCY = 20
"""Calls to the store in flight."""


@dataclass
class Tick:
    """The results of a tick, counted."""

    due: int = 0
    started: int = 0
    skipped: int = 0
    cancelled: int = 0
    lost_races: int = 0
    problems: int = 0
    left_over: bool = False


@dataclass(frozen=True)
class _Claim:
    """The writes that claim a schedule.

    `whole` are those of the schedule and all of its runs. `update` gives the schedule's own, where
    only so many runs are created.
    """

    schedule_id: str
    update: Callable[[int], Update]
    creations: Mapping[str, Sequence[Write]]
    whole: Sequence[Write]
    skip: bool


class Scheduler:
    """One tick, by the worker named `by`."""

    def __init__(self, runs: Runs, by: str) -> None:
        self._runs = runs
        self._store = runs.store
        self._by = by
        self._tick = Tick()
        self._places = asyncio.Semaphore(CONCURRENCY)

    async def tick(self, deadline: Deadline) -> Tick:
        """Claim what is due until nothing is, or until the deadline, and leave a mark."""
        with metering() as account:
            await self._claim_due(deadline)
            await mark_tick(self._runs, "scheduler", self._by, asdict(self._tick), account)
        return self._tick

    async def _claim_due(self, deadline: Deadline) -> None:
        backlog = Backlog(self._due, PAGE)
        while backlog.more and not self._tick.left_over:
            due = await backlog.next_page()
            self._tick.due += len(due)
            await self._claim_all(due)
            self._tick.left_over = backlog.more and deadline.remaining() <= 0

    async def _due(self, limit: int) -> list[Found]:
        where = (("paused", "==", False), ("next_run_at", "<=", self._runs.clock()))
        return await self._store.find_any(
            Query("schedules", where=where, order=("next_run_at", "asc"), limit=limit)
        )

    async def _claim_all(self, found: Sequence[Found]) -> None:
        due = [schedule for schedule in found if isinstance(schedule, Document)]
        for schedule in found:
            if isinstance(schedule, NewerDocument):
                self._tick.problems += 1
                logs.error("schedule not claimed", schedule_id=schedule.id, error=schedule.why)
        heads = await self._heads(due)
        runs = await self._open_runs(due)
        prepared = await asyncio.gather(
            *(self._prepared(schedule, heads, runs.get(schedule.id, [])) for schedule in due)
        )
        claims = [claim for claim in prepared if claim]
        groups = [claims[at : at + MAX_GROUP] for at in range(0, len(claims), MAX_GROUP)]
        await asyncio.gather(*(self._claim_together(group) for group in groups))

    async def _heads(self, due: Sequence[Document]) -> dict[str, Found]:
        ids = sorted({_scan_id(schedule) for schedule in due} - {""})
        found = await self._store.read_any(*(f"scans/{scan_id}" for scan_id in ids)) if ids else []
        return {head.id: head for head in found if head}

    async def _open_runs(self, due: Sequence[Document]) -> dict[str, list[Found]]:
        """Return by schedule those of its runs that had not ended when it was last claimed."""
        ids = [(s.id, run_id) for s in due for run_id in _open_runs(s)]
        found = await self._store.read_any(*(run_path(run_id) for _, run_id in ids)) if ids else []
        runs: dict[str, list[Found]] = {}
        for (schedule_id, _), run in zip(ids, found, strict=True):
            if run:
                runs.setdefault(schedule_id, []).append(run)
        return runs

    async def _prepared(
        self, schedule: Document, heads: Mapping[str, Found], runs: Sequence[Found]
    ) -> _Claim | None:
        """Return the claim of a schedule; None when it is set aside, or fails."""
        # pydantic takes 50 ms of a cold start, and most ticks find nothing due
        from landfall.ticks.due_schedule import DueSchedule

        claims: list[_Claim] = []

        async def prepare() -> None:
            head = heads.get(_scan_id(schedule))
            try:
                due = DueSchedule.load(schedule)
            except (ValueError, UnreadableError) as error:
                return await self._set_aside(schedule, str(error))
            if head is None:
                return await self._set_aside(schedule, "its scan is gone")
            live = [run for run in map(_read, runs) if run and run.status in RUN_LIVE]
            try:
                claims.append(await self._claim_of(due, readable(head), live))
            except UnreadableError as error:
                await self._set_aside(schedule, str(error))
            return None

        await self._guarded(schedule.id, prepare)
        return claims[0] if claims else None

    async def _claim_of(self, due: "DueSchedule", head: Document, live: Sequence[Run]) -> _Claim:
        schedule, overlap = due.document, due.spec.overlap
        plan = due.plan(self._runs.clock())
        earlier = [run for run in live if plan.runs and run.slot and run.slot < plan.runs[0]]
        skip = bool(earlier) and overlap == "skip"
        if earlier and overlap == "cancel_running":
            # first, so that a crash in between leaves a slot to be claimed, not two runs
            await self._cancel(earlier)
        creations = {
            run_id: self._runs.creation(plan_run(run_id, head, "schedule", slot), self._by)
            for slot in (() if skip else plan.runs)
            for run_id in [due.run_id(slot)]
        }

        def update(count: int) -> Update:
            fields = due.fields_after(plan, count, skip=skip)
            fields["open_runs"] = [*(run.id for run in live), *creations]
            return Update(schedule.path, fields | self._stamp(), schedule.version)

        whole = [update(len(creations)), *_flat(creations.values())]
        return _Claim(schedule.id, update, creations, whole, skip)

    async def _guarded(self, schedule_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Count the failure of one schedule, and let the others go on."""
        async with self._places:
            try:
                await work()
            except ConflictError:
                self._tick.lost_races += 1
            except (StoreError, SchemaError) as error:
                self._tick.problems += 1
                logs.warning("schedule not claimed", schedule_id=schedule_id, error=str(error))
            except Exception:
                # a bug, or a document that somebody edited
                self._tick.problems += 1
                logs.error("bug", schedule_id=schedule_id, traceback=traceback.format_exc())

    async def _claim_together(self, claims: Sequence[_Claim]) -> None:
        """Commit claims together; one by one when one of them lost a race or cannot be written."""
        try:
            async with self._places:
                await self._store.commit(_flat(claim.whole for claim in claims))
        except (ConflictError, StoreError):
            await asyncio.gather(
                *(self._guarded(c.schedule_id, partial(self._claim_alone, c)) for c in claims)
            )
            return
        await asyncio.gather(*(self._started(claim, list(claim.creations)) for claim in claims))

    async def _claim_alone(self, claim: _Claim) -> None:
        await self._started(claim, await self._commit(claim.update, claim.creations))

    async def _started(self, claim: _Claim, run_ids: Sequence[str]) -> None:
        self._tick.skipped += claim.skip
        self._tick.started += len(run_ids)
        tasks = [self._runs.first_task(run_id) for run_id in run_ids]
        await asyncio.gather(*(self._runs.enqueue(task) for task in tasks))

    async def _commit(
        self, claim: Callable[[int], Update], creations: Mapping[str, Sequence[Write]]
    ) -> list[str]:
        """Commit a claim; return the ids of the runs it created.

        Runs that exist are left out: a schedule that was saved again may give a slot twice. `claim`
        gives the schedule's own write where so many runs are created.
        """
        schedule = claim(len(creations))
        try:
            await self._store.commit([schedule, *_flat(creations.values())])
        except ConflictError:
            (now,) = await self._store.read_any(schedule.path)
            if not isinstance(now, Document) or now.version != schedule.version:
                raise
            there = await self._store.read_any(*(run_path(run_id) for run_id in creations))
            missing = [new for new, run in zip(creations, there, strict=True) if run is None]
            runs = _flat(creations[run_id] for run_id in missing)
            await self._store.commit([claim(len(missing)), *runs])
            return missing
        return list(creations)

    async def _cancel(self, live: Sequence[Run]) -> None:
        message = "a newer slot of its schedule is due, and its overlap policy is cancel_running"
        error = {"reason": Reason.CANCELLED, "message": message}
        for run in live:
            ended = await self._runs.end(run.id, RunStatus.CANCELLED, error, self._by)
            self._tick.cancelled += ended

    async def _set_aside(self, schedule: Document, why: str) -> None:
        """Pause a schedule that cannot be read: else it would be due in every tick."""
        self._tick.problems += 1
        logs.error("schedule set aside", schedule_id=schedule.id, error=why)
        problem = f"paused by the scheduler: {OURS.message(why)}"
        fields = {
            "paused": True,
            "next_run_at": None,
            "problem": f"{problem}; correct it and save the scan again",
        }
        await self._store.commit([Update(schedule.path, fields | self._stamp(), schedule.version)])

    def _stamp(self) -> Fields:
        return {"updated_at": self._runs.clock(), "updated_by": self._by}


def _flat(groups: Iterable[Sequence[Write]]) -> list[Write]:
    return [write for group in groups for write in group]


def _open_runs(schedule: Document) -> list[str]:
    """Return the ids of a schedule's runs that had not ended; none where they cannot be read."""
    stored = schedule.data.get("open_runs")
    return [run_id for run_id in stored if _is_id(run_id)] if isinstance(stored, list) else []


def _read(found: Found) -> Run | None:
    """Read a run. One that somebody has edited goes on with nothing, so that it is no live one."""
    try:
        return Run.load(readable(found))
    except UnreadableError:
        return None


def _is_id(value: object) -> bool:
    return isinstance(value, str) and "/" not in value


def _scan_id(schedule: Document) -> str:
    """Return the id of the schedule's scan; empty where the stored value is no id."""
    stored = schedule.data.get("scan_id")
    return str(stored) if _is_id(stored) else ""
