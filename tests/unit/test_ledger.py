"""Findings over several runs: opened, still open, resolved, reopened, ignored; worked out by
hand."""

import string
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds

from landfall.airtable.schema_ids import NO_IDS, SchemaIds
from landfall.integrity.findings import ledger_room
from landfall.integrity.findings.decided import decision_of
from landfall.integrity.findings.entry import Decision, FindingEntry
from landfall.integrity.findings.identity import fingerprint
from landfall.integrity.findings.ledger import (
    MAX_MOVES,
    RESOLVED_RETENTION,
    Ledger,
    MergedLedger,
    merge,
)
from landfall.integrity.findings.ledger_room import within_room
from landfall.integrity.findings.ledger_store import finding_document
from landfall.integrity.findings.packing import (
    PIECE_SIZE,
    pack_entries,
    pack_reports,
    unpack_entries,
    unpack_reports,
)
from landfall.integrity.findings.rule_state import content_of
from landfall.integrity.rules.evaluate import (
    MAX_RECORDS_LISTED,
    TOO_MANY_FOUND,
    Finding,
    RuleReport,
)
from landfall.integrity.rules.required import Required
from landfall.store.documents import Document
from landfall.store.packed import MAX_PACKED_BYTES

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


def rule(rule_id: str = "email", **more: Any) -> Required:
    content = {"id": rule_id, "kind": "required", "table": "People", "field": "Email"}
    return Required.model_validate(content | more)


def finding(*records: str, **more: Any) -> Finding:
    given: dict[str, Any] = {"rule_id": "email", "table": "People", "field": "Email", "value": ""}
    given |= {"severity": "warning", "message": "Email has no value"}
    return Finding(records=tuple(sorted(records)), **(given | more))


class Scanned:
    """A ledger that a test's runs write, a day apart."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.day = 0
        self.decisions: dict[str, Decision] = {}

    @property
    def now(self) -> datetime:
        return START + timedelta(days=self.day)

    def run(self, *findings: Finding, by: Required | None = None, **more: Any) -> MergedLedger:
        """Make a run whose one rule finds these."""
        return self.reports(RuleReport(by or rule(), findings, **more))

    def reports(self, *reports: RuleReport) -> MergedLedger:
        """Make a run with these reports."""
        self.day += 1
        run = f"run-{self.day}"
        merged = merge(self.ledger, "scan/base", reports, self.decisions, run, self.now)
        self.ledger = merged.ledger
        return merged

    def decide(self, entry: FindingEntry, state: Any = "ignored", **more: Any) -> None:
        """Make a person's decision, half a day after the last run."""
        at = self.now + timedelta(hours=12)
        self.decisions[entry.id] = Decision(at, state, "ada@example.org", "so be it", **more)

    def states(self) -> dict[tuple[str, ...], str]:
        return {entry.finding.records: entry.state for entry in self.ledger.entries}


def occurrences(ledger: Ledger, entry: FindingEntry) -> int:
    return entry.occurrences(ledger.rules[entry.rule_key].evaluations)


def ids(entries: Sequence[FindingEntry]) -> list[str]:
    return [entry.id for entry in entries]


def test_ids_are_those_of_earlier_versions():
    """Another id would be another finding, or another rule: what was ignored would be forgotten."""
    two = finding("rec1", "rec2")
    assert fingerprint("people/appPeople00000001", "key", two) == "bc9965ae63f84cd184c53ff468f8e0e8"
    assert content_of(rule()) == "45122a1146ea1ce2"


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"rule_id": "another"}, True),
        ({"name": "Emails"}, True),
        ({"owner": "ann"}, True),
        ({"message": "write to them"}, True),
        ({"severity": "critical"}, True),
        ({"allow_empty": True}, True),
        ({"field": "Phone"}, False),
        ({"table": "Rooms"}, False),
    ],
    ids=str,
)
def test_a_rule_is_what_it_looks_for(changed, same):
    """Whatever it is called, says, and weighs."""
    assert (content_of(rule(**changed)) == content_of(rule())) == same


