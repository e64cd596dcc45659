"""What an older Landfall has stored, in the hands of this one."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from landfall.airtable import pacer as airtable_pacer
from landfall.api.downloads import Download
from landfall.integrity.routes import run_findings, scan_findings
from landfall.kinds.routes import debug_run, show_run
from landfall.runs.changes import State
from landfall.runs.claim import task_of
from landfall.runs.documents import Step, run_path
from landfall.runs.lifecycle import STEP_ENDED
from landfall.store.documents import Fields, Put
from landfall.store.versions import DOCUMENT_KINDS, VERSION_FIELD
from tests.fakes.callers import ask
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import documents, drive
from tests.fakes.world import World
from tests.stored.moments import MOMENTS, at, last_run, loaded, the_base, tick

STORED = Path(__file__).parents[1] / "stored"
VERSIONS = sorted(it.name for it in STORED.iterdir() if it.name.isdecimal())


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


async def world_of(moment: str, version: str) -> tuple[World, str]:
    """The store as it was then, with the task that its run waits for; the run's id."""
    content: Any = json.loads((STORED / version / f"{moment}.json").read_text(), object_hook=loaded)
    world, run_id, now = World(), str(content["run_id"]), content["now"]
    assert isinstance(now, datetime)
    world.clock.now = now
    await world.stored.commit([Put(path, it) for path, it in content["documents"].items()])
    steps = {it.id: it for it in await documents(world, f"{run_path(run_id)}/steps")}
    (step,) = (it for it in map(Step.load, steps.values()) if it.status not in STEP_ENDED)
    await world.queue.enqueue(
        task_of(State.load(await world.run(run_id), list(steps.values())), step.step_id)
    )
    return world, run_id


def outcome(run: Fields) -> Fields:
    """What a run came to, without what depends on how often it was invoked."""
    counts = {name: n for name, n in run["counts"].items() if name.startswith(("find", "rec"))}
    return {name: run[name] for name in ("status", "verdict", "error", "warnings")} | counts


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_older_run_goes_on_to_its_end(moment, version):
    """From wherever it was, to what a run of today comes to; and all that it writes is of today."""
    world, run_id = await world_of(moment, version)
    today, _ = await at(moment)
    async with the_base() as server:
        await drive(world, server, run_id)
        await drive(today, server, last_run(today))
    run = await world.run(run_id)
    assert run.data["status"] == "done"
    assert outcome(run.data) == outcome((await today.run(last_run(today))).data)
    assert isinstance(world.stored, MemoryStore)
    written = {
        path: it.data.get(VERSION_FIELD)
        for path, it in world.stored.whole().items()
        if it.data.get("updated_at") and it.data["updated_at"] >= run.data["finished_at"]
    }
    assert written
    assert all(
        version == DOCUMENT_KINDS["/".join(path.split("/")[::2])].version
        for path, version in written.items()
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_older_runs_left_is_there_for_the_next(version):
    """The schedule goes on, findings stay the same ones, and what a person said holds."""
    world, run_id = await world_of("queued", version)
    async with the_base() as server:
        await drive(world, server, run_id)
        await tick(world)
        await drive(world, server, last_run(world))
    counts = (await world.run(last_run(world))).data["counts"]
    assert (counts["findings"], counts["findings_new"], counts["findings_ignored"]) == (1, 0, 1)
    for look in (show_run, debug_run, run_findings):
        assert await look(ask(world), run_id)
    listed = await scan_findings(ask(world), "people")
    assert not isinstance(listed, Download)
    assert len(listed["findings"]) == 1
