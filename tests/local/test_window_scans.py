"""The pages of integrity scans over a world: acts on many findings, rules, trends, comparisons."""

import re
from typing import Any

import pytest

from landfall.store.documents import Fields
from tests.fakes.bases import a_base, a_server
from tests.fakes.memory_store import MemoryStore
from tests.fakes.windows import html_of, visit
from tests.fakes.workers import drive
from tests.fakes.world import World

ROWS: list[Fields] = [
    {"Name": f"P{n}"} | ({"Email": f"p{n}@school.example"} if n % 2 else {}) for n in range(6)
]
RULES: list[Fields] = [
    {"id": "email", "kind": "required", "table": "People", "field": "Email", "owner": "Office"},
    {
        "id": "name",
        "kind": "allowed_values",
        "table": "People",
        "field": "Name",
        "values": [f"P{n}" for n in range(6)],
        "severity": "critical",
    },
]


@pytest.fixture
async def world() -> World:
    """Return a world with a scan and an ended run of it, with three warnings and a critical one."""
    world = World(MemoryStore())
    await run(world, "m-1", [*ROWS, {"Name": "<b>", "Email": "x@school.example"}])
    return world


async def run(world: World, run_id: str, rows: list[Fields]) -> None:
    """Do a run of the scan with these records."""
    scan = await world.save(name="School & co", rules=RULES)
    await world.start(scan, run_id)
    async with a_server(a_base(People=rows)) as airtable:
        await drive(world, airtable, run_id)


async def page(world: World, url: str, **more: Any) -> str:
    """Return a page that is there."""
    answer = await visit(world, url, **more)
    assert answer.status_code == 200, html_of(answer)
    return html_of(answer)


async def test_all_that_match_are_ignored_and_it_is_undone(world: World) -> None:
    """With the number that was shown; those of the filter alone are open again."""
    text = await page(world, "/scans/people?rule=email")
    assert "Ignore 3 findings</button>" in text
    form = {"why": "They move & <go>", "until": "", "count": "3"}
    answer = await visit(world, "/scans/people/findings/ignore?rule=email", form=form)
    assert answer.status_code == 303
    there = answer.headers["location"]
    text = await page(world, there)
    assert re.search(r"3 findings are ignored, by office@school.example", text)
    assert "No finding matches" in text
    assert "1 finding." in await page(world, "/scans/people")
    (way,) = re.findall(r'action="([^"]+/undo[^"]+)"', text)
    answer = await visit(world, way, form={})
    assert answer.headers["location"] == "/scans/people?rule=email&did=undone"
    assert "3 findings with these filters." in await page(world, answer.headers["location"])
    assert "findings are ignored" not in await page(world, there)


async def test_all_that_are_ignored_are_reopened(world: World) -> None:
    """The page of the ignored ones offers it, that of the resolved ones nothing."""
    form = {"why": "for now", "count": "4"}
    await visit(world, "/scans/people/findings/ignore", form=form)
    text = await page(world, "/scans/people?state=ignored")
    assert "Reopen 4 findings</button>" in text
    answer = await visit(world, "/scans/people/findings/reopen?state=ignored", form={"count": "4"})
    assert "4 findings are open again" in await page(world, answer.headers["location"])
    assert 'class="all"' not in await page(world, "/scans/people?state=resolved")


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"why": "kept <b>", "count": "2"}, "have 3 findings, not 2: look again"),
        ({"why": "kept <b>", "count": ""}, "`count` must be a number"),
        ({"why": " ", "count": "3"}, "`why` is missing"),
        ({"why": "kept <b>", "until": "2001-01-01", "count": "3"}, "must be in the future"),
    ],
)
async def test_what_cannot_be_decided_comes_back(
    world: World, form: dict[str, str], says: str
) -> None:
    """With the error at the form, which is open, and with what was typed."""
    answer = await visit(world, "/scans/people/findings/ignore?rule=email", form=form)
    text = html_of(answer)
    assert answer.status_code == 400
    assert says in text
    assert '<details class="all" open>' in text
    assert form["why"] == " " or "kept &lt;b&gt;</textarea>" in text
    assert "3 findings with these filters." in text
    assert (await visit(world, "/scans/people/findings/reopen", form={})).status_code == 400
