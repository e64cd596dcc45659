"""The findings of a scan over its runs, from the base to people's views and decisions."""

import csv
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest

from landfall.airtable import pacer as airtable_pacer
from landfall.api.downloads import Download
from landfall.api.request import Request
from landfall.deadlines import Deadline
from landfall.integrity import routes
from landfall.integrity.findings import ledger_store
from landfall.integrity.findings.ledger_room import MAX_MEASUREMENTS
from landfall.integrity.findings.views import (
    COLUMNS,
    DecisionNotFoundError,
    FindingNotFoundError,
)
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score import ScoreRules
from landfall.kinds.routes import cancel_run, debug_run, show_run
from landfall.reasons import BadRequestError
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store import commit_size
from landfall.store.documents import Fields, StoreError, Version, Write
from landfall.store.packed import MAX_PACKED_BYTES
from tests.fakes import callers
from tests.fakes.bases import a_base, a_server
from tests.fakes.memory_store import MemoryStore
from tests.fakes.outages import AwayAfterPages
from tests.fakes.workers import Looks, deliver, documents, drive, findings, invoke, work_on
from tests.fakes.world import World

SCORE_WRITES = 12
"""Documents that the score step of an unchanged rescan may write."""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


class Counting(MemoryStore):
    """Counts the documents written; one commit can be made to fail, before or after it happened."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.until_failure = -1
        self.happens = False

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        self.until_failure -= 1
        if self.until_failure == 0 and not self.happens:
            raise StoreError("no answer")
        versions = await super().commit(writes)
        self.writes += len(writes)
        if self.until_failure == 0:
            raise StoreError("no answer")
        return versions


def people(*emails: str | None) -> list[Fields]:
    """Return people; those without an e-mail address are findings."""
    return [
        {"Name": f"P{n}", **({"Email": email} if email else {})} for n, email in enumerate(emails)
    ]


async def test_phone_numbers_are_of_the_scans_region() -> None:
    """For a rule that does not name one."""
    rules = [
        {"id": "phone", "kind": "format", "table": "People", "field": "Email", "format": "phone"}
    ]
    for region, number in ((None, 1), ("US", 0), ("FR", 1)):
        scanning = Scanning(rules=rules, region=region)
        run = await scanning.run([{"Email": "(202) 555-0143"}])
        assert run["counts"]["findings"] == number


class Scanning:
    """A scan of a base that a test changes between runs."""

    def __init__(self, store: MemoryStore | None = None, **scan: Any) -> None:
        self.store = store or Counting()
        self.world = World(self.store)
        self.scan = scan
        self.runs = 0

    async def fetch(self, rows: list[Fields], after: float = 3600) -> str:
        """Run the base with these people up to the score task; return the run's id."""
        scan = await self.save()
        self.runs += 1
        run_id = f"m-{self.runs}"
        self.world.clock.advance(after)
        await self.world.start(scan, run_id)
        async with a_server(a_base(People=rows)) as server:
            assert await deliver(self.world, server) == "finished"
        return run_id

    async def save(self) -> IntegrityScan:
        rules = [{"id": "email", "kind": "required", "table": "People", "field": "Email"}]
        return await self.world.save(**({"rules": rules} | self.scan))

    async def run(self, rows: list[Fields]) -> Fields:
        """Make a whole run; return its document."""
        run_id = await self.fetch(rows)
        await self.score(run_id)
        return (await self.world.run(run_id)).data

    async def score(self, run_id: str) -> None:
        """Deliver the run's score tasks until it has ended."""
        for _ in range(5):
            task = [it for it in self.world.queue.tasks if it.run_id == run_id][-1]
            self.world.clock.now = max(self.world.clock.now, task.at)
            await invoke(self.world, a_server(), task)
            if (await self.world.run(run_id)).data["finished_at"]:
                return
        raise AssertionError("it does not end")

    async def states(self) -> dict[str, str]:
        """Return the state of each finding that has a document, by the number of its record."""
        return {
            doc.data["records"][0][-2:]: doc.data["state"]
            for doc in await documents(self.world, "findings")
        }

    async def listed(self, **parameters: str) -> list[str]:
        """Return the ids of the scan's current findings."""
        answer = await routes.scan_findings(self.ask(**parameters), "people")
        assert not isinstance(answer, Download)
        assert answer["count"] == len(answer["findings"])
        return [finding["finding_id"] for finding in answer["findings"]]

    def ask(self, body: Any = None, **parameters: str) -> Request:
        return callers.ask(self.world, body, parameters, by="ada@example.org")


