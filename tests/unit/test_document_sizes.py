"""The largest documents that definitions, bases, sites, models and people can lead to fit into
Firestore."""

from typing import Any

import pytest

from landfall.airtable.links import Origin
from landfall.classification.reviews import MAX_HISTORY
from landfall.integrity.findings.decided import ID_BYTES, MAX_TOGETHER, placed_together
from landfall.integrity.findings.entry import Decision
from landfall.integrity.findings.ledger import Ledger
from landfall.integrity.findings.ledger_room import (
    MAX_MEASUREMENTS,
    TOO_MUCH_MEASURED,
    within_room,
)
from landfall.integrity.report import run_report
from landfall.integrity.rules.evaluate import RuleReport
from landfall.kinds.definition import DefinitionError
from landfall.site.crawl import MAX_PAGES
from landfall.site.report_room import DETAILS, stored_report
from landfall.site.rubric import clinic_rubric
from landfall.store.documents import Create
from landfall.store.limits import MAX_DOCUMENT_BYTES, MAX_ENTRIES, document_bytes
from landfall.store.versions import DOCUMENT_KINDS
from tests.fakes import largest_classification, largest_site
from tests.fakes.document_bounds import LARGEST
from tests.fakes.largest import BASE, MAKERS, NOW, Make, made_by, text
from tests.fakes.largest_integrity import (
    found,
    head_of,
    ids_of,
    lacking,
    merged_of,
    scan,
)
from tests.fakes.memory_store import MemoryStore, entries_of


def test_every_kind_of_document_has_a_bound_and_a_largest_one():
    """Who adds a kind says how large it may be, and makes one."""
    assert set(LARGEST) == set(MAKERS) == set(DOCUMENT_KINDS)
    assert max(LARGEST.values()) < MAX_DOCUMENT_BYTES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        pytest.param(kind, make, id=f"{kind}{make.__name__}")
        for kind, makers in MAKERS.items()
        for make in makers
    ],
)
def test_the_largest_document_of_a_kind_fits(kind: str, make: Make):
    """By Firestore's own rule of sizes, and with its entries in indexes."""
    made = made_by(make)
    assert "/".join(made.path.split("/")[::2]) == kind
    assert document_bytes(made.path, made.data) <= LARGEST[kind]
    assert entries_of(made.path, made.data) < MAX_ENTRIES / 10


async def test_a_document_beyond_the_bound_of_its_kind_fails_a_test():
    """Though Firestore would take it."""
    store = MemoryStore()
    for path, size in (("sites/clinic.example", 6_000), ("scans/m/elements/e", 200_000)):
        with pytest.raises(AssertionError, match="bytes, and its kind at most"):
            await store.commit([Create(path, {"text": "x" * size})])


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


def test_a_crawl_of_a_site_whose_pages_are_all_the_same_ends():
    """With links to ever more of them."""
    requests = largest_site.folding_crawl().requests
    assert sum(request.is_page for request in requests) == MAX_PAGES


def test_a_decision_about_very_many_findings_is_stored_in_parts():
    """Each in a place of its own."""
    some = {(n // 500, n % 500): n.to_bytes(ID_BYTES, "big") for n in range(MAX_TOGETHER + 1)}
    first, last = placed_together(Decision(NOW, "ignored", "ada"), "run", some)
    assert (len(first.ids), len(last.ids)) == (MAX_TOGETHER, 1)


def test_earlier_reviews_are_forgotten_where_they_are_too_long():
    """The oldest first; others have fifty."""
    long = largest_classification.review()
    assert 10 < len(long.history) < MAX_HISTORY
    assert [one["values"] for one in long.history][-1] == largest_classification.values("48")


@pytest.mark.slow
def test_the_report_of_a_site_with_long_remarks_is_shortened_and_says_so():
    """Fifty pages, judged in a language of rare characters: every page and remark is there."""
    whole = largest_site.report_of_remarks().fields
    stored = stored_report(whole)
    assert stored["shortened"].startswith("the whole report is too large to be stored")
    assert {*stored} == {*whole, "shortened"}
    assert stored["pages"] == whole["pages"]
    judged = stored["judgements"]
    assert [one["url"] for one in judged] == [one["url"] for one in whole["judgements"]]
    remarks = {len(said["why"]) for one in judged for said in one["dimensions"]}
    assert remarks == {DETAILS[0].text}


def test_the_usual_report_of_a_site_is_stored_whole():
    """Nothing is cut, and nothing is said."""
    site = largest_site.observed(clinic_rubric())
    whole: dict[str, Any] = {"pages": [{"url": page.url} for page in site.pages]}
    whole["leaks"] = [{"text": "t" * 300, "pages": [page.url for page in site.pages]}] * 20
    assert stored_report(whole) is whole
