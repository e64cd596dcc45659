"""The report of a run as a page and as one file, over worlds in which scans have run."""

import base64
import hashlib
import html
import re
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import StreamingResponse

from infra.local.samples.clinic import clinic
from infra.local.site.server import LocalSite
from landfall.api.downloads import Download
from landfall.reasons import BadRequestError, NotFoundError
from landfall.runs.lifecycle import RunStatus
from landfall.store.documents import Delete, Put
from landfall.store.metering import metering
from landfall.window.report_file import MAX_FILE, report
from tests.fakes.bases import a_base, a_server
from tests.fakes.callers import ask, text_of
from tests.fakes.memory_store import MemoryStore
from tests.fakes.sites import a_site_scan, drive_site, start_site
from tests.fakes.windows import html_of, page, people_rules, visit
from tests.fakes.workers import drive
from tests.fakes.world import World

NAME = "<script>alert(1)</script>"


@pytest.fixture
async def site_world() -> World:
    """Return a world in which three pages of a clinic's site have been read, twice."""
    world = World(MemoryStore())
    async with LocalSite(clinic()) as site:
        for run_id in ("m-1", "m-2"):
            await start_site(world, a_site_scan(site, max_pages=3), run_id)
            await drive_site(world, site, run_id)
            world.clock.advance(86_400)
    return world


async def file(world: World, run_id: str) -> tuple[str, str]:
    """Return the file that the window gives, and its name."""
    answer = await visit(world, f"/runs/{run_id}/report.html")
    assert isinstance(answer, StreamingResponse), html_of(answer)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    text = "".join([str(piece) async for piece in answer.body_iterator])
    return text, answer.headers["content-disposition"]


async def of_the_api(world: World, run_id: str, **parameters: str) -> Any:
    return await report(ask(world, query=parameters), run_id)


async def test_a_site_has_a_page_and_a_file(site_world: World) -> None:
    """Both have the same content; the run and the scan lead there."""
    shown, (text, disposition) = (
        await page(site_world, "/runs/m-2/report"),
        await file(site_world, "m-2"),
    )
    content = shown[shown.index('<section class="score') : shown.rindex("</section>")]
    assert content in text
    assert re.fullmatch(r'attachment; filename="clinic-[\d-]{10}-report\.html"', disposition)
    for says in (
        "Do this first",
        "Booking path",
        "pages, as a visitor",
        "of 60 points",
        "/services",
    ):
        assert says in text
    assert 'href="/runs/m-2/report"' in await page(site_world, "/runs/m-2")
    scan = await page(site_world, "/scans/clinic")
    assert 'href="/runs/m-2/report"' in scan
    total = (await site_world.run("m-2")).data["report"]["total_score_60"]
    assert f"<strong>{total}</strong> of 60 points" in scan
    assert "Points over the last 2 runs" in scan
    assert f"{total} of 60 points, " in await page(site_world, "/runs")
    await site_world.stored.commit([Delete("runs/m-1")])
    assert "Points over" not in await page(site_world, "/scans/clinic")


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("healthy", "Visitors find what they need; little or nothing is left to do."),
        ("critical", "Visitors are lost in many places, or miss what they need."),
        ("inconclusive", "Something could not be checked"),
    ],
)
async def test_a_sites_verdict_says_nothing_that_its_list_of_work_denies(
    site_world: World, verdict: str, says: str
) -> None:
    """On the page, in the file, and on the pages that lead there."""
    run = await site_world.run("m-2")
    await site_world.stored.commit([Put(run.path, run.data | {"verdict": verdict})])
    urls = ("/runs/m-2/report", "/runs/m-2", "/scans/clinic")
    texts = [(await file(site_world, "m-2"))[0], *[await page(site_world, url) for url in urls]]
    for text in texts:
        assert says in text
        assert "nothing has to be corrected" not in text