def test_a_finding_opens_stays_is_resolved_and_comes_back_with_its_past():
    """The life of a finding, with its occurrences and times."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    assert (entry.state, entry.first_seen) == ("open", scanned.now)
    again = scanned.run(finding("rec1"))
    assert again.all_changed == []
    assert occurrences(again.ledger, entry) == 2
    assert entry.last_seen(again.ledger.rules[entry.rule_key].evaluated_at) == scanned.now
    (gone,) = scanned.run().resolved
    assert (gone.id, gone.state) == (entry.id, "resolved")
    assert occurrences(scanned.ledger, gone) == 2
    assert scanned.run().all_changed == []
    (back,) = scanned.run(finding("rec1")).reopened
    assert back.resolved_at is None
    assert (back.id, back.state, back.first_seen) == (entry.id, "reopened", entry.first_seen)
    assert [(move.state, move.by) for move in back.history] == [
        ("open", "run-1"), ("resolved", "run-3"), ("reopened", "run-5"),
    ]  # fmt: skip
    scanned.run(finding("rec1"))
    assert occurrences(scanned.ledger, scanned.ledger.entries[0]) == 2 + 2


def test_an_inconclusive_rule_moves_nothing():
    """Nor does one that was not evaluated, or is no longer in the scan."""
    scanned = Scanned()
    scanned.run(finding("rec1"))
    assert scanned.run(inconclusive="the base has no field 'Email'").all_changed == []
    assert scanned.reports(RuleReport(rule("other", field="Phone"))).all_changed == []
    assert scanned.reports().all_changed == []
    assert scanned.states() == {("rec1",): "open"}
    assert occurrences(scanned.ledger, scanned.ledger.entries[0]) == 1
    assert ids(scanned.run().resolved) == ids(scanned.ledger.entries)


def test_a_finding_whose_value_was_cleared_is_resolved():
    """Its rule has nothing to judge, and is inconclusive; what is about the table stays."""
    scanned = Scanned()
    scanned.run(finding("rec1"), finding("rec2"), finding())
    first, second, _ = scanned.run(finding("rec1"), finding("rec2"), finding()).ledger.entries
    scanned.decide(second)
    merged = scanned.run(inconclusive="no record has a value", emptied=True)
    assert ids(merged.resolved) == ids(merged.all_changed) == [first.id, second.id]
    assert scanned.states() == {("rec1",): "resolved", ("rec2",): "resolved", (): "open"}
    gone = merged.resolved[0]
    assert (occurrences(merged.ledger, gone), gone.resolved_at) == (2, scanned.now)
    assert scanned.run(inconclusive="no record has a value", emptied=True).all_changed == []
    (back,) = scanned.run(finding("rec1"), finding()).reopened
    assert (back.id, occurrences(scanned.ledger, back)) == (first.id, 3)


def test_another_table_is_another_rule():
    """Findings of one table are not resolved by checking the other."""
    scanned = Scanned()
    scanned.run(finding("rec1"))
    scanned.run(by=rule(table="Pets"))
    assert scanned.states() == {("rec1",): "open"}


def test_a_rule_may_be_renamed():
    """It checks the same under another id: its findings continue, with their identity."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    renamed = rule("e-mail", name="E-mail is there", severity="critical", message="no {Email}")
    merged = scanned.run(finding("rec1", rule_id="e-mail"), by=renamed)
    assert ids(merged.ledger.entries) == [entry.id]
    assert ids(merged.changed) == [entry.id]
    assert occurrences(merged.ledger, entry) == 2


def test_a_rule_may_change_what_it_looks_for():
    """Under the same id it is the same rule; what it no longer finds is resolved."""
    scanned = Scanned()
    scanned.run(finding("rec1"), finding("rec2"))
    scanned.run(finding("rec2"), by=rule(when={"field": "Status", "equals": "Active"}))
    assert scanned.states() == {("rec1",): "resolved", ("rec2",): "open"}


