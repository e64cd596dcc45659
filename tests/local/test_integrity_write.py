"""Findings written back to a table of Airtable: one row each, and nothing else, whatever
happens."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.local.airtable.server import LocalAirtable
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.airtable import pacer as airtable_pacer
from landfall.airtable.client import AirtableClient
from landfall.deadlines import LADDER, Deadline
from landfall.integrity import routes
from landfall.integrity.findings.write_progress import AFTER_ALL
from landfall.runs.lifecycle import RunStatus
from landfall.runs.locks import QUIET
from landfall.store.documents import Fields
from landfall.ticks.watchdog import Watchdog
from tests.fakes import workers
from tests.fakes.bases import BASE, a_base, a_server, record_id
from tests.fakes.callers import ask
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import deliver, drive, findings, invoke
from tests.fakes.world import World
from tests.waiting import until

ISSUES = "Data issues"
NAMES = {"finding_id": "Fingerprint", "state": "State", "message": "What", "link": "Record"}
BY_HAND = {"Fingerprint": "mine", "State": "x", "What": "y", "Record": "z", "Note": "by hand"}
BY_HAND_ID = record_id(99)


class Issues:
    """A scan that writes back, and the base to which it writes."""

    def __init__(self, server: LocalAirtable, world: World | None = None) -> None:
        self.server = server
        self.world = world or World(MemoryStore())
        self.runs = 0

    def people(self, *emails: str | None) -> None:
        """Put these people into the base; those without an e-mail address are findings."""
        for number, email in enumerate(emails, 1):
            cells = {"Name": f"P{number}", **({"Email": email} if email else {})}
            self.server.put(BASE, "People", a_record(record_id(number), cells))

    async def start(self, **changes: Any) -> str:
        """Start a run; return its id."""
        rules = [{"id": "email", "kind": "required", "table": "People", "field": "Email"}]
        write_back = {"table": ISSUES, "fields": NAMES}
        scan = await self.world.save(**({"rules": rules, "write_back": write_back} | changes))
        self.runs += 1
        self.world.clock.advance(60)
        await self.world.start(scan, f"m-{self.runs}")
        return f"m-{self.runs}"

    async def run(self, **changes: Any) -> Fields:
        """Drive a run to its end; return its document."""
        run_id = await self.start(**changes)
        await drive(self.world, self.server, run_id)
        return (await self.world.run(run_id)).data

    async def to_write(self, **changes: Any) -> str:
        """Drive a run up to its write task; return its id."""
        run_id = await self.start(**changes)
        assert [await deliver(self.world, self.server) for _ in "fs"] == ["finished", "finished"]
        self.world.clock.advance(QUIET)
        return run_id

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """Return the cells of the table, without those of the row that a person made."""
        mine, *others = [record["fields"] for record in self.server.records(BASE, ISSUES)]
        assert mine == BY_HAND
        return others

    @property
    def states(self) -> dict[str, str]:
        """Return the state of each finding in the table, by the number of its record."""
        assert len({row["Fingerprint"] for row in self.rows}) == len(self.rows)
        return {row["Record"][-2:]: row["State"] for row in self.rows}

    @property
    def written(self) -> str:
        """Return the finding up to which the table is current, by the ledger."""
        (head,) = self.store.all("scans/people/ledgers")
        return str(head.data["written"]["before"])

    @property
    def store(self) -> MemoryStore:
        assert isinstance(self.world.stored, MemoryStore)
        return self.world.stored

    @property
    def upserts(self) -> int:
        """Return the number of requests that wrote, or tried to."""
        return sum(exchange.method == "PATCH" for exchange in self.server.requests)


def a_record(id_: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": id_, "createdTime": "2026-01-01T00:00:00.000Z", "fields": dict(cells)}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


@pytest.fixture
async def issues() -> AsyncIterator[Issues]:
    base = a_base(People=[{"Name": "Ada", "Email": "x"}], **{ISSUES: [BY_HAND]})
    async with a_server(base) as server:
        yield Issues(server)


def refuses(
    status: int, kind: str = "NO", *, after: int = 0, times: int | None = None
) -> FaultRule:
    body = f'{{"error": {{"type": "{kind}", "message": "because"}}}}'.encode()
    fault = Fault(FaultKind.STATUS, status=status, body=body)
    return FaultRule(fault, method="PATCH", after=after, times=times)


async def test_each_finding_is_a_row_that_follows_it(issues):
    """New, still open, resolved, reopened; one row each, and a link to the record."""
    issues.people(None, None, "x")
    run = await issues.run()
    assert (run["status"], run["warnings"], issues.written) == ("done", [], AFTER_ALL)
    assert issues.states == {"01": "open", "02": "open"}
    issues.people(None, "x", None)
    await issues.run()
    assert issues.states == {"01": "open", "02": "resolved", "03": "open"}
    issues.people("x", None, "x")
    await issues.run()
    assert issues.states == {"01": "resolved", "02": "reopened", "03": "resolved"}
    ids = {finding["finding_id"] for finding in await findings(issues.world, "m-3")}
    assert ids < {row["Fingerprint"] for row in issues.rows}
    table = issues.server._bases[BASE].table("People").schema.id
    assert issues.rows[0]["Record"].startswith(f"https://airtable.com/{BASE}/{table}/rec")


async def test_an_unchanged_rescan_writes_nothing(issues):
    """No request, no step, and the run reports that there was nothing to write."""
    issues.people(None, None)
    await issues.run()
    assert issues.upserts == 1
    run = await issues.run()
    assert (issues.upserts, run["status"], run["counts"].get("findings_to_write")) == (
        1,
        "done",
        None,
    )


async def test_only_mapped_fields_are_sent(issues, monkeypatch):
    """A person's entries in other fields are unchanged, in rows of findings too."""
    sent: list[Any] = []

    class Watched(AirtableClient):
        async def upsert(self, table, merge_on, rows, deadline):
            sent.append((table, merge_on, rows))
            await super().upsert(table, merge_on, rows, deadline)

    monkeypatch.setattr(workers, "AirtableClient", Watched)
    issues.people(None)
    await issues.run()
    *_, record = issues.server.records(BASE, ISSUES)
    cells = {**record["fields"], "Note": "I shall ask her", "Email": "who@example.org"}
    issues.server.put(BASE, ISSUES, {**record, "fields": cells})
    issues.people("x")
    await issues.run()
    (row,) = issues.rows
    assert row == {**cells, "State": "resolved"}
    assert [(table, on) for table, on, _ in sent] == [(ISSUES, "Fingerprint")] * 2
    assert all(set(row) == set(NAMES.values()) for _, _, rows in sent for row in rows)


