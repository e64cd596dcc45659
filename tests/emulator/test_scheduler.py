"""The scheduler's tick, over both stores: each slot once, whatever comes in between."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient

from landfall.deadlines import LADDER, Deadline
from landfall.reasons import Reason
from landfall.runs.lifecycle import RunStatus
from landfall.runs.runs import Runs
from landfall.scans.schedule import Schedule
from landfall.store.documents import Create, Document, Query, Store
from landfall.store.firestore import FirestoreStore
from landfall.store.versioned import VersionedStore
from landfall.ticks.due_schedule import MAX_CATCH_UP, MAX_LATENESS, MAX_MISSED, DueSchedule
from landfall.ticks.scheduler import PAGE, Scheduler, Tick
from tests.emulator.whole import Interrupted, edit, everything
from tests.fakes.world import START, World

ROOT = Path(__file__).parents[2]
EVERY_5 = {"cadence": {"every_minutes": 5}}
SLOT = START + timedelta(minutes=5)


async def tick(world: World, store: Store | None = None) -> Tick:
    """One tick, over another store when that is given."""
    runs = Runs(
        VersionedStore(store) if store else world.store, world.queue, world.clock, Random(1), LADDER
    )
    return await Scheduler(runs, "scheduler").tick(Deadline.after(LADDER.step))


async def save_many(world: World, count: int, **schedule: Any) -> None:
    """Scans s0, s1 ... with a schedule each."""
    saves = (world.save(id=f"s{n}", schedule=EVERY_5 | schedule) for n in range(count))
    await asyncio.gather(*saves)


async def due(world: World, **schedule: Any) -> None:
    """The scan `people` with a schedule whose first slot is just due."""
    await world.save(schedule=EVERY_5 | schedule)
    world.clock.now = SLOT


def run_id(minutes: int, schedule_id: str = "people") -> str:
    """The id of the run for the slot so many minutes after the start."""
    return f"s-{schedule_id}-{START + timedelta(minutes=minutes):%Y%m%dT%H%M%SZ}"


async def runs_of(world: World) -> dict[str, str]:
    """The status of each run that there is."""
    held = await everything(world.store)
    return {it.id: it.data["status"] for path, it in held.items() if path.count("/") == 1
            and path.startswith("runs/")}  # fmt: skip


async def schedule_of(world: World, schedule_id: str = "people") -> Document:
    """A schedule as it is stored."""
    (found,) = await world.store.read(f"schedules/{schedule_id}")
    assert found is not None
    return found


async def cancel(world: World, run_id: str) -> None:
    """End a run as a person does."""
    error = {"reason": Reason.CANCELLED, "message": "cancelled by a test"}
    assert await world.runs.end(run_id, RunStatus.CANCELLED, error, "tester")


class TestTick:
    """Everything that is due is claimed, once."""

    async def test_makes_the_run_of_the_slot(self, world: World) -> None:
        """The run says where it comes from, and its id is made of schedule and slot."""
        await due(world)
        assert await tick(world) == Tick(due=1, started=1)
        run = (await world.run("s-people-20260302T060500Z")).data
        assert (run["trigger"], run["schedule_id"], run["slot"]) == ("schedule", "people", SLOT)
        assert [task.run_id for task in world.queue.tasks] == [run_id(5)]

    async def test_moves_the_schedule_on(self, world: World) -> None:
        """In the commit of the claim: the next slot, the last, how many runs, when, by whom."""
        await due(world)
        await tick(world)
        names = ("next_run_at", "last_slot", "runs_started", "updated_at", "updated_by")
        schedule = (await schedule_of(world)).data
        after = SLOT + timedelta(minutes=5)
        assert [schedule[name] for name in names] == [after, SLOT, 1, SLOT, "scheduler"]

    async def test_leaves_what_is_not_due(self, world: World) -> None:
        """A second before its slot, nothing happens to a schedule."""
        await due(world)
        world.clock.advance(-1)
        assert await tick(world) == Tick()
        assert await runs_of(world) == {}

    async def test_claims_all_that_are_due(self, world: World) -> None:
        """Not ten: what does not fit into one page of the query is claimed by the same tick."""
        await save_many(world, 250)
        world.clock.now = SLOT
        assert await tick(world) == Tick(due=250, started=250)
        assert set(await runs_of(world)) == {run_id(5, f"s{n}") for n in range(250)}

    async def test_again_in_the_same_minute_does_nothing(self, world: World) -> None:
        """A tick that is delivered twice makes one run of each slot."""
        await due(world)
        await tick(world)
        world.clock.advance(30)
        before = await everything(world.store)
        assert await tick(world) == Tick()
        after = await everything(world.store)
        assert {path for path in after if before.get(path) != after[path]} == {"system/scheduler"}

    async def test_by_two_at_the_same_moment_claims_each_slot_once(self, world: World) -> None:
        """What one of them claims, the other loses: no slot twice, none left out."""
        await save_many(world, 40)
        world.clock.now = SLOT
        one, other = await asyncio.gather(tick(world), tick(world))
        assert one.started + other.started == 40
        assert set(await runs_of(world)) == {run_id(5, f"s{n}") for n in range(40)}
        assert {(await schedule_of(world, f"s{n}")).data["runs_started"] for n in range(40)} == {1}
        assert len(world.queue.tasks) == 40

    async def test_that_comes_late_loses(self, world: World) -> None:
        """A tick that read the schedule before another claimed it writes nothing to it."""
        await due(world)
        assert await tick(world, Interrupted(world.store, lambda: tick(world))) == Tick(
            due=1, lost_races=1
        )
        assert await runs_of(world) == {run_id(5): "queued"}

    async def test_leaves_a_mark(self, world: World) -> None:
        """The dead man's switch: when it last ticked, and what it did."""
        await due(world)
        did = await tick(world)
        (mark,) = await world.store.read("system/scheduler")
        assert mark
        assert mark.data == {
            "last_tick_at": SLOT, "did": vars(did), "updated_at": SLOT, "updated_by": "scheduler",
            "schema_version": 1, "spent": {"firestore_reads": 3, "firestore_writes": 5},
        }  # fmt: skip

    async def test_leaves_a_run_to_the_watchdog_when_the_queue_fails(self, world: World) -> None:
        """The slot is claimed and its run waits: enqueueing is not part of the claim."""
        await due(world)
        world.queue.broken = True
        assert (await tick(world)).started == 1
        world.queue.broken = False
        world.clock.advance(LADDER.stale)
        assert await world.runs.take_up(run_id(5), "fetch", "watchdog") == "redriven"
        assert [task.run_id for task in world.queue.tasks] == [run_id(5)]

    async def test_ends_at_its_deadline(self, world: World) -> None:
        """What is left at the deadline is left to the next tick, and the mark says so."""
        await save_many(world, PAGE + 1)
        world.clock.now = SLOT
        runs = world.runs
        assert (await Scheduler(runs, "scheduler").tick(Deadline.after(-1))).left_over
        assert await tick(world) == Tick(due=1, started=1)

    async def test_that_is_manual_does_not_swallow_the_slot(self, world: World) -> None:
        """A run that a person started is of no slot: the schedule's own comes nevertheless."""
        scan = await world.save(schedule=EVERY_5)
        await world.start(scan, "m-people-1")
        world.clock.now = SLOT
        assert (await tick(world)).started == 1
        assert await runs_of(world) == {"m-people-1": "queued", run_id(5): "queued"}


