"""The pages of a scan's settings over a world: what they show, keep, refuse and read."""

import re
import zlib

import pytest

from landfall.deadlines import Deadline
from landfall.kinds.routes import save_scan
from landfall.store.documents import Fields, Put
from landfall.store.metering import metering
from landfall.ticks.watchdog import Watchdog
from landfall.window.new_scan_page import starters
from tests.fakes.bases import a_base, a_server
from tests.fakes.callers import ask
from tests.fakes.memory_store import MemoryStore
from tests.fakes.windows import PERSON, html_of, page, visit
from tests.fakes.workers import drive
from tests.fakes.world import World

TEXT = """\
# <b>the rules</b> & more
id: people
kind: integrity
base: appPeople00000001
tables:
  People: [Name, Email]
rules:
  - {id: email, kind: required, table: People, field: Email}
schedule:
  cadence: {weekly: {days: [sun], times: "02:30"}}
  time_zone: Europe/Berlin
"""
ROWS = [{"Name": f"P{n}", **({"Email": "x@y.example"} if n % 2 else {})} for n in range(5)]

SETTINGS = "/scans/people/settings"


@pytest.fixture
async def world() -> World:
    """Return a world with a scan that a person has saved, and an ended run of it."""
    world = World(MemoryStore())
    await save_scan(ask(world, raw=TEXT.encode(), by="ann@x"), "people")
    head = await world.registry.head("people")
    await world.start(await world.registry.definition("people", head.data["version"]))
    async with a_server(a_base(People=ROWS)) as airtable:
        await drive(world, airtable)
    return world


def tag_in(text: str) -> str:
    """Return the tag in the form of a page."""
    found = re.search(r'name="etag" value="([^"]+)"', text)
    assert found
    return found[1]


async def newest(world: World) -> Fields:
    """Return the scan's document."""
    return (await world.registry.head("people")).data


async def test_the_definition_is_shown_as_it_was_written(world: World) -> None:
    """With the number of each line; its text is text."""
    text = await page(world, SETTINGS)
    assert "# &lt;b&gt;the rules&lt;/b&gt; &amp; more\nid: people\n" in text
    assert "<b>the rules" not in text
    assert re.search(r'<pre aria-hidden="true">1\n2\n3\n', text)
    assert 'rows="13"' in text
    assert "by ann@x" in text


async def test_a_definition_is_saved_and_the_page_says_so(world: World) -> None:
    """By the person who looks; line breaks of the browser are those of the file."""
    form = {"act": "save", "etag": tag_in(await page(world, SETTINGS))}
    changed = (TEXT + "name: New\n").replace("\n", "\r\n")
    answer = await visit(world, SETTINGS, form | {"definition": changed})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SETTINGS}?did=saved")
    head = await newest(world)
    assert (head["name"], head["updated_by"]) == ("New", PERSON)
    assert await world.registry.text("people", head["version"], None) == TEXT + "name: New\n"


async def test_what_does_not_fit_comes_back_as_it_was_typed(world: World) -> None:
    """With each problem at its line; nothing is saved."""
    wrong = TEXT.replace("required", "requird") + "nmae: x\n"
    form = {"act": "save", "etag": tag_in(await page(world, SETTINGS)), "definition": wrong}
    text = await page(world, SETTINGS, form=form, status=400)
    assert "there are 2 problems" in text
    assert '<a href="#line-8" data-line="8">rule email, line 8: kind: there is no kind' in text
    assert '<b id="line-12">✗ 12</b>' in text
    assert "nmae: x" in text
    assert "data-unsaved" in text
    assert (await newest(world))["saves"] == 1
    for odd in ("", "just words", "id: other\n" + TEXT.partition("id: people\n")[2], "[" * 5000):
        text = await page(world, SETTINGS, form=form | {"definition": odd}, status=400)
        assert "data-problem" in text
        assert (odd or "<textarea") in text.replace("&#34;", '"')


