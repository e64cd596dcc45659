"""The pages of integrity scans over a world: acts on many findings, rules, trends, comparisons."""

import asyncio
import io
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import StreamingResponse

from landfall.integrity.routes import findings_and_counts
from landfall.kinds.routes import follow_scan
from landfall.store.documents import Fields, Put, Query
from landfall.window import scan_page
from tests.fakes.bases import a_base, a_server
from tests.fakes.memory_store import MemoryStore
from tests.fakes.windows import ROWS, html_of, page, people_rules, visit
from tests.fakes.workers import drive
from tests.fakes.world import World

RULES = people_rules()


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


async def test_a_page_has_one_truth_while_a_run_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found is read before the runs are, and another run ends in between."""
    asked_meanwhile: list[Fields] = []
    read = asyncio.Event()

    async def findings(*given: Any) -> Fields:
        asked_meanwhile.append(await findings_and_counts(*given))
        read.set()
        return asked_meanwhile[-1]

    async def scan(*given: Any) -> Fields:
        if len(asked_meanwhile) == 0:
            await read.wait()
            world.clock.advance(60)
            await run(world, "m-2", ROWS[:2])
        return await follow_scan(*given)

    monkeypatch.setattr(scan_page, "findings_and_counts", findings)
    monkeypatch.setattr(scan_page, "follow_scan", scan)
    text = await page(world, "/scans/people")
    assert [one["count"] for one in asked_meanwhile] == [4, 1]
    assert "1 finding." in text
    assert text.count("/runs/m-2") > 0


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
        (
            {"why": "kept <b>", "count": "2"},
            "By now these filters have 3 findings, not 2: look again.",
        ),
        ({"why": "kept <b>", "count": ""}, "Count must be a number"),
        ({"why": " ", "count": "3"}, "Why is missing: give the reason"),
        ({"why": "kept <b>", "until": "2001-01-01", "count": "3"}, "Until must be in the future."),
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


async def two_runs(world: World) -> None:
    """A second run: one of the three is resolved, the critical one is ignored, another is new."""
    form = {"why": "for now", "count": "1"}
    await visit(world, "/scans/people/findings/ignore?rule=name", form=form)
    world.clock.advance(3600)
    resolved = ROWS[0] | {"Email": "p0@school.example"}
    rest = [{"Name": "<b>", "Email": "x@school.example"}, {"Name": "P1"}]
    await run(world, "m-2", [resolved, *ROWS[1:], *rest])


async def test_two_runs_are_compared(world: World) -> None:
    """The newest two, unless others are chosen; a click on each number shows its findings."""
    assert "nothing to compare yet" in await page(world, "/scans/people/compare")
    await two_runs(world)
    for change, count in {"new": 1, "resolved": 1, "ignored": 1, "still": 2}.items():
        text = await page(world, f"/scans/people/compare?change={change}")
        assert text.count('<th scope="row"') == count
        assert re.search(rf'change={change}" aria-current="page">[A-Z][^<]+<strong>{count}<', text)
    text = await page(world, "/scans/people/compare?from=m-1&to=m-2&change=ignored")
    assert "&lt;b&gt;" in text
    assert 'selected value="m-1"' in text


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("from=m-2&to=m-1", "must be an earlier run"),
        ("from=m-1&to=m-1", "must be an earlier run"),
        ("from=m-0&to=m-2", "runs expire with what they found"),
        ("from=m-1&to=m-3", "has no findings, since its status is queued"),
        ("from=other&to=m-2", "of scan other, not people"),
        ("from=x/y&to=m-2", "Give `from` and `to`"),
        ("from=m-1&to=m-2&change=worse", "Change must be one of new, resolved, ignored, still"),
        ("from=m-1&to=m-2&page_token=-1", "Page token must be"),
        ("from=gone&to=m-2", "what was found is not there any more"),
    ],
)
async def test_what_cannot_be_compared_is_said_in_words(
    world: World, query: str, says: str
) -> None:
    """Runs that have expired, that found nothing, that are of another scan or in another order."""
    await two_runs(world)
    first = await world.run()
    missing: Fields = {"run_id": "gone", "findings_list": {"run_id": "gone", "documents": 1}}
    await world.stored.commit(
        [
            Put("runs/gone", first.data | missing),
            Put("runs/other", first.data | {"scan_id": "other"}),
        ]
    )
    await world.start(await world.save(rules=RULES), "m-3")
    answer = await visit(world, f"/scans/people/compare?{query}")
    assert answer.status_code == 400
    assert says in html_of(answer)


async def test_runs_of_another_base_are_not_compared(world: World) -> None:
    """Their findings have nothing in common."""
    await two_runs(world)
    first = await world.run()
    await world.stored.commit([Put("runs/m-1", first.data | {"base": "appOther0000000001"})])
    answer = await visit(world, "/scans/people/compare")
    assert answer.status_code == 400
    assert "are of different bases" in html_of(answer)


async def test_rules_are_shown_with_their_results(world: World) -> None:
    """A cell a run, with a sign and words; the loudest rule comes first; charts with tables."""
    await two_runs(world)
    text = await page(world, "/scans/people/rules")
    assert "Last 2 results" in text
    assert text.index(">email</a>") < text.index(">name</a>")
    assert 'aria-label="Warning, Warning"' in text
    assert 'aria-label="Critical, Healthy"' in text
    assert text.count('<use class="notice" href="#cell-notice"') == 2
    assert "<title>Critical, 1 finding, " in text
    assert "Open findings in 2 runs: from 4 to 3, at most 4" in text
    assert "People in 2 runs: from 7 to 8, at most 8" in text
    assert text.count("<summary>As a table</summary>") == 4 + 1
    world = World(MemoryStore())
    await world.save(rules=RULES)
    assert "No result of a rule" in await page(world, "/scans/people/rules")


async def test_what_is_filtered_is_saved_as_a_workbook(world: World) -> None:
    """The same findings as on the page, with the headers of a download."""
    text = await page(world, "/scans/people?severity=critical")
    (link,) = re.findall(r'href="([^"]+findings.xlsx[^"]+)"', text)
    answer = await visit(world, link.replace("&amp;", "&"))
    assert isinstance(answer, StreamingResponse)
    content = b"".join([bytes(piece) async for piece in answer.body_iterator])  # type: ignore[arg-type]
    assert answer.headers["content-disposition"] == 'attachment; filename="people-findings.xlsx"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 2
    assert "&lt;b&gt;" in sheet


async def test_findings_are_sorted(world: World) -> None:
    """The order is in the address, beside the filters; a file has none, and another is refused."""
    await two_runs(world)
    text = await page(world, "/scans/people?rule=email&sort=newest")
    assert '<option selected value="newest">' in text
    first = re.search(r'<th scope="row"><a href="(/scans/people/findings/\w+)"', text)
    assert first
    assert text.index(first[1]) < text.index("P2")
    assert "findings.csv?rule=email&" not in text
    answer = await visit(world, "/scans/people?sort=random")
    assert answer.status_code == 400
    assert "Sort must be one of newest, oldest, records" in html_of(answer)


async def test_a_run_says_when_it_tries_again_and_what_failed(world: World) -> None:
    """In seconds; the moves are narrowed to what failed."""
    await world.start(await world.save(rules=RULES), "m-2")
    (step,) = await world.stored.find(Query("runs/m-2/steps"))
    error = {"reason": "base_timeout", "message": "Airtable did not answer"}
    later = world.clock() + timedelta(seconds=12)
    waiting = {"next_attempt_at": later, "attempt": 2, "retries": 1, "last_error": error}
    await world.stored.commit([Put(step.path, step.data | waiting)])
    text = await page(world, "/runs/m-2")
    assert "Next try: <time" in text
    assert ">in 12 s (" in text
    assert "attempt</a> 2, 1 retry" in text
    assert "Airtable did not answer" in text
    text = await page(world, "/runs/m-1?show=failed")
    assert "Nothing failed." in text
    assert "Show everything" in text
    failed = await page(world, "/runs?status=error,timed_out")
    assert '<option selected value="error,timed_out">All that failed' in failed
    assert "No run matches" in failed


async def test_home_says_since_when_a_rule_is_broken(world: World) -> None:
    """Since its oldest open finding, also where the scan's state has changed since."""
    await two_runs(world)
    text = re.sub(r"\s+", " ", await page(world, "/"))
    first = (await world.run("m-1")).data["finished_at"]
    assert '3 findings · Table People, rule email</span></div> <div class="whose">' in text
    assert f'began <time datetime="{first:%Y-%m-%dT%H:%M}' in text