async def test_what_was_resolved_before_is_no_row(issues):
    """The first write-back of an old scan has the findings that are open now."""
    issues.people(None, None, None)
    await issues.run(write_back=None)
    issues.people("x", None, None)
    await issues.run(write_back=None)
    issues.people("x", "x", None)
    await issues.run()
    assert issues.states == {"02": "resolved", "03": "open"}


async def test_other_fields_are_written_for_all(issues):
    """The written fields have changed, so every finding is sent again."""
    issues.people(None, None, "x")
    await issues.run()
    fields = {"finding_id": "Fingerprint", "severity": "Note"}
    await issues.run(write_back={"table": ISSUES, "fields": fields})
    assert [row["Note"] for row in issues.rows] == ["warning", "warning"]


async def test_a_row_shows_whose_it_is(issues):
    """The name of the record, and the rule's sentence and owner; a new name or owner follows."""
    rule = {"id": "email", "kind": "required", "table": "People", "field": "Email"}
    shown = {"record_name": "Note", "owner": "What", "requirement": "State", "link": "Record"}
    write_back = {"table": ISSUES, "fields": {"finding_id": "Fingerprint"} | shown}
    issues.people(None, "x")
    await issues.run(write_back=write_back, rules=[rule | {"owner": "Ms Smith"}])
    (row,) = issues.rows
    assert (row["Note"], row["What"], row["State"]) == ("P1", "Ms Smith", "Email has a value")
    issues.server.put(BASE, "People", a_record(record_id(1), {"Name": "Zoë"}))
    await issues.run(write_back=write_back, rules=[rule | {"owner": "Mr Jones"}])
    (row,) = issues.rows
    assert (row["Note"], row["What"]) == ("Zoë", "Mr Jones")