async def test_a_file_needs_nothing_and_does_nothing(site_world: World) -> None:
    """One style, which the policy names; no script, picture, form or part from elsewhere."""
    text, _ = await file(site_world, "m-2")
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall('<meta http-equiv="Content-Security-Policy" content="(.*?)">', text)
    assert html.unescape(policy) == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    for part in (
        "<script",
        "<img",
        "<link",
        "<form",
        "<iframe",
        " src=",
        " style=",
        "url(",
        "@import",
    ):
        assert part not in text, part
    assert re.findall(r' on\w+="', text) == []
    assert 'href="/' not in text
    targets = set(re.findall(r'href="#([^"]+)"', text))
    assert targets
    assert targets <= set(re.findall(r'id="([^"]+)"', text))
    assert len(text.encode()) <= MAX_FILE / 3


async def test_the_api_gives_the_same_file(site_world: World) -> None:
    """Beside its JSON, which has what decided each criterion."""
    got = await of_the_api(site_world, "m-2", format="html")
    assert isinstance(got, Download)
    assert await text_of(got) == (await file(site_world, "m-2"))[0]
    whole = await of_the_api(site_world, "m-2")
    assert {"criteria", "seen", "names"} <= whole["report"].keys()
    with pytest.raises(BadRequestError, match="`format` must be json or html"):
        await of_the_api(site_world, "m-2", format="pdf")
    with pytest.raises(NotFoundError):
        await of_the_api(site_world, "none", format="html")


async def test_a_report_reads_as_much_however_long_the_history(site_world: World) -> None:
    """Its run and its results; a scan reads as many runs as its strip shows."""
    run = await site_world.run("m-2")
    costs: dict[str, set[int]] = {}
    for runs in (40, 200):
        for number in range(runs):
            moment = run.data["created_at"] - timedelta(days=number + 1)
            older = run.data | {"created_at": moment}
            await site_world.stored.commit([Put(f"runs/m-old-{number}", older)])
        for url in ("/runs/m-2/report", "/scans/clinic"):
            with metering() as account:
                await page(site_world, url)
            costs.setdefault(url, set()).add(account.reads)
    assert {url: len(reads) for url, reads in costs.items()} == dict.fromkeys(costs, 1)
    assert max(costs["/runs/m-2/report"]) <= 4


@pytest.mark.parametrize(
    ("status", "says"),
    [(RunStatus.SCORING, "The run is at work"), (RunStatus.ERROR, "ended without a result")],
)
async def test_a_run_without_a_result_has_no_report(
    site_world: World, status: str, says: str
) -> None:
    """It says why, and where to go on; there is no file."""
    run = await site_world.run("m-2")
    changed = {"status": status, "verdict": None, "complete": None, "report": None}
    await site_world.stored.commit([Put(run.path, run.data | changed)])
    shown = await page(site_world, "/runs/m-2/report")
    assert says in shown
    assert ("data-refresh" in shown) == (status == RunStatus.SCORING)
    answer = await visit(site_world, "/runs/m-2/report.html")
    assert answer.status_code == 404
    assert f"its status is {status}" in html_of(answer)


async def test_a_report_that_is_gone_is_not_one_that_never_was(site_world: World) -> None:
    """The run still has its result in short."""
    assert isinstance(site_world.stored, MemoryStore)
    site_world.stored.delete("runs/m-2/results/report")
    assert "The report is gone" in await page(site_world, "/runs/m-2/report")
    assert (await visit(site_world, "/runs/m-2/report.html")).status_code == 404


async def test_an_integrity_scan_has_a_file_of_its_findings() -> None:
    """By rule, the worst first, with a number of each and how many more; names are text."""
    world = World(MemoryStore())
    rules = people_rules([f"P{n}" for n in range(40)])
    await world.start(await world.save(name="School & co", rules=rules))
    rows = [{"Name": f"P{n}"} for n in range(40)]
    people = a_base(People=[*rows, {"Name": NAME, "Email": "x@school.example"}])
    async with a_server(people) as airtable:
        await drive(world, airtable)
    text, disposition = await file(world, "m-1")
    assert "people-" in disposition
    assert "School &amp; co" in text
    assert "<script" not in text
    assert "&lt;script&gt;alert" in text
    assert text.index(">name ") < text.index(">email ")
    assert "And 20 more findings." in text
    assert "to be corrected by Office" in text
    assert 'rel="noopener noreferrer"' in text
    assert "Data check of an Airtable base" in await page(world, "/runs/m-1/report")
