"""Documents that somebody has edited by hand: they are named, and what they hold up can end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from infra.cloud.checks.check import unhealthy
from infra.cloud.clients.stdlib_http import HttpResponse
from landfall.deadlines import LADDER, Deadline
from landfall.kinds.saves import tag_of
from landfall.llm.budget import DayUsage
from landfall.runs.kind import Outcome
from landfall.runs.lifecycle import RUN_ENDED, RunStatus
from landfall.runs.locks import pauses, take_lock
from landfall.store.documents import Document, Put, UnreadableError
from landfall.store.indexes import Indexes
from landfall.store.shape import fitting, repaired
from landfall.ticks.marks import health
from landfall.ticks.scheduler import Scheduler, _open_runs, _scan_id
from landfall.ticks.watchdog import Watchdog
from tests.emulator.whole import edit
from tests.fakes.workers import work_on
from tests.fakes.world import World
from tests.unit.test_api_requests import ask

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Moment(datetime):
    """As Firestore's library has them."""


@dataclass(frozen=True)
class Form:
    """One field of each type."""

    text: str
    number: int
    share: float
    when: datetime | None
    status: RunStatus
    mode: Literal["on", "off"]
    parts: Mapping[str, Any]
    some: Sequence[Any] = ()
    flag: bool = False
    either: str | Sequence[str] | None = None


GOOD: dict[str, Any] = {
    "text": "a", "number": 1, "share": 2, "when": Moment(2026, 3, 2), "status": "queued",
    "mode": "on", "parts": {"a": 1}, "more": 5,
}  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [{}, {"when": None}, {"share": 0.5}, {"some": [1]}, {"either": "a"}, {"either": ["a"]}],
    ids=str,
)
def test_a_document_that_fits_is_read(fields):
    """Fields with a default may be absent, and there may be others."""
    stored = GOOD | fields
    assert fitting(Form, "x/y", stored, "fix") == {k: v for k, v in stored.items() if k != "more"}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("text", 5, "`text` is 5, and not text"),
        ("number", "7", "`number` is '7', and not a whole number"),
        ("number", True, "`number` is True, and not a whole number"),
        ("number", 1.5, "`number` is 1.5, and not a whole number"),
        ("number", None, "`number` is None, and not a whole number"),
        ("share", "0.5", "`share` is '0.5', and not a number"),
        ("when", "2026-01-01", "`when` is '2026-01-01', and not a time or null"),
        ("status", "bogus", "`status` is 'bogus', and not queued, running, scoring, "),
        ("status", ["queued"], "`status` is ['queued'], and not queued, "),
        ("mode", "On", "`mode` is 'On', and not on, off"),
        ("parts", "x", "`parts` is 'x', and not a map"),
        ("some", "x", "`some` is 'x', and not a list"),
        ("flag", "no", "`flag` is 'no', and not true or false"),
        ("text", b"x" * 1000, "`text` is b'xxx"),
    ],
)
def test_a_document_that_does_not_fit_is_named_with_its_field(field, value, says):
    """The message has the path and the fix, and no more than the beginning of a long value."""
    stored = GOOD | {field: value}
    with pytest.raises(UnreadableError) as refused:
        fitting(Form, "x/y", stored, "do this")
    assert str(refused.value).startswith(f"x/y cannot be read: {says}")
    assert str(refused.value).endswith("; do this")
    assert len(str(refused.value)) < 200
    assert fitting(Form, "x/y", stored | repaired(Form, stored, NOW), "fix")


@pytest.mark.parametrize("field", ["text", "number", "when", "status", "parts"])
def test_a_field_that_every_document_has_is_missing(field):
    """It is named, and repaired."""
    stored = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(UnreadableError, match=f"x/y cannot be read: `{field}` is missing; fix"):
        fitting(Form, "x/y", stored, "fix")
    assert fitting(Form, "x/y", stored | repaired(Form, stored, NOW), "fix")