def moved(run: Fields) -> dict[str, int]:
    names = ("new", "reopened", "resolved", "ignored")
    return {n: c for n in names if (c := run["counts"][f"findings_{n}"])}


async def test_findings_live_across_runs():
    """New, still open, resolved, reopened: on the run, in the list and in its documents."""
    scanning = Scanning()
    assert moved(await scanning.run(people(None, None, "x"))) == {"new": 2}
    run = await scanning.run(people(None, "x", None))
    assert moved(run) == {"new": 1, "resolved": 1}
    (rule,) = run["report"]["rules"]
    assert (rule["findings"], rule["still_open"], rule["by_severity"]) == (2, 1, {"warning": 2})
    assert rule["since"] == min(it["first_seen"] for it in await findings(scanning.world))
    assert await scanning.states() == {"01": "open", "02": "resolved", "03": "open"}
    assert moved(await scanning.run(people("x", None, "x"))) == {"resolved": 2, "reopened": 1}
    assert await scanning.states() == {"01": "resolved", "02": "reopened", "03": "resolved"}
    assert (
        len(await findings(scanning.world, "m-1")) == 2
    )  # an earlier run reports the same as before


async def test_an_unchanged_rescan_writes_a_handful_whatever_was_found():
    """3,000 findings; a changed rescan also writes the findings that changed."""
    store = Counting()
    scanning = Scanning(store)
    await scanning.run(people(*[None] * 3000, "x"))

    async def written(rows: list[Fields]) -> int:
        run_id = await scanning.fetch(rows)
        before = store.writes
        await scanning.score(run_id)
        return store.writes - before

    assert await written(people(*[None] * 3000, "x")) <= SCORE_WRITES
    assert await written(people(*[None] * 2998, "x", "x", "x")) <= SCORE_WRITES + 2
    assert await written(people(*[None] * 2998, "x", "x", "x")) <= SCORE_WRITES
    run = (await scanning.world.run("m-4")).data
    assert run["findings_list"]["run_id"] == "m-3"
    assert len(await findings(scanning.world, "m-4")) == 2998


@pytest.mark.parametrize("happens", [False, True])
@pytest.mark.parametrize("failing", range(2, 10))
async def test_whatever_is_cut_off_is_finished_once(monkeypatch, failing, happens):
    """More changes than fit into a commit, and any commit of the score step without an answer."""
    monkeypatch.setattr(commit_size, "MAX_COMMIT_WRITES", 3)
    store = Counting()
    scanning = Scanning(store)
    await scanning.run(people(*[None] * 8))
    run_id = await scanning.fetch(people(*["x"] * 7, *[None] * 3))
    store.until_failure, store.happens = failing, happens
    await scanning.score(run_id)
    run = (await scanning.world.run(run_id)).data
    assert (run["status"], moved(run)) == ("done", {"new": 2, "resolved": 7})
    gone = {f"0{n}": "resolved" for n in range(1, 8)}
    assert await scanning.states() == gone | {"08": "open", "09": "open", "10": "open"}
    assert {len(d.data["history"]) for d in await documents(scanning.world, "findings")} == {1, 2}
    (head,) = await documents(scanning.world, "scans/people/ledgers")
    assert (head.data["number"], head.data["followed"]) == (2, True)


