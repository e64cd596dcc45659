"""What a run has cost is added up in its counts, and nothing of it twice."""

from dataclasses import replace
from typing import Any

import pytest

from landfall.runs.changes import Change, State
from landfall.runs.costs import INITIAL_COUNTS, with_costs
from landfall.store.documents import Create
from landfall.store.metering import Account, metering
from tests.unit.test_changes import a_state

HAD: dict[str, Any] = {
    "firestore_reads": 10,
    "firestore_writes": 20,
    "tasks": 1,
    "function_seconds": 2.0,
    "fetch_seconds": 2.0,
    "airtable_requests": 3,
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The event loop's clock, which the test moves."""
    now = [100.0]
    monkeypatch.setattr("landfall.runs.costs.seconds_now", lambda: now[0])
    return now


def counted(account: Account, reads: int, writes: int, requests: int) -> None:
    account.began = 100.0
    account.reads, account.writes, account.airtable_requests = reads, writes, requests


def a_run(spent: dict[str, Any] | None = None) -> State:
    """A run with these counts, whose step has stored this share of them."""
    state = a_state()
    step = replace(state.steps["fetch"], spent=spent)
    return State(replace(state.run, counts=HAD), {"fetch": step})


async def test_a_worker_adds_its_share(clock: list[float]) -> None:
    """With the writes of this commit: the run, its step, an event, and what is stored along."""
    with metering() as account:
        counted(account, reads=5, writes=7, requests=2)
        clock[0] += 1.5
        change = Change(
            steps={"fetch": {"retries": 0}}, writes=[Create("x/1", {}), Create("x/2", {})]
        )
        found = with_costs(a_run(), change, 1, "fetch")
    assert found.run.get("counts") == {
        "firestore_reads": 15,
        "firestore_writes": 20 + 7 + 1 + 1 + 1 + 2,
        "tasks": 1,
        "function_seconds": 3.5,
        "fetch_seconds": 3.5,
        "airtable_requests": 5,
    }
    assert found.steps["fetch"].get("spent") == {
        "firestore_reads": 5,
        "firestore_writes": 7 + 1 + 1 + 1 + 2,
        "function_seconds": 1.5,
        "fetch_seconds": 1.5,
        "airtable_requests": 2,
    }


async def test_what_the_attempt_has_stored_is_replaced(clock: list[float]) -> None:
    """An answer that was lost costs nothing twice."""
    before = {
        "firestore_reads": 4, "firestore_writes": 6, "function_seconds": 1.0, "fetch_seconds": 1.0,
        "airtable_requests": 1,
    }  # fmt: skip
    with metering() as account:
        counted(account, reads=5, writes=7, requests=2)
        clock[0] += 1.5
        found = with_costs(a_run(before), Change(steps={"fetch": {}}), 0, "fetch")
    assert found.run.get("counts") == {
        "firestore_reads": 11,
        "firestore_writes": 20 - 6 + 7 + 1 + 1,
        "tasks": 1,
        "function_seconds": 2.5,
        "fetch_seconds": 2.5,
        "airtable_requests": 4,
    }


async def test_the_costs_of_an_earlier_attempt_stay(clock: list[float]) -> None:
    """A claim begins a share of its own."""
    with metering() as account:
        counted(account, reads=5, writes=0, requests=0)
        clock[0] += 1.0
        claim = Change(steps={"fetch": {"attempt": 2}})
        found = with_costs(a_run({"firestore_reads": 4}), claim, 0, "fetch")
    assert found.run["counts"]["firestore_reads"] == 15


async def test_a_commit_of_another_writer_takes_no_time_of_a_function(clock: list[float]) -> None:
    """Its reads and writes count, and each step that waits for a task from now on."""
    with metering() as account:
        counted(account, reads=1, writes=0, requests=9)
        clock[0] += 1.0
        change = Change(steps={"fetch": {"dispatch": 2}}, writes=[Create("s", {"dispatch": 1})])
        found = with_costs(a_run(), change, 2, None)
    assert found.run["counts"] == {
        "firestore_reads": 11,
        "firestore_writes": 20 + 1 + 1 + 2 + 1,
        "tasks": 3,
    }
    assert "spent" not in found.steps["fetch"]


def test_without_a_meter_nothing_is_counted() -> None:
    """As in a test of something else."""
    change = Change(steps={"fetch": {}})
    assert with_costs(a_run(), change, 0, "fetch") is change


@pytest.mark.usefixtures("clock")
async def test_a_run_begins_with_what_a_worker_adds() -> None:
    """A new run has each count that its first commit changes, but the share of one function."""
    state = a_run()
    with metering() as account:
        counted(account, 1, 1, 1)
        change = with_costs(state, Change(steps={"fetch": {}}), 1, "fetch")
    added = {*change.run["counts"]} - {"fetch_seconds"}
    assert added | {"model_tokens", "model_cost"} == {*INITIAL_COUNTS}