async def test_a_new_name_that_no_row_shows_is_not_sent(issues):
    """A primary field that changes with the time does not send every row in every run."""
    issues.people(None, "x")
    await issues.run()
    issues.server.put(BASE, "People", a_record(record_id(1), {"Name": "Zoë"}))
    run = await issues.run()
    assert (issues.upserts, run["counts"].get("findings_to_write")) == (1, None)
    assert [finding["record_names"] for finding in await findings(issues.world, "m-2")] == [["Zoë"]]


async def test_why_a_finding_is_ignored_is_in_its_row(issues):
    """With the person and the end; both go when it is reopened."""
    fields = {"ignored_why": "What", "ignored_by": "State", "link": "Record", "record_name": "Note"}
    write_back = {"table": ISSUES, "fields": {"finding_id": "Fingerprint"} | fields}
    issues.people(None, "x")
    await issues.run(write_back=write_back)
    (finding,) = await findings(issues.world)
    finding_id = finding["finding_id"]
    await routes.ignore(ask(issues.world, {"why": "so be it"}), "people", finding_id)
    await issues.run(write_back=write_back)
    (row,) = issues.rows
    assert (row["What"], row["State"]) == ("so be it", ask(issues.world).by)
    await routes.reopen(ask(issues.world), "people", finding_id)
    await issues.run(write_back=write_back)
    (row,) = issues.rows
    assert not {"What", "State"} & row.keys()


FAILURES = [
    (refuses(401), "base_unauthorized", 1),
    (refuses(403, "INVALID_PERMISSIONS"), "base_forbidden", 1),
    (refuses(404), "base_not_found", 1),
    (refuses(422, "UNKNOWN_FIELD_NAME"), "base_rejected", 1 + 10),
    (refuses(503), "base_unavailable", 10),
    (refuses(429), "base_rate_limited", 10),
]


@pytest.mark.parametrize(("rule", "reason", "requests"), FAILURES)
async def test_a_failure_is_a_warning_and_the_next_run_makes_up_for_it(
    issues, rule, reason, requests
):
    """The run is done with its verdict, reports what is missing, and does not try for ever."""
    issues.people(*[None] * 25)
    issues.server.faults = [rule]
    run = await issues.run()
    assert (run["status"], run["verdict"], run["error"]) == ("done", "warning", None)
    assert [(w["what"], w["reason"]) for w in run["warnings"]] == [("write_back", reason)]
    assert "because" in run["warnings"][0]["message"]
    assert (issues.upserts, issues.rows) == (requests, [])
    assert (await issues.world.step("write")).data["status"] == "failed"
    issues.server.faults = []
    run = await issues.run()
    assert (run["warnings"], len(issues.rows), issues.written) == ([], 25, AFTER_ALL)


async def test_a_field_that_is_not_there(issues):
    """The message is Airtable's."""
    issues.people(None)
    run = await issues.run(write_back={"table": ISSUES, "fields": {"finding_id": "Nothing"}})
    (warning,) = run["warnings"]
    assert 'Unknown field name: "Nothing"' in warning["message"]


async def test_a_row_that_somebody_duplicated_costs_only_itself(issues):
    """Airtable refuses to choose; the other nine are written, and the run names the row."""
    issues.people(*[None] * 12)
    await issues.run()
    copied = issues.server.records(BASE, ISSUES)[4]
    issues.server.put(BASE, ISSUES, {**copied, "id": record_id(77)})
    issues.people(*["x"] * 12)
    run = await issues.run()
    (warning,) = run["warnings"]
    assert copied["fields"]["Fingerprint"] in warning["message"]
    assert run["counts"]["findings_written"] == 11
    assert [row["State"] for row in issues.rows].count("resolved") == 11
    issues.server.remove(BASE, ISSUES, record_id(77))
    run = await issues.run()
    assert (run["warnings"], set(issues.states.values())) == ([], {"resolved"})


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("fault", [FaultKind.RESET, FaultKind.STATUS, FaultKind.MALFORMED_JSON])
async def test_a_fault_in_the_middle_is_gone_on_from(issues, fault, after):
    """The request is repeated, carried out or not, and those before it are not.

    It is counted as well, even if nothing else of its attempt is stored.
    """
    issues.people(*[None] * 25)
    issues.server.faults = [FaultRule(Fault(fault), method="PATCH", after=after)]
    run = await issues.run()
    assert (run["status"], run["warnings"], run["counts"]["findings_written"]) == ("done", [], 25)
    assert (issues.upserts, len(issues.states)) == (3 + 1, 25)
    assert run["counts"]["airtable_requests"] == 2 + 3 + 1


