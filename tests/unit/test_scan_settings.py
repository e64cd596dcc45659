"""The settings of a scan: paused and resumed, checked, saved against a second editor, restored."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from landfall.deadlines import Deadline
from landfall.kinds.definition import DefinitionError
from landfall.kinds.registry import ScanNotFoundError
from landfall.kinds.routes import save_scan, show_scan, start_run
from landfall.kinds.saves import MAX_SAVES, ScanChangedError
from landfall.kinds.settings_routes import (
    check_scan,
    list_versions,
    pause_scan,
    resume_scan,
    run_scan,
    show_version,
)
from landfall.reasons import BadRequestError, NotFoundError
from landfall.store.documents import Fields, Query, Update
from landfall.ticks.scheduler import Scheduler, Tick
from tests.fakes.bases import a_base, a_server
from tests.fakes.callers import ask
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import drive
from tests.fakes.world import World

TEXT = """\
# the rules of the office
id: people
kind: integrity
base: appPeople00000001
tables:
  People: [Name, Email]
rules:
  - {id: name, kind: required, table: People, field: Name}
"""

HOURLY = "schedule:\n  cadence: {every_minutes: 60}\n"


@pytest.fixture
def world() -> World:
    """Return a world without scans."""
    return World(MemoryStore())


async def save(
    world: World, text: str = TEXT, by: str = "ann@x", match: str | None = None
) -> Fields:
    """Save the scan in YAML."""
    return await save_scan(ask(world, raw=text.encode(), by=by, match=match), "people")


async def schedule_of(world: World) -> Fields:
    """Return the schedule as the api shows it."""
    shown = await show_scan(ask(world), "people")
    assert isinstance(shown, dict)
    schedule = shown["schedule"]
    assert isinstance(schedule, dict)
    return schedule


async def tick(world: World) -> Tick:
    """Let the scheduler look once."""
    return await Scheduler(world.runs, "scheduler").tick(Deadline.after(20))


async def test_a_paused_scan_starts_nothing_and_says_who_paused_it(world: World) -> None:
    """It is not missed meanwhile, and the slots of the pause are counted, and not made up for."""
    await save(world, TEXT + HOURLY)
    paused = await pause_scan(ask(world, {"why": "holidays"}, by="ann@x"), "people")
    assert paused == {"scan_id": "people", "paused": True, "changed": True}
    world.clock.advance(5 * 3600)
    assert await tick(world) == Tick()
    pause = (await schedule_of(world))["pause"]
    assert (pause["by"], pause["why"], pause["ended_at"]) == ("ann@x", "holidays", None)
    await resume_scan(ask(world, by="bob@x"), "people")
    schedule = await schedule_of(world)
    assert (schedule["paused"], schedule["skipped"], schedule["pause"]["slots"]) == (False, 5, 5)
    assert schedule["pause"]["ended_by"] == "bob@x"
    assert schedule["next_run_at"] == world.clock() + timedelta(hours=1)
    assert await tick(world) == Tick()
    world.clock.advance(3600)
    assert (await tick(world)).started == 1


async def test_a_slot_that_is_due_as_the_scan_is_paused_is_skipped(world: World) -> None:
    """The pause comes before the scheduler, which finds nothing due."""
    await save(world, TEXT + HOURLY)
    world.clock.advance(3600)
    await pause_scan(ask(world), "people")
    assert await tick(world) == Tick()
    await resume_scan(ask(world), "people")
    assert (await schedule_of(world))["pause"]["slots"] == 1


async def test_a_limit_of_runs_does_not_bound_the_slots_that_a_pause_skips(world: World) -> None:
    """They became no runs, so that as many runs are left as before."""
    await save(world, TEXT + HOURLY + "  max_runs: 2\n")
    await pause_scan(ask(world), "people")
    world.clock.advance(5 * 3600)
    await resume_scan(ask(world), "people")
    schedule = await schedule_of(world)
    assert (schedule["skipped"], schedule["pause"]["slots"]) == (5, 5)
    world.clock.advance(3600)
    assert (await tick(world)).started == 1


async def test_pausing_and_resuming_twice_changes_nothing(world: World) -> None:
    """The first person stays the one who did it."""
    await save(world, TEXT + HOURLY)
    await pause_scan(ask(world, by="ann@x"), "people")
    again = await pause_scan(ask(world, by="bob@x"), "people")
    assert (again["paused"], again["changed"]) == (True, False)
    assert (await schedule_of(world))["pause"]["by"] == "ann@x"
    assert [(await resume_scan(ask(world), "people"))["changed"] for _ in range(2)] == [True, False]


async def test_saving_does_not_resume_a_scan(world: World) -> None:
    """Whoever corrects a rule need not know of the pause; the definition stays as it is written."""
    await save(world, TEXT + HOURLY)
    await pause_scan(ask(world), "people")
    saved = await save(world, TEXT + HOURLY + "name: People\n")
    assert saved["next_run_at"] is None
    world.clock.advance(2 * 3600)
    assert await tick(world) == Tick()
    assert "pause" not in await world.registry.text(
        "people", saved["version"], await _document(world, "schedules/people")
    )
    await resume_scan(ask(world), "people")
    assert (await schedule_of(world))["paused"] is False


async def test_a_pause_of_the_definition_is_ended_there(world: World) -> None:
    """Else the next save would pause it again."""
    await save(world, TEXT + HOURLY + "  paused: true\n")
    assert (await pause_scan(ask(world), "people"))["changed"] is False
    with pytest.raises(BadRequestError, match="`paused: true` in `schedule`; remove that"):
        await resume_scan(ask(world), "people")
    await save(world, TEXT + HOURLY)
    assert (await schedule_of(world))["next_run_at"] is not None


async def test_a_schedule_that_is_removed_and_written_again_runs(world: World) -> None:
    """The pause ends with the schedule."""
    await save(world, TEXT + HOURLY)
    await pause_scan(ask(world), "people")
    await save(world)
    for act in (pause_scan, resume_scan):
        with pytest.raises(BadRequestError, match="has no schedule"):
            await act(ask(world), "people")
    await save(world, TEXT + HOURLY)
    assert (await schedule_of(world))["paused"] is False


async def test_the_limit_of_runs_holds_over_a_pause(world: World) -> None:
    """A schedule that is over stays so."""
    await save(world, TEXT + HOURLY + "  max_runs: 1\n")
    world.clock.advance(3600)
    assert (await tick(world)).started == 1
    await pause_scan(ask(world), "people")
    await resume_scan(ask(world), "people")
    assert (await schedule_of(world))["next_run_at"] is None


async def test_a_pause_and_a_claim_at_the_same_moment_are_one_after_the_other(world: World) -> None:
    """The pause that loses the race is decided again, on the schedule after the claim."""
    await save(world, TEXT + HOURLY)
    world.clock.advance(3600)
    reading, raced = world.store.read, False

    async def read(*paths: str) -> Any:
        nonlocal raced
        found = await reading(*paths)
        if "schedules/people" in paths and not raced:
            raced = True
            assert (await tick(world)).started == 1
        return found

    world.store.read = read  # type: ignore[method-assign]
    assert (await pause_scan(ask(world), "people"))["changed"]
    schedule = await schedule_of(world)
    assert (schedule["runs_started"], schedule["paused"]) == (1, True)
    assert schedule["pause"]["first"] == world.clock() + timedelta(hours=1)


@pytest.mark.parametrize("why", [7, "x" * 501])
async def test_a_reason_that_is_none_is_refused(world: World, why: object) -> None:
    """With its bound."""
    await save(world, TEXT + HOURLY)
    with pytest.raises(BadRequestError, match="`why` must be text of at most 500"):
        await pause_scan(ask(world, {"why": why}), "people")


async def test_a_run_is_started_by_the_path_of_its_scan(world: World) -> None:
    """It is the same request as `POST /runs`: one key is one run over both."""
    await save(world)
    first = await run_scan(ask(world, key="k"), "people")
    assert await run_scan(ask(world, key="k"), "people") == first
    assert await start_run(ask(world, {"scan_id": "people"}, key="k")) == first
    with pytest.raises(ScanNotFoundError):
        await run_scan(ask(world), "none")


async def test_a_second_editor_is_told_what_has_changed(world: World) -> None:
    """By whom and when; nothing is stored, and the first change stays."""
    tag = (await save(world))["etag"]
    shown = await show_scan(ask(world), "people")
    assert isinstance(shown, dict)
    assert shown["etag"] == tag
    theirs = TEXT.replace("required", "unique").replace("field: Name", "fields: [Name]")
    second = await save(world, theirs + "name: Ann's\n", match=tag)
    head = await _document(world, "scans/people")  # a run remembers its size there
    await world.store.commit([Update(head.path, {"updated_by": "fetch-1"}, head.version)])
    assert second["etag"] != tag
    with pytest.raises(ScanChangedError) as refused:
        await save(world, TEXT + "name: Bob's\n", by="bob@x", match=tag)
    assert refused.value.status == 412
    message = str(refused.value)
    assert "was saved by ann@x at 2026-03-02 06:00 UTC" in message
    assert "(changed: rule name, `name`)" in message
    assert (await show_scan(ask(world), "people"))["name"] == "Ann's"  # type: ignore[index]
    await save(world, TEXT + "name: Bob's\n", by="bob@x", match=second["etag"])


async def test_comments_are_a_change_too(world: World) -> None:
    """They would be overwritten as well."""
    tag = (await save(world))["etag"]
    await save(world, TEXT + "# for the auditor\n")
    with pytest.raises(ScanChangedError, match="changed: comments"):
        await save(world, match=tag)


async def test_a_new_scan_replaces_none(world: World) -> None:
    """With `If-None-Match: *`, which is an empty tag here; `*` needs one that is there."""
    with pytest.raises(ScanChangedError, match="there is no scan 'people' any more"):
        await save(world, match="*")
    await save(world, match="")
    with pytest.raises(ScanChangedError, match="there is a scan 'people' already"):
        await save(world, match="")
    await save(world, match="*")


async def test_two_saves_at_the_same_moment_do_not_overwrite_each_other(world: World) -> None:
    """The tag is compared again after a lost race."""
    tag = (await save(world))["etag"]
    reading, raced = world.store.read, False

    async def read(*paths: str) -> Any:
        nonlocal raced
        found = await reading(*paths)
        if not raced and len(paths) == 4:
            raced = True
            await save(world, TEXT + "name: faster\n")
        return found

    world.store.read = read  # type: ignore[method-assign]
    with pytest.raises(ScanChangedError, match="`name`"):
        await save(world, TEXT + "name: slower\n", match=tag)


async def test_saves_are_listed_with_who_and_when(world: World) -> None:
    """Also one that has the definition of an earlier one, and one of the schedule alone."""
    await save(world)
    world.clock.advance(60)
    await save(world, TEXT + HOURLY, by="bob@x")
    world.clock.advance(60)
    await save(world, by="eve@x")
    versions = (await list_versions(ask(world), "people"))["versions"]
    assert [(one["save_id"], one["by"]) for one in versions] == [
        ("3", "eve@x"),
        ("2", "bob@x"),
        ("1", "ann@x"),
    ]
    assert versions[0]["at"] - versions[2]["at"] == timedelta(minutes=2)
    second = await show_version(ask(world), "people", "2")
    assert second["text"] == TEXT + HOURLY
    assert second["definition"]["schedule"] == {"cadence": {"every_minutes": 60}}
    assert [line for line in second["differences"] if line.startswith("-")] == [
        "-schedule:",
        "-  cadence: {every_minutes: 60}",
    ]


async def test_only_the_last_saves_are_there(world: World) -> None:
    """Fifty documents, however often a scan is saved."""
    for number in range(MAX_SAVES + 3):
        await save(world, TEXT + f"name: Number {number}\n")
    versions = (await list_versions(ask(world), "people"))["versions"]
    assert [one["save_id"] for one in versions] == [str(n) for n in range(MAX_SAVES + 3, 3, -1)]
    assert len(await world.store.find(Query("scans/people/saves"))) == MAX_SAVES
    for gone in ("3", "0", "-1", "x", "9" * 99, "²"):
        with pytest.raises(NotFoundError):
            await show_version(ask(world), "people", gone)


async def test_a_scan_that_an_earlier_landfall_saved_has_its_current_version(world: World) -> None:
    """Its tag guards it as well, and its text is shown and compared."""
    await save(world)
    world.stored.delete("scans/people/saves/01")  # type: ignore[attr-defined]
    head = await _document(world, "scans/people")
    await world.store.commit([Update("scans/people", {"saves": 0}, head.version)])
    (only,) = (await list_versions(ask(world), "people"))["versions"]
    assert (only["save_id"], only["by"]) == ("0", "ann@x")
    checked = await check_scan(ask(world, raw=TEXT.encode()), "people")
    assert checked["differences"] == []
    shown = await show_scan(ask(world), "people")
    assert isinstance(shown, dict)
    await save(world, TEXT + "name: x\n", match=shown["etag"])


async def test_a_scan_in_json_is_listed_and_shown_in_yaml(world: World) -> None:
    """It has no text of a person."""
    await world.save(schedule={"cadence": {"daily": "06:00"}})
    shown = await show_version(ask(world), "people", "1")
    assert shown["text"].startswith("id: people\n")
    assert shown["definition"]["schedule"]["cadence"] == {"daily": ["06:00"]}


ROWS = [{"Name": f"P{n}", **({"Email": "x@y.example"} if n % 2 else {})} for n in range(9)]
RULE = "  - {{id: {0}, kind: required, table: People, field: {1}}}\n"


async def test_a_check_tries_the_rules_on_what_was_read_last(world: World) -> None:
    """Without a request to Airtable and without a write; what was not read is not judged."""
    await save(world)
    async with a_server(a_base(People=ROWS)) as airtable:
        await world.start(await world.registry.definition("people", await _version(world)))
        await drive(world, airtable)
    wider = TEXT.replace("Email]", "Email, Phone]")
    text = wider + RULE.format("email", "Email") + RULE.format("phone", "Phone")
    before = world.stored.whole()  # type: ignore[attr-defined]
    checked = await check_scan(ask(world, raw=text.encode()), "people")
    assert world.stored.whole() == before  # type: ignore[attr-defined]
    assert checked["against"]["records"] == 9
    assert checked["against"]["run_id"] == "m-1"
    assert "for 9 records as in the last run" in checked["explained"]["costs"][0]
    results = {rule["rule_id"]: rule for rule in checked["rules"]}
    assert (results["name"]["findings"], results["email"]["findings"]) == (0, 5)
    assert results["email"]["examples"][0]["names"] == ("P0",)
    assert results["phone"]["unjudged"] == "the last run did not read what it needs"
    assert "+  - {id: email, kind: required, table: People, field: Email}" in checked["differences"]


async def test_a_check_before_the_first_run_is_of_the_definition(world: World) -> None:
    """Also of a scan that is not saved yet; the next slots are those of its zone, over DST."""
    when = "schedule: {cadence: {weekly: {days: sun, times: '02:30'}}, time_zone: Europe/Berlin}\n"
    world.clock.now = datetime.fromisoformat("2026-03-16T00:00:00+00:00")
    checked = await check_scan(ask(world, raw=(TEXT + when).encode()), "people")
    assert (checked["against"], checked["good"]) == (None, True)
    assert [slot.isoformat() for slot in checked["next_slots"]] == [
        "2026-03-22T02:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-04-05T02:30:00+02:00",
        "2026-04-12T02:30:00+02:00",
        "2026-04-19T02:30:00+02:00",
    ]
    with pytest.raises(ScanNotFoundError):
        await check_scan(ask(world), "people")
    assert await world.store.find(Query("scans")) == []


async def test_a_check_refuses_what_the_door_refuses(world: World) -> None:
    """With the line."""
    with pytest.raises(DefinitionError, match="line 8: kind: there is no kind of rule 'requird'"):
        await check_scan(ask(world, raw=TEXT.replace("required", "requird").encode()), "people")
    with pytest.raises(BadRequestError, match="in the path"):
        await check_scan(ask(world, raw=TEXT.encode()), "other")


async def test_a_check_without_a_body_is_of_the_current_definition(world: World) -> None:
    """As it is stored."""
    await save(world, TEXT + HOURLY)
    checked = await check_scan(ask(world), "people")
    assert checked["differences"] == []
    assert checked["schedule"].startswith("every 60 minutes; next Mon 2026-03-02 07:00 UTC")


async def test_a_check_ends_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule for which there is no time is not judged, and says so."""
    await save(world)
    async with a_server(a_base(People=ROWS)) as airtable:
        await world.start(await world.registry.definition("people", await _version(world)))
        await drive(world, airtable)
    monkeypatch.setattr("landfall.kinds.settings_routes.CHECK_SHARE", 0.0)
    checked = await check_scan(ask(world), "people")
    assert [rule["unjudged"] for rule in checked["rules"]] == ["there was no time left for it"]


async def test_a_check_reads_so_much_of_a_large_base(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it says of what it has not read that it may be worse, or does not judge it."""
    volume = "  - {id: volume, kind: volume, table: People, at_least: 1000}\n"
    await save(world, TEXT + volume)
    rows = [{"Name": Random(number).randbytes(4_000).hex()} for number in range(200)]
    async with a_server(a_base(People=rows)) as airtable:
        await world.start(await world.registry.definition("people", await _version(world)))
        await drive(world, airtable)
    monkeypatch.setattr("landfall.airtable.last_snapshot.MAX_RECORDS", 100)
    monkeypatch.setattr("landfall.airtable.last_snapshot.READ_AT_ONCE", 1)
    checked = await check_scan(ask(world), "people")
    (table,) = checked["tables"]
    assert not table["complete"]
    assert 100 <= table["records"] < 200
    name, counted = checked["rules"]
    assert (name["records"], name["complete"]) == (table["records"], False)
    assert counted["unjudged"] == "it needs every record of 'People'"


async def _version(world: World) -> str:
    return str((await world.registry.head("people")).data["version"])


async def _document(world: World, path: str) -> Any:
    (found,) = await world.store.read(path)
    return found
