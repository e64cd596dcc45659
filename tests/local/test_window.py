"""The window over a world: its pages, what they read, what they refuse, and how they are sent."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from starlette.responses import StreamingResponse

from landfall.runs.lifecycle import RunStatus
from landfall.store.documents import Document, Fields, Put, Query
from landfall.store.metering import metering
from landfall.window.assets import assets
from landfall.window.browser_answers import POLICY
from landfall.window.finding_rows import PAGE_BYTES
from landfall.window.rendering import owner
from landfall.window.wording import STATES
from tests.fakes.bases import a_base, a_server
from tests.fakes.memory_store import MemoryStore
from tests.fakes.windows import HOST, ROWS, html_of, page, people_rules, visit
from tests.fakes.workers import drive
from tests.fakes.world import World

NAME = "<script>alert(1)</script>"
RULES = people_rules()


@pytest.fixture
async def world() -> World:
    """Return a world with a scan and an ended run of it, which found a script as a name."""
    world = World(MemoryStore())
    scan = await world.save(name="School & co", rules=RULES)
    await world.start(scan)
    async with a_server(a_base(People=[*ROWS, {"Name": NAME, "Email": "x@school.example"}])) as air:
        await drive(world, air)
    return world


async def finding_url(world: World, rule: str = "email") -> str:
    """Return the address of the first finding of a rule."""
    found = re.search(
        r"/scans/people/findings/\w{32}", await page(world, f"/scans/people?rule={rule}")
    )
    assert found
    return found[0]


async def test_home_says_what_to_correct_first(world: World) -> None:
    """The critical one before the warnings, with its number, its scan and its owner."""
    text = await page(world, "/")
    assert "1 of 1 scan needs you" in re.sub(r"\s+", " ", text)
    first, second = re.findall(r'<li class="(\w+)">', text)[:2]
    assert (first, second) == ("bad", "notice")
    assert text.index("School &amp; co") > 0
    assert "3 findings" in text
    assert "Office" in text


async def test_a_cell_is_text(world: World) -> None:
    """On every page that shows it."""
    urls = ["/", "/scans/people", "/runs/m-1", await finding_url(world, "name")]
    texts = [await page(world, url) for url in urls]
    assert all("<script>alert" not in text for text in texts)
    assert sum("&lt;script&gt;alert" in text for text in texts) == len(texts)


@pytest.mark.parametrize("state", [RunStatus.ERROR, RunStatus.TIMED_OUT, "missed", "inconclusive"])
async def test_what_failed_is_as_loud_as_what_is_critical(world: World, state: str) -> None:
    """A run that failed, that did not happen, or that is not sure."""
    run = await world.run()
    if state == "missed":
        await world.save(name="School", rules=RULES, schedule={"cadence": {"every_minutes": 5}})
        world.clock.advance(3600)
    else:
        changed = run.data | {"run_id": "m-2", "created_at": world.clock() + timedelta(seconds=1)}
        error = {"reason": "base_not_found", "message": "no such base"}
        failed = {"status": state, "verdict": None, "complete": None, "error": error}
        unsure = {"verdict": "inconclusive", "complete": False}
        changed |= unsure if state == "inconclusive" else failed
        await world.stored.commit([Put("runs/m-2", changed)])
    text = await page(world, "/")
    assert "1 of 1 scan needs you" in re.sub(r"\s+", " ", text)
    word = {"error": "Failed", "timed_out": "Out of time", "missed": "Missed"}
    assert f"{word.get(state, 'Inconclusive')}</span>" in text


async def test_a_cancelled_run_says_nothing_of_its_scan(world: World) -> None:
    """What failed before it is still the state, and what to correct first."""
    run = await world.run()
    error = {"reason": "base_not_found", "message": "no such base"}
    for number, status in enumerate((RunStatus.ERROR, RunStatus.CANCELLED), 2):
        later = run.data["created_at"] + timedelta(minutes=number)
        ended: Fields = {"status": status, "verdict": None, "complete": None, "error": error}
        ended |= {"run_id": f"m-{number}", "created_at": later}
        await world.stored.commit([Put(f"runs/m-{number}", run.data | ended)])
    text = await page(world, "/")
    assert "no such base" in text
    assert "Failed</span>" in text


async def test_a_page_reads_as_much_however_long_the_history(world: World) -> None:
    """Three hundred more runs cost not a read more than thirty."""
    run = await world.run()
    costs: dict[str, set[int]] = {}
    finding = await finding_url(world)
    await page(world, "/health")  # which looks for the indexes, once in ten minutes
    for runs in (40, 300):
        for number in range(runs):
            moment = run.data["created_at"] - timedelta(minutes=number + 1)
            older = run.data | {"run_id": f"m-old-{number}", "created_at": moment}
            await world.stored.commit([Put(f"runs/m-old-{number}", older)])
        for url in ("/", "/scans/people", "/runs/m-1", finding, "/health", "/words"):
            with metering() as account:
                await page(world, url)
            costs.setdefault(url, set()).add(account.reads)
    assert {url: len(reads) for url, reads in costs.items()} == dict.fromkeys(costs, 1)
    assert max(costs["/"]) <= 1 + 1 + 1 + 30 + 1  # roles, scan, schedule, strip, last result
    # roles; scan, schedule, strip; last result; head, ledger, index, decisions, a piece
    assert max(costs["/scans/people"]) <= 1 + 32 + 1 + 5


async def test_a_page_waits_for_the_store_a_few_times() -> None:
    """The roles first; what then needs no answer is asked beside it. A wait is 5 ms or more."""
    store = SlowStore()
    world = World(store)
    await world.start(await world.save(rules=RULES))
    async with a_server(a_base(People=ROWS)) as air:
        await drive(world, air)
    urls = ["/", "/runs", "/runs/m-1", "/scans/people", "/scans/people/rules", "/health"]
    waits = {}
    for url in urls:
        with store.counting() as started:
            await page(world, url)
        waits[url] = _waits(started)
    assert waits == dict(zip(urls, (4, 2, 2, 6, 3, 3), strict=True))


class SlowStore(MemoryStore):
    """A store whose reads take `TURNS` turns of the event loop each."""

    TURNS = 40

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0
        self._started: list[int] | None = None

    @contextmanager
    def counting(self) -> Iterator[list[int]]:
        """Yield the turns at which reads begin; only now they take long."""
        started: list[int] = []
        self._started = started
        ticking = asyncio.ensure_future(self._tick())
        yield started
        ticking.cancel()
        self._started = None

    async def read(self, *paths: str) -> list[Document | None]:
        """As `Store.read`."""
        if paths:
            await self._pass()
        return await super().read(*paths)

    async def find(self, query: Query) -> list[Document]:
        """As `Store.find`."""
        await self._pass()
        return await super().find(query)

    async def _tick(self) -> None:
        while True:
            self._turn += 1
            await asyncio.sleep(0)

    async def _pass(self) -> None:
        if self._started is not None:
            self._started.append(self._turn)
            for _ in range(self.TURNS):
                await asyncio.sleep(0)


def _waits(started: Sequence[int]) -> int:
    """Return how many reads follow each other: those of one wait begin within half a read."""
    waits, first = 0, -SlowStore.TURNS
    for turn in sorted(started):
        if turn - first >= SlowStore.TURNS / 2:
            waits, first = waits + 1, turn
    return waits


async def test_a_page_that_is_the_same_is_not_sent_again(world: World) -> None:
    """It costs the reads of its pulse and the roles, until the run moves, for who looks again."""
    for url, most in (("/", 5), ("/runs/m-1", 2)):
        assert "etag" not in (await visit(world, url)).headers
        tag = (await visit(world, url, headers={"if-none-match": '""'})).headers["etag"]
        with metering() as account:
            again = await visit(world, url, headers={"if-none-match": tag})
        assert (again.status_code, again.body) == (304, b"")
        assert account.reads <= most
        await world.start(await world.save(rules=RULES), f"m-{most}0")
        moved = await visit(world, "/", headers={"if-none-match": tag})
        assert moved.status_code == 200


async def test_every_answer_keeps_a_person_safe(world: World) -> None:
    """Pages, errors, files and ways on: the policy, no guess of types, and no copy of data."""
    style = f"/assets/{assets()['window.css'].name}"
    urls = ["/", "/runs/m-1", "/runs/none", "/nothing", "/runs/__x__", style, "/assets/none.css"]
    answers = [await visit(world, url) for url in urls]
    answers.append(await visit(world, "/scans/people/run", form={}))
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404, 400, 200, 404, 303]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        cached = "public, max-age=31536000, immutable"
        expected = cached if answer is answers[5] else "no-store"
        assert answer.headers["cache-control"] == expected
    assert "'unsafe" not in POLICY


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "", "origin": "https://evil.example"},
        {"sec-fetch-site": "", "origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": f"https://{HOST}"},
    ],
    ids=str,
)
async def test_an_act_from_elsewhere_does_nothing(world: World, headers: dict[str, str]) -> None:
    """From another site, from a link or a program: nothing is started."""
    before = len(world.queue.tasks)
    answer = await visit(world, "/scans/people/run", form={}, headers=headers)
    assert answer.status_code == 403
    assert len(world.queue.tasks) == before


async def test_an_old_browser_may_act(world: World) -> None:
    """One that sends no Sec-Fetch-Site, but the origin of the page."""
    headers = {"sec-fetch-site": "", "origin": f"https://{HOST}"}
    assert (await visit(world, "/scans/people/run", {}, headers)).status_code == 303


async def test_a_form_that_is_sent_twice_starts_one_run(world: World) -> None:
    """A double click is one wish; the next page has the key of another."""
    (key,) = re.findall(r'name="key" value="([^"]+)"', await page(world, "/"))
    answers = [await visit(world, "/scans/people/run", form={"key": key}) for _ in range(2)]
    (there,) = {answer.headers["location"] for answer in answers}
    assert there.endswith("?did=started")
    for site, said in (("same-origin", True), ("none", False), ("cross-site", False)):
        text = await page(world, there, headers={"sec-fetch-site": site})
        assert ('class="done"' in text) == said
    assert "The run has been started." in await page(world, there)
    (next_key,) = re.findall(r'name="key" value="([^"]+)"', await page(world, "/"))
    assert next_key != key


async def test_a_run_is_cancelled_once(world: World) -> None:
    """The second time it had ended before."""
    await world.start(await world.save(rules=RULES), "m-2")
    answers = [await visit(world, "/runs/m-2/cancel", form={}) for _ in range(2)]
    assert [answer.headers["location"] for answer in answers] == [
        "/runs/m-2?did=cancelled",
        "/runs/m-2?did=ended_before",
    ]
    text = await page(world, "/runs/m-2")
    assert "cancelled by office@school.example" in text
    assert "Cancel the run" not in text


async def test_findings_are_filtered_and_counted(world: World) -> None:
    """Each choice says how many it would show; what is typed is found in texts."""
    text = await page(world, "/scans/people")
    assert 'value="email">email (3)' in text
    assert 'value="critical">Critical (1)' in text
    assert 'value="Office">Office (3)' in text
    assert 'value="resolved">Resolved (0)' in text
    for query, count in {
        "text=script": 1,
        "owner=Office": 3,
        "owner=Office&severity=critical": 0,
        "since=2100-01-01": 0,
        "rule=&text=": 4,
    }.items():
        text = await page(world, f"/scans/people?{query}")
        assert f"{count} finding" in text


@pytest.mark.parametrize("query", ["state=gone", "since=never", "severity=x", "page_token=x"])
async def test_a_filter_that_does_not_fit_is_refused_in_words(world: World, query: str) -> None:
    """It names the filter."""
    answer = await visit(world, f"/scans/people?{query}")
    assert answer.status_code == 400
    name = query.partition("=")[0].replace("_", " ").capitalize()
    assert f"<p data-problem>{name} must be" in html_of(answer)


async def test_what_is_filtered_is_saved_as_a_file(world: World) -> None:
    """The same findings as on the page, for a spreadsheet."""
    text = await page(world, "/scans/people?severity=critical")
    link = re.search(r'href="([^"]+findings.csv[^"]+)"', text)
    assert link
    answer = await visit(world, link[1].replace("&amp;", "&"))
    assert isinstance(answer, StreamingResponse)
    content = "".join([str(piece) async for piece in answer.body_iterator])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == POLICY
    assert [line.count("critical") for line in content.strip().splitlines()] == [0, 1]


async def test_home_says_what_is_new_since_the_last_visit(world: World) -> None:
    """A visit ends after half an hour without a look; its cookie is the browser's alone."""
    first = await visit(world, "/")
    assert "since you looked last" not in html_of(first)
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert (
        "Secure"
        in (await visit(world, "/", headers={"x-forwarded-proto": "https"})).headers["set-cookie"]
    )
    world.clock.advance(3600)
    scan = await world.save(rules=RULES)
    await world.start(scan, "m-2")
    async with a_server(a_base(People=[*ROWS, *({"Name": f"P{n}"} for n in range(2))])) as airtable:
        await drive(world, airtable, "m-2")
    second = await visit(world, "/", headers={"cookie": cookie.partition(";")[0]})
    assert "2 new findings since you looked last" in html_of(second)
    again = await visit(
        world, "/", headers={"cookie": second.headers["set-cookie"].partition(";")[0]}
    )
    assert "2 new findings since you looked last" in html_of(again)
    broken = await visit(world, "/", headers={"cookie": "landfall_visits=99999999999.99999999999"})
    assert broken.status_code == 200