async def test_a_second_editor_sees_what_the_first_has_changed(world: World) -> None:
    """And keeps what was typed; saving once more is a decision, and not an accident."""
    tag = tag_in(await page(world, SETTINGS))
    await save_scan(ask(world, raw=(TEXT + "name: Ann's\n").encode(), by="ann@x"), "people")
    form = {"act": "save", "etag": tag, "definition": TEXT + "name: Mine\n"}
    text = await page(world, SETTINGS, form=form, status=412)
    assert "saved by ann@x" in text
    assert "<del>-name: Ann&#39;s</del>\n<ins>+name: Mine</ins>" in text
    assert "Save over it" in text
    assert (await newest(world))["name"] == "Ann's"
    answer = await visit(world, SETTINGS, form | {"etag": tag_in(text)})
    assert answer.status_code == 303
    assert (await newest(world))["name"] == "Mine"


async def test_a_definition_is_tried_without_being_saved(world: World) -> None:
    """On what was read last, with examples, differences and the next runs in the zone, over DST."""
    world.clock.now = world.clock.now.replace(month=3, day=16)
    before = world.stored.whole()  # type: ignore[attr-defined]
    form = {
        "act": "check",
        "etag": tag_in(await page(world, SETTINGS)),
        "definition": TEXT + "name: x\n",
    }
    text = await page(world, SETTINGS, form=form)
    assert "Sun 22 Mar 2026, 02:30 CET" in text
    assert "Sun 29 Mar 2026, 03:00 CEST" in text
    assert "<ins>+name: x</ins>" in text
    assert "3 findings in 5 records" in re.sub(r"\s+", " ", text)
    assert "P0: Email has no value" in text
    assert "Not saved yet." in text
    assert world.stored.whole() == before  # type: ignore[attr-defined]


async def test_nothing_is_not_tried_as_the_running_definition(world: World) -> None:
    """An emptied editor is a mistake, for what is tried as for what is saved."""
    form = {"act": "check", "etag": tag_in(await page(world, SETTINGS))}
    for typed in ("", " \n"):
        text = await page(world, SETTINGS, form=form | {"definition": typed}, status=400)
        assert "this is empty" in text
        assert "What it would do" not in text


async def test_a_trial_says_that_no_vendor_is_asked(world: World) -> None:
    """On both pages, and why there was nothing to try; an id that is taken is found at once."""
    assert "asks neither Airtable nor a site" in await page(world, SETTINGS)
    assert "asks neither Airtable nor a site" in await page(world, "/new")
    form = {"act": "check", "definition": starters()["site"]}
    assert "read by a run alone" in await page(world, "/new", form)
    base = TEXT.replace("id: people", "id: more")
    assert "nothing is read here" in await page(world, "/new", form | {"definition": base})
    refused = await page(world, "/new", form | {"definition": TEXT}, status=412)
    assert "already; choose another" in refused


async def test_what_was_typed_stays_where_another_has_saved_what_is_too_long(world: World) -> None:
    """With the reason, in the editor."""
    tag = tag_in(await page(world, SETTINGS))
    rules = [
        {"id": f"r{n}", "kind": "required", "table": "People", "field": "Name", "name": "x" * 200}
        for n in range(499)
    ]
    await world.save(rules=rules)
    form = {"act": "save", "etag": tag, "definition": TEXT + "name: Mine\n"}
    text = await page(world, SETTINGS, form=form, status=412)
    assert "name: Mine" in text
    assert "data-problem" in text


async def test_a_scan_is_paused_and_resumed(world: World) -> None:
    """With the reason of the person; a reason that is too long is kept."""
    answer = await visit(world, "/scans/people/pause", {"why": "holi<days"})
    assert answer.headers["location"] == f"{SETTINGS}?did=scan_paused"
    text = await page(world, SETTINGS)
    assert f"Paused by {PERSON}" in text
    assert "“holi&lt;days”" in text
    answer = await visit(world, "/scans/people/pause", {"why": ""})
    assert answer.headers["location"].endswith("did=paused_before")
    answer = await visit(world, "/scans/people/resume", {})
    assert answer.headers["location"].endswith("did=resumed")
    assert "0 runs were skipped" in re.sub(r"\s+", " ", await page(world, SETTINGS))
    text = await page(world, "/scans/people/pause", {"why": "x" * 501}, status=400)
    assert "x" * 501 in text
    paused = TEXT.replace("schedule:", "schedule:\n  paused: true")
    await save_scan(ask(world, raw=paused.encode()), "people")
    assert "Its definition says" in await page(world, SETTINGS)
    text = await page(world, "/scans/people/resume", {}, status=400)
    assert "remove that, and save the scan" in text


