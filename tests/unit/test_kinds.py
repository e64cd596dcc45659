"""Kinds of scan: the engine runs whatever stands in their table, and knows none by name."""

import re
from pathlib import Path

import pytest

from landfall.entry.routes import routes
from landfall.kinds import table
from landfall.kinds.definition import parse
from landfall.kinds.table import KINDS
from landfall.process.redaction import Redactor
from landfall.runs.steps import ROLES
from landfall.runs.worker import Invocation, Worker
from tests.fakes.callers import ask
from tests.fakes.world import World

LANDFALL = Path(__file__).parents[2] / "functions/landfall"


@pytest.fixture
def _a_fourth_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.PACKAGES, "tiny", "tests.fakes.tiny")


@pytest.mark.usefixtures("_a_fourth_kind")
async def test_a_kind_is_one_folder_and_one_row() -> None:
    """Defined, saved, fetched in several invocations, scored and done by the real worker."""
    world = World()
    scan = parse({"id": "three", "kind": "tiny", "number": 3}, "test")
    await world.registry.save(scan, "tester")
    await world.start(scan)
    worker = Worker(world.runs, KINDS, world.registry, {"name": "abacus"}, Redactor())
    outcomes, seen = [], []
    while (task := world.queue.tasks[-1]) and (await world.run()).data["status"] != "done":
        invocation = Invocation.parse(task.body, task.step_id)
        outcomes.append(str(await worker.invoke(invocation)))
        run = (await world.run()).data
        seen.append((run["progress_step"], run["progress_pct"]))
    assert outcomes == [*["continued"] * 3, "finished", "finished"]
    assert seen == [("counting", 16), ("counting", 33), *[("counting", 50)] * 2, ("done", 100)]
    assert (run["verdict"], run["counts"]["pages"], run["report"]["by"]) == ("healthy", 3, "abacus")


@pytest.mark.usefixtures("_a_fourth_kind")
async def test_a_kind_adds_its_routes() -> None:
    """The api answers them as it does the others."""
    (route,) = [route for route in routes() if route.path == "/runs/{id}/pages"]
    world = World()
    await world.start(await world.save())
    with pytest.raises(Exception, match="is of kind 'integrity'; this is for 'tiny'"):
        await route.handle(ask(world), "m-1")


def test_the_engine_names_no_kind() -> None:
    """Neither in code nor in texts: `runs`, `ticks`, `entry`, and what they stand on."""
    names = re.compile(rf"\b({'|'.join(table.PACKAGES)})\b", re.IGNORECASE)
    offenders = [
        f"{path.relative_to(LANDFALL)}: {line.strip()}"
        for package in ("runs", "ticks", "entry", "api", "scans", "process", "net")
        for path in (LANDFALL / package).rglob("*.py")
        for line in path.read_text().splitlines()
        if names.search(re.sub(r"\bsites?\b", "", line))  # which is also a vendor, with a lock
    ]
    assert offenders == []


@pytest.mark.parametrize("name", table.PACKAGES)
def test_a_kind_keeps_its_contract(name: str) -> None:
    """Its scans are defined under its name, and progress is stated for each of its steps."""
    kind = KINDS[name]
    assert name in str(kind.scan().model_fields["kind"].annotation)
    assert set(kind.steps) == set(kind.progress) <= set(ROLES)
    assert set(kind.on_abandoned) <= set(kind.steps)
    percents = [one for step in kind.progress.values() for one in (step.first, step.last)]
    assert percents == sorted(percents)