async def test_a_finding_is_ignored_and_reopened(world: World) -> None:
    """With the reason and the person; the last one is gone from the open ones meanwhile."""
    url = await finding_url(world, "name")
    form = {"why": "It is a test & more", "until": "2030-01-01"}
    answer = await visit(world, f"{url}/ignore", form=form)
    assert answer.headers["location"] == f"{url}?did=ignored"
    text = await page(world, url)
    assert "“<bdi>It is a test &amp; more</bdi>”" in text
    assert "office@school.example" in text
    assert "No finding matches" in await page(world, "/scans/people?rule=name")
    assert url in await page(world, "/scans/people?rule=name&state=ignored")
    answer = await visit(world, f"{url}/reopen", form={})
    assert answer.headers["location"] == f"{url}?did=reopened"
    assert url in await page(world, "/scans/people?rule=name")


async def test_a_form_that_does_not_fit_comes_back_with_what_was_typed(world: World) -> None:
    """The error stands beside the form, and nothing was decided."""
    url = await finding_url(world)
    answer = await visit(world, f"{url}/ignore", form={"why": "a reason", "until": "2001-01-01"})
    text = html_of(answer)
    assert answer.status_code == 400
    assert "must be in the future" in text
    assert ">a reason</textarea>" in text
    assert 'value="2001-01-01"' in text
    assert "Ignore this finding" in text


