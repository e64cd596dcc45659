"""The scheduler's tick: every schedule that is due is claimed, exactly once for each slot.

A claim is one commit that moves `next_run_at` on and creates the run, guarded by the schedule's
version: of two ticks at the same moment one commits and the other finds nothing left to do. The
run's id is made of the schedule and the slot, which holds even when a slot comes back.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from landfall import logs
from landfall.deadlines import TICK, Deadline
from landfall.reasons import Reason
from landfall.runs.documents import Run, run_path
from landfall.runs.lifecycle import RUN_LIVE, RunStatus
from landfall.runs.plan import plan_run
from landfall.runs.runs import Runs
from landfall.scans.cadence import time_zone
from landfall.scans.schedule import Schedule
from landfall.scans.slots import Plan, catch_up, due_slots
from landfall.store.documents import (
    ConflictError,
    Document,
    Fields,
    Query,
    SchemaError,
    StoreError,
    Update,
    Write,
)
from landfall.store.metering import metering
from landfall.store.versioned import NewerDocument
from landfall.ticks.marks import mark_tick

PAGE = 250
"""Due schedules that are read at once, besides those that could not be claimed."""

TOGETHER = 25
"""Schedules that are claimed in one commit, which is ten times as fast as one by one."""

ABREAST = 20
"""Calls to the store that are under way side by side."""

CATCH_UP_MOST = 10
"""Missed slots of one schedule that become runs in one tick; the rest come with the next."""

LATEST = 5 * TICK
"""With `catch_up: none`, seconds by which a slot may be late and still run."""


@dataclass
class Tick:
    """What a tick did."""

    due: int = 0
    started: int = 0
    skipped: int = 0
    cancelled: int = 0
    lost_races: int = 0
    problems: int = 0
    left_over: bool = False


@dataclass(frozen=True)
class _Claim:
    """What a schedule's claim writes.

    `whole` is itself and all of its runs; `update` is itself when only so many runs are made.
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
        self._places = asyncio.Semaphore(ABREAST)

    async def tick(self, deadline: Deadline) -> Tick:
        """Claim what is due until nothing is, or until the deadline, and leave a mark."""
        with metering() as account:
            await self._claim_due(deadline)
            await mark_tick(self._runs, "scheduler", self._by, asdict(self._tick), account)
        return self._tick

    async def _claim_due(self, deadline: Deadline) -> None:
        limit = PAGE
        seen: set[str] = set()
        while not self._tick.left_over:
            found = await self._due(limit)
            due = [schedule for schedule in found if schedule.path not in seen]
            self._tick.due += len(due)
            await self._claim_all(due)
            if len(found) < limit:
                break
            seen.update(schedule.path for schedule in due)
            # what could not be claimed is found again: look past it
            limit = PAGE + len(found) - len(due)
            self._tick.left_over = deadline.remaining() <= 0

    async def _due(self, limit: int) -> list[Document]:
        where = (("paused", "==", False), ("next_run_at", "<=", self._runs.clock()))
        return await self._store.find(
            Query("schedules", where=where, order=("next_run_at", "asc"), limit=limit)
        )

    async def _claim_all(self, due: Sequence[Document]) -> None:
        due = [schedule for schedule in due if not self._is_newer(schedule)]
        heads = await self._heads(due)
        runs = await self._open_runs(due)
        prepared = await asyncio.gather(
            *(self._prepared(schedule, heads, runs.get(schedule.id, [])) for schedule in due)
        )
        claims = [claim for claim in prepared if claim]
        groups = [claims[at : at + TOGETHER] for at in range(0, len(claims), TOGETHER)]
        await asyncio.gather(*(self._claim_together(group) for group in groups))

    def _is_newer(self, schedule: Document) -> bool:
        if isinstance(schedule, NewerDocument):
            self._tick.problems += 1
            logs.error("schedule not claimed", schedule_id=schedule.id, error=schedule.why)
        return isinstance(schedule, NewerDocument)

    async def _heads(self, due: Sequence[Document]) -> dict[str, Document]:
        ids = sorted({_scan_id(schedule) for schedule in due} - {""})
        found = await self._store.read(*(f"scans/{scan_id}" for scan_id in ids)) if ids else []
        return {head.id: head for head in found if head}

    async def _open_runs(self, due: Sequence[Document]) -> dict[str, list[Document]]:
        """By schedule, those of its runs that had not ended when it was last claimed."""
        ids = [(s.id, run_id) for s in due for run_id in s.data.get("open_runs") or []]
        found = await self._store.read(*(run_path(run_id) for _, run_id in ids)) if ids else []
        runs: dict[str, list[Document]] = {}
        for (schedule_id, _), run in zip(ids, found, strict=True):
            if run:
                runs.setdefault(schedule_id, []).append(run)
        return runs

    async def _prepared(
        self, schedule: Document, heads: Mapping[str, Document], runs: Sequence[Document]
    ) -> _Claim | None:
        """What is to be committed for a schedule; None when it is set aside, or fails."""
        claims: list[_Claim] = []

        async def prepare() -> None:
            head = heads.get(_scan_id(schedule))
            try:
                spec = _spec(schedule)
            except ValidationError as error:
                return await self._set_aside(schedule, str(error))
            if head is None:
                return await self._set_aside(schedule, "its scan is gone")
            live = [run for run in map(Run.load, runs) if run.status in RUN_LIVE]
            claims.append(await self._claim_of(schedule, spec, head, live))
            return None

        await self._guarded(schedule.id, prepare)
        return claims[0] if claims else None

    async def _claim_of(
        self, schedule: Document, spec: Schedule, head: Document, live: Sequence[Run]
    ) -> _Claim:
        plan = self._plan(schedule, spec)
        earlier = [run for run in live if plan.runs and run.slot and run.slot < plan.runs[0]]
        skip = bool(earlier) and spec.overlap == "skip"
        if earlier and spec.overlap == "cancel_running":
            # first, so that a crash in between leaves a slot to be claimed, not two runs
            await self._cancel(earlier)
        creations = {
            run_id: self._runs.creation(plan_run(run_id, head, "schedule", slot), self._by)
            for slot in (() if skip else plan.runs)
            for run_id in [_run_id(schedule.id, slot)]
        }

        def update(count: int) -> Update:
            fields = self._moved_on(schedule, spec, plan, count, skip)
            fields["open_runs"] = [*(run.id for run in live), *creations]
            return Update(schedule.path, fields, schedule.version)

        whole = [update(len(creations)), *_flat(creations.values())]
        return _Claim(schedule.id, update, creations, whole, skip)

    async def _guarded(self, schedule_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """What goes wrong with one schedule is counted, and no reason to stop the others."""
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
        """In one commit; one by one when one of them lost a race or cannot be written."""
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

    def _plan(self, schedule: Document, spec: Schedule) -> Plan:
        now = self._runs.clock()
        due = due_slots(
            spec.cadence,
            time_zone(spec.time_zone),
            schedule.data["next_run_at"],
            now,
            CATCH_UP_MOST,
        )
        plan = catch_up(spec.catch_up, due, now, LATEST)
        slots = [slot for slot in plan.runs if spec.stop_at is None or slot <= spec.stop_at]
        upcoming = plan.next_run_at
        if spec.max_runs is not None:
            slots = slots[: max(0, spec.max_runs - schedule.data["runs_started"])]
        if upcoming and spec.stop_at and upcoming > spec.stop_at:
            upcoming = None
        return Plan(tuple(slots), upcoming)

    def _moved_on(
        self, schedule: Document, spec: Schedule, plan: Plan, started: int, skip: bool
    ) -> Fields:
        runs_started = schedule.data["runs_started"] + started
        over = spec.max_runs is not None and runs_started >= spec.max_runs
        fields: Fields = {
            "next_run_at": None if over else plan.next_run_at,
            "runs_started": runs_started,
            "skipped": schedule.data["skipped"] + skip,
            "updated_at": self._runs.clock(),
            "updated_by": self._by,
        }
        return fields | ({"last_slot": plan.runs[-1]} if plan.runs else {})

    async def _commit(
        self, claim: Callable[[int], Update], creations: Mapping[str, Sequence[Write]]
    ) -> list[str]:
        """The ids of the runs that were created: without those that an earlier save had made.

        `claim` is the schedule's own write when so many runs are created.
        """
        schedule = claim(len(creations))
        try:
            await self._store.commit([schedule, *_flat(creations.values())])
        except ConflictError:
            (now,) = await self._store.read(schedule.path)
            if now is None or now.version != schedule.version:
                raise
            there = await self._store.read(*(run_path(run_id) for run_id in creations))
            missing = [new for new, run in zip(creations, there, strict=True) if run is None]
            runs = _flat(creations[run_id] for run_id in missing)
            await self._store.commit([claim(len(missing)), *runs])
            return missing
        return list(creations)

    async def _cancel(self, live: Sequence[Run]) -> None:
        message = "a newer slot of its schedule came up, and its overlap policy is cancel_running"
        error = {"reason": Reason.CANCELLED, "message": message}
        for run in live:
            ended = await self._runs.end(run.id, RunStatus.CANCELLED, error, self._by)
            self._tick.cancelled += ended

    async def _set_aside(self, schedule: Document, why: str) -> None:
        """A schedule that cannot be read must not come up in every tick, nor stop the others."""
        self._tick.problems += 1
        logs.error("schedule set aside", schedule_id=schedule.id, error=why)
        fields = {
            "paused": True,
            "problem": f"paused by the scheduler: {why}; correct it and save the scan again",
            "updated_at": self._runs.clock(),
            "updated_by": self._by,
        }
        await self._store.commit([Update(schedule.path, fields, schedule.version)])


def _scan_id(schedule: Document) -> str:
    """The scan that it runs; empty where what is stored there is no id."""
    stored = schedule.data.get("scan_id")
    return stored if isinstance(stored, str) and "/" not in stored else ""


def _spec(schedule: Document) -> Schedule:
    stored = {name: schedule.data.get(name) for name in Schedule.model_fields}
    return Schedule.model_validate({k: v for k, v in stored.items() if v is not None})


def _run_id(schedule_id: str, slot: datetime) -> str:
    return f"s-{schedule_id}-{slot:%Y%m%dT%H%M%SZ}"


def _flat(groups: Iterable[Sequence[Write]]) -> list[Write]:
    return [write for group in groups for write in group]