class TestProcesses:
    """Two real processes, as Cloud Scheduler's doubled delivery makes them."""

    async def test_claim_each_slot_once(
        self, emulator_host: str, firestore_client: AsyncClient, firestore_store: FirestoreStore
    ) -> None:
        """Started by one signal: each slot is claimed by one of them, and enqueued by that one."""
        world = World(firestore_store)
        await save_many(world, 60)
        ticking = [await self._ready(emulator_host, firestore_client.project) for _ in range(2)]
        ends = await asyncio.gather(*(process.communicate(b"\n") for process in ticking))
        did = [json.loads(output.splitlines()[-1]) for output, _ in ends]
        enqueued = [run for one in did for run in one["enqueued"]]
        wanted = sorted(run_id(5, f"s{n}") for n in range(60))
        assert sorted(enqueued) == sorted(await runs_of(world)) == wanted
        assert sum(one["started"] for one in did) == 60

    async def _ready(self, host: str, project: str) -> asyncio.subprocess.Process:
        path = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.emulator.tick_process", project, SLOT.isoformat(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path, "FIRESTORE_EMULATOR_HOST": host},
        )  # fmt: skip
        assert process.stdout
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"ready\n"
        return process


class TestOverlap:
    """What a slot does when a run of its schedule is still under way."""

    async def _two_slots(self, world: World, overlap: str) -> Tick:
        await due(world, overlap=overlap)
        await tick(world)
        world.clock.advance(300)
        return await tick(world)

    async def test_skip_leaves_the_slot_out(self, world: World) -> None:
        """The default: the earlier run goes on, and the schedule counts what it left out."""
        assert await self._two_slots(world, "skip") == Tick(due=1, skipped=1)
        assert await runs_of(world) == {run_id(5): "queued"}
        schedule = (await schedule_of(world)).data
        assert (schedule["skipped"], schedule["runs_started"]) == (1, 1)
        assert schedule["next_run_at"] == START + timedelta(minutes=15)

    async def test_skip_runs_again_once_the_run_has_ended(self, world: World) -> None:
        """Only live runs are in the way."""
        await self._two_slots(world, "skip")
        await cancel(world, run_id(5))
        world.clock.advance(300)
        assert (await tick(world)).started == 1

    async def test_allow_runs_side_by_side(self, world: World) -> None:
        """Both runs are live."""
        assert await self._two_slots(world, "allow") == Tick(due=1, started=1)
        assert await runs_of(world) == {run_id(5): "queued", run_id(10): "queued"}

    async def test_cancel_running_makes_room(self, world: World) -> None:
        """The earlier run is cancelled with the reason, and the slot's run is made."""
        did = await self._two_slots(world, "cancel_running")
        assert did == Tick(due=1, started=1, cancelled=1)
        assert await runs_of(world) == {run_id(5): "cancelled", run_id(10): "queued"}
        error = (await world.run(run_id(5))).data["error"]
        assert (error["reason"], "overlap policy" in error["message"]) == ("cancelled", True)

    async def test_cancel_running_counts_all_that_it_cancelled(self, world: World) -> None:
        """Side by side, and none of them is lost from the tick's own account."""
        await save_many(world, 25, overlap="cancel_running")
        world.clock.now = SLOT
        await tick(world)
        world.clock.advance(300)
        assert await tick(world) == Tick(due=25, started=25, cancelled=25)

    @pytest.mark.parametrize("overlap", ["skip", "cancel_running"])
    async def test_a_late_tick_leaves_the_run_of_its_slot_alone(
        self, world: World, overlap: str
    ) -> None:
        """A doubled tick finds the run that the other made of this slot: that is no overlap."""
        await due(world, overlap=overlap)
        late = await tick(world, Interrupted(world.store, lambda: tick(world)))
        assert late == Tick(due=1, lost_races=1)
        assert await runs_of(world) == {run_id(5): "queued"}
        assert (await schedule_of(world)).data["skipped"] == 0

    @pytest.mark.parametrize("overlap", ["skip", "cancel_running"])
    async def test_the_run_of_a_slot_is_no_earlier_one(self, world: World, overlap: str) -> None:
        """A slot that comes back, as a schedule was saved again, leaves its own run alone."""
        await due(world, overlap=overlap)
        await tick(world)
        await edit(world.store, "schedules/people", next_run_at=SLOT)
        assert await tick(world) == Tick(due=1)
        assert await runs_of(world) == {run_id(5): "queued"}

    async def test_a_slot_that_is_left_out_needs_no_room(self, world: World) -> None:
        """Too late by `catch_up: none`, it ends no run, and is none."""
        daily = {"daily": "06:05"}
        await due(world, cadence=daily, overlap="cancel_running", catch_up="none")
        await tick(world)
        world.clock.advance(86_400 + MAX_LATENESS + 1)
        assert await tick(world) == Tick(due=1)
        assert await runs_of(world) == {run_id(5): "queued"}
        assert (await schedule_of(world)).data["last_slot"] == SLOT

    async def test_is_looked_up_for_many_schedules(self, world: World) -> None:
        """More than Firestore takes into one `in`: each schedule is held against its own runs."""
        await save_many(world, 25)
        world.clock.now = SLOT
        await tick(world)
        for n in range(0, 25, 2):
            await cancel(world, run_id(5, f"s{n}"))
        world.clock.advance(300)
        assert await tick(world) == Tick(due=25, started=13, skipped=12)