@pytest.mark.parametrize(
    "fields",
    [
        {"b": "Email", "a": "Phone"},
        {"b": "Email", "c": "Phone", "a": "Born"},
        {"c": "Email", "b": "Phone"},
        {"b": "Email", "a": "Born", "c": "Phone"},
    ],
)
def test_ids_may_change_places(fields):
    """Two ids, or all after a rule that was inserted: findings are unchanged.

    This also holds in the next run, in which nothing has changed.
    """
    scanned = Scanned()

    def run(fields: dict[str, str]) -> MergedLedger:
        return scanned.reports(
            *(
                RuleReport(rule(id_, field=field), [finding(f"rec{field}", rule_id=id_)])
                for id_, field in fields.items()
            )
        )

    before = {entry.finding.records: entry.id for entry in run({"a": "Email", "b": "Phone"}).new}
    for new in (["recBorn"] if "Born" in fields.values() else [], []):
        merged = run(fields)
        assert merged.resolved == ()
        assert [entry.finding.records for entry in merged.new] == [(record,) for record in new]
        after = {entry.finding.records: entry.id for entry in merged.ledger.entries}
        assert before.items() <= after.items()
    assert {rule_id: merged.ledger.rules[key].rule_id for rule_id, key in merged.keys.items()} == {
        rule_id: rule_id for rule_id in fields
    }


def test_two_rules_that_look_for_the_same_may_be_renamed_together():
    """Each continues with the findings of one of them."""
    scanned = Scanned()

    def run(*ids: str) -> MergedLedger:
        return scanned.reports(
            *(RuleReport(rule(id_), [finding("rec1", rule_id=id_)]) for id_ in ids)
        )

    assert len(run("a", "b").new) == 2
    assert run("c", "d").new == ()
    assert len({entry.rule_key for entry in scanned.ledger.entries}) == 2


def test_an_id_that_a_renamed_rule_gave_up_begins_anew():
    """Its key is taken by the findings of the renamed rule."""
    scanned = Scanned()
    scanned.run(finding("rec1"))
    other = rule("email", field="Phone")
    scanned.reports(
        RuleReport(rule("mail"), [finding("rec1", rule_id="mail")]),
    )
    merged = scanned.reports(
        RuleReport(rule("mail"), [finding("rec1", rule_id="mail")]),
        RuleReport(other, [finding("rec1", field="Phone")]),
    )
    assert len(merged.new) == 1
    assert len(set(ids(merged.ledger.entries))) == 2


@pytest.mark.parametrize(
    ("after", "same"),
    [
        (("rec2", "rec3"), True),
        (("rec1", "rec2", "rec3", "rec4"), True),
        (("rec3", "rec9"), True),
        (("rec8", "rec9"), False),
    ],
)
def test_a_group_keeps_its_identity_when_its_members_change(after, same):
    """Any member may leave, the oldest too. A group with none of them is another."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1", "rec2", "rec3")).new
    merged = scanned.run(finding(*after))
    live = [entry for entry in merged.ledger.entries if entry.live]
    assert (ids(live) == [entry.id]) is same
    assert live[0].finding.records == after


def test_a_group_that_falls_apart_goes_on_as_the_larger_part():
    """The other part is new; when two merge, the nearer continues and the other is resolved."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("1", "2", "3", "4", "5")).new
    merged = scanned.run(finding("1", "2"), finding("3", "4", "5"))
    assert [e.finding.records for e in merged.ledger.entries if e.id == entry.id] == [
        ("3", "4", "5")
    ]
    (part,) = merged.new
    merged = scanned.run(finding("1", "2", "3", "4", "5"))
    assert (ids(merged.changed), ids(merged.resolved)) == ([entry.id], [part.id])


def test_single_records_are_never_taken_for_one_another():
    """Another record of the rule is another finding."""
    scanned = Scanned()
    scanned.run(finding("rec1"))
    scanned.run(finding("rec2"))
    assert scanned.states() == {("rec1",): "resolved", ("rec2",): "open"}