async def test_an_earlier_look_does_not_undo_a_later_one():
    """Two runs; the one that was fetched first is scored last. It reports its own data, no more."""
    scanning = Scanning()
    early = await scanning.fetch(people(None, "x"))
    late = await scanning.fetch(people("x", None))
    await scanning.score(late)
    await scanning.score(early)
    assert await scanning.states() == {"02": "open"}
    run = (await scanning.world.run(early)).data
    assert (run["status"], run["report"]["newest"]) == ("done", False)
    assert [f["records"][0][-2:] for f in await findings(scanning.world, early)] == ["01"]
    assert moved(await scanning.run(people("x", None))) == {}


async def test_a_look_is_as_late_as_its_reading():
    """The end of its step does not count, which an outage delayed until another run had been
    scored."""
    store = AwayAfterPages()
    scanning = Scanning(store)
    world, runs = scanning.world, scanning.world.runs
    store.goes_away = True
    with pytest.raises(StoreError):
        await scanning.fetch(people(None, "x"))
    store.is_back()
    late = await scanning.fetch(people("x", None), after=runs.ladder.stale)
    await scanning.score(late)
    assert await runs.take_up("m-1", "fetch", "watchdog") == "retried"
    async with a_server(a_base(People=people(None, "x"))) as server:
        assert await deliver(world, server) == "finished"
    await scanning.score("m-1")
    assert await scanning.states() == {"02": "open"}
    assert (await world.run("m-1")).data["report"]["newest"] is False


async def test_documents_that_did_not_follow_are_made_by_the_next_run(monkeypatch):
    """A run whose ledger is written, and that ends before the documents of its findings are."""
    monkeypatch.setattr(commit_size, "MAX_COMMIT_WRITES", 3)
    store = Counting()
    scanning = Scanning(store)
    run_id = await scanning.fetch(people(*[None] * 8))
    store.until_failure = 5  # claim, size, list, ledger, and the first of the documents
    await invoke(scanning.world, a_server(), scanning.world.queue.tasks[-1])
    (head,) = await documents(scanning.world, "scans/people/ledgers")
    assert (head.data["followed"], len(await scanning.states())) == (False, 0)
    await cancel_run(scanning.ask(), run_id)
    assert moved(await scanning.run(people(*[None] * 8))) == {}
    assert len(await scanning.states()) == 8


async def test_documents_of_findings_are_capped_and_the_list_is_not(monkeypatch):
    """The most severe come first, a finding with a document retains it, and all are on the list."""
    monkeypatch.setattr(ledger_store, "MAX_DOCUMENTED", 3)
    rules = [
        {"id": "email", "kind": "required", "table": "People", "field": "Email"},
        {
            "id": "name",
            "kind": "required",
            "table": "People",
            "field": "Name",
            "severity": "critical",
        },
    ]
    scanning = Scanning(rules=rules)
    rows = [*people(*[None] * 4), {"Email": "x"}]
    run = await scanning.run(rows)
    assert await scanning.states() == {"01": "open", "02": "open", "05": "open"}
    assert run["counts"]["findings"] == len(await findings(scanning.world)) == 5
    await scanning.run([*rows, {"Email": "x"}])
    assert await scanning.states() == {"01": "open", "02": "open", "05": "open"}


async def test_a_list_that_is_gone_ends_the_run_and_resolves_nothing():
    """Somebody deleted a document; the message explains how to begin anew."""
    store = Counting()
    scanning = Scanning(store)
    await scanning.run(people(None, None))
    store.delete("runs/m-1/results/000000")
    run = await scanning.run(people("x", "x"))
    assert (run["status"], run["error"]["reason"]) == ("error", "findings_missing")
    assert "delete scans/people/ledgers/appPeople00000001" in run["error"]["message"]
    assert await scanning.states() == {"01": "open", "02": "open"}


