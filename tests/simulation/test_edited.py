"""Somebody edits a stored document by hand, and leaves in it what no Landfall has written.

Nothing hangs on it that a person is not told of, and nobody else is disturbed.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest

from landfall import logs
from landfall.deadlines import TICK
from landfall.integrity.scan import IntegrityScan
from landfall.runs.lifecycle import RUN_ENDED, STEP_ENDED, RunStatus
from landfall.store.documents import Document, Fields, Put, Write
from landfall.store.indexes import Indexes
from landfall.store.server_clock import ServerClock
from landfall.store.versioned import VersionedStore
from landfall.ticks.marks import health
from tests.simulation.base import draw_scan
from tests.simulation.faults import Rates, process
from tests.simulation.simulator import Simulation
from tests.simulation.virtual_time import run as run_virtually
from tests.simulation.virtual_time import wall_clock

CALM = Rates(**dict.fromkeys(Rates.__dataclass_fields__, 0.0))

LASTS = 15 * TICK
"""Longer than a run may last, and than two slots take."""

EDITED = "scan-0"

WRONG = {str: 5, int: "7", float: "7", bool: "no", dict: "x", list: 7, datetime: "2026-01-01"}
"""By the type of a value, one that cannot stand for it."""

MISSING = object()


class _Day(Simulation):
    """Two scans of a base, on schedules, in a day without faults, and an edit of a document."""

    def __init__(self, path: str, field: str, value: Any) -> None:
        super().__init__(1, CALM, {"integrity": 1.0})
        self._path, self._field, self._value = path, field, value
        self._reading = asyncio.Event()
        self.before: Fields = {}
        """The fields of the document before the edit."""
        self.unended: list[str] = []

    async def day(self) -> Fields:
        """Let time pass; return what the health says then, and end by hand what goes on."""
        self._draw_scan(0)  # makes the subject
        await self._quietly(self._save([self._scan(number) for number in range(2)]))
        editing = asyncio.create_task(self._edit())
        for _ in range(int(LASTS / TICK)):
            self._tick_both()
            await asyncio.sleep(TICK)
        await editing
        await self._settle()
        said: Fields = await self._quietly(self._health())
        return said

    def _scan(self, number: int) -> IntegrityScan:
        content = draw_scan(self.chaos.random, number).document() | {
            "write_back": None,
            "limits": {"deadline_seconds": 300},
            "schedule": {"cadence": {"every_minutes": 4}, "max_runs": 2},
        }
        return IntegrityScan.model_validate(content)

    def _written(self, write: Write) -> Iterator[str]:
        if write.path.startswith(f"runs/s-{EDITED}-") and "/pages/" in write.path:
            self._reading.set()
        yield from super()._written(write)

    async def _edit(self) -> None:
        """Edit the document once the first run of the scan is in the middle of its fetch step."""
        await self._reading.wait()
        memory = self.store.memory
        (run,) = self.runs_of(EDITED)
        there = memory.get(self._path.format(run=run.id, version=run.data["scan_version"]))
        assert there is not None, self._path
        self.before = there.data
        fields = {**there.data, self._field: self._value}
        if self._value is MISSING:
            fields.pop(self._field, None)
        await memory.commit([Put(there.path, fields)])

    def runs_of(self, scan_id: str) -> list[Document]:
        """Return the runs of a scan, by their ids."""
        runs = self.store.memory.all("runs")
        return [run for run in runs if run.id.startswith(f"s-{scan_id}-")]

    def steps(self) -> list[Document]:
        """Return the steps of the runs of the scan."""
        runs = self.runs_of(EDITED)
        return [step for run in runs for step in self.store.memory.all(f"{run.path}/steps")]

    async def _health(self) -> Fields:
        store = VersionedStore(self.store)
        _, said = await health(store, wall_clock, Indexes(self.store, wall_clock), ServerClock())
        return said

    async def end_by_hand(self) -> None:
        """A person cancels every run, and saves the scan again."""
        for run in self.store.memory.all("runs"):
            error = {"reason": "cancelled", "message": "by hand"}
            await self.runs.end(run.id, RunStatus.CANCELLED, error, "person")
        await self._save([self._scan(0)])


RUN = "runs/{run}"
STEP = "runs/{run}/steps/fetch"


def _day_of(path: str, field: str, value: Any) -> tuple[_Day, Fields]:
    day = _Day(path, field, value)
    with logs.silenced():
        said = run_virtually(_whole(day))
    return day, said


async def _whole(day: _Day) -> Fields:
    said = await day.day()
    day.unended = [run.path for run in day.store.memory.all("runs") if not _ended(run)]
    with process("people", quiet=True):
        await day.end_by_hand()
    return said


def _ended(run: Document) -> bool:
    return run.data.get("status") in set(RUN_ENDED)


def _cases() -> list[tuple[str, str, Any]]:
    paths = [
        *(RUN, STEP),
        *(f"scans/{EDITED}", f"schedules/{EDITED}", f"scans/{EDITED}/versions/{{version}}"),
        *("bases/appSimulated00001", "system/scheduler", "system/watchdog"),
    ]
    cases = []
    for path in paths:
        day, _ = _day_of(path, "nothing", MISSING)
        for name, value in sorted(day.before.items()):
            if name in ("schema_version", "expires_at"):
                continue
            cases.append((path, name, WRONG.get(type(value), 5)))
            cases.append((path, name, MISSING))
    status = [(path, "status", "bogus") for path in (RUN, STEP)]
    cursors: list[tuple[str, str, Any]] = [
        (STEP, "cursor", cursor)
        for cursor in ({}, {"tables": 5}, {"tables": [{"name": "Pupils", "records": "5"}]})
    ]
    counts = [(RUN, "counts", {"tasks": "3", "firestore_reads": None})]
    runs = [(f"schedules/{EDITED}", "open_runs", [5, "a/b", None, "none"])]
    failure = {"reason": "bogus", "message": 5}
    return [
        *cases,
        *status,
        *cursors,
        *counts,
        *runs,
        ("bases/appSimulated00001", "failure", failure),
    ]


CASES = _cases()


@pytest.mark.parametrize(
    "path", [RUN, STEP, "scans/", "schedules/", "scans/{}/versions", "bases/", "system/"]
)
def test_nothing_hangs_on_a_document_that_cannot_be_read(path):
    """Whatever field of it is wrong or missing."""
    cases = [case for case in CASES if _kind(case[0]) == _kind(path)]
    assert len(cases) >= 6
    for case in cases:
        day, said = _day_of(*case)
        assert [run.data["status"] for run in day.runs_of("scan-1")] == ["done", "done"], case
        assert not day.outcome.bugs, (case, day.outcome.bugs)
        named = {one["path"] for one in said["unreadable"]}
        for run in day.unended:
            assert any(path.startswith(run) for path in named), (case, said)
        assert all(_ended(run) for run in day.store.memory.all("runs")), case
        steps = [step.data["status"] for step in day.steps()]
        assert all(status in set(STEP_ENDED) for status in steps), (case, steps)
        _check_schedule(day, case, named)


def _check_schedule(day: _Day, case: Sequence[Any], named: set[str]) -> None:
    """It has made its runs, or a person was told; after the scan was saved again, it is well."""
    schedule = day.store.memory.get(f"schedules/{EDITED}")
    assert schedule is not None
    assert schedule.data["problem"] is None, case
    if case[1:] in [("next_run_at", MISSING), ("paused", MISSING)]:
        return  # no query of Firestore finds it
    if f"schedules/{EDITED}" not in named:
        assert len(day.runs_of(EDITED)) >= 2, case  # more where the number of runs was lost


def _kind(path: str) -> str:
    return "/".join(path.split("/")[::2])