EDITS: list[tuple[str, dict[str, Any]]] = [
    ("runs/m-1", {"status": "bogus"}),
    ("runs/m-1", {"attempt": "1"}),
    ("runs/m-1", {"deadline_at": "tomorrow"}),
    ("runs/m-1", {"counts": {"tasks": "1"}}),
    ("runs/m-1", {"moves": "x", "status": None}),
    ("runs/m-1/steps/fetch", {"status": 5}),
    ("runs/m-1/steps/fetch", {"dispatch": "2"}),
]
"""Of a run, so that nothing of it can be moved."""


@pytest.mark.parametrize(("path", "fields"), EDITS, ids=str)
async def test_a_run_that_cannot_be_read_is_named_and_can_be_ended(path, fields):
    """No worker works on it; the watchdog names it, and so does the health; a person ends it."""
    world = World()
    task = await world.start(await world.save())
    await edit(world.store, path, **fields)
    outcome = await work_on(world, task, _never)
    assert outcome == Outcome.DECLINED
    world.clock.advance(LADDER.stale + 1)
    watch = await Watchdog(world.runs, "watchdog").tick(Deadline.after(20))
    await Scheduler(world.runs, "scheduler").tick(Deadline.after(20))
    assert watch.problems
    healthy, said = await _health(world)
    assert (healthy, said["status"]) == (False, "documents unreadable")
    assert all(one["path"].startswith("runs/m-1") for one in said["unreadable"])
    assert said["unreadable"]
    status, shown = await ask(world, "GET", "/runs/m-1")
    assert (status, shown["run_id"]) == (200, "m-1")
    assert await ask(world, "POST", "/runs/m-1/cancel") == (
        200,
        {"run_id": "m-1", "cancelled": True, "status": "cancelled"},
    )
    run = await world.runs.get("m-1")
    assert run.status == RunStatus.CANCELLED
    assert run.error is not None
    assert run.error["message"].startswith("cancelled by ")
    assert (await world.step()).data["status"] == "failed"
    assert (await world.step()).data["stale_at"] is None
    again, ended = await ask(world, "POST", "/runs/m-1/cancel")
    assert (again, ended["cancelled"]) == (200, False)
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(20))
    assert (await _health(world))[0]


async def _never(*_: Any) -> Outcome:
    raise AssertionError("nobody works on it")


async def _health(world: World) -> tuple[bool, dict[str, Any]]:
    indexes = Indexes(world.stored, world.clock)
    return await health(world.store, world.clock, indexes, world.server_clock)


async def test_a_run_past_its_deadline_ends_whatever_else_cannot_be_read():
    """Its status and deadline say enough."""
    world = World()
    await world.start(await world.save())
    await edit(world.store, "runs/m-1", attempt="1", warnings=5)
    await edit(world.store, "runs/m-1/steps/fetch", status="bogus", stale_at="soon")
    world.clock.advance(LADDER.run + 1)
    watch = await Watchdog(world.runs, "watchdog").tick(Deadline.after(20))
    assert (watch.timed_out, watch.problems) == (1, 0)
    run = await world.runs.get("m-1")
    assert run.status in RUN_ENDED
    assert run.error is not None
    assert run.error["message"].endswith("could not be read: attempt, stale_at, status, warnings")


@pytest.mark.parametrize(
    "fields",
    [
        {"not_before": "later"},
        {"held_until": None},
        {"failures": "3"},
        {"failure": "503"},
        {"failure": {"reason": "bogus", "message": "x"}},
        {"failure": {"reason": "base_timeout"}},
    ],
    ids=str,
)
async def test_a_lock_that_cannot_be_read_is_written_anew(fields):
    """It holds nobody back, and the health is not troubled by it."""
    world = World()
    later = datetime(2027, 1, 1, tzinfo=UTC)
    lock = {"held_by": "m-9", "held_until": later, "not_before": later, "failures": 1,
            "failure": None, "updated_at": NOW, "updated_by": "x"}  # fmt: skip
    await world.store.commit([Put("bases/app1", lock | fields)])
    assert await pauses(world.store, world.clock()) == []
    taken = await take_lock(world.store, world.clock, "app1", "m-1", "w", later)
    assert taken.document.data["failures"] == 0
    (stored,) = await world.store.read("bases/app1")
    assert stored is not None
    assert (stored.data["held_by"], stored.data["failure"]) == ("m-1", None)