async def test_people_ignore_and_reopen_findings():
    """Views show it at once, the verdict from the next run; with the person, the reason and the
    end."""
    scanning = Scanning()
    await scanning.run(people(None, "x"))
    (finding,) = await findings(scanning.world)
    finding_id = finding["finding_id"]
    why = {"why": "she has none", "until": "2030-01-01"}
    ignored = await routes.ignore(scanning.ask(why), "people", finding_id)
    assert (ignored["state"], ignored["decision"]["by"]) == ("ignored", "ada@example.org")
    assert await scanning.listed() == []
    assert await scanning.listed(state="ignored") == [finding_id]
    run = await scanning.run(people(None, "x"))
    assert (run["verdict"], moved(run)) == ("healthy", {"ignored": 1})
    assert (await routes.finding(scanning.ask(), "people", finding_id))["decision"] == ignored[
        "decision"
    ]
    reopened = await routes.reopen(scanning.ask(), "people", finding_id)
    assert reopened["state"] == "reopened"
    run = await scanning.run(people(None, "x"))
    assert (run["verdict"], moved(run)) == ("warning", {"reopened": 1})
    seen = await routes.finding(scanning.ask(), "people", finding_id)
    assert [move["state"] for move in seen["history"]] == ["open", "ignored", "reopened"]
    assert seen["occurrences"] == 3


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("2030-12-31", "2031-01-01T11:59:59+00:00"),  # with the day, in a zone 12 hours behind
        ("2030-12-31T10:00", "2030-12-31T22:00:00+00:00"),
        ("2030-12-31 10:00:00,5Z", "2030-12-31T10:00:00+00:00"),
    ],
)
async def test_ignoring_ends_with_a_day_of_the_scan(until, end):
    """A day counts whole, and begins in the scan's time zone, here that of its schedule."""
    schedule = {"cadence": {"every_minutes": 60}, "time_zone": "Etc/GMT+12", "paused": True}
    scanning = Scanning(schedule=schedule)
    await scanning.run(people(None))
    (finding,) = await findings(scanning.world)
    body = {"why": "x", "until": until}
    ignored = await routes.ignore(scanning.ask(body), "people", finding["finding_id"])
    assert ignored["decision"]["until"].isoformat() == end


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "`why` is missing"),
        ({"why": "x", "until": "2030-W01"}, "`until` must be a date or moment"),
        ({"why": "x", "until": 20300101}, "`until` must be a date or moment"),
        ({"why": " "}, "`why` is missing"),
        ({"why": "x" * 501}, "`why` is longer than 500 characters"),
        ({"why": "x", "until": "soon"}, "`until` must be a date or moment"),
        ({"why": "x", "until": "9999-12-31T23:59:59-12:00"}, "`until` is too far away"),
        ({"why": "x", "until": "2020-01-01"}, "`until` must be in the future"),
        (["why"], "the body: send an object"),
        ({"why": "half a character: \ud800"}, "the control character U"),
    ],
)
async def test_a_decision_is_checked_at_the_door(body, says):
    """The error names the field and the fix, and nothing changes."""
    scanning = Scanning()
    await scanning.run(people(None))
    (finding,) = await findings(scanning.world)
    with pytest.raises(BadRequestError, match=says):
        await routes.ignore(scanning.ask(body), "people", finding["finding_id"])
    assert await documents(scanning.world, "scans/people/ledgers/appPeople00000001/decisions") == []