def test_message_and_severity_follow_the_data():
    """The finding does not move: it is the same one with another text."""
    scanned = Scanned()
    scanned.run(finding("rec1"))
    merged = scanned.run(finding("rec1", severity="critical", message="worse"))
    (entry,) = merged.changed
    assert (entry.finding.severity, entry.finding.message) == ("critical", "worse")
    assert len(entry.history) == 1


def test_an_ignored_finding_stays_ignored():
    """It is ignored until it is resolved; if it is found again after that, it is open."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    scanned.decide(entry)
    (ignored,) = scanned.run(finding("rec1")).ignored
    assert (ignored.history[-1].by, ignored.history[-1].why) == ("ada@example.org", "so be it")
    assert scanned.run(finding("rec1")).all_changed == []
    assert scanned.states() == {("rec1",): "ignored"}
    assert scanned.run().resolved
    assert scanned.run(finding("rec1")).reopened
    assert scanned.run(finding("rec1")).all_changed == []


def test_ignoring_has_an_end():
    """It ends at the given moment, and not before."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    scanned.decide(entry, until=START + timedelta(days=4))
    (ignored,) = scanned.run(finding("rec1")).ignored
    assert ignored.history[-1].until == START + timedelta(days=4)
    assert scanned.run(finding("rec1")).all_changed == []
    (back,) = scanned.run(finding("rec1")).reopened
    assert "to ignore it expired on 2026-03-06" in back.history[-1].why
    assert scanned.run(finding("rec1")).all_changed == []


def test_ignoring_can_be_taken_back():
    """A person takes it back, and the history has that person's name."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    scanned.decide(entry)
    scanned.run(finding("rec1"))
    scanned.decide(entry, "open")
    (back,) = scanned.run(finding("rec1")).reopened
    assert back.history[-1].by == "ada@example.org"


def test_a_decision_during_a_run_counts_in_the_next():
    """The run has read the first decision and not the second; it ends after both."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    scanned.decide(entry)
    scanned.run(finding("rec1"))
    before_its_end = scanned.now - timedelta(seconds=1)
    scanned.decisions[entry.id] = Decision(before_its_end, "open", "ada@example.org")
    (back,) = scanned.run(finding("rec1")).reopened
    assert [move.state for move in back.history] == ["open", "ignored", "reopened"]
    assert [move.at for move in back.history] == sorted(move.at for move in back.history)


def test_a_decision_as_firestore_gives_it_fits_into_a_list():
    """Firestore's moments have their own type."""
    moment = DatetimeWithNanoseconds(2026, 3, 2, 18, tzinfo=UTC)
    data = {"at": moment, "state": "ignored", "by": "ada", "why": "x", "until": moment}
    decision = decision_of(Document("decisions/1", data, 1))
    assert (decision.at, decision.until) == (moment, moment)
    assert {type(decision.at), type(decision.until)} == {datetime}


def test_an_ignored_finding_is_ignored_for_another_reason():
    """The newest reason and end hold, also where the older end was over by then, and once."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    scanned.decide(entry, until=START + timedelta(days=2, hours=1))
    assert scanned.run(finding("rec1")).ignored
    for until in (START + timedelta(days=9), None):
        scanned.decide(entry, until=until)
        (changed,) = scanned.run(finding("rec1")).changed
        assert (changed.state, changed.history[-1].until) == ("ignored", until)
        assert scanned.run(finding("rec1")).all_changed == []


def test_a_group_was_ignored_as_it_was():
    """One member less changes nothing; one more is a new fact, and reopens it."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("1", "2", "3")).new
    scanned.decide(entry)
    scanned.run(finding("1", "2", "3"))
    assert scanned.run(finding("1", "2")).reopened == ()
    (back,) = scanned.run(finding("1", "2", "4")).reopened
    assert back.id == entry.id