@pytest.mark.parametrize(
    "mark",
    [{"last_tick_at": "now", "did": {}}, {"last_tick_at": NOW, "did": 5}, {"did": {}}],
    ids=str,
)
async def test_the_health_says_that_a_mark_cannot_be_read(mark):
    """It answers all the same."""
    world = World()
    await Scheduler(world.runs, "scheduler").tick(Deadline.after(20))
    await world.store.commit([Put("system/watchdog", mark)])
    healthy, said = await _health(world)
    assert not healthy
    assert "system/watchdog cannot be read" in said["watchdog"]["problem"]


@pytest.mark.parametrize("used", [{}, {"calls": "5"}, {"lost": 5}, {"in_flight": {"a": 5}}])
def test_a_usage_that_cannot_be_read_is_named(used):
    """Budgets do not guess what was spent."""
    whole = {"calls": 1, "asked": 2, "answered": 3, "cached": 0, "dollars": 0.5}
    fields = {"day": "2026-03-02", "run_id": "m-1", **(whole | used if used else {"calls": None})}
    with pytest.raises(UnreadableError, match="usage of 2026-03-02 of run m-1 cannot be read"):
        DayUsage.load(fields)


async def test_a_definition_that_cannot_be_read_is_named_and_saved_again():
    """With the version that a run was made from."""
    world = World()
    scan = await world.save()
    path = f"scans/people/versions/{scan.version()}"
    for text in ("{", "5", '{"id": "people"}', 7):
        await edit(world.store, path, definition=text)
        with pytest.raises(UnreadableError, match=f"{path} cannot be read: .*save the scan again"):
            await world.registry.definition("people", scan.version())
        await world.save()
        assert (await world.registry.definition("people", scan.version())).id == "people"


@pytest.mark.parametrize("saves", ["many", None, 1.5])
async def test_a_scan_whose_saves_cannot_be_counted_is_saved_again(saves):
    """They are counted anew."""
    world = World()
    await world.save()
    await edit(world.store, "scans/people", saves=saves)
    await world.save()
    head = await world.registry.head("people")
    assert head.data["saves"] == 1
    assert tag_of(head) == f"1-{head.data['version']}"


def test_a_doctor_names_what_the_health_names():
    """And shows an answer that is no JSON."""
    body = b'{"status": "documents unreadable", "unreadable": [{"path": "runs/1", "why": "bad"}]}'
    result = unhealthy(HttpResponse(503, {}, body, 0.1), "fix")
    assert result.observed == "503: documents unreadable; runs/1: bad"
    assert unhealthy(HttpResponse(503, {}, b"<html>", 0.1), "fix").observed == "503: <html>"


@pytest.mark.parametrize("edited", [None, "m-1", 5, {}, {"m-1": 1}])
def test_open_runs_that_are_no_list_are_none(edited: object) -> None:
    """And of a list, what is no id is left out: a tick reads the others."""
    assert _open_runs(Document("schedules/x", {"open_runs": edited}, 1)) == []
    mixed = {"open_runs": ["m-1", 5, "a/b", edited, "m-2"]}
    ids = ["m-1", *([edited] if edited == "m-1" else []), "m-2"]
    assert _open_runs(Document("schedules/x", mixed, 1)) == ids


@pytest.mark.parametrize("edited", [None, 5, {}, ["a"], "a/b"])
def test_a_schedule_without_the_id_of_a_scan_has_none(edited: object) -> None:
    """Whatever stands there: no other document is read by it."""
    assert _scan_id(Document("schedules/x", {"scan_id": edited}, 1)) == ""
    assert _scan_id(Document("schedules/x", {"scan_id": "people"}, 1)) == "people"