async def test_all_findings_of_a_filter_are_ignored_and_reopened_at_once():
    """From that moment, and as of the run that applies it; the number is that of the list."""
    scanning = Scanning()
    await scanning.run(people(None, None, None, "x"))
    body = {"why": "a migration", "count": 3, "until": "2030-01-01"}
    for wrong in (body | {"count": 2}, body | {"count": None}, {"count": 3}):
        with pytest.raises(
            BadRequestError, match=r"not 2: look again|`count` must|`why` is missing"
        ):
            await routes.ignore_all(scanning.ask(wrong), "people")
    with pytest.raises(BadRequestError, match="`state` must not be resolved"):
        await routes.ignore_all(scanning.ask(body, state="resolved"), "people")
    decided = await routes.ignore_all(scanning.ask(body, rule="email"), "people")
    assert decided["decided"] == 3
    assert await scanning.listed() == []
    known = decided["decision_id"]
    shown = await routes.decision(scanning.ask(), "people", known)
    assert (shown["decided"], shown["state"], shown["why"]) == (3, "ignored", "a migration")
    assert await routes.undo(scanning.ask(), "people", known) == {
        "decision_id": known,
        "undone": 3,
        "left": 0,
    }
    assert len(await scanning.listed()) == 3
    for unknown in (known, "0" * 16, "../x", "x" * 16):
        with pytest.raises(DecisionNotFoundError):
            await routes.undo(scanning.ask(), "people", unknown)
    await routes.ignore_all(scanning.ask(body, rule="email"), "people")
    run = await scanning.run(people(None, None, "x", "x"))
    assert (moved(run), run["verdict"]) == ({"ignored": 2, "resolved": 1}, "healthy")
    ask = scanning.ask({"count": 2}, state="ignored")
    assert (await routes.reopen_all(ask, "people"))["decided"] == 2
    none = await routes.reopen_all(scanning.ask({"count": 0}, state="ignored"), "people")
    assert none == {"decided": 0, "decision_id": None}
    assert len(await scanning.listed(state="reopened")) == 2
    assert moved(await scanning.run(people(None, None, "x", "x"))) == {"reopened": 2}


async def test_a_missing_finding_takes_no_decision():
    """A finding that never existed, and one that is resolved, accept no decision."""
    scanning = Scanning()
    await scanning.run(people(None))
    (finding,) = await findings(scanning.world)
    await scanning.run(people("x"))
    with pytest.raises(BadRequestError, match="is resolved"):
        await routes.ignore(scanning.ask({"why": "x"}), "people", finding["finding_id"])
    with pytest.raises(FindingNotFoundError):
        await routes.finding(scanning.ask(), "people", "0" * 32)


async def test_all_findings_in_one_file():
    """CSV for a spreadsheet, a row for each record; JSON for a script; with names and links."""
    scanning = Scanning()
    rows = [{"Name": "=1+1", "Email": "a"}, {"Name": "=1+1", "Email": "b"}, {"Email": "ü"}]
    rules = [
        {
            "id": "once",
            "kind": "unique",
            "table": "People",
            "fields": ["Name"],
            "message": "{Name}",
            "owner": "Ms Smith",
        },
        {"id": "name", "kind": "required", "table": "People", "field": "Name"},
    ]
    scanning.scan = {"rules": rules}
    await scanning.run(rows)
    file = await routes.run_findings(scanning.ask(format="csv"), "m-1")
    assert isinstance(file, Download)
    first, second, name = await rows_in(file)
    assert {**first, "record": "", "link": ""} == {**second, "record": "", "link": ""}
    assert (first["finding_id"], first["record_count"]) == (second["finding_id"], "2")
    assert (first["message"], first["record_name"], name["field"]) == ("'=1+1", "'=1+1", "Name")
    assert (first["requirement"], first["owner"]) == (
        "no two records have the same Name",
        "Ms Smith",
    )
    assert first["first_seen"] == "2026-03-02 07:00:00"
    table = a_base(People=1).tables[0].id
    assert [row["link"] for row in (first, second, name)] == [
        f"https://airtable.com/appPeople00000001/{table}/rec0000000000000{n}" for n in (1, 2, 3)
    ]
    file = await routes.run_findings(scanning.ask(format="json"), "m-1")
    assert isinstance(file, Download)
    assert [
        (finding["rule_id"], finding["owner"], finding["records"][0][-1], finding["record_names"])
        for finding in json.loads(await callers.text_of(file))
    ] == [("once", "Ms Smith", "1", ["=1+1", "=1+1"]), ("name", "", "3", [""])]


