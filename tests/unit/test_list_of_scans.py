"""The list of scans: each with its schedule and newest runs, in pages, for a bounded price."""

from typing import Any

import pytest

from landfall.kinds.routes import follow_run, list_runs, list_scans
from landfall.reasons import BadRequestError
from landfall.runs.lifecycle import RunStatus
from landfall.store.documents import Put, Query
from tests.fakes.callers import ask
from tests.fakes.world import World


async def _world() -> World:
    world = World()
    for number in range(3):
        scan = await world.save(id=f"s{number}", schedule={"cadence": {"every_minutes": 5}})
        for run in range(3):
            world.clock.advance(60)
            await world.start(scan, f"m-{number}-{run}")
    return world


async def _listed(world: World, **query: str) -> Any:
    return await list_scans(ask(world, query=query))


async def test_scans_are_listed_in_pages_with_their_newest_runs() -> None:
    """By their ids; the newest run comes first."""
    world = await _world()
    first = await _listed(world, limit="2", runs="2")
    assert [scan["scan_id"] for scan in first["scans"]] == ["s0", "s1"]
    assert [run["run_id"] for run in first["scans"][1]["runs"]] == ["m-1-2", "m-1-1"]
    assert all("report" not in run for scan in first["scans"] for run in scan["runs"])
    assert first["scans"][0]["schedule"]["next_run_at"]
    last = await _listed(world, limit="2", page_token=first["next_page_token"])
    assert [scan["scan_id"] for scan in last["scans"]] == ["s2"]
    assert [len(scan["runs"]) for scan in last["scans"]] == [1]
    assert last["next_page_token"] is None


async def test_a_list_of_nothing_is_empty() -> None:
    """Without scans, and without their runs."""
    assert await _listed(World()) == {"scans": [], "next_page_token": None}
    listed = await _listed(await _world(), runs="0")
    assert [scan["runs"] for scan in listed["scans"]] == [[], [], []]


@pytest.mark.parametrize(
    "query",
    [
        {"runs": "31"},
        {"runs": "-1"},
        {"runs": "x"},
        {"runs": "999999999999"},
        {"runs": "30", "limit": "51"},
        {"page_token": "../x"},
        {"page_token": ""},
        {"limit": "0"},
    ],
    ids=str,
)
async def test_a_list_has_bounds(query: dict[str, str]) -> None:
    """Each run is a document that is read."""
    with pytest.raises(BadRequestError):
        await _listed(World(), **query)


async def test_what_a_newer_landfall_wrote_hides_no_other_scan() -> None:
    """It is listed with the reason."""
    world = await _world()
    for path in ("scans/s0", "schedules/s1", "runs/m-2-2"):
        (found,) = await world.stored.read(path)
        assert found
        await world.stored.commit([Put(path, found.data | {"schema_version": 99})])
    listed = (await _listed(world))["scans"]
    assert ["problem" in scan for scan in listed] == [True, True, False]
    assert "problem" in listed[2]["runs"][0]


async def test_a_run_is_followed_by_its_newest_moves() -> None:
    """In their order, however many there were."""
    world = World()
    await world.start(await world.save())
    claim = await world.runs.claim("m-1", "fetch", 0, "worker")
    assert claim
    found = await follow_run(ask(world, query={"limit": "1"}), "m-1")
    everything = await follow_run(ask(world), "m-1")
    assert [step["step_id"] for step in found["steps"]] == ["fetch"]
    assert found["moves"] == len(everything["events"]) == 3
    assert len(found["events"]) == 1


async def test_runs_are_listed_in_pages_by_scan_and_status_together() -> None:
    """Every run once, the newest first, however many begin together at the edge of a page."""
    world = await _world()
    scan = await world.save(id="s0")
    for number in range(3, 7):  # at the same moment
        await world.start(scan, f"m-0-{number}")
    await world.runs.end("m-0-1", RunStatus.CANCELLED, {}, "tester")
    query = {"scan_id": "s0", "status": "queued", "limit": "2"}
    seen: list[str] = []
    await world.stored.commit([Put("runs/m-0-7", {"schema_version": 99})])  # has no moment
    for _ in range(9):
        listed = await list_runs(ask(world, query=query))
        seen += [run["run_id"] for run in listed["runs"]]
        if not listed["next_page_token"]:
            break
        query["page_token"] = listed["next_page_token"]
    assert sorted(seen) == [f"m-0-{number}" for number in (0, 2, 3, 4, 5, 6)]
    assert seen[-2:] == ["m-0-2", "m-0-0"]


@pytest.mark.parametrize(
    "token", ["x", "2026-01-01~0", "2026-01-01T00:00:00~0", "9" * 99, "2026-01-01T00:00:00Z~x", ""]
)
async def test_a_wrong_place_in_the_list_of_runs_is_refused(token: str) -> None:
    """It is the token of an earlier answer, or none."""
    with pytest.raises(BadRequestError, match="page_token"):
        await list_runs(ask(World(), query={"page_token": token}))


async def test_runs_of_a_newer_landfall_hide_no_others() -> None:
    """Wherever they stand among the pages."""
    world = await _world()
    found = [run.id for run in await world.stored.find(Query("runs"))]
    for run_id in found[:5]:
        (run,) = await world.stored.read(f"runs/{run_id}")
        assert run
        await world.stored.commit([Put(run.path, run.data | {"schema_version": 99})])
    for limit in (1, 2, 3):
        query, seen = {"limit": str(limit)}, []
        while True:
            listed = await list_runs(ask(world, query=query))
            seen += [run["run_id"] for run in listed["runs"]]
            if not listed["next_page_token"]:
                break
            query["page_token"] = listed["next_page_token"]
        assert sorted(seen) == found
