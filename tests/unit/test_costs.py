"""What a month costs, against answers worked out by hand."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.cloud.resources.sizes import SIZES
from infra.costs.forecast import (
    CLOCK_READS,
    IDLE_TICKS,
    USE_OF_OPEN_PAGE,
    USE_PER_SLOT,
    ResourceUse,
    forecast,
    slots_of,
    use_of_instance,
    use_of_run,
)
from infra.costs.measurement import MeasureError, read_runs
from infra.costs.prices import AIRTABLE_CALLS
from infra.costs.storage import Growth, StoredDocument, document_size, growth
from landfall.deadlines import LADDER, Deadline
from landfall.process.config import ALL_FUNCTIONS
from landfall.scans.schedule import Schedule
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.fakes.world import World, a_scan

START = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
NOTHING: dict[str, ResourceUse] = {}


def line(result: Any, unit: str) -> Any:
    (found,) = (line for line in result.lines if line.unit == unit)
    return found


def test_free_amounts_are_of_each_day():
    """A dear first run uses up its own day's; what a day leaves is no other day's."""
    first, later = ResourceUse(reads=1_000, writes=30_000), ResourceUse(reads=100_000, writes=10)
    result = forecast(first, later, 30, NOTHING)
    reads, writes = line(result, "reads"), line(result, "writes")
    # a run a day, and what the scheduler reads (2) and writes (1) for it
    assert reads.amount == pytest.approx(1_002 + 29 * 100_002)
    assert reads.billed == pytest.approx(29 * (100_002 - 50_000))
    assert reads.dollars == pytest.approx(29 * 50_002 * 0.03 / 100_000)
    assert writes.billed == pytest.approx(30_001 - 20_000)
    assert result.dollars == pytest.approx(0.4350174 + 0.0090009)
    assert result.dominates == "Firestore, reads: 98% of the bill"


def test_free_amounts_of_a_month_are_of_all_its_days():
    """Three million requests, of which two are free; 120 hours of a vCPU, of which 50 are."""
    later = ResourceUse(requests=100_000, vcpu_seconds=14_400, gib_seconds=14_400, tasks=100_000)
    result = forecast(later, later, 30, NOTHING)
    assert line(result, "requests").dollars == pytest.approx(0.40)
    assert line(result, "vCPU-s").dollars == pytest.approx((432_000 - 180_000) * 0.000024)
    assert line(result, "GiB-s").dollars == pytest.approx((432_000 - 360_000) * 0.0000025)
    # a call and a delivery each; the first million is free
    assert line(result, "operations").dollars == pytest.approx(5 * 0.40)


def test_idle_is_two_ticks_a_minute():
    """43,200 of each in a month: 11 reads and 2 writes together, two tenths of a second each.

    Both have half a GiB. A worker that was killed at each wake-up took two seconds, which would be
    96 % of the free amount of vCPU-seconds.
    """
    result = forecast(ResourceUse(), ResourceUse(), 0)
    amounts = {each.unit: each.amount for each in result.lines}
    assert amounts["reads"] == pytest.approx(11 * 43_200)
    assert amounts["writes"] == pytest.approx(2 * 43_200)
    assert amounts["requests"] == pytest.approx(86_400)
    assert (amounts["vCPU-s"], amounts["GiB-s"]) == pytest.approx((17_280, 8_640))
    assert (amounts["jobs"], amounts["versions"]) == (2, 3)
    assert result.dollars == 0
    assert result.dominates == (
        "less than a cent is billed; Firestore, reads (100% of them idle): 32% of the free amount"
    )
    assert result.warnings == [
        "the scan has no slot in this month: the forecast is the cost when idle"
    ]


def test_what_stays_is_stored_and_what_expires_is_deleted():
    """Two GiB after thirty runs, of which one is free; and no delete is."""
    run = ResourceUse(stored_bytes=2**30 / 15, deletes=1_000)
    result = forecast(run, run, 30, NOTHING)
    assert line(result, "GiB stored").dollars == pytest.approx(0.15)
    assert line(result, "deletes").dollars == pytest.approx(0.003)


def test_the_model_costs_what_the_runs_say():
    """In dollars, at the prices of the scan."""
    result = forecast(
        ResourceUse(model_tokens=9e6, model_dollars=3), ResourceUse(model_dollars=0.1), 11, NOTHING
    )
    assert line(result, "tokens").dollars == pytest.approx(3 + 10 * 0.1)


def test_an_open_page_has_its_share_of_the_free_amounts():
    """It looks four times a minute; 8 hours a day are 1,920 looks, of 4 reads and 0.1 s each."""
    quiet = forecast(ResourceUse(), ResourceUse(), 0, NOTHING)
    watched = forecast(ResourceUse(), ResourceUse(), 0, NOTHING, page_hours=8)
    more = {
        unit: line(watched, unit).amount - line(quiet, unit).amount
        for unit in ("reads", "requests", "vCPU-s", "GiB-s", "writes")
    }
    assert more == {
        "reads": pytest.approx(30 * 7_680),
        "requests": pytest.approx(30 * 1_920),
        "vCPU-s": pytest.approx(30 * 192),
        "GiB-s": pytest.approx(30 * 96),
        "writes": 0,
    }
    assert line(watched, "reads").free_share == pytest.approx(0.1536)
    assert line(watched, "reads").dollars == line(watched, "vCPU-s").dollars == 0
    assert USE_OF_OPEN_PAGE.tasks == 0


@pytest.mark.parametrize(
    ("calls", "slots", "plans"),
    [(33, 30, []), (34, 30, ["Free"]), (34, 3_000, ["Free", "Team"]), (34, 0, [])],
)
def test_airtables_calls_have_a_cap(calls, slots, plans):
    """990 a month are fewer than 1,000, and 1,020 more; 102,000 are too many for Team as well."""
    run = ResourceUse(airtable_requests=calls)
    warnings = forecast(run, run, slots, NOTHING).warnings
    named = [plan for plan in AIRTABLE_CALLS for warning in warnings if f"plan {plan} " in warning]
    assert named == plans


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_a_function_is_billed_by_its_size(function):
    """That with which it is deployed."""
    size = SIZES[function]
    gib = {"512Mi": 0.5, "1Gi": 1.0}[size.memory]
    assert use_of_instance(function, 10) == ResourceUse(
        vcpu_seconds=10 * int(size.cpu), gib_seconds=10 * gib
    )


def test_each_function_of_a_run_is_billed_by_its_own_size():
    """Six seconds of half a GiB, two of a whole one, and a tenth more for each of three tasks."""
    counts = {"tasks": 3, "fetch_seconds": 6.0, "score_seconds": 2.0, "function_seconds": 8.0}
    use = use_of_run(counts)
    assert use.vcpu_seconds == pytest.approx(6 + 2 + 0.3)
    assert use.gib_seconds == pytest.approx(6 * 0.5 + 2 + 0.3)


def test_a_runs_counts_are_what_it_used():
    """Each in its place, beside what it left in the store."""
    counts = {
        **{"firestore_reads": 7, "firestore_writes": 5, "tasks": 3, "airtable_requests": 4},
        **{"model_tokens": 900, "model_cost": 0.5},
    }
    use = replace(use_of_run(counts, 10, 1), vcpu_seconds=0, gib_seconds=0)
    assert use == ResourceUse(
        reads=7,
        writes=5,
        deletes=1,
        stored_bytes=10,
        tasks=3,
        requests=3,
        airtable_requests=4,
        model_tokens=900,
        model_dollars=0.5,
    )


@pytest.mark.parametrize("dollars", [0.0099, 0.0])
def test_less_than_a_cent_is_not_what_dominates(dollars):
    """What is nearest to the end of its free amount is of more interest then."""
    result = forecast(ResourceUse(model_dollars=dollars), ResourceUse(), 1, NOTHING)
    assert result.dominates.startswith("less than a cent is billed; ")


def test_airtables_calls_are_a_share_of_each_plan():
    """340 of 1,000, and of 100,000."""
    run = ResourceUse(airtable_requests=34)
    result = forecast(run, run, 10, NOTHING)
    assert result.airtable_calls == 340
    assert result.airtable_shares == {"Free": 0.34, "Team": 0.0034}


@pytest.mark.parametrize(
    ("cadence", "settings", "slots"),
    [
        ({"daily": "06:00"}, {}, 30),
        ({"every_minutes": 1}, {}, 43_200),
        ({"cron": "0 6 * * 1"}, {}, 4),
        ({"daily": "06:00"}, {"paused": True}, 0),
        ({"daily": "06:00"}, {"max_runs": 3}, 3),
        ({"daily": "06:00"}, {"stop_at": START + timedelta(days=10)}, 10),
        ({"daily": ["06:00", "18:00"]}, {"time_zone": "Europe/Berlin"}, 60),
    ],
)
def test_slots_are_those_of_the_schedule(cadence, settings, slots):
    """Of thirty days from a Wednesday on."""
    schedule = Schedule.model_validate({"cadence": cadence} | settings)
    assert slots_of(schedule, START) == slots


def test_a_scan_without_a_schedule_has_no_slots():
    """It runs when a person says so; how often is to be told."""
    assert slots_of(None, START) == 0


async def test_ticks_cost_what_is_taken_for_it():
    """Idle ones, and what a slot adds to one from its second on."""
    world = World()
    cadence = {"cadence": {"every_minutes": 5}}
    await world.save(schedule=cadence)
    uses = {}
    for name, tick in (("scheduler", Scheduler), ("watchdog", Watchdog)):
        await tick(world.runs, name).tick(Deadline.after(LADDER.step))
        uses[name] = await spent(world, name)
    counted = {"requests": 0, "vcpu_seconds": 0, "gib_seconds": 0}
    assert uses == {
        name: replace(use, reads=use.reads - CLOCK_READS, **counted)
        for name, use in IDLE_TICKS.items()
    }
    for _ in range(2):
        world.clock.advance(300)
        await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
    with_slot = await spent(world, "scheduler")
    # the run's own three documents are counted by the run; its last run is live, so it is skipped
    assert with_slot == uses["scheduler"] + USE_PER_SLOT


async def spent(world: World, name: str) -> ResourceUse:
    (mark,) = await world.store.read(f"system/{name}")
    assert mark
    return ResourceUse(
        mark.data["spent"]["firestore_reads"], mark.data["spent"]["firestore_writes"]
    )


def test_a_document_is_as_large_as_firestore_says():
    """The example of its documentation, which comes to 147 bytes; and what else there is."""
    fields: dict[str, Any] = {
        "type": {"stringValue": "Personal"},
        "done": {"booleanValue": False},
        "priority": {"integerValue": "1"},
        "description": {"stringValue": "Learn Cloud Firestore"},
    }
    assert document_size("users/jeff/tasks/my_task_id", fields) == 147
    more = {
        "b": {"bytesValue": "AAAA"},  # 2 + 3
        "a": {"arrayValue": {"values": [{"nullValue": None}, {"doubleValue": 1.5}]}},  # 2 + 9
        "m": {"mapValue": {"fields": {"ü": {"timestampValue": "2026-11-25T12:30:00Z"}}}},  # 2 + 11
        "e": {"arrayValue": {}},  # 2
    }
    assert document_size("users/jeff/tasks/my_task_id", fields | more) == 147 + 31


def test_what_was_added_is_all_that_is_there_since():
    """Whole where it stays, for its share of a month where it does not; what grew, and what went.

    A document that was written again expires once.
    """
    soon, late = START + timedelta(days=3), START + timedelta(days=400)
    before = {
        "scans/a": StoredDocument(100, None),
        "runs/old": StoredDocument(1_000, late),
        "answers/x": StoredDocument(50, START),
    }
    after = {
        "scans/a": StoredDocument(150, None),
        "runs/old": StoredDocument(1_000, late),
        "runs/new": StoredDocument(2_000, late),
        "runs/new/pages/0": StoredDocument(5_000, soon),
        "findings/f": StoredDocument(30, None),
    }
    assert growth(before, after, START, 30) == Growth(50 + 2_000 + 5_000 * 0.1 + 30, 2)


def printed(*runs: tuple[str, str, int]) -> str:
    lines = [
        {"run": {"scan_id": scan_id, "status": status, "counts": {"firestore_reads": reads}}}
        for scan_id, status, reads in runs
    ]
    return "\n".join(map(json.dumps, lines)) + "\n"


def test_runs_are_read_from_what_was_printed(tmp_path):
    """The first that is done is the first run, the last a later one; of this scan alone."""
    file = tmp_path / "runs"
    file.write_text(
        printed(
            ("people", "error", 1), ("people", "done", 9), ("x", "done", 5), ("people", "done", 3)
        )
    )
    measured = read_runs(file, a_scan())
    assert (measured.first.reads, measured.later.reads, len(measured.notes)) == (9, 3, 1)
    file.write_text(printed(("people", "done", 9)))
    assert "may be a first one" in read_runs(file, a_scan()).notes[1]


@pytest.mark.parametrize("text", ["", "{}", "no", '{"run": 1}', printed(("x", "done", 1))])
def test_a_file_without_a_run_of_the_scan_is_refused(tmp_path, text):
    """It is named; and one that is not there too."""
    file = tmp_path / "runs"
    file.write_text(text)
    for path in (file, Path("nowhere")):
        with pytest.raises(MeasureError, match=path.name):
            read_runs(path, a_scan())