async def rows_in(file: Fields | Download) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    assert isinstance(file, Download)
    text = (await callers.text_of(file)).removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_a_file_has_the_columns_that_can_be_written_back():
    """A finding of a table has one row, without a record."""
    scanning = Scanning(rules=[{"id": "v", "kind": "volume", "table": "People", "at_least": 9}])
    await scanning.run(people("x"))
    (row,) = await rows_in(await routes.run_findings(scanning.ask(format="csv"), "m-1"))
    assert tuple(row) == COLUMNS
    assert (row["record"], row["record_name"], row["link"]) == ("", "", "")


async def test_who_ignores_a_finding_and_why_is_in_the_file():
    """From the moment of the decision, and as of a run that has applied it; with its end."""
    scanning = Scanning()
    await scanning.run(people(None, None))
    ids = await scanning.listed()
    why = {"why": "she has none", "until": "2030-01-01"}
    await routes.ignore(scanning.ask(why), "people", ids[0])
    ask = scanning.ask(format="csv", state="ignored")
    decided = await routes.scan_findings(ask, "people")
    await scanning.run(people(None, None))
    applied = await routes.scan_findings(ask, "people")
    for file in (decided, applied, await routes.run_findings(ask, "m-2")):
        (row,) = await rows_in(file)
        assert [row[f"ignored_{name}"] for name in ("why", "by", "until")] == [
            "she has none",
            "ada@example.org",
            "2030-01-01 23:59:59",
        ]
    (row,) = await rows_in(await routes.scan_findings(scanning.ask(format="csv"), "people"))
    assert (row["finding_id"], row["ignored_why"]) == (ids[1], "")
    await routes.reopen(scanning.ask(), "people", ids[0])
    _, reopened = await rows_in(await routes.scan_findings(scanning.ask(format="csv"), "people"))
    assert (reopened["state"], reopened["ignored_by"]) == ("reopened", "")


async def test_a_record_shows_its_name_whatever_rules_read():
    """It is the primary field, also where the scan does not list it; in every view of a finding."""
    scanning = Scanning(tables={"People": ["Email"]})
    run = await scanning.run(people("x", None))
    (finding,) = await findings(scanning.world)
    assert (finding["record_names"], finding["field"]) == (["P1"], "Email")
    (document,) = await documents(scanning.world, "findings")
    assert document.data["record_names"] == ["P1"]
    assert run["report"]["rules"][0]["samples"][0]["record_name"] == "P1"


async def test_debug_has_no_cell_of_the_base():
    """Neither the names of records nor the values in messages, which are in the run's report."""
    rules = [
        {"id": "plus", "kind": "format", "table": "People", "field": "Email", "format": "email"}
    ]
    scanning = Scanning(rules=rules)
    await scanning.run(people("s3cret"))
    assert "s3cret" in str(await show_run(scanning.ask(), "m-1"))
    debug = str(await debug_run(scanning.ask(), "m-1"))
    assert not [cell for cell in ("s3cret", "P0") if cell in debug]


async def test_a_record_that_is_renamed_shows_its_new_name():
    """Nothing else of its finding changes, and few documents are written."""
    store = Counting()
    scanning = Scanning(store)
    await scanning.run(people(None, None, *["x"] * 9))
    run_id = await scanning.fetch([{"Name": "Zoë"}, *people(None, None, *["x"] * 9)[1:]])
    before = store.writes
    await scanning.score(run_id)
    assert store.writes - before <= SCORE_WRITES + 1
    assert moved((await scanning.world.run(run_id)).data) == {}
    found = await findings(scanning.world, run_id)
    assert [(it["record_names"], it["state"], it["occurrences"]) for it in found] == [
        (["Zoë"], "open", 2),
        (["P1"], "open", 2),
    ]
    (finding, _) = await documents(scanning.world, "findings")
    assert {"Zoë", "P1"} > set(finding.data["record_names"])