async def test_a_page_is_compressed_only_where_the_browser_can(world: World) -> None:
    """Cloud Run does not compress."""
    packed = await visit(world, "/")
    plain = await visit(world, "/", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert html_of(packed) == html_of(plain)
    assert len(packed.body) < len(plain.body) / 2


async def test_the_files_of_all_pages_are_small(world: World) -> None:
    """15 KiB together, as they are sent."""
    sizes = [len((await visit(world, f"/assets/{a.name}")).body) for a in assets().values()]
    assert sum(sizes) <= 15 * 1024


LONG_ID = "a-rule-with-a-name-as-long-as-it-may-be-{:02}".format


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("Student number {} of the school", "Office"),
        ("Ärztin 李小龍 🎓" * 20 + "{}", "👩‍🏫" * 60),
        ("\"&'<" * 100 + "{}", "'\"&<" * 50),
    ],
)
async def test_a_page_of_findings_is_small(name: str, owner: str) -> None:
    """60 KiB with a hundred findings, before it is compressed, whatever names and owners are."""
    world = World(MemoryStore())
    long = owner != "Office"
    rules = [
        rule | {"id": LONG_ID(n) if long else rule["id"], "owner": f"{n}{owner}"[:200]}
        for n, rule in enumerate(RULES * 20 if long else RULES)
    ]
    await world.start(await world.save(rules=rules))
    rows = [{"Name": name.format(n)} for n in range(120)]
    async with a_server(a_base(People=rows)) as airtable:
        await drive(world, airtable)
    run = await world.run()
    for n in range(2, 31):
        later = {"run_id": f"m-{n}", "created_at": run.data["created_at"] - timedelta(days=n)}
        await world.stored.commit([Put(f"runs/m-{n}", run.data | later)])
    text = await page(world, "/scans/people")
    assert text.count('<th scope="row"') == 100 + 10
    assert len(text.encode()) <= PAGE_BYTES
    assert ("more</option>" in text) is long
    more = re.search(r'href="([^"]+page_token=[^"]+)"', text)
    assert more
    assert (await page(world, more[1])).count('<th scope="row"') == 100 + 10
    count = re.search(r'name="count" value="(\d+)"', text)
    assert count
    await visit(world, "/scans/people/findings/ignore", form={"why": "so", "count": count[1]})
    ignored = await page(world, "/scans/people?state=ignored")
    assert ignored.count(">Ignored</span>") == 100
    assert len(ignored.encode()) <= PAGE_BYTES