async def test_a_lock_out_is_waited_out(issues):
    """429 in the middle: nothing is sent for 30 s, and then the rest."""
    issues.people(*[None] * 25)
    run_id = await issues.to_write()
    issues.server.faults = [refuses(429, after=1, times=1)]
    assert await deliver(issues.world, issues.server) == "base_rate_limited"
    step = (await issues.world.step("write")).data
    assert step["next_attempt_at"] >= issues.world.clock() + timedelta(seconds=30)
    assert step["cursor"]["sent"] == 10
    await drive(issues.world, issues.server, run_id)
    assert (len(issues.states), issues.upserts) == (25, 4)


async def test_rows_are_sent_at_the_readers_pace(monkeypatch):
    """Airtable accepts 5 requests a second. At 4, a stalled machine does not matter here."""
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 1 / 4)
    base = a_base(People=[{"Name": "Ada", "Email": "x"}], **{ISSUES: [BY_HAND]})
    async with a_server(base, requests_per_second=5) as server:
        issues = Issues(server)
        issues.people(*[None] * 95)
        run_id = await issues.to_write()
        await asyncio.sleep(QUIET)  # Airtable's time goes on, whatever the world's clock says
        assert await deliver(issues.world, server) == "finished"
        run = (await issues.world.run(run_id)).data
        assert (run["warnings"], len(issues.states)) == ([], 95)
        assert server.statuses == {200: 2 + 10}