async def test_names_are_not_read_against_the_scans_will():
    """`record_names: false`: nothing but the listed fields leaves Airtable."""
    scanning = Scanning(tables={"People": ["Email"]}, record_names=False)
    await scanning.run(people(None))
    pages = await documents(scanning.world, "runs/m-1/pages")
    assert b"P0" not in b"".join(
        zlib.decompress(it) for page in pages for it in page.data["packed"]
    )
    (finding,) = await findings(scanning.world)
    assert finding["record_names"] == []


async def test_a_new_owner_is_shown_with_all_findings_of_the_rule():
    """In the documents that follow the list, too."""
    scanning = Scanning()
    await scanning.run(people(None))
    rule = {"id": "email", "kind": "required", "table": "People", "field": "Email"}
    scanning.scan = {"rules": [rule | {"owner": "Ms Smith"}]}
    run = await scanning.run(people(None))
    (finding,) = await findings(scanning.world, "m-2")
    (document,) = await documents(scanning.world, "findings")
    assert moved(run) == {}
    assert (finding["owner"], document.data["owner"]) == ("Ms Smith", "Ms Smith")
    assert [it["owner"] for it in await findings(scanning.world, "m-1")] == ["Ms Smith"]


async def test_findings_come_in_pages():
    """Each once, in order, and the last page is marked as the last."""
    scanning = Scanning()
    await scanning.run(people(*[None] * 5))
    seen: list[str] = []
    at: str | None = "0"
    while at:
        page = await routes.run_findings(scanning.ask(limit="2", page_token=at), "m-1")
        assert not isinstance(page, Download)
        seen += [finding["records"][0][-1] for finding in page["findings"]]
        at = page["next_page_token"]
    assert seen == ["1", "2", "3", "4", "5"]


async def test_a_page_of_findings_of_many_records_is_shorter(monkeypatch):
    """Its size can be sent, it has at least one finding, and none is lost."""
    monkeypatch.setattr(routes, "MAX_RECORDS_BYTES", 5 * (17 + 4 + 2 + 4))
    scanning = Scanning(
        rules=[{"id": "u", "kind": "unique", "table": "People", "fields": ["Email"]}]
    )
    await scanning.run(people(*"aabbbccccccdd"))
    pages: list[list[int]] = []
    at: str | None = "0"
    while at:
        page = await routes.run_findings(scanning.ask(page_token=at), "m-1")
        assert not isinstance(page, Download)
        pages.append([finding["record_count"] for finding in page["findings"]])
        at = page["next_page_token"]
    assert pages == [[2, 3], [6], [2]]


@pytest.mark.parametrize("parameter", ["limit", "page_token"])
async def test_an_endless_number_is_refused(parameter):
    """This includes one that Python itself would not parse."""
    scanning = Scanning()
    await scanning.run(people(None))
    with pytest.raises(BadRequestError, match=parameter):
        await routes.run_findings(scanning.ask(**{parameter: "9" * 5000}), "m-1")


async def test_scans_of_the_same_base_keep_their_findings_apart():
    """Two scans with the same rule; the identities of their findings differ."""
    scanning = Scanning()
    await scanning.run(people(None))
    scanning.scan = {"id": "others"}
    assert moved(await scanning.run(people(None))) == {"new": 1}
    assert moved(await scanning.run(people("x"))) == {"resolved": 1}
    states = [doc.data["state"] for doc in await documents(scanning.world, "findings")]
    assert sorted(states) == ["open", "resolved"]