class TestCatchUp:
    """What becomes of slots that were missed."""

    @pytest.mark.parametrize(
        ("policy", "late", "slots"),
        [
            ("one", 0, [20]),
            ("one", 299, [20]),
            ("none", 0, [20]),
            ("none", 60, [20]),
            ("all", 0, [5, 10, 15, 20]),
        ],
    )
    async def test_follows_the_policy(
        self, world: World, policy: str, late: int, slots: list[int]
    ) -> None:
        """Three slots were missed, and the fourth is `late` seconds old."""
        await due(world, catch_up=policy, overlap="allow")
        world.clock.advance(900 + late)
        assert (await tick(world)).started == len(slots)
        assert list(await runs_of(world)) == [run_id(minutes) for minutes in slots]
        assert (await schedule_of(world)).data["next_run_at"] == START + timedelta(minutes=25)

    async def test_none_leaves_out_what_is_too_late(self, world: World) -> None:
        """A daily slot that is hours old is not made up for; the next one comes as ever."""
        await world.save(schedule={"cadence": {"daily": "07:00"}, "catch_up": "none"})
        world.clock.now = START + timedelta(hours=1, seconds=MAX_LATENESS + 1)
        assert await tick(world) == Tick(due=1)
        assert (await schedule_of(world)).data["next_run_at"] == START + timedelta(hours=25)

    @pytest.mark.parametrize("overlap", ["skip", "cancel_running"])
    async def test_slots_that_are_due_together_overlap(self, world: World, overlap: str) -> None:
        """Where one run at a time is wanted, `all` starts one for all that were missed."""
        await due(world, catch_up="all", overlap=overlap)
        world.clock.advance(900)
        assert (await tick(world)).started == 1
        assert await runs_of(world) == {run_id(20): "queued"}

    async def test_all_is_bounded(self, world: World) -> None:
        """After two days without a tick there is a run for some of the newest slots, no more."""
        await due(world, catch_up="all", overlap="allow")
        world.clock.advance(2 * 86_400)
        last = 5 + 2 * 24 * 60
        assert [(await tick(world)).started for _ in range(4)] == [10, 10, 4, 0]
        assert list(await runs_of(world)) == [
            run_id(last - 5 * n) for n in reversed(range(MAX_MISSED))
        ]

    async def test_all_forgets_what_is_too_old(self, world: World) -> None:
        """A slot of last month is made up for by the newest alone, if that is as old."""
        cadence = {"at": ["2026-03-03T06:00Z", "2026-03-12T06:00Z", "2026-03-20T06:00Z"]}
        schedule = {"cadence": cadence, "catch_up": "all", "overlap": "allow"}
        await world.save(schedule=schedule)
        world.clock.now = datetime(2026, 3, 21, tzinfo=UTC)
        assert (await tick(world)).started == 1
        await world.save(schedule=schedule | {"cadence": {"at": ["2026-03-22T06:00Z"]}})
        world.clock.now = datetime(2026, 4, 22, tzinfo=UTC)
        assert (await tick(world)).started == 1

    async def test_all_comes_in_portions(self, world: World) -> None:
        """What a tick does not make comes with the next: the schedule stays due."""
        await due(world, catch_up="all", overlap="allow")
        world.clock.advance(300 * (MAX_CATCH_UP + 1))
        assert [(await tick(world)).started for _ in range(3)] == [MAX_CATCH_UP, 2, 0]
        assert list(await runs_of(world)) == [run_id(5 * n) for n in range(1, MAX_CATCH_UP + 3)]


