"""One simulated day of Landfall: the use cases of production over a treacherous outside.

python -m tests.simulation SEED     replays one, and says what happened
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unittest.mock import patch

from landfall import logs
from landfall.airtable import send as airtable_send
from landfall.classification import scan as classification_scan
from landfall.deadlines import LADDER, TICK, Deadline
from landfall.kinds import definition
from landfall.kinds.registry import Registry
from landfall.llm import batch_submission
from landfall.process.redaction import Redactor
from landfall.reasons import Reason
from landfall.runs.commit import RunNotFoundError
from landfall.runs.kind import Kind
from landfall.runs.lifecycle import RUN_ENDED, RunStatus
from landfall.runs.plan import plan_run
from landfall.runs.runs import Runs
from landfall.runs.tasks import Task
from landfall.runs.worker import Invocation, OutOfTimeError, Worker
from landfall.scans.scan import Scan
from landfall.store.documents import ConflictError, Document, Query, StoreError, Write
from landfall.store.server_clock import ClockError
from landfall.store.versioned import VersionedStore
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.fakes.clients import kinds_with
from tests.simulation.checker import Judged, violations
from tests.simulation.classification import ClassificationSubject
from tests.simulation.elements import BATCHED
from tests.simulation.faults import (
    Chaos,
    KilledError,
    Rates,
    clock_of_process,
    current,
    process,
)
from tests.simulation.integrity import IntegritySubject
from tests.simulation.outside import TreacherousQueue, TreacherousStore
from tests.simulation.sites import SiteSubject
from tests.simulation.subject import Subject
from tests.simulation.virtual_time import run as run_virtually
from tests.simulation.virtual_time import wall_clock

SUBJECTS: Mapping[str, Callable[[Chaos], Subject]] = {
    "integrity": IntegritySubject,
    "classification": ClassificationSubject,
    "site": SiteSubject,
}
"""By the kind of scan."""

WEIGHTS = {"integrity": 0.7, "classification": 0.15, "site": 0.15}
"""How often a scan is of a kind."""

ROWS = 2
"""Rows of a simulated write request: few, so that there are many requests."""

ASKED = 2
"""Questions of a simulated batch: few, so that a run has several."""

TOUCHES = 3
"""Times that people do something with what a scan looks at, or has found."""

HORIZON = 3 * 3600.0
"""Seconds after which everything must have ended by itself."""

EXPECTED_ERRORS = (
    *(StoreError, ConflictError, OutOfTimeError, RunNotFoundError, TimeoutError),
    ClockError,
)
"""What the entry points answer 500 to, and a tick or a delivery may come back for."""


@dataclass
class Outcome:
    """What is left of a simulation, for the checker."""

    seed: int
    subjects: Mapping[str, Subject]
    store: TreacherousStore
    queue: TreacherousQueue
    chaos: Chaos
    good_watches: list[tuple[datetime, datetime]] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)


class BriefRedactor(Redactor):
    """Names an error without its traceback, which takes longer than the step that failed."""

    def traceback(self, error: BaseException) -> str:
        """Return the type of the error and its message."""
        return self.text(repr(error))


class Simulation:
    """Scans of every kind, on schedules and by hand, until all has ended."""

    store_class: type[TreacherousStore] = TreacherousStore

    def __init__(
        self, seed: int, rates: Rates | None = None, weights: Mapping[str, float] = WEIGHTS
    ) -> None:
        self.chaos = Chaos(seed, rates)
        self._weights = weights
        self.store = self.store_class(self.chaos, self._written)
        self.queue = TreacherousQueue(self.chaos, self._deliver)
        store = VersionedStore(self.store)
        self.runs = Runs(store, self.queue, clock_of_process, self.chaos.random, LADDER)
        self.registry = Registry(store, clock_of_process)
        self.subjects: dict[str, Subject] = {}
        self._kinds: dict[str, Kind] = {}
        self.outcome = Outcome(seed, self.subjects, self.store, self.queue, self.chaos)
        self._background: set[asyncio.Task[Any]] = set()

    async def run(self) -> Outcome:
        """Let time pass until everything has ended, at the latest until the horizon."""
        scans = self._draw_scans()
        await self._quietly(self._save(scans))
        people = asyncio.create_task(self._people(scans))
        loop = asyncio.get_running_loop()
        while loop.time() < HORIZON:
            self._tick_both()
            await asyncio.sleep(TICK)
            if people.done() and await self._quietly(self._all_ended()):
                break
        await people
        await self._settle()
        return self.outcome

    def _draw_scans(self) -> Sequence[Scan]:
        return [self._draw_scan(number) for number in range(self.chaos.random.choice([1, 2]))]

    def _draw_scan(self, number: int) -> Scan:
        random = self.chaos.random
        (kind,) = random.choices([*self._weights], [*self._weights.values()])
        if kind not in self.subjects:
            self.look_at(kind, SUBJECTS[kind](self.chaos))
        scan: Scan = self.subjects[kind].draw_scan(random, number)
        return scan

    def look_at(self, kind: str, subject: Subject) -> None:
        """Have scans of this kind look at this."""
        self.subjects[kind] = subject
        self._kinds |= kinds_with({kind: subject.clients})

    async def _save(self, scans: Sequence[Scan]) -> None:
        for scan in scans:
            await self.registry.save(scan, "simulation")

    async def _people(self, scans: Sequence[Scan]) -> None:
        """Somebody starts a run by hand, and somebody may cancel one; others are busy besides."""
        await asyncio.gather(self._starters(scans), *map(self._others, scans))

    async def _starters(self, scans: Sequence[Scan]) -> None:
        await asyncio.sleep(self.chaos.random.uniform(1, 400))
        await self._quietly(self._start_by_hand(scans[0]))
        if self.chaos.random.random() < 0.3:
            await asyncio.sleep(self.chaos.random.uniform(1, 90))
            await self._quietly(self._cancel_one())

    async def _others(self, scan: Scan) -> None:
        for _ in range(TOUCHES):
            await asyncio.sleep(self.chaos.random.uniform(5, 120))
            await self._quietly(self.subjects[scan.kind].touch(self.runs, self.registry, scan))

    async def _start_by_hand(self, scan: Scan) -> None:
        await self._start("m-1", await self.registry.head(scan.id))

    async def _start(self, run_id: str, head: Document) -> None:
        plan = plan_run(run_id, head, "manual")
        await self.runs.store.commit(self.runs.creation(plan, "person"))
        await self.runs.enqueue(self.runs.first_task(run_id))

    async def _cancel_one(self) -> None:
        runs = await self.store.memory.find(Query("runs"))
        run = self.chaos.random.choice(runs)
        error = {"reason": Reason.CANCELLED, "message": "by hand"}
        await self.runs.end(run.id, RunStatus.CANCELLED, error, "person")

    async def _quietly(self, work: Awaitable[Any]) -> Any:
        """Without faults: what a test does, or looks at."""
        with process("people", quiet=True):
            return await work

    async def _all_ended(self) -> bool:
        schedules = self.store.memory.all("schedules")
        if any(schedule.data["next_run_at"] for schedule in schedules):
            return False
        return all(run.data["status"] in RUN_ENDED for run in self.store.memory.all("runs"))

    async def _settle(self) -> None:
        """Whatever is still on its way arrives, so that a late write would be seen."""
        while self.queue.deliveries or self._background:
            await asyncio.wait([*self.queue.deliveries, *self._background])

    # The five functions, as their entry points call them

    def _tick_both(self) -> None:
        for name, tick in (("scheduler", self._schedule), ("watchdog", self._watch)):
            if self.chaos.strikes("skip_tick"):
                continue
            for _ in range(2 if self.chaos.strikes("double_tick") else 1):
                self._spawn(name, tick)

    def _spawn(self, name: str, tick: Callable[[], Awaitable[None]]) -> None:
        async def as_process() -> None:
            with process(name, ahead=self.chaos.clock_ahead()):
                await self._answer(tick())

        task = asyncio.create_task(as_process())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _schedule(self) -> None:
        await current.get().clock.require(self.runs.store)
        await Scheduler(self.runs, "scheduler").tick(Deadline.after(LADDER.step))

    async def _watch(self) -> None:
        await current.get().clock.require(self.runs.store)
        began = wall_clock()
        stale = self._stale(began)
        watch = await Watchdog(self.runs, "watchdog").tick(Deadline.after(LADDER.step))
        if not watch.problems and not watch.left_over:
            self.outcome.good_watches.append((began, wall_clock()))
            self.outcome.bugs += [
                f"{path} was stale, and a watchdog passed by"
                for path in sorted(stale & self._stale(began))
            ]

    def _stale(self, at: datetime) -> set[str]:
        """The steps that were stale at this moment, and are as they were.

        Those of a run whose deadline has passed end with it, in the tick that finds it late.
        """
        runs = [run for run in self.store.memory.all("runs") if not _is_late(run)]
        steps = [s for run in runs for s in self.store.memory.all(f"{run.path}/steps")]
        whens = {step.path: step.data.get("stale_at") for step in steps}
        return {path for path, when in whens.items() if isinstance(when, datetime) and when <= at}

    def _written(self, write: Write) -> Iterator[str]:
        """What is wrong with a document, at the moment when it is written."""
        for subject in self.subjects.values():
            yield from subject.written(self.store.memory, write)

    async def _deliver(self, task: Task) -> bool:
        name, ahead = f"{task.step_id} {task.attempt}", self.chaos.clock_ahead()
        with process(name, run_id=task.run_id, ahead=ahead):
            return await self._answer(self._invoke(task))

    async def _invoke(self, task: Task) -> None:
        worker = Worker(self.runs, self._kinds, self.registry, None, BriefRedactor())
        await worker.invoke(Invocation(task.run_id, task.step_id, task.attempt))

    async def _answer(self, work: Awaitable[None]) -> bool:
        """True for a 200. What is no planned outcome is a bug, and is kept."""
        try:
            async with asyncio.timeout(LADDER.answer):
                await work
        except EXPECTED_ERRORS:
            return False
        except KilledError:
            return False
        except Exception as error:
            self.outcome.bugs.append(repr(error))
            return False
        return True


def _is_late(run: Document) -> bool:
    deadline = run.data.get("deadline_at")
    return isinstance(deadline, datetime) and deadline <= wall_clock()


def parse_once() -> Callable[..., Scan]:
    """Return `parse`, which remembers the scans of a simulation: each invocation asks for one."""
    parse, known = definition.parse, dict[str, Scan]()

    def parse_anew(content: dict[str, Any], source: str, *, accepted: bool) -> Scan:
        key = repr(content)
        if key not in known:
            known[key] = parse(content, source, accepted=accepted)
        return known[key]

    return parse_anew


def simulate(seed: int, weights: Mapping[str, float] = WEIGHTS) -> Outcome:
    """Run one simulation on a virtual clock. The same seed gives the same outcome."""
    with (
        logs.silenced(),
        patch.object(airtable_send, "MAX_ROWS", ROWS),
        patch.object(batch_submission, "MAX_QUESTIONS", ASKED),
        patch.object(classification_scan, "MIN_BATCH_SECONDS", BATCHED),
        patch.object(definition, "parse", parse_once()),
    ):
        return run_virtually(Simulation(seed, weights=weights).run())


def history(seed: int) -> list[str]:
    """Every move of a simulation and its moment, and the draw after the last: what replays."""
    outcome = simulate(seed)
    memory = outcome.store.memory
    moves = [
        f"{event.path} {event.data['updated_at']} {event.data['from']} {event.data['to']}"
        for run in memory.all("runs")
        for event in memory.all(f"{run.path}/events")
    ]
    return [*moves, str(outcome.chaos.random.random())]


def broken_rules(outcome: Outcome) -> list[str]:
    """Everything that is not as it must be, while it went on and at its end."""
    judged = Judged(
        memory=outcome.store.memory,
        checkers={kind: subject.checker() for kind, subject in outcome.subjects.items()},
        watches=outcome.good_watches,
        calm=not outcome.chaos.struck,
    )
    broken = [subject.broken(judged.memory) for subject in outcome.subjects.values()]
    return [
        *outcome.bugs,
        *outcome.store.broken,
        *outcome.queue.broken,
        *(what for told in broken for what in told),
        *violations(judged),
    ]