@pytest.fixture
def _short_budgets(issues: Issues, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the budget of each write invocation after three requests."""
    runs, ladder = issues.world.runs, issues.world.runs.ladder

    class Short(AirtableClient):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            runs.ladder = ladder

        async def upsert(self, *arguments: Any) -> None:
            await super().upsert(*arguments)
            if self.requests == 3:  # whatever is left is too little
                runs.ladder = replace(ladder, last_batch=26.9999, last_write=26.9998)

    monkeypatch.setattr(workers, "AirtableClient", Short)


@pytest.mark.usefixtures("_short_budgets")
async def test_a_budget_that_ends_is_gone_on_from(issues):
    """Several invocations send every finding once, and other runs wait for the base meanwhile."""
    issues.people(*[None] * 90)
    run_id = await issues.to_write()
    assert await deliver(issues.world, issues.server) == "continued"
    (hold,) = issues.store.all("bases")
    assert hold.data["held_by"] == run_id
    assert hold.data["held_until"] > issues.world.clock() + timedelta(seconds=LADDER.step)
    assert await drive(issues.world, issues.server, run_id) == [*["declined"] * 3, *CONTINUED]
    assert (issues.upserts, len(issues.states)) == (9, 90)
    assert (await issues.world.run(run_id)).data["counts"]["findings_written"] == 90


CONTINUED = ["continued", "finished"]


@pytest.mark.usefixtures("_short_budgets")
async def test_a_run_without_time_is_done_and_the_next_goes_on(issues):
    """Its deadline passes in the middle; the rows that it wrote are not written again."""
    issues.people(*[None] * 50)
    await issues.to_write()
    issues.world.clock.now = (await issues.world.run()).data["deadline_at"] - timedelta(seconds=20)
    assert await deliver(issues.world, issues.server) == "run_timeout"
    run = (await issues.world.run()).data
    assert (run["status"], run["warnings"][0]["reason"]) == ("done", "run_timeout")
    assert "30 of 50 findings were written" in run["warnings"][0]["message"]
    (hold,) = issues.store.all("bases")
    assert hold.data["held_until"] <= issues.world.clock()
    run = await issues.run()
    assert (run["warnings"], len(issues.states), issues.upserts) == ([], 50, 3 + 2)


async def test_a_run_whose_write_task_never_comes_is_done(issues):
    """The watchdog ends it at its deadline: with its verdict, and with a warning."""
    issues.people(None)
    await issues.to_write()
    issues.world.clock.advance(LADDER.run)
    await Watchdog(issues.world.runs, "watchdog").tick(Deadline.after(5))
    run, step = (await issues.world.run()).data, (await issues.world.step("write")).data
    assert (run["status"], run["verdict"], step["status"]) == ("done", "warning", "failed")
    assert [warning["reason"] for warning in run["warnings"]] == ["run_timeout"]


async def test_a_person_may_cancel_it(issues):
    """The run has not ended by itself then."""
    issues.people(None)
    run_id = await issues.to_write()
    error = {"reason": "cancelled", "message": "by hand"}
    await issues.world.runs.end(run_id, RunStatus.CANCELLED, error, "ada")
    assert (await issues.world.run()).data["status"] == "cancelled"


async def test_a_worker_that_is_killed_is_followed_by_another(issues):
    """In the middle of a request: it is repeated after the lease has expired, and no row is
    doubled."""
    issues.people(*[None] * 25)
    run_id = await issues.to_write()
    issues.server.faults = [FaultRule(Fault(FaultKind.SILENT), method="PATCH", after=1)]
    killed = asyncio.create_task(deliver(issues.world, issues.server))

    async def hangs() -> bool:
        return bool(issues.upserts == 2)

    await until(hangs, seconds=10, every=0.01)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    issues.world.clock.advance(LADDER.stale)
    assert await issues.world.runs.take_up(run_id, "write", "watchdog") == "retried"
    await drive(issues.world, issues.server, run_id)
    assert (len(issues.states), issues.written) == (25, AFTER_ALL)


async def test_a_later_run_takes_over(issues):
    """An earlier run in the middle of writing stops: it would undo the later one's rows."""
    issues.people(*[None] * 25)
    early = await issues.to_write()
    issues.people(*["x"] * 5, *[None] * 20)
    late = await issues.start()
    assert await deliver(issues.world, issues.server) == "finished"
    issues.world.clock.advance(QUIET)
    issues.server.faults = [refuses(503, after=1, times=1)]
    writes, scores = [
        next(task for task in reversed(issues.world.queue.tasks) if task.step_id == step_id)
        for step_id in ("write", "score")
    ]
    assert await invoke(issues.world, issues.server, writes) == "base_unavailable"
    assert await invoke(issues.world, issues.server, scores) == "finished"
    outcomes = await drive(issues.world, issues.server, early)
    assert outcomes[-1] == "superseded"
    assert (await issues.world.run(early)).data["status"] == "done"
    await drive(issues.world, issues.server, late)
    resolved = {f"{n:02}" for n, state in issues.states.items() if state == "resolved"}
    assert (resolved, len(issues.states)) == ({"01", "02", "03", "04", "05"}, 25)
    assert issues.written == AFTER_ALL


async def test_the_table_may_be_in_another_base():
    """The other base is locked while it is written, not the one that was read."""
    other = "appIssues00000001"
    async with a_server(a_base(People=3), a_base(other, **{ISSUES: [BY_HAND]})) as server:
        issues = Issues(server)
        issues.people(None, None)
        run = await issues.run(write_back={"table": ISSUES, "fields": NAMES, "base": other})
        assert (run["warnings"], len(server.records(other, ISSUES))) == ([], 1 + 2)
    assert {hold.id for hold in issues.store.all("bases")} == {BASE, other}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"records": []}', b"5"])
async def test_an_answer_that_does_not_have_the_rows_is_malformed(issues, body):
    """Unconfirmed rows are sent again."""
    issues.people(None)
    fault = Fault(FaultKind.STATUS, status=200, body=body)
    issues.server.faults = [FaultRule(fault, method="PATCH")]
    await issues.to_write()
    assert await deliver(issues.world, issues.server) == "base_malformed"
    assert issues.written != AFTER_ALL
    await drive(issues.world, issues.server)
    assert issues.states == {"01": "open"}