WEEKLY = {"form": "weekly", "day-mon": "on", "day-fri": "on", "times": "06:00, 18:30"}
SCHEDULES = {
    "weekly": (WEEKLY, {"weekly": {"days": ["mon", "fri"], "times": ["06:00", "18:30"]}}),
    "daily": ({"form": "daily", "times": "06:00"}, {"daily": ["06:00"]}),
    "minutes": ({"form": "every_minutes", "every_minutes": "15"}, {"every_minutes": 15}),
    "cron": ({"form": "cron", "cron": "0 6 * * 1-5"}, {"cron": "0 6 * * 1-5"}),
    "at": ({"form": "at", "at": "2027-01-31T06:00"}, {"at": ["2027-01-31T06:00:00"]}),
}


@pytest.mark.parametrize(("form", "cadence"), SCHEDULES.values(), ids=SCHEDULES)
async def test_a_schedule_is_changed_by_a_form(
    world: World, form: dict[str, str], cadence: Fields
) -> None:
    """The rest of the definition stays as it was written, and the form shows it again."""
    url = "/scans/people/schedule"
    shown = await page(world, url)
    assert 'value="weekly" selected' in shown
    assert 'name="day-sun" checked' in shown
    given = form | {"etag": tag_in(shown), "time_zone": "Asia/Tokyo"}
    assert "JST" in await page(world, url, given | {"act": "preview"})
    assert (await newest(world))["saves"] == 1
    answer = await visit(world, url, given | {"act": "save"})
    assert answer.headers["location"] == f"{SETTINGS}?did=schedule_saved"
    (schedule,) = await world.store.read("schedules/people")
    assert schedule
    stored = {name: it for name, it in schedule.data["cadence"].items() if it is not None}
    assert stored == cadence
    text = await world.registry.text("people", (await newest(world))["version"], schedule)
    assert text.startswith(TEXT.partition("schedule:")[0])
    assert f'value="{form["form"]}" selected' in await page(world, url)


async def test_a_scan_without_a_schedule_gets_one_and_loses_it(world: World) -> None:
    """Then it runs only when somebody starts it."""
    url = "/scans/people/schedule"
    form = {"form": "none", "etag": tag_in(await page(world, url)), "act": "save"}
    assert (await visit(world, url, form)).status_code == 303
    assert "It has no schedule" in await page(world, SETTINGS)
    assert "No slot" not in await page(world, url)
    form = {**WEEKLY, "etag": tag_in(await page(world, url)), "act": "save", "time_zone": ""}
    assert (await visit(world, url, form)).status_code == 303
    assert "Paused" not in await page(world, SETTINGS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"form": "every_minutes", "every_minutes": "soon"},
            ">Minutes between two runs: give a whole number of minutes, such as 60<",
        ),
        ({"form": "every_minutes", "every_minutes": "9" * 50}, ">Minutes between two runs: "),
        ({"form": "daily", "times": "6 o'clock"}, ">Times of day: '6' is not a time of day"),
        ({"form": "weekly", "times": "06:00"}, ">Days: give at least one<"),
        ({"form": "cron", "cron": "* *"}, ">Minute, hour, day of month, month, day of week: '* *'"),
        ({"form": "at", "at": ""}, ">Dates and times: give at least one<"),
        ({"form": "daily", "times": "06:00", "time_zone": "Berlin"}, ">Time zone: unknown"),
        ({"form": "daily", "times": "06:00", "time_zone": "a\x00b"}, "control character"),
        ({"form": "x"}, "choose when it runs"),
        ({}, "choose when it runs"),
    ],
)
async def test_a_schedule_that_does_not_fit_is_kept_as_it_was_typed(
    world: World, change: dict[str, str], says: str
) -> None:
    """With the fix; for what is looked at as for what is saved."""
    url = "/scans/people/schedule"
    tag = tag_in(await page(world, url))
    for act in ("preview", "save"):
        text = await page(world, url, {**change, "etag": tag, "act": act}, status=400)
        assert says in text.replace("&#39;", "'")
        for value in change.values():
            assert value in text.replace("&#39;", "'")
    assert (await newest(world))["saves"] == 1


