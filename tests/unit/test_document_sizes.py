"""The largest documents that definitions, bases and people can lead to fit into Firestore."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from msgspec import structs

from landfall.airtable.links import Origin
from landfall.airtable.schema_ids import SchemaIds
from landfall.integrity.findings.decided import (
    ID_BYTES,
    MAX_TOGETHER,
    decision_fields,
    placed_together,
)
from landfall.integrity.findings.entry import Decision, FindingEntry, Move
from landfall.integrity.findings.ledger import MAX_MOVES, Ledger, MergedLedger, merge
from landfall.integrity.findings.ledger_room import (
    MAX_MEASUREMENTS,
    TOO_MUCH_MEASURED,
    within_room,
)
from landfall.integrity.findings.ledger_store import LedgerStore, StoredLedger, finding_document
from landfall.integrity.findings.lists import FindingsList
from landfall.integrity.findings.rule_state import RuleState
from landfall.integrity.report import run_report
from landfall.integrity.routes import MAX_WHY_LENGTH
from landfall.integrity.rules.evaluate import (
    MAX_RECORDS_LISTED,
    MAX_RECORDS_NAMED,
    Finding,
    RuleReport,
)
from landfall.integrity.rules.required import Required
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import MAX_BYTES, DefinitionError, parse
from landfall.llm.attempts import call_name
from landfall.llm.budget import DayUsage
from landfall.llm.rate_limit import MAX_CONCURRENCY
from landfall.llm.usage import ModelUsage
from landfall.scans.yaml_text import MAX_YAML
from landfall.site.crawl import MAX_PAGES, Crawl
from landfall.site.crawl_request import RequestOutcome, RequestRole
from landfall.site.evidence import Evidence, PageLink
from landfall.site.page_selection import Types
from landfall.site.robots import Robots
from landfall.site.rubric import clinic_rubric
from landfall.site.urls import MAX_ADDRESS, page_key
from landfall.store.documents import Create, Fields
from landfall.store.limits import MAX_DOCUMENT_BYTES, document_bytes
from tests.fakes.memory_store import MemoryStore

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
BASE = "appPeople00000001"


def text(seed: str, characters: int) -> str:
    """Return a text of rare characters, of four bytes each, which shrinks little."""
    random = Random(seed)
    return "".join(chr(random.randrange(0x20000, 0x2A000)) for _ in range(characters))


def scan(rules: int = 500, table: int = 50, field: int = 60, name: str = "t", **more: Any) -> Any:
    """Return a scan of so many rules, with names of so many characters."""
    tables = {text(f"{name}{number}", table): [text("f", field)] for number in range(rules)}
    made = [
        {
            "id": f"{name}{number:03}".ljust(60, "x"),
            "kind": "required",
            "table": of,
            "field": text("f", field),
            "name": text(f"n{number}", 60),
            "owner": text(f"o{number}", 60),
        }
        | more
        for number, of in enumerate(tables)
    ]
    content = {"id": "m", "kind": "integrity", "base": BASE, "tables": tables, "rules": made}
    return parse(content, "scan m")


def ids_of(scan: IntegrityScan) -> SchemaIds:
    return SchemaIds({table: f"tbl{n:014}" for n, table in enumerate(scan.tables)}, {}, {})


def found(scan: IntegrityScan) -> list[RuleReport]:
    """Return a report of each rule with more findings than are shown."""
    return [
        RuleReport(rule, [a_finding(rule.id, rule.table, n) for n in range(4)], records=5_000_000)
        for rule in scan.rules
    ]


def a_finding(rule_id: str, table: str, number: int) -> Finding:
    message, value, name = (text(f"{part}{rule_id}", 120) for part in ("m", "v", "r"))
    record = f"rec{number:014}"
    return Finding(rule_id, table, (record,), "f", value, "critical", message * 4, names=(name,))


def lacking(scan: IntegrityScan) -> list[RuleReport]:
    """Return a report of each rule about a field that the base does not have."""
    return [
        RuleReport(rule, inconclusive=f"table {rule.table!r} has no field {rule.field!r}")
        for rule in scan.rules
        if isinstance(rule, Required)
    ]


def merged_of(scan: IntegrityScan, reports: Sequence[RuleReport], before: Ledger) -> MergedLedger:
    return merge(before, "m", reports, {}, "run", NOW + timedelta(before.number), ids_of(scan))


def head_of(scan: IntegrityScan, ledger: Ledger) -> Fields:
    where, origin = FindingsList("run", 1), Origin(BASE, ids_of(scan).tables)
    stored = StoredLedger(ledger, None, where, NOW, True, None, origin)
    write = LedgerStore(MemoryStore(), "m", BASE).head(stored)
    assert isinstance(write, Create)
    return write.data


@pytest.mark.parametrize("of", [found, lacking])
@pytest.mark.parametrize("handover", [0, 300_000])
def test_the_report_of_the_largest_scan_fits_into_the_document_of_its_run(of, handover):
    """500 rules of long names, beside the names of a wide base."""
    widest, left = scan(), {"names": bytes(handover)}
    reports = of(widest)
    merged = merged_of(widest, reports, Ledger())
    origin = Origin(BASE, ids_of(widest).tables)
    made = run_report(origin, merged, reports, left).run_fields(100)
    assert document_bytes("runs/m", {**made, "handover": left}) < MAX_DOCUMENT_BYTES - 50_000
    assert len(made["report"]["rules"]) == 500
    assert made["counts"]["findings"] == (2_000 if of is found else 0)


def test_a_report_of_few_rules_has_all_its_details():
    """A smaller report loses nothing."""
    few = scan(rules=20)
    reports = found(few)
    report = run_report(Origin(BASE, {}), merged_of(few, reports, Ledger()), reports)
    for rule in report.fields["rules"]:
        assert len(rule["samples"]) == 3
        assert len(rule["samples"][0]["message"]) == 400


def test_rules_that_a_scan_had_do_not_fill_its_ledger():
    """Somebody replaces all 500 rules again and again."""
    ledger = Ledger()
    for name in "abcf":
        now = scan(name=name)
        ledger = merged_of(now, found(now), ledger).ledger
    rules = [state.rule_id[0] for state in ledger.rules.values()]
    assert rules.count("f") == 500
    assert 0 < rules.count("c") < 500
    assert "a" not in rules
    assert {entry.rule_key for entry in ledger.entries} == {*ledger.rules}
    assert document_bytes("scans/m", head_of(now, ledger)) < 0.9 * MAX_DOCUMENT_BYTES


def test_a_rule_that_a_scan_had_stays_with_its_findings_where_there_is_room():
    """A person may take it back."""
    before, now = scan(rules=20, name="a"), scan(rules=20, name="b")
    first = merged_of(before, found(before), Ledger()).ledger
    ledger = merged_of(now, found(now), first).ledger
    assert {*first.rules} < {*ledger.rules}
    assert {*first.entries} < {*ledger.entries}


def test_measurements_without_room_are_inconclusive():
    """Rules with 100 categories each, which are others in each run."""
    wide = scan(rules=30, kind="drift", measure="shares", change="10%", name="d")
    ledger = Ledger()
    for run in range(MAX_MEASUREMENTS + 1):
        reports = [
            RuleReport(rule, records=100, measured=shares(f"{rule.id}{run}")) for rule in wide.rules
        ]
        reports = within_room(ledger.rules, (), reports, ids_of(wide))
        ledger = merged_of(wide, reports, ledger).ledger
        assert document_bytes("scans/m", head_of(wide, ledger)) < 0.9 * MAX_DOCUMENT_BYTES
    why = [report.inconclusive for report in reports]
    assert TOO_MUCH_MEASURED in why
    assert len(ledger.rules[wide.rules[0].id + "/" + wide.rules[0].table].past) > 1


def test_the_measurements_of_common_rules_have_room():
    """50 rules with ten categories each, much the same in each run."""
    common = scan(rules=50, kind="drift", measure="shares", change="10%", name="d")
    ledger = Ledger()
    for _ in range(MAX_MEASUREMENTS):
        reports = [
            RuleReport(rule, records=100, measured=shares(rule.id, 10)) for rule in common.rules
        ]
        assert within_room(ledger.rules, (), reports, ids_of(common)) == reports
        ledger = merged_of(common, reports, ledger).ledger
    assert {len(state.past) for state in ledger.rules.values()} == {MAX_MEASUREMENTS}


def shares(seed: str, categories: int = 100) -> dict[str, Any]:
    values = [text(f"{seed}{number}", 20) for number in range(categories)]
    return {"records": 100, "shares": [{"value": value, "count": 1} for value in values]}


@pytest.mark.parametrize("place", ["tables", "rules"])
def test_names_that_a_run_cannot_store_are_refused_at_the_door(place):
    """With the number, the limit and the fix."""
    with pytest.raises(DefinitionError) as refused:
        scan(table=80)
    assert f"{place}: the names of its tables have 160,000 bytes, and at most 100,000" in str(
        refused.value
    )
    assert scan(table=50).tables


def test_the_cursor_of_a_crawl_fits_where_every_page_is_the_same_as_another():
    """A site with links to ever more pages of the longest addresses, of which none counts."""
    types, rules = Types(clinic_rubric().page_types), Robots()
    at = "https://clinic.example/"
    crawl = Crawl()
    asked = 0
    while crawl.advance(at, 50, {"clinic.example": rules}, types):
        for request in crawl.frontier:
            asked += 1
            is_home = request.role in (RequestRole.HOME, RequestRole.MOBILE)
            request.outcome = RequestOutcome.STORED if is_home else RequestOutcome.FOLDED
            request.key, request.content = page_key(request.url), "c" * 32
            request.message = f"it is the same page as {request.url}"
            links = [
                PageLink(f"{at}team/{asked}-{n}-".ljust(MAX_ADDRESS, "a"), "") for n in range(20)
            ]
            crawl.discover(types, Evidence(at, {}, links=links))
    assert sum(request.is_page for request in crawl.requests) == MAX_PAGES
    assert document_bytes("runs/m/steps/fetch", crawl.store()) < 0.9 * MAX_DOCUMENT_BYTES


def test_a_decision_about_very_many_findings_fits():
    """Each in a place of its own, with the longest reason."""
    some = {(n // 500, n % 500): n.to_bytes(ID_BYTES, "big") for n in range(MAX_TOGETHER + 1)}
    decision = Decision(NOW, "ignored", text("by", 200), text("why", MAX_WHY_LENGTH))
    first, last = placed_together(decision, "run", some)
    assert (len(first.ids), len(last.ids)) == (MAX_TOGETHER, 1)
    size = document_bytes("scans/m/ledgers/b/decisions/many", decision_fields(first))
    assert size < MAX_DOCUMENT_BYTES


def test_the_document_of_a_finding_fits():
    """The most records and moves, with the longest names and reasons."""
    names = tuple(text(f"n{n}", 120) for n in range(MAX_RECORDS_NAMED))
    records = tuple(f"rec{n:014}" for n in range(MAX_RECORDS_LISTED))
    one = structs.replace(a_finding("r", text("t", 255), 1), records=records, names=names)
    move = Move(NOW, "ignored", text("by", 200), text("why", MAX_WHY_LENGTH), NOW)
    history = (move,) * MAX_MOVES
    entry = FindingEntry("f", "r", one, "ignored", 1, 0, NOW, None, history, True)
    ledger = Ledger(1, {"r": RuleState("r", "r", one.table, "c", 1, NOW, (), text("o", 200))})
    size = document_bytes("findings/f", finding_document(ledger, entry))
    assert size < 0.5 * MAX_DOCUMENT_BYTES


def test_the_usage_of_a_run_fits_with_every_call_in_flight():
    """As many calls at once as there may be, each of a name that is as long as a hash."""
    day = DayUsage()
    for number in range(20 * MAX_CONCURRENCY):
        day.reserve(call_name(f"{number:064}", 1), ModelUsage(1, 10**7, 10**7, 10**7, 0.5))
    size = document_bytes("scans/m/usage/day-run", day.fields())
    assert size < 0.3 * MAX_DOCUMENT_BYTES


def test_the_version_of_a_scan_fits_with_its_text():
    """The largest definition, and the longest text that does not shrink."""
    kept = {"definition": "x" * MAX_BYTES, "written": bytes(MAX_YAML + 100), "updated_at": NOW}
    assert document_bytes("scans/m/versions/v", kept) < MAX_DOCUMENT_BYTES - 10_000
