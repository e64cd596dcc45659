"""The largest document of each kind that definitions, people, bases, sites and models can lead to.

Each is made by the code that stores it, of the highest counts and the longest texts. These are of
rare characters, with four bytes each, which shrink little.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from landfall.access.known_people import MAX_PEOPLE, PATH, save_people
from landfall.access.roles import Rank
from landfall.deadlines import LADDER
from landfall.integrity.news import MAX_SHOWN, MAX_TEXT
from landfall.kinds.definition import MAX_BYTES
from landfall.kinds.saves import save_write
from landfall.process.redaction import MAX_MESSAGE, MAX_TRACEBACK
from landfall.reasons import Reason, StepError
from landfall.runs.changes import event
from landfall.runs.deletion import Deletion, deletion_path
from landfall.runs.locks import Shelf, take_lock
from landfall.runs.plan import RunPlan
from landfall.runs.transitions import created, new_step
from landfall.runs.word import word_of
from landfall.scans.cadence import MAX_MOMENTS
from landfall.store.documents import Document, Fields
from landfall.store.metering import metering
from landfall.store.versions import DOCUMENT_KINDS
from landfall.ticks.marks import mark_tick
from landfall.ticks.watchdog import MAX_UNREADABLE, MAX_WHY
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World, a_scan

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
ID = "i" * 60
BASE = "appPeople00000001"
CALLER = "c" * 320
"""The longest address of a caller."""

_RARE = [chr(number) for number in range(0x20000, 0x2A000)]

Make = Callable[[], Document | Awaitable[Document]]

MAKERS: dict[str, list[Make]] = {}
"""The makers of documents, by their kind."""


def largest(kind: str) -> Callable[[Make], Make]:
    """Register a maker of the largest document of a kind, or of one of its forms."""

    def register(make: Make) -> Make:
        MAKERS.setdefault(kind, []).append(make)
        return make

    return register


def text(seed: str, characters: int) -> str:
    """Return a text of rare characters, of four bytes each, which shrinks little."""
    return "".join(Random(seed).choices(_RARE, k=characters))


def run_with(fields: Fields) -> Document:
    """Return the document of a run that has ended with these fields."""
    origin: Any = {
        "run_id": f"{ID}-20260302T060000Z",
        "scan_id": ID,
        "scan_version": "v" * 16,
        "kind": "classification",
        "trigger": "regenerate",
        "slot": NOW,
        "schedule_id": ID,
        "regenerate": [f"rec{n:014}" for n in range(1_000)],
        "expected_records": 5_000_000,
        "base": BASE,
        "url": "u" * 500,
    }
    plan = RunPlan(origin["run_id"], 1, origin)
    first, *_ = created(plan, CALLER, NOW, World().runs.ladder)
    warning = {"what": "findings_not_written", "reason": Reason.BASE_REJECTED}
    warnings = [warning | {"message": text("w", MAX_MESSAGE)}]
    return Document(first.path, first.data | {"warnings": warnings} | fields, 1)


def step_with(cursor: Fields) -> Document:
    """Return the document of a step with this cursor, after a failed attempt."""
    made = new_step(f"{ID}-20260302T060000Z", "score", CALLER, NOW, World().runs.ladder)
    error = {
        "reason": Reason.BASE_UNAVAILABLE,
        "message": text("m", MAX_MESSAGE),
        "step": "score",
        "attempt": 1,
        "traceback": text("t", MAX_TRACEBACK),
    }
    return Document(made.path, made.data | {"cursor": cursor, "last_error": error}, 1)


async def _lock(shelf: Shelf) -> Document:
    store, name = MemoryStore(), "h" * 253
    until = NOW + timedelta(minutes=1)
    lock = await take_lock(store, lambda: NOW, name, ID, CALLER, until, shelf)
    failure = StepError(Reason.BASE_UNAVAILABLE, text("m", 100_000))
    await lock.leave(300, keep=True, failure=failure)
    (kept,) = store.all(shelf)
    return kept


@largest("bases")
async def _base() -> Document:
    return await _lock("bases")


@largest("sites")
async def _site() -> Document:
    return await _lock("sites")


@largest("runs/events")
def _event() -> Document:
    stamp = {"updated_at": NOW, "updated_by": CALLER}
    made = event(ID, 999_999, stamp, "score", "running", "done")
    return Document(made.path, made.data, 1)


@largest("schedules")
async def _schedule() -> Document:
    moments = [f"2026-{1 + n // 28:02}-{1 + n % 28:02}T06:00:00+01:00" for n in range(300)]
    moments += [f"2027-01-01T{n // 60:02}:{n % 60:02}:00+01:00" for n in range(MAX_MOMENTS - 300)]
    world = World()
    await world.save(id=ID, schedule={"cadence": {"at": moments}, "overlap": "allow"})
    (kept,) = await world.store.read(f"schedules/{ID}")
    assert kept
    # a run every minute, of which each takes a day
    runs = [f"{ID}-20260302T{n:06}Z" for n in range(24 * 60)]
    problem = f"paused by the scheduler: {text('p', MAX_MESSAGE)}; correct it"
    return Document(kept.path, kept.data | {"open_runs": runs, "problem": problem}, 1)


@largest("system")
async def _mark() -> Document:
    world = World()
    unreadable = [
        {"path": f"runs/{text(f'{n}', 300)}/steps/score", "why": text(f"w{n}", MAX_WHY)}
        for n in range(MAX_UNREADABLE)
    ]
    with metering() as account:
        await mark_tick(world.runs, "watchdog", CALLER, {"unreadable": unreadable}, account)
    (mark,) = await world.store.read("system/watchdog")
    assert mark
    return mark


@largest("scans")
async def _scan() -> Document:
    world = World()
    await world.registry.save(a_scan(id=ID, name=text("n", 200)), CALLER)
    return await world.registry.head(ID)


@largest("scans/saves")
def _save() -> Document:
    stamp = {"updated_at": NOW, "updated_by": CALLER}
    made = save_write(ID, 10**9, "v" * 16, text("s", MAX_BYTES // 4), stamp)
    return Document(made.path, made.data, 1)


@largest("outbox")
def _message() -> Document:
    run_id = f"s-{ID}-20260302T060000Z"
    finding = {
        "event": "reopened",
        "finding_id": "f" * 64,
        "severity": "critical",
        "rule_id": ID,
        **{name: text(name, MAX_TEXT) for name in ("rule", "owner", "table", "record_name")},
        "records": 10**6,
        "link": f"https://airtable.com/{BASE}/{text('t', MAX_TEXT)}/recAAAAAAAAAAAAAA",
    }
    numbers = dict.fromkeys(("critical", "warning", "info"), 10**6)
    news = {name: numbers for name in ("new", "reopened", "worse", "mended", "open")}
    run = {
        "status": "done",
        "scan_id": ID,
        "kind": "classification",
        "verdict": "critical",
        "notify": {
            "scan_name": text("n", 200),
            "to": [{"channel": ID, "when": ["new", "reopened", "worse", "mended"]}],
        },
        "report": {
            "news": [{"channel": ID, "findings": [finding] * MAX_SHOWN, "more": 10**6} | news]
        },
        "inconclusive": [{"rule_id": ID, "why": text("w", 1000)}] * 500,
    }
    heard = Document(f"scans/{ID}/heard/{ID}", {"verdict": "healthy", "trouble": None}, 1)
    made = word_of(run_id, run, {ID: heard}, NOW, LADDER)[0]
    error = {"message": text("e", MAX_MESSAGE), "attempt": 99, "at": NOW}
    stamp = {"updated_at": NOW, "updated_by": CALLER, "last_error": error}
    return Document(made.path, made.data | stamp, 1)


@largest("scans/heard")
def _heard() -> Document:
    trouble = f"inconclusive: 500 {'f' * 12}"
    stamp = {"updated_at": NOW, "updated_by": CALLER}
    return Document(
        f"scans/{ID}/heard/{ID}",
        {"verdict": "critical", "trouble": trouble, "run_id": f"s-{ID}-20260302T060000Z"} | stamp,
        1,
    )


@largest("deletions")
async def _deletion() -> Document:
    world = World()
    await world.save(id=ID)
    await Deletion(world.runs, ID, CALLER).begin()
    (kept,) = await world.store.read(deletion_path(ID))
    assert kept
    deleted = {kind.rpartition("/")[2]: 10**9 for kind in DOCUMENT_KINDS}
    return Document(kept.path, kept.data | {"deleted": deleted}, 1)


@largest("people")
async def _people() -> Document:
    world = World()
    people = {f"{n:064}@{'d' * 255}": Rank.ADMIN for n in range(MAX_PEOPLE)}
    await save_people(world.store, world.clock, min(people), people, None)
    (kept,) = await world.store.read(PATH)
    assert kept
    return kept


def made_by(make: Make) -> Document:
    """Return the document of a maker."""
    made = make()
    if isinstance(made, Document):
        return made

    async def whole() -> Document:
        return await made

    return asyncio.run(whole())