async def test_a_schedule_is_not_saved_over_another_editor(world: World) -> None:
    """The form is kept; saving it again is a decision, and changes the schedule in theirs alone."""
    url = "/scans/people/schedule"
    form = {**WEEKLY, "etag": tag_in(await page(world, url)), "act": "save"}
    await save_scan(ask(world, raw=(TEXT + "name: x\n").encode(), by="ann@x"), "people")
    text = await page(world, url, form, status=412)
    assert "saved by ann@x" in text
    assert 'name="day-fri" checked' in text
    assert "Saving again changes the schedule in theirs" in text
    assert (await page(world, url, form, status=412)).count("data-problem") == 1
    assert (await visit(world, url, form | {"etag": tag_in(text)})).status_code == 303
    assert (await newest(world))["name"] == "x"


async def test_an_earlier_version_is_looked_at_and_restored(world: World) -> None:
    """As a new one; not over what somebody saved in between."""
    await save_scan(ask(world, raw=(TEXT + "name: Wrong\n").encode(), by="ann@x"), "people")
    listed = await page(world, "/scans/people/versions")
    assert listed.index("Version 2") < listed.index("Version 1")
    url = "/scans/people/versions/1"
    text = await page(world, url)
    assert "<ins>+name: Wrong</ins>" in text
    await save_scan(ask(world, raw=(TEXT + "name: Worse\n").encode(), by="bob@x"), "people")
    refused = await page(world, f"{url}/restore", {"etag": tag_in(text)}, status=412)
    assert "saved by bob@x" in refused
    answer = await visit(world, f"{url}/restore", {"etag": tag_in(refused)})
    assert answer.headers["location"] == f"{SETTINGS}?did=restored"
    head = await newest(world)
    assert (head["name"], head["saves"], head["updated_by"]) == ("", 4, PERSON)
    assert "Restore" not in await page(world, "/scans/people/versions/4")
    assert "Show" not in await page(world, "/scans/people/versions/5", status=404)


async def test_a_version_that_fits_no_more_is_refused_with_each_problem(world: World) -> None:
    """As a list, on its page; the running one stays."""
    await save_scan(ask(world, raw=(TEXT + "name: New\n").encode(), by="ann@x"), "people")
    wrong = TEXT.replace("required", "requird") + "nmae: x\n"
    (first,) = await world.store.read("scans/people/saves/01")
    assert first
    text = zlib.compress(wrong.encode())
    await world.stored.commit([Put(first.path, first.data | {"text": text})])
    url = "/scans/people/versions/1"
    tag = tag_in(await page(world, url))
    shown = await page(world, f"{url}/restore", {"etag": tag}, status=400)
    assert shown.count("<li>") == 2
    assert "there is no kind" in shown
    assert "#line-" not in shown
    assert (await newest(world))["name"] == "New"


@pytest.mark.parametrize(
    "edited",
    [
        {"text": b"garbage"},
        {"text": "as text"},
        {"text": zlib.compress(b"not: [yaml")},
        {"number": "2"},
        {"updated_by": 5},
    ],
)
async def test_a_save_that_somebody_has_edited_stops_no_page(world: World, edited: Fields) -> None:
    """The definition is that of the version; the next save is whole again."""
    (first,) = await world.store.read("scans/people/saves/01")
    assert first
    await world.stored.commit([Put(first.path, first.data | edited)])
    answer = await visit(world, "/scans/people/versions/1")
    assert "internal_error" not in html_of(answer)
    assert "<textarea" in await page(world, SETTINGS)
    answer = await visit(world, "/scans/people/schedule")
    assert "internal_error" not in html_of(answer)
    form = {
        "act": "save",
        "etag": tag_in(await page(world, SETTINGS)),
        "definition": TEXT + "name: x\n",
    }
    await page(world, SETTINGS, form=form | {"etag": "9-0123456789abcdef"}, status=412)
    assert (await visit(world, SETTINGS, form)).status_code == 303
    assert "name: x" in await page(world, "/scans/people/versions/2")
    assert "Version 2" in await page(world, "/scans/people/versions")