async def test_fields_may_be_named_by_their_ids():
    """The current name is found by id; a name that no longer exists is inconclusive."""
    base = a_base(People=people(None, "x"))
    table = base.tables[0]
    email = next(field.id for field in table.fields if field.name == "Email")
    by_id: dict[str, Any] = {
        "tables": {table.id: [email]},
        "rules": [{"id": "email", "kind": "required", "table": table.id, "field": email}],
    }
    scanning = Scanning(**by_id)
    run = await scanning.run(people(None, "x"))
    assert (run["verdict"], run["counts"]["findings"]) == ("warning", 1)
    scanning.scan = {"tables": {"People": ["E-mail"]}} | {
        "rules": [{"id": "email", "kind": "required", "table": "People", "field": "E-mail"}]
    }
    run = await scanning.run(people(None, "x"))
    assert (run["verdict"], run["counts"]["findings"]) == ("inconclusive", 0)
    assert await drive(scanning.world, a_server(), "m-1")


async def test_more_documents_than_a_budget_allows_are_written_in_several(monkeypatch):
    """The next invocation continues where this one stopped, and each is written once."""
    monkeypatch.setattr(commit_size, "MAX_COMMIT_WRITES", 3)
    store = Counting()
    scanning = Scanning(store)
    run_id = await scanning.fetch(people(*[None] * 8))

    def looks() -> Iterator[float]:
        return iter([100.0, 100.0, 100.0, -1.0])

    async def work(claim: Claim, scan: IntegrityScan, _: Deadline) -> Outcome | Again:
        return await ScoreRules(claim, scan).run(Looks(0.0, looks()))

    outcomes = []
    while not (await scanning.world.run(run_id)).data["finished_at"]:
        outcomes.append(await work_on(scanning.world, scanning.world.queue.tasks[-1], work))
    assert outcomes == ["continued", "finished"]
    assert list((await scanning.states()).values()) == ["open"] * 8


async def test_a_rule_is_given_what_it_measured_in_earlier_runs():
    """Fewer people than usual, from the second run; a run without the table does not count."""
    fewer = {"id": "people", "kind": "volume", "table": "People", "change": "20%", "over": 1}
    scanning = Scanning(rules=[fewer])
    assert moved(await scanning.run(people(*["x"] * 10))) == {}
    run = await scanning.run(people(*["x"] * 7))
    assert (run["verdict"], moved(run)) == ("warning", {"new": 1})
    (finding,) = await findings(scanning.world, "m-2")
    assert (finding["records"], finding["links"]) == ([], [])
    assert moved(await scanning.run(people(*["x"] * 7))) == {"resolved": 1}


async def test_measurements_of_many_rules_fit_into_the_head():
    """Twenty of 100 categories with long names, over more runs than are retained."""
    rules = [
        {"id": f"mix-{n}", "kind": "drift", "table": "People", "measure": "shares"}
        | {"field": "Email", "change": "10%", "over": 1, "when": {"field": "Name", "not_equals": n}}
        for n in range(20)
    ]
    scanning = Scanning(rules=rules)
    values = people(*[Random(n).randbytes(95).hex() for n in range(100)])
    for _ in range(MAX_MEASUREMENTS + 1):
        run = await scanning.run(values)
    assert (run["verdict"], moved(run)) == ("healthy", {})
    (head,) = await documents(scanning.world, "scans/people/ledgers")
    assert len(head.data["rules"]) == 20
    assert (
        len(head.data["past"]) + len(json.dumps(head.data["rules"], default=str)) < MAX_PACKED_BYTES
    )
    assert sum(map(len, json.loads(zlib.decompress(head.data["past"])))) == 20 * MAX_MEASUREMENTS


async def test_documents_of_findings_fit_into_a_commit(monkeypatch):
    """Their bytes count too: those with many records or a long history are not all small."""
    monkeypatch.setattr(commit_size, "MAX_COMMIT_BYTES", 2_000)

    class Weighing(Counting):
        async def commit(self, writes: Sequence[Write]) -> list[Version]:
            found = [write.data for write in writes if write.path.startswith("findings/")]
            assert len(found) <= 1 or len(json.dumps(found, default=str)) < 3_000
            return await super().commit(writes)

    scanning = Scanning(Weighing())
    await scanning.run(people(*[None] * 20))
    assert len(await scanning.states()) == 20
