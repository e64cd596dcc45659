"""Ids that nothing can have, at every route and in every task: nobody's bug, and no outage."""

from itertools import product
from typing import Any

import pytest

from landfall.api.request import Request
from landfall.entry.routes import routes
from landfall.kinds.definition import parse
from landfall.kinds.routes import list_runs, start_run
from landfall.reasons import LandfallError
from landfall.runs.kind import Outcome
from landfall.runs.tasks import Task
from tests.fakes.callers import ask
from tests.fakes.clients import FakeClients
from tests.fakes.elements import a_classification
from tests.fakes.workers import work_with
from tests.fakes.world import World

IDS = (".", "..", "__x__", "____", "a" * 1_600, "é" * 800, "half \ud800", "\x00", " ", "people ")
"""Reserved, too long, half of a character, or of no thing."""

BODIES: tuple[Any, ...] = (
    None,
    {"why": "so", "suggestion_id": "s", "values": {}},
    *({"scan_id": one, "records": [one]} for one in IDS),
)


def _short(id_: object) -> str:
    return ascii(id_)[:12]


async def a_world(world: World) -> list[str]:
    """Scans of two kinds, and a run; their ids."""
    await world.start(await world.save())
    scans = [a_classification(), parse({"id": "s", "kind": "site", "url": "https://s.example"}, "")]
    for scan in scans:
        await world.registry.save(scan, "tester")
    return ["people", "m-1", *(scan.id for scan in scans)]


async def refused(handle: Any, request: Request, *ids: str) -> int:
    """The status of the refusal that a request meets."""
    with pytest.raises(LandfallError) as caught:
        await handle(request, *ids)
    return caught.value.status


async def test_in_every_path(world):
    """400 or 404, whatever stands for whichever id."""
    known = await a_world(world)
    met = set()
    for route in routes():
        places = route.path.count("{id}")
        for ids in product((*known, *IDS), repeat=places):
            if set(ids) <= set(known):
                continue
            for body in BODIES if route.method == "POST" else (None,):
                status = await refused(route.handle, ask(world, body), *ids)
                assert status in (400, 404), (route.path, ids, body)
                met.add((route.path, status))
    assert len({path for path, _ in met}) > 15


@pytest.mark.parametrize("id_", [*IDS, "a/b", "", 7, None, ["a"], {"a": 1}], ids=_short)
async def test_in_a_body_or_a_query(world, id_):
    """As in a path; an id that no scan can have narrows no listing."""
    await a_world(world)
    assert await refused(start_run, ask(world, {"scan_id": id_})) in (400, 404)
    if isinstance(id_, str):
        assert await refused(list_runs, ask(world, query={"scan_id": id_})) == 400


@pytest.mark.parametrize("run_id", IDS, ids=_short)
async def test_in_a_task(world, run_id):
    """It is done with: a refusal would have it delivered again."""
    task = Task(run_id, "fetch", 0, 1, world.clock())
    assert await work_with(world, task, FakeClients()) == Outcome.DECLINED