class TestEnd:
    """When a schedule stops by itself."""

    async def test_after_max_runs(self, world: World) -> None:
        """So many runs, and no more, also when more slots were missed."""
        await due(world, max_runs=2, catch_up="all", overlap="allow")
        world.clock.advance(900)
        assert (await tick(world)).started == 2
        assert list(await runs_of(world)) == [run_id(5), run_id(10)]
        assert (await schedule_of(world)).data["next_run_at"] is None

    @pytest.mark.parametrize("had", [2, 5])
    async def test_after_more_runs_than_it_may_have_by_now(self, world: World, had: int) -> None:
        """A count that somebody has edited starts nothing."""
        await due(world, max_runs=2)
        await edit(world.store, "schedules/people", runs_started=had)
        assert await tick(world) == Tick(due=1)
        assert (await schedule_of(world)).data["next_run_at"] is None

    async def test_counts_runs_over_ticks(self, world: World) -> None:
        """A skipped slot is no run: it does not use up the count."""
        await due(world, max_runs=2)
        assert (await tick(world)).started == 1
        world.clock.advance(300)
        assert (await tick(world)).skipped == 1
        await cancel(world, run_id(5))
        world.clock.advance(300)
        assert (await tick(world)).started == 1
        assert (await schedule_of(world)).data["next_run_at"] is None

    async def test_at_stop_at(self, world: World) -> None:
        """A slot at that moment still runs; none after it does, nor is one announced."""
        stop_at = (SLOT + timedelta(minutes=5)).isoformat()
        await due(world, stop_at=stop_at, catch_up="all", overlap="allow")
        world.clock.advance(900)
        assert (await tick(world)).started == 2
        assert (await schedule_of(world)).data["next_run_at"] is None

    async def test_a_missed_slot_before_stop_at_is_made_up_for(self, world: World) -> None:
        """By one run, though a newer slot after that moment has come as well."""
        await due(world, stop_at=(SLOT + timedelta(minutes=4)).isoformat())
        world.clock.advance(900)
        assert (await tick(world)).started == 1
        assert list(await runs_of(world)) == [run_id(5)]
        assert (await schedule_of(world)).data["next_run_at"] is None

    async def test_when_paused(self, world: World) -> None:
        """A paused schedule has no next run; saved again without, it goes on with the next slot."""
        await due(world, paused=True)
        assert (await schedule_of(world)).data["next_run_at"] is None
        assert await tick(world) == Tick()
        await due(world)
        world.clock.advance(300)
        assert (await tick(world)).started == 1