async def test_a_definition_that_is_too_long_for_a_page_says_so(world: World) -> None:
    """It can be paused and run all the same."""
    many = [
        {"id": f"r{n}", "kind": "required", "table": "People", "field": "Name"} for n in range(499)
    ]
    rules = [rule | {"name": "x" * 200} for rule in many]
    await world.save(rules=rules)
    text = await page(world, SETTINGS)
    assert "too long for a page" in text
    assert "<textarea" not in text
    assert "too long" in await page(world, "/scans/people/schedule", status=400)


async def test_the_pages_read_as_much_however_long_the_history(world: World) -> None:
    """After fifty saves as after ninety."""
    run = await world.run()
    costs: dict[str, set[int]] = {}
    urls = (SETTINGS, "/scans/people/schedule", "/scans/people/versions")
    for saves in (50, 90):
        for number in range(saves):
            text = TEXT + f"name: Number {number}\n"
            await save_scan(ask(world, raw=text.encode()), "people")
            await world.stored.commit([Put(f"runs/m-old-{number}", run.data)])
        for url in urls:
            with metering() as account:
                await page(world, url)
            costs.setdefault(url, set()).add(account.reads)
    assert {url: len(reads) for url, reads in costs.items()} == dict.fromkeys(urls, 1)
    assert max(costs[SETTINGS]) <= 14


async def test_a_scan_is_deleted_when_its_name_is_typed(world: World) -> None:
    """Another name is kept in the form; the page then shows how far it is, until all is gone."""
    url = "/scans/people/delete"
    text = await page(world, url, {"name": "peple"}, status=400)
    assert "you typed &#39;peple&#39;" in text
    long = await page(world, url, {"name": "p" * 5000}, status=400)
    assert long.count("p" * 5000) == 1  # in the field, as it was typed
    assert 'value="peple"' in text
    assert (await newest(world))["saves"] == 1
    answer = await visit(world, url, {"name": "people"})
    assert answer.headers["location"] == f"{url}?did=deleting"
    text = await page(world, url)
    assert 'data-refresh="2"' in text
    assert "Being deleted" in text
    assert f"by {PERSON}" in text
    await page(world, SETTINGS, status=404)
    assert "people" not in await page(world, "/")
    world.clock.advance(60)
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(20))
    text = await page(world, url)
    assert "All of it has been removed." in text
    assert "data-refresh" not in text
    await page(world, "/scans/none/delete", status=404)


async def test_a_scan_is_made_from_an_example(world: World) -> None:
    """Each is a definition that fits once the base is put in; no scan is replaced."""
    assert list(starters()) == ["classification", "integrity", "site"]
    for name in starters():
        text = await page(world, f"/new?from={name}")
        typed = starters()[name].replace("appXXXXXXXXXXXXXX", "appPeople00000001")
        assert "id: my-" in text
        assert "What it would do" in await page(
            world, "/new", {"act": "check", "definition": typed}
        )
        answer = await visit(world, "/new", {"act": "save", "definition": typed})
        assert answer.headers["location"].endswith("/settings?did=created")
        refused = await page(world, "/new", {"act": "save", "definition": typed}, status=412)
        assert "already; choose another" in refused
        assert "id: my-" in refused
    assert "<textarea" in await page(world, "/new?from=none")
    wrong = await page(world, "/new", {"act": "save", "definition": "id: x\nkind: y\n"}, status=400)
    assert 'data-line="2"' in wrong