@pytest.mark.parametrize(
    ("after", "count", "reopened"),
    [
        ("a b c d", 9, False),
        ("a b c d", 10, True),
        ("b c d e", 8, False),
        ("b c d e", 9, True),
        ("b c", 2, False),
        ("a aa b c", 9, True),
    ],
)
def test_a_long_group_that_was_ignored(after, count, reopened):
    """It has nine records, the first four of which are listed."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("a", "b", "c", "d", record_count=9)).new
    scanned.decide(entry)
    scanned.run(finding("a", "b", "c", "d", record_count=9))
    assert bool(scanned.run(finding(*after.split(), record_count=count)).reopened) is reopened


def test_a_decision_counts_while_the_rule_cannot_be_evaluated():
    """People need not wait for the base to be fixed."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    scanned.decide(entry)
    assert ids(scanned.run(inconclusive="no field").ignored) == [entry.id]


def test_two_hits_about_the_same_records_are_two_findings():
    """The key distinguishes them, in every run."""
    scanned = Scanned()
    scanned.run(finding("rec1", key="min"), finding("rec1", key="max"))
    assert scanned.run(finding("rec1", key="max"), finding("rec1", key="min")).all_changed == []
    assert len(scanned.ledger.entries) == 2


def test_what_was_resolved_is_forgotten_after_a_year():
    """Open findings never are."""
    scanned = Scanned()
    scanned.run(finding("rec1"), finding("rec2"))
    scanned.run(finding("rec2"))
    scanned.day += RESOLVED_RETENTION.days + 1
    scanned.run(finding("rec2"))
    assert scanned.states() == {("rec2",): "open"}


def test_a_history_is_bounded():
    """Its beginning and its newest moves are retained."""
    scanned = Scanned()
    for _ in range(MAX_MOVES):
        scanned.run(finding("rec1"))
        scanned.run()
    (entry,) = scanned.ledger.entries
    assert len(entry.history) == MAX_MOVES
    assert entry.history[0].by == "run-1"
    assert entry.history[-1].by == f"run-{2 * MAX_MOVES}"