async def test_health_shows_a_pause_and_ends_it(world: World) -> None:
    """With its reason, until a person ends it; who still sees it then is told so."""
    (lock,) = [one for one in await world.stored.find(Query("bases")) if one.id]
    failure = {"reason": "base_timeout", "message": "Airtable did not answer"}
    paused = {"not_before": world.clock() + timedelta(hours=1), "failures": 3, "failure": failure}
    await world.stored.commit([Put(lock.path, lock.data | paused)])
    text = await page(world, "/health")
    assert "Airtable did not answer" in text
    assert "after 3 failures" in text
    answer = await visit(world, f"/pauses/{lock.id}/end", form={})
    assert answer.headers["location"] == "/health?did=pause_ended"
    assert "No base and no site is paused." in await page(world, "/health")
    again = await visit(world, f"/pauses/{lock.id}/end", form={})
    assert again.headers["location"] == "/health?did=pause_over"
    assert "had ended before" in await page(world, "/health?did=pause_over")


async def test_health_names_the_documents_that_cannot_be_read(world: World) -> None:
    """With the reason and the fix, beside the sentence that help is needed."""
    assert "All can be read." in await page(world, "/health")
    run = await world.run()
    await world.stored.commit([Put(run.path, run.data | {"status": "finished"})])
    text = await page(world, "/health")
    assert "documents unreadable" in text
    assert "runs/m-1: `status` has a value that it cannot have" in text
    assert "All can be read." not in text


async def test_health_says_when_the_ticks_are_missing(world: World) -> None:
    """As loud as a critical finding."""
    text = await page(world, "/health")
    assert "Landfall needs help: ticks missing." in text
    assert text.count("Trouble</span>") == 2


async def test_an_empty_window_says_what_to_do() -> None:
    """Before the first scan is saved, and before its first run."""
    world = World(MemoryStore())
    assert "Make the first one" in await page(world, "/")
    await world.save()
    assert "Not run yet" in await page(world, "/")
    assert "Start a run" in await page(world, "/scans/people")


def test_the_bands_of_a_site_are_no_warnings_where_most_of_it_works() -> None:
    """The better two look like what is in order, and the others as loud as they are."""
    tones = [STATES[band].tone for band in ("strong", "good", "weak", "poor")]
    assert tones == ["good", "good", "notice", "bad"]


def test_that_a_rule_has_no_owner_stays_on_one_line() -> None:
    """Also in a narrow column; a name is as it was written."""
    assert (owner(""), owner("The office")) == ("No\u00a0owner", "The office")