async def test_what_somebody_else_decided_meanwhile_is_said(world: World) -> None:
    """Also where nothing is left that the form could be shown for."""
    url, form = "/scans/people/findings/ignore?rule=email", {"why": "known", "count": "3"}
    assert (await visit(world, url, form=form)).status_code == 303
    answer = await visit(world, url, form=form)
    assert answer.status_code == 400
    assert "data-problem>By now these filters have 0 findings, not 3" in html_of(answer)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/?page_token=zzz", "past the last scan"),
        ("/scans/people?page_token=4", "past the last finding"),
        ("/scans/people/compare?change=still&page_token=2", "past the last one"),
    ],
)
async def test_a_page_past_the_end_does_not_say_that_there_is_nothing(
    world: World, url: str, says: str
) -> None:
    """Such as the second page of a list that has become shorter."""
    await two_runs(world)
    text = await page(world, url)
    assert says in text
    assert not re.search("Nothing is|There are none|Make the first one", text)


async def test_an_act_that_came_too_late_says_why(world: World) -> None:
    """On a page whose reason the script shows beside what was typed."""
    answer = await visit(world, "/scans/gone/run", form={"key": "x"})
    assert answer.status_code == 404
    assert "<p data-problem>There is no scan &#39;gone&#39;" in html_of(answer)
    answer = await visit(world, "/runs/gone/cancel", form={})
    assert "There is no run &#39;gone&#39;.</p>" in html_of(answer)


async def test_a_site_has_no_comparison_of_findings(world: World) -> None:
    """The page of another kind of scan is refused in words."""
    head = (await world.stored.read("scans/people"))[0]
    assert head is not None
    await world.stored.commit([Put("scans/people", head.data | {"kind": "site"})])
    answer = await visit(world, "/scans/people/compare")
    assert answer.status_code == 400
    assert "is of kind" in html_of(answer)


async def test_what_is_ignored_or_unchecked_is_not_as_it_should_be(world: World) -> None:
    """Where nothing is open, the page says whether people or gaps are the reason."""
    form = {"why": "known", "count": "4"}
    assert (await visit(world, "/scans/people/findings/ignore", form=form)).status_code == 303
    text = re.sub(r"\s+", " ", await page(world, "/scans/people"))
    assert 'Nothing is open. <a href="/scans/people?state=ignored">4 findings are ignored' in text
    run = await world.run("m-1")
    unsure = run.data | {"complete": False, "verdict": "inconclusive"}
    await world.stored.commit([Put("runs/m-1", unsure)])
    text = re.sub(r"\s+", " ", await page(world, "/scans/people"))
    assert "Nothing is open in what could be checked; not everything could." in text