def test_a_history_loses_nothing_before_it_is_full():
    """The move after `MAX_MOVES` takes the place of the second, and of no other."""
    scanned = Scanned()
    for _ in range(MAX_MOVES // 2):
        scanned.run(finding("rec1"))
        scanned.run()
    by = [move.by for move in scanned.ledger.entries[0].history]
    assert by == [f"run-{number}" for number in range(1, MAX_MOVES + 1)]
    scanned.run(finding("rec1"))
    after = [move.by for move in scanned.ledger.entries[0].history]
    assert after == [by[0], *by[2:], f"run-{MAX_MOVES + 1}"]


def test_what_is_resolved_stays_resolved():
    """Further runs without it move nothing: neither its history, nor its times and counts."""
    scanned = Scanned()
    scanned.run(finding("rec1"))
    (gone,) = scanned.run().resolved
    for _ in range(3):
        assert scanned.run().all_changed == []
        assert scanned.ledger.entries == (gone,)
    assert occurrences(scanned.ledger, gone) == 1
    assert gone.resolved_at == START + timedelta(days=2)


@pytest.mark.parametrize(
    ("state", "live"),
    [("open", True), ("reopened", True), ("ignored", False), ("resolved", False)],
)
def test_only_open_findings_count_for_the_verdict(state, live):
    """For the first time or again."""
    scanned = Scanned()
    (entry,) = scanned.run(finding("rec1")).new
    assert msgspec.structs.replace(entry, state=state).live == live


def test_a_rule_that_looks_for_something_else_may_be_renamed():
    """It is known by what it looked for last, not at first."""
    scanned = Scanned()
    scanned.run(finding("rec1"), by=rule(field="Email"))
    scanned.run(finding("rec1", field="Phone"), by=rule(field="Phone"))
    merged = scanned.run(
        finding("rec1", rule_id="phone", field="Phone"), by=rule("phone", field="Phone")
    )
    assert not merged.new
    assert len(scanned.ledger.rules) == 1


def test_a_rule_with_another_owner_hands_its_findings_over():
    """Those that live have changed, as their documents have the owner; resolved ones have not."""
    scanned = Scanned()
    scanned.run(finding("rec1"), finding("rec2"), by=rule(owner="ann"))
    scanned.run(finding("rec1"), by=rule(owner="ann"))
    assert scanned.run(finding("rec1"), by=rule(owner="ann")).all_changed == []
    merged = scanned.run(finding("rec1"), by=rule(owner="bob"))
    assert [entry.finding.records for entry in merged.changed] == [("rec1",)]
    assert merged.renamed == ()


def test_a_table_that_is_renamed_has_the_same_rules_under_its_new_name():
    """Airtable's id of it says that it is the same one."""
    report = RuleReport(rule(), [finding("rec1")])
    ids = SchemaIds({"People": "tbl1"})
    before = merge(Ledger(), "s", [report], {}, "run-1", START, ids).ledger
    renamed = RuleReport(rule(table="Persons"), [finding("rec1", table="Persons")])
    ids = SchemaIds({"Persons": "tbl1"})
    after = merge(before, "s", [renamed], {}, "run-2", START + timedelta(days=1), ids)
    assert (after.new, after.resolved) == ((), ())
    (state,) = after.ledger.rules.values()
    assert (state.table, state.table_id) == ("Persons", "tbl1")
    assert state.content == content_of(renamed.rule)


def test_a_rule_that_was_never_evaluated_stays_beside_the_others():
    """It has no time of an evaluation, by which rules are looked up."""
    scanned = Scanned()
    for _ in range(3):
        never = RuleReport(rule("phone", field="Phone"), [], inconclusive="not read")
        merged = scanned.reports(never, RuleReport(rule(), [finding("rec1")]))
    assert {it.rule_id: it.evaluations for it in merged.ledger.rules.values()} == {
        "phone": 0,
        "email": 3,
    }


def test_what_was_resolved_is_kept_for_a_whole_year():
    """To the last moment of it."""
    scanned = Scanned()
    scanned.run(finding("rec1"))
    scanned.run()
    scanned.day += 365 - 1
    scanned.run()
    assert scanned.states() == {("rec1",): "resolved"}
    scanned.run()
    assert scanned.states() == {}


def test_resolved_findings_without_room_are_forgotten(monkeypatch):
    """Those that were resolved first; no other is forgotten, however many there are."""
    monkeypatch.setattr(ledger_room, "MAX_ENTRIES", 4)
    scanned = Scanned()
    scanned.run(finding("rec1"), finding("rec2"), finding("rec3"))
    scanned.run(finding("rec1"), finding("rec3"))
    scanned.run(finding("rec3"), finding("rec4"), finding("rec5"))
    assert scanned.states() == {
        ("rec1",): "resolved",
        ("rec3",): "open",
        ("rec4",): "open",
        ("rec5",): "open",
    }
    scanned.run(*(finding(f"rec{n}") for n in range(3, 9)))
    assert scanned.states() == {(f"rec{n}",): "open" for n in range(3, 9)}


def test_a_rule_without_room_for_its_findings_is_inconclusive(monkeypatch):
    """Its earlier findings stay; the other rules have theirs."""
    monkeypatch.setattr(ledger_room, "MAX_FINDINGS", 5)
    scanned = Scanned()
    one, other = rule("one"), rule("other", field="Phone")
    few, more = [finding(f"rec{n}") for n in range(3)], [finding(f"rec{n}") for n in range(4)]
    scanned.run(*few, by=one)
    found = [RuleReport(one, more), RuleReport(other, few, records=9)]
    reports = within_room(scanned.ledger.rules, scanned.ledger.entries, found, NO_IDS)
    assert reports == [RuleReport(one, more), RuleReport(other, (), TOO_MANY_FOUND, 9)]
    scanned.reports(*reports)
    assert set(scanned.states().values()) == {"open"}
    # who has fewer than before has room, and makes some for the others
    fewer = [RuleReport(one, few[:2]), RuleReport(other, few)]
    assert within_room(scanned.ledger.rules, scanned.ledger.entries, fewer, NO_IDS) == fewer


def test_a_finding_of_many_records_takes_more_room():
    """As much as eight of two records each, for every 64 of them."""
    assert [finding(*map(str, range(count))).weight for count in (0, 2, 64, 10_000)] == [
        1,
        1,
        9,
        1251,
    ]


def test_the_document_of_a_finding_has_its_history():
    """For people who look into Firestore, under names that stay."""
    scanned = Scanned()
    scanned.run(finding("rec1"))
    (gone,) = scanned.run().resolved
    document = finding_document(scanned.ledger, gone)
    assert document["resolved_at"] == scanned.now
    assert document["history"] == [
        {"at": START + timedelta(days=day), "state": state, "by": f"run-{day}", "why": ""}
        | {"until": None}
        for day, state in ((1, "open"), (2, "resolved"))
    ]


def test_measurements_of_a_rule_are_retained():
    """The newest first. A rule that checks something else keeps them: each says what it is of."""
    scanned = Scanned()
    for count in (1, 2):
        scanned.run(measured={"count": count})
    assert scanned.ledger.past([rule()], NO_IDS) == {"email": ({"count": 2}, {"count": 1})}
    scanned.run(by=rule(field="Phone"), measured={"count": 9})
    assert scanned.ledger.past([rule(field="Phone")], NO_IDS) == {
        "email": ({"count": 9}, {"count": 2}, {"count": 1})
    }


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_findings_does_not_matter(seed):
    """Ten runs of random groups: whatever their order, the same findings have the same states."""
    random = Random(seed)
    orders = Scanned(), Scanned()
    for _ in range(10):
        people = random.sample(range(40), 30)
        cuts = sorted(random.sample(range(31), 8))
        groups = [people[a:b] for a, b in zip([0, *cuts], [*cuts, 30], strict=True) if a < b]
        found = [finding(*map(str, group)) for group in groups]
        orders[0].run(*found)
        orders[1].run(*random.sample(found, len(found)))
    first, second = (
        {entry.id: (entry.state, entry.finding, entry.history) for entry in o.ledger.entries}
        for o in orders
    )
    assert first == second


def test_entries_and_reports_come_out_of_their_bytes_as_they_went_in():
    """In several pieces, with every kind of field."""
    scanned = Scanned()
    many = [finding(f"rec{n}", message=f"Zoë {n} \U0001f3eb") for n in range(PIECE_SIZE + 10)]
    (entry, *_) = scanned.run(*many).new
    scanned.decide(entry, until=START + timedelta(days=9))
    scanned.run(*many[:-1])
    pieces = pack_entries(scanned.ledger.entries)
    assert len(pieces) == 2
    assert tuple(unpack_entries(p.data for p in pieces)) == scanned.ledger.entries
    rules = [rule("a"), rule("b"), rule("c")]
    reports = [
        RuleReport(rules[0], many, records=5000),
        RuleReport(rules[1], [], inconclusive="no field"),
        RuleReport(rules[2], [], measured={"rows": 3}),
    ]
    assert unpack_reports((p.data for p in pack_reports(reports)), rules) == reports


@pytest.mark.slow
def test_findings_of_many_records_fit_into_documents():
    """Twelve groups that each list the maximum number of records."""
    random = Random(4)
    letters = string.ascii_letters + string.digits
    names = ["rec" + "".join(random.choices(letters, k=14)) for _ in range(12 * MAX_RECORDS_LISTED)]
    groups = [
        finding(*names[n : n + MAX_RECORDS_LISTED])
        for n in range(0, len(names), MAX_RECORDS_LISTED)
    ]
    entries = Scanned().run(*groups).ledger.entries
    report = RuleReport(rule(), groups)
    for pieces in (pack_entries(entries), pack_reports([report])):
        assert sum(piece.records for piece in pieces) == 12
        assert max(len(piece.data) for piece in pieces) <= MAX_PACKED_BYTES
    assert tuple(unpack_entries(piece.data for piece in pack_entries(entries))) == entries
    assert unpack_reports((p.data for p in pack_reports([report])), [rule()]) == [report]
