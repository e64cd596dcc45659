"""The scheduler's tick: every schedule that is due is claimed, exactly once for each slot.

A claim is one commit that moves `next_run_at` on and creates the run, guarded by the schedule's
version: of two ticks at the same moment one commits and the other finds nothing left to do. The
run's id is made of the schedule and the slot, which holds even when a slot comes back.
"""

import asyncio
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from pydantic import ValidationError

from landfall import logs
from landfall.cadence import Plan, catch_up, due_slots, time_zone
from landfall.changes import run_path
from landfall.deadlines import TICK, Deadline
from landfall.definition import Schedule
from landfall.documents import (
    ConflictError,
    Document,
    Fields,
    Query,
    StoreError,
    Update,
    Write,
)
from landfall.lifecycle import RUN_LIVE, RunStatus
from landfall.reasons import Reason
from landfall.registry import plan_run
from landfall.runs import Runs
from landfall.ticks import mark_tick

PAGE = 100
"""Due schedules that are read at once, besides those that could not be claimed."""

ABREAST = 20
"""Schedules that are claimed side by side."""

CATCH_UP_MOST = 10
"""Missed slots of one schedule that become runs in one tick; the rest come with the next."""

LATEST = 5 * TICK
"""With `catch_up: none`, seconds by which a slot may be late and still run."""

# Firestore takes at most 30 combinations of `in` values in a query.
_SCHEDULES_A_QUERY = 30 // len(RUN_LIVE)


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
        await mark_tick(self._store, self._runs.clock, "scheduler", self._by, asdict(self._tick))
        return self._tick

    async def _due(self, limit: int) -> list[Document]:
        where = (("paused", "==", False), ("next_run_at", "<=", self._runs.clock()))
        return await self._store.find(
            Query("schedules", where=where, order=("next_run_at", "asc"), limit=limit)
        )

    async def _claim_all(self, due: Sequence[Document]) -> None:
        heads = await self._heads(due)
        live = await self._live_runs(due)
        await asyncio.gather(
            *(self._claim(schedule, heads, live.get(schedule.id, [])) for schedule in due)
        )

    async def _heads(self, due: Sequence[Document]) -> dict[str, Document]:
        ids = sorted({_scan_id(schedule) for schedule in due} - {""})
        found = await self._store.read(*(f"scans/{scan_id}" for scan_id in ids)) if ids else []
        return {head.id: head for head in found if head}

    async def _live_runs(self, due: Sequence[Document]) -> dict[str, list[Document]]:
        ids = [schedule.id for schedule in due if schedule.data.get("overlap") != "allow"]
        live: dict[str, list[Document]] = {}
        for start in range(0, len(ids), _SCHEDULES_A_QUERY):
            some = ids[start : start + _SCHEDULES_A_QUERY]
            where = (("schedule_id", "in", some), ("status", "in", sorted(RUN_LIVE)))
            found = await self._store.find(Query("runs", where=where))
            for run in found:
                live.setdefault(run.data["schedule_id"], []).append(run)
        return live

    async def _claim(
        self, schedule: Document, heads: Mapping[str, Document], live: Sequence[Document]
    ) -> None:
        async with self._places:
            try:
                await self._claim_or_set_aside(schedule, heads, live)
            except ConflictError:
                self._tick.lost_races += 1
            except StoreError as error:
                self._tick.problems += 1
                logs.warning("schedule not claimed", schedule_id=schedule.id, error=str(error))
            except Exception:
                # a bug, or a document that somebody edited: loud, and no reason to stop the others
                self._tick.problems += 1
                logs.error("bug", schedule_id=schedule.id, traceback=traceback.format_exc())

    async def _claim_or_set_aside(
        self, schedule: Document, heads: Mapping[str, Document], live: Sequence[Document]
    ) -> None:
        head = heads.get(_scan_id(schedule))
        if head is None:
            await self._set_aside(schedule, "its scan is gone")
            return
        try:
            spec = _spec(schedule)
        except ValidationError as error:
            await self._set_aside(schedule, str(error))
            return
        await self._claim_slots(schedule, spec, head, live)

    async def _claim_slots(
        self, schedule: Document, spec: Schedule, head: Document, live: Sequence[Document]
    ) -> None:
        plan = self._plan(schedule, spec)
        earlier = [run for run in live if plan.runs and run.data["slot"] < plan.runs[0]]
        skip = bool(earlier) and spec.overlap == "skip"
        if earlier and spec.overlap == "cancel_running":
            # first, so that a crash in between leaves a slot to be claimed, not two runs
            await self._cancel(earlier)
        slots = () if skip else plan.runs
        creations = {
            run_id: self._runs.creation(plan_run(run_id, head, "schedule", slot), self._by)
            for slot in slots
            for run_id in [_run_id(schedule.id, slot)]
        }

        def claim(count: int) -> Update:
            fields = self._moved_on(schedule, spec, plan, count, skip)
            return Update(schedule.path, fields, schedule.version)

        started = await self._commit(claim, creations)
        self._tick.skipped += skip
        self._tick.started += len(started)
        await asyncio.gather(
            *(self._runs.enqueue(self._runs.first_task(run_id)) for run_id in started)
        )

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

    async def _cancel(self, live: Sequence[Document]) -> None:
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