class TestSetAside:
    """A schedule that cannot be used is taken out of the way, and says why."""

    @pytest.mark.parametrize(
        ("broken", "why"),
        [
            ({"scan_id": "gone"}, "its scan is gone"),
            ({"scan_id": "no/id"}, "its scan is gone"),
            ({"scan_id": None}, "its scan is gone"),
            ({"cadence": {"cron": "61 * * * *"}}, "cron"),
            ({"cadence": None}, "cadence"),
            ({"time_zone": "Mars/Olympus"}, "unknown time zone"),
            ({"overlap": "sometimes"}, "overlap"),
            ({"max_runs": "many"}, "max_runs"),
            ({"runs_started": None}, "`runs_started` is None, and not a whole number; correct it"),
            ({"skipped": "some"}, "`skipped` is 'some', and not a whole number; correct it"),
            ({"open_runs": 5}, "`open_runs` is 5, and not a list; correct it"),
        ],
        ids=lambda value: "".join(value) if isinstance(value, dict) else "",
    )
    async def test_says_what_is_wrong(self, world: World, broken: dict[str, Any], why: str) -> None:
        """Paused with the problem, once; the other schedules are claimed in the same tick."""
        await save_many(world, 3)
        await edit(world.store, "schedules/s1", **broken)
        world.clock.now = SLOT
        assert await tick(world) == Tick(due=3, started=2, problems=1)
        schedule = (await schedule_of(world, "s1")).data
        assert why in schedule["problem"]
        assert (schedule["paused"], schedule["updated_by"]) == (True, "scheduler")
        assert await tick(world) == Tick()

    @pytest.mark.parametrize(
        "broken", [{"deadline_seconds": "long"}, {"version": None}, {"kind": 5}], ids=str
    )
    async def test_so_does_a_scan_that_cannot_be_read(
        self, world: World, broken: dict[str, Any]
    ) -> None:
        """No run can be made from it; after it was saved again, the schedule goes on."""
        await save_many(world, 3)
        await edit(world.store, "scans/s1", **broken)
        world.clock.now = SLOT
        assert await tick(world) == Tick(due=3, started=2, problems=1)
        schedule = (await schedule_of(world, "s1")).data
        assert "scans/s1 cannot be read" in schedule["problem"]
        assert "save the scan again" in schedule["problem"]
        assert await tick(world) == Tick()
        await save_many(world, 3)
        schedule = (await schedule_of(world, "s1")).data
        assert (schedule["problem"], schedule["paused"]) == (None, False)

    async def test_a_run_that_cannot_be_read_is_no_live_one(self, world: World) -> None:
        """It goes on with nothing: the schedule does not wait for it."""
        await save_many(world, 1)
        world.clock.now = SLOT
        await tick(world)
        (run,) = await world.store.find(Query("runs"))
        await edit(world.store, run.path, status="bogus")
        world.clock.advance(300)
        assert await tick(world) == Tick(due=1, started=1)

    async def test_a_bug_with_one_stops_no_other(
        self, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What nobody foresaw is loud in the log, and the tick goes on to its end."""
        run_id = DueSchedule.run_id

        def confused(self: DueSchedule, slot: datetime) -> str:
            if self.document.id == "s1":
                raise ZeroDivisionError
            return run_id(self, slot)

        monkeypatch.setattr(DueSchedule, "run_id", confused)
        await save_many(world, 3)
        world.clock.now = SLOT
        assert await tick(world) == Tick(due=3, started=2, problems=1)
        assert (await world.store.read("system/scheduler"))[0]
        assert '"severity": "ERROR", "message": "bug"' in capsys.readouterr().out

    async def test_a_page_of_them_hides_nothing(self, world: World) -> None:
        """However many cannot be claimed, and are older: those behind them are."""
        names = Schedule.model_fields | {"runs_started": None, "skipped": None}
        odd = dict.fromkeys(names) | EVERY_5 | {"paused": False, "next_run_at": START}
        heads = [Create(f"scans/odd-{n}", {}) for n in range(PAGE)]
        odds = [Create(f"schedules/odd-{n}", odd | {"scan_id": f"odd-{n}"}) for n in range(PAGE)]
        await world.store.commit([*heads, *odds])
        await due(world)
        assert await tick(world) == Tick(due=PAGE + 1, started=1, problems=PAGE)

    async def test_is_over_when_the_scan_is_saved_again(self, world: World) -> None:
        """A correct definition is all that it takes."""
        await due(world)
        await edit(world.store, "schedules/people", cadence={"cron": "nonsense"})
        await tick(world)
        await world.save(schedule=EVERY_5)
        world.clock.advance(300)
        assert (await tick(world)).started == 1
        assert (await schedule_of(world)).data["problem"] is None

    async def test_a_slot_whose_run_is_there_already_moves_on(self, world: World) -> None:
        """A slot that comes back makes no second run, and does not stop the schedule."""
        await due(world, catch_up="all", overlap="allow")
        world.clock.advance(300)
        done = {"status": "done", "updated_at": START}
        await world.store.commit([Create(f"runs/{run_id(5)}", done)])
        assert (await tick(world)).started == 1
        assert await runs_of(world) == {run_id(5): "done", run_id(10): "queued"}
        schedule = (await schedule_of(world)).data
        assert schedule["next_run_at"] == START + timedelta(minutes=15)
        assert schedule["runs_started"] == 1


@pytest.mark.parametrize(
    ("day", "slots"),
    [
        # Europe/Berlin: summer time from 2026-03-29, winter time from 2026-10-25
        (datetime(2026, 3, 27, 12, tzinfo=UTC), ["03-28T05:00", "03-29T04:00", "03-30T04:00"]),
        (datetime(2026, 10, 23, 12, tzinfo=UTC), ["10-24T04:00", "10-25T05:00", "10-26T05:00"]),
    ],
    ids=["spring", "autumn"],
)
async def test_local_time_is_kept_over_a_change_of_the_clocks(
    world: World, day: datetime, slots: list[str]
) -> None:
    """Six in the morning stays six in the morning, one run a day."""
    world.clock.now = day
    schedule = {"cadence": {"daily": "06:00"}, "time_zone": "Europe/Berlin", "overlap": "allow"}
    await world.save(schedule=schedule)
    for _ in slots:
        world.clock.now = (await schedule_of(world)).data["next_run_at"]
        assert (await tick(world)).started == 1
    found = [datetime.strptime(name[-16:], "%Y%m%dT%H%M%SZ") for name in await runs_of(world)]  # noqa: DTZ007
    assert [f"{slot:%m-%dT%H:%M}" for slot in found] == slots


async def test_every_write_of_a_tick_says_when_and_by_whom(world: World) -> None:
    """Schedules, runs, steps, events and the mark: all carry the stamp of the tick."""
    await save_many(world, 3, overlap="cancel_running")
    await edit(world.store, "schedules/s2", scan_id="gone")
    for minutes in (5, 10):
        before = await everything(world.store)
        world.clock.now = START + timedelta(minutes=minutes)
        await tick(world)
        held = await everything(world.store)
        changed = [it.data for path, it in held.items() if before.get(path) != it]
        stamps = {(data["updated_at"], data["updated_by"]) for data in changed}
        assert stamps == {(world.clock.now, "scheduler")}
