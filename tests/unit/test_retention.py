"""The expiry of documents, and the policies that are deployed for it."""

import ast
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from landfall.store.documents import Create, Put
from landfall.store.retention import EXPIRING_COLLECTIONS, RETENTION, Retention
from landfall.store.versioned import VersionedStore
from landfall.store.versions import DOCUMENT_KINDS
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import START, World

ROOT = Path(__file__).parents[2]
FILE = json.loads((ROOT / "infra/firestore.indexes.json").read_text())

DAYS = [
    ("runs/m-1", RETENTION.runs),
    ("runs/m-1/steps/fetch", RETENTION.runs),
    ("runs/m-1/events/000001", RETENTION.runs),
    ("runs/m-1/results/report", RETENTION.runs),
    ("runs/m-1/pages/000000", RETENTION.fetched),
    ("runs/m-1/results/part-000000", RETENTION.fetched),
    ("runs/m-1/results/write-000000", RETENTION.fetched),
]


@pytest.mark.parametrize(("path", "days"), DAYS)
def test_a_document_of_a_run_expires(path, days):
    """So many days after it was written."""
    assert RETENTION.expiry(path, {"updated_at": START}) == {
        "expires_at": START + timedelta(days=days)
    }


STAYS = [
    "runs/m-1/results/000000",
    "runs/m-1/results/index-000000",
    "runs/m-1/results/places-000000",
    "scans/s",
    "findings/f",
    "schedules/s",
    "system/watchdog",
]


@pytest.mark.parametrize("path", STAYS)
def test_what_runs_later_on_name_stays(path):
    """A list of findings that expired would be one that the next run could not compare with."""
    assert RETENTION.expiry(path, {"updated_at": START}) == {}


def test_who_says_it_itself_is_not_overruled():
    """Stored answers of a model, and pages of a site, have a time of their own."""
    assert RETENTION.expiry("runs/m-1", {"updated_at": START, "expires_at": None}) == {}


async def test_every_document_of_a_run_says_when_it_ends():
    """From its first commit on: whatever is made goes through the store that says it."""
    world = World()
    await world.start(await world.save())
    paths = ["runs/m-1", "runs/m-1/steps/fetch", "runs/m-1/events/000001"]
    found = await world.stored.read(*paths)
    ends = [document and document.data["expires_at"] for document in found]
    assert ends == [START + timedelta(days=RETENTION.runs)] * 3


async def test_the_times_are_those_that_were_configured():
    """A store with other days of retention uses those."""
    stored = MemoryStore()
    store = VersionedStore(stored, retention=Retention(fetched=3, runs=30))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    await store.commit([Create("runs/r", {"updated_at": now}), Put("scans/s", {"updated_at": now})])
    run, scan = await stored.read("runs/r", "scans/s")
    assert run
    assert scan
    assert run.data["expires_at"] == now + timedelta(days=30)
    assert "expires_at" not in scan.data


BAD = ["[]", '{"pages": 3}', '{"runs": 1.5}', '{"fetched": 1}', '{"runs": 6}', "{"]


@pytest.mark.parametrize("text", BAD)
def test_bad_times_are_refused(text):
    """Unknown names, parts of days, less than a run takes, and runs that lose what is theirs."""
    with pytest.raises(ValueError):  # noqa: PT011  # json's is one too
        Retention.parse(text)


def test_every_moment_has_its_policy_and_costs_no_index():
    """Firestore deletes by what is deployed; a moment in an index would be a hot spot."""
    policies = {it["collectionGroup"]: it for it in FILE["fieldOverrides"] if it.get("ttl")}
    assert set(policies) == set(EXPIRING_COLLECTIONS)
    assert {it["fieldPath"] for it in policies.values()} == {"expires_at"}
    assert [it for it in policies.values() if it["indexes"]] == []


def test_the_list_has_every_kind_that_expires():
    """Those of the table, and those of the modules that set the moment themselves."""
    ours = {
        kind for kind in DOCUMENT_KINDS if any(_expires(kind, name) for name in ("x", "part-0"))
    }
    landfall = ROOT / "functions/landfall"
    modules = {
        path.relative_to(landfall).as_posix()
        for path in landfall.rglob("*.py")
        if any(
            isinstance(node, ast.Constant) and node.value == "expires_at"
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    assert modules == {
        "llm/answer_store.py",
        "llm/budget.py",
        "runs/deletion.py",
        "runs/outbox.py",
        "site/page_store.py",
        "store/retention.py",
    }
    themselves = {"answers", "deletions", "outbox", "runs/pages", "scans/usage"}
    assert {kind.rpartition("/")[2] for kind in ours | themselves} == set(EXPIRING_COLLECTIONS)


def _expires(kind: str, name: str) -> bool:
    path = "/".join(f"{collection}/{name}" for collection in kind.split("/"))
    return bool(RETENTION.expiry(path, {"updated_at": START}))


@pytest.mark.parametrize("days", ["90.5", '"90"', "true", "null"])
def test_a_retention_is_in_whole_days(days):
    """Said before anything expires by it."""
    with pytest.raises(ValueError, match="must be in whole days"):
        Retention.parse(f'{{"runs": {days}}}')


def test_a_run_keeps_what_it_needs_until_its_end() -> None:
    """Two days at least, of which it may last one; and no longer than the run itself."""
    assert Retention(fetched=2, runs=2).fetched == 2
    for fetched, runs in ((1, 400), (3, 2), (0, 0)):
        with pytest.raises(ValueError, match="`fetched` must be from 2 days"):
            Retention(fetched=fetched, runs=runs)
