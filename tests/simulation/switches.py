"""Days on which people pause a scan and resume it, and delete another, while both are at work."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from unittest.mock import patch

from landfall import logs
from landfall.airtable import send as airtable_send
from landfall.deadlines import LADDER, TICK, Deadline
from landfall.integrity.scan import IntegrityScan
from landfall.kinds import definition
from landfall.kinds.pausing import pause, resume
from landfall.runs.deletion import Deletion, deletion_path
from landfall.runs.lifecycle import RUN_LIVE
from landfall.scans.scan import Scan
from landfall.store.documents import Create, Delete, Document, Write
from tests.fakes.memory_store import MemoryStore
from tests.simulation.base import draw_scan
from tests.simulation.checker import Judged, KindChecker, violations
from tests.simulation.outside import TreacherousStore
from tests.simulation.simulator import ROWS, Outcome, Simulation, parse_once
from tests.simulation.virtual_time import run as run_virtually

PAUSED, DELETED = "scan-0", "scan-1"

MOST_RUNS = 3
"""Slots of a schedule that become runs: enough that some are left when it is resumed."""

SLOWEST = LADDER.stale - 8
"""Seconds by which a request that has read the definition may be late with its run."""


class SwitchedStore(TreacherousStore):
    """The store, which also sees what is started or removed that must not be."""

    def _late(self, writes: Sequence[Write]) -> Iterator[str]:
        yield from super()._late([one for one in writes if not isinstance(one, Delete)])
        for write in writes:
            if isinstance(write, Create) and write.path.count("/") == 1:
                yield from _too_late(self.memory, write)
            if isinstance(write, Delete):
                yield from _too_early(self.memory, write)


def _too_late(memory: MemoryStore, write: Write) -> Iterator[str]:
    """No slot becomes a run while its scan is paused, or once its deletion has begun."""
    scan_id = write.data.get("schedule_id")
    if scan_id is None:
        return
    schedule, deletion = memory.get(f"schedules/{scan_id}"), memory.get(deletion_path(scan_id))
    if schedule is None or deletion:
        yield f"{write.path} was started, and its scan is being deleted"
    elif schedule.data["paused"] or _open_pause(schedule):
        yield f"{write.path} was started, and its scan is paused"


def _too_early(memory: MemoryStore, write: Write) -> Iterator[str]:
    """Nothing of a run goes before the run has ended, but of one that a late request began."""
    run = memory.get("/".join(write.path.split("/", 2)[:2]))
    if run is None or run.data.get("status") not in RUN_LIVE:
        return
    deletion = memory.get(deletion_path(run.data["scan_id"]))
    if deletion is None or run.data["created_at"] < deletion.data["requested_at"]:
        yield f"{write.path} was removed while its run went on"


def _open_pause(schedule: Document) -> bool:
    given = schedule.data.get("pause")
    return bool(given and given["ended_at"] is None)


class SwitchedDay(Simulation):
    """Two integrity scans of a base: one is paused and resumed, the other deleted."""

    store_class = SwitchedStore

    def __init__(self, seed: int) -> None:
        super().__init__(seed, weights={"integrity": 1.0})

    def _draw_scans(self) -> Sequence[Scan]:
        self._draw_scan(0)  # makes the subject
        return [self._scan(number) for number in range(2)]

    def _scan(self, number: int) -> IntegrityScan:
        content = draw_scan(self.chaos.random, number).document()
        content["schedule"]["max_runs"] = MOST_RUNS
        return IntegrityScan.model_validate(content)

    async def _people(self, scans: Sequence[Scan]) -> None:
        await asyncio.gather(super()._people(scans), self._switch(scans[0]), self._delete())

    async def _switch(self, scan: Scan) -> None:
        """Two people pause the scan, one saves it meanwhile, and two resume it."""
        store, clock = self.runs.store, self.runs.clock
        await self._until_a_tick(self.chaos.random.randint(0, 5))
        for who in ("ann", "ben"):
            await self._quietly(pause(store, clock, PAUSED, who, "the register is being moved"))
        await self._until_a_tick(self.chaos.random.randint(0, 6))
        if self.chaos.random.random() < 0.5:
            await self._quietly(self._save([scan]))
        await asyncio.sleep(self.chaos.random.uniform(1, 3 * TICK))
        for who in ("ann", "ben"):
            await self._quietly(resume(store, clock, PAUSED, who))

    async def _until_a_tick(self, number: int) -> None:
        """Wait for the first moments of a tick, at which most can come in between."""
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(TICK - now % TICK + number * TICK + self.chaos.random.uniform(0, 0.3))

    async def _delete(self) -> None:
        await asyncio.sleep(self.chaos.random.uniform(1, 5 * TICK))
        head = await self._quietly(self.registry.head(DELETED))
        await self._quietly(Deletion(self.runs, DELETED, "person").begin())
        late = asyncio.create_task(self._start_late(head))
        for _ in range(self.chaos.random.choice([0, 1, 2])):
            self._spawn("api", self._go_on)
            await asyncio.sleep(TICK / 4)
        await late

    async def _go_on(self) -> None:
        await Deletion(self.runs, DELETED, "person").go_on(Deadline.after(LADDER.step / 2))

    async def _start_late(self, head: Document) -> None:
        """Start a run by a definition that was read before the deletion began."""
        await asyncio.sleep(self.chaos.random.uniform(0, SLOWEST))
        await self._quietly(self._start("m-2", head))

    async def _all_ended(self) -> bool:
        deletions = self.store.memory.all("deletions")
        return all(it.data["done"] for it in deletions) and await super()._all_ended()


def switched(seed: int) -> Outcome:
    """Simulate such a day. The same seed gives the same outcome."""
    with (
        logs.silenced(),
        patch.object(airtable_send, "MAX_ROWS", ROWS),
        patch.object(definition, "parse", parse_once()),
    ):
        return run_virtually(SwitchedDay(seed).run())


@dataclass(frozen=True)
class _OfRuns:
    """A `KindChecker` of runs alone: the rows that a deleted scan has written stay in its base."""

    checker: KindChecker

    def of_done(self, memory: MemoryStore, run: Document) -> Iterator[str]:
        """As `KindChecker.of_done`."""
        return self.checker.of_done(memory, run)

    def of_all(self, _: MemoryStore) -> Iterator[str]:
        """As `KindChecker.of_all`."""
        yield from ()


def broken_switches(outcome: Outcome) -> list[str]:
    """Everything that is not as it must be after a day of pauses and deletions."""
    memory = outcome.store.memory
    checkers = {kind: _OfRuns(subject.checker()) for kind, subject in outcome.subjects.items()}
    judged = Judged(memory, checkers, outcome.good_watches, not outcome.chaos.struck)
    return [
        *outcome.bugs,
        *outcome.store.broken,
        *outcome.queue.broken,
        *violations(judged),
        *_of_pause(memory),
        *_of_deletion(memory),
    ]


def _of_pause(memory: MemoryStore) -> Iterator[str]:
    """Each slot of a pause is skipped once and counted once, and the schedule goes on after it."""
    schedule = memory.get(f"schedules/{PAUSED}")
    assert schedule is not None
    pause, started = schedule.data["pause"], schedule.data["runs_started"]
    if schedule.data["paused"] or _open_pause(schedule):
        yield f"{schedule.id} is paused, and was resumed"
        return
    if started != MOST_RUNS:
        yield f"{schedule.id} started {started} runs of {MOST_RUNS}, and has no next one"
    slots = [run.data["slot"] for run in memory.all("runs") if run.data["schedule_id"] == PAUSED]
    first, ended = pause["first"], pause["ended_at"]
    if first is None:
        return
    if made_up := [slot for slot in slots if first <= slot <= ended]:
        yield f"{schedule.id} was paused for {made_up}, which became runs"
    every = timedelta(minutes=schedule.data["cadence"]["every_minutes"])
    skipped = _slots(first, ended, every)
    if pause["slots"] != skipped:
        yield f"{schedule.id} says that its pause skipped {pause['slots']} slots of {skipped}"


def _slots(first: datetime, until: datetime, every: timedelta) -> int:
    return (until - first) // every + 1 if first <= until else 0


def _of_deletion(memory: MemoryStore) -> Iterator[str]:
    """A deletion comes to its end, and then nothing of its scan is left."""
    deletion = memory.get(deletion_path(DELETED))
    assert deletion is not None
    if not deletion.data["done"]:
        yield f"{deletion.path} is not done"
        return
    whole = memory.whole()
    for path, document in whole.items():
        parts = path.split("/")
        its = parts[1] == DELETED and path != deletion.path
        orphan = "/".join(parts[:2]) not in whole
        if its or orphan or document.data.get("scan_id") == DELETED:
            yield f"{path} is left of a scan that was deleted"
