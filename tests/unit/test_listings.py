"""What people see of findings: the fields of one, the order of all, and files of them."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from msgspec import structs

from landfall.integrity.findings import ledger_store, lists, packing
from landfall.integrity.findings.entry import STATES, Decision, FindingEntry, Move, State
from landfall.integrity.findings.ledger_store import choose_documented
from landfall.integrity.findings.list_index import in_order
from landfall.integrity.findings.lists import all_entries, open_list
from landfall.integrity.findings.packing import pack_entries, unpack_entries
from landfall.integrity.findings.views import COLUMNS, ScanFindings, rows_of
from landfall.integrity.findings.wanted import Wanted
from landfall.reasons import BadRequestError
from landfall.store.documents import Put
from landfall.store.versioned import VersionedStore
from tests.fakes.ledgers import BASE, RULES, START, entries, entry_of, store_ledger
from tests.fakes.memory_store import MemoryStore

EMAIL = "email/People"
NOW = START + timedelta(days=4)
WHY = {"state": "ignored", "by": "ada", "why": "so be it", "until": None}


def an_entry(number: int = 1, state: State = "open", rule_key: str = EMAIL) -> FindingEntry:
    return entry_of(number, rule_key, state, Random(number))


async def findings_of(*some: FindingEntry) -> tuple[VersionedStore, ScanFindings]:
    store = VersionedStore(MemoryStore())
    await store_ledger(store, some)
    return store, ScanFindings(store, lambda: NOW, "people", BASE)


async def test_a_finding_has_all_that_a_person_needs() -> None:
    """Under names that the api promises."""
    entry = an_entry(1, "reopened")
    _, findings = await findings_of(entry)
    shown = await findings.one(entry.id)
    history = shown.pop("history")
    assert shown == {
        "finding_id": entry.id,
        "rule_id": "email",
        "requirement": "",
        "owner": "Ms Smith",
        "table": "People",
        "records": ["rec00000000000001"],
        "record_names": ["Person 1"],
        "record_count": 1,
        "field": "Email",
        "value": "'1@example'",
        "severity": "critical",
        "message": "Email of Person 1 has no domain",
        "state": "reopened",
        "decision": None,
        "first_seen": entry.first_seen,
        "last_seen": START,
        "occurrences": 3,
        "links": [f"https://airtable.com/{BASE}/tbl1/rec00000000000001"],
    }
    assert [move["state"] for move in history] == ["open", "reopened"]
    (row,) = rows_of(shown)
    assert set(COLUMNS) - row.keys() == set()


async def test_a_decision_is_shown_as_long_as_it_holds() -> None:
    """The last one, in the list or since; none about what is open."""
    ignored, opened = an_entry(1, "ignored"), an_entry(2)
    moves = (*ignored.history[:-1], Move(START, "ignored", "bob", "known", None))
    ignored = structs.replace(ignored, history=moves)
    _, findings = await findings_of(ignored, opened)
    decision = (await findings.one(ignored.id))["decision"]
    assert (decision["state"], decision["by"], decision["why"]) == ("ignored", "bob", "known")
    shown = await findings.decide(opened.id, Decision(NOW, "ignored", "ada", "so be it"))
    assert (shown["state"], shown["decision"]) == ("ignored", {"at": NOW} | WHY)
    again = await findings.decide(ignored.id, Decision(NOW, "ignored", "ada", "so be it"))
    assert (again["state"], again["decision"]) == ("ignored", {"at": NOW} | WHY)
    assert (await findings.one(ignored.id))["decision"] == {"at": NOW} | WHY


async def test_a_decision_that_changes_nothing_is_not_shown() -> None:
    """To open what is open."""
    opened = an_entry(1)
    _, findings = await findings_of(opened)
    shown = await findings.decide(opened.id, Decision(NOW, "open", "ada"))
    assert (shown["state"], shown["decision"]) == ("open", None)


@pytest.mark.parametrize(
    ("records", "rows"),
    [
        (["rec1", "rec2"], [("rec1", "Ann", "a/rec1"), ("rec2", "", "a/rec2")]),
        ([], [("", "", "")]),
    ],
    ids=["of two records", "of a table"],
)
def test_a_file_has_a_row_for_each_record(
    records: list[str], rows: list[tuple[str, str, str]]
) -> None:
    """And one for a finding without any; those that ignored it are in columns of their own."""
    finding: dict[str, Any] = {
        "records": records,
        "record_names": ["Ann"] if records else [],
        "links": ["a/rec1"] if records else [],
        "decision": WHY,
    }
    found = list(rows_of(finding))
    assert [(row["record"], row["record_name"], row["link"]) for row in found] == rows
    assert {(row["ignored_by"], row["ignored_why"]) for row in found} == {("ada", "so be it")}
    (first, *_) = rows_of(finding | {"decision": WHY | {"state": "open"}})
    assert first["ignored_by"] is None


def test_what_is_open_comes_first_and_the_most_severe_of_it() -> None:
    """Then what is ignored, then what is resolved, whatever their severity."""
    number = iter(range(100))
    some = [
        an_entry(next(number), state, rule_key)
        for state in reversed(STATES)
        for rule_key in reversed(RULES)
    ]
    ordered = in_order(some, RULES)
    live = [entry.finding.severity for entry in ordered if entry.live]
    assert live == ["critical"] * 2 + ["warning"] * 2 + ["info"] * 2
    after = [(entry.state, entry.finding.severity) for entry in ordered[len(live) :]]
    severities = ("critical", "warning", "info")
    assert after == [(state, it) for state in ("ignored", "resolved") for it in severities]


def test_the_most_severe_get_the_documents_that_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that have one keep it, also of what is resolved by now."""
    monkeypatch.setattr(ledger_store, "MAX_DOCUMENTED", 3)
    had = {"critical open", "warning resolved"}
    kinds: list[tuple[str, State, str, str]] = [
        (EMAIL, "open", "critical open", ""),
        ("phone/People", "resolved", "warning resolved", ""),
        ("place/Rooms", "open", "info open", ""),
        (EMAIL, "resolved", "critical resolved", ""),
        (EMAIL, "open", "critical open", " too"),
        ("phone/People", "open", "warning open", ""),
    ]
    some = {
        name + again: structs.replace(
            an_entry(number, state, rule_key), documented=name + again in had
        )
        for number, (rule_key, state, name, again) in enumerate(kinds)
    }
    chosen = choose_documented([*some.values()])
    names = dict(zip((entry.id for entry in chosen), some, strict=True))
    assert {names[entry.id] for entry in chosen if entry.documented} == had | {"critical open too"}
    monkeypatch.setattr(ledger_store, "MAX_DOCUMENTED", 1)
    assert choose_documented(chosen) == chosen


def test_entries_are_packed_into_pieces_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order; one that is larger has a piece to itself."""
    monkeypatch.setattr(packing, "MAX_PIECE_BYTES", 2_000)
    large = structs.replace(
        an_entry(9), finding=structs.replace(an_entry(9).finding, value="x" * 3_000)
    )
    some = [an_entry(number) for number in range(8)] + [large, an_entry(10)]
    pieces = list(pack_entries(some))
    assert list(unpack_entries([piece.data for piece in pieces])) == some
    assert sum(piece.records for piece in pieces) == len(some)
    sizes = [piece.records for piece in pieces]
    assert sizes[:2] == [2, 3]
    assert sizes[-2:] == [1, 1]


async def test_a_list_of_many_documents_is_read_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each piece from its own."""
    monkeypatch.setattr(packing, "PIECE_SIZE", 10)
    monkeypatch.setattr(lists, "MAX_LIST_BYTES", 2_000)
    some = in_order(entries(100, Random(3)), RULES)
    store = VersionedStore(MemoryStore())
    where = await store_ledger(store, some)
    assert where.documents > 2
    opened = await open_list(store, where)
    pieces = range(len(opened.index.pieces))
    forward = [entry for number in pieces for entry in await opened.piece(number)]
    assert forward == list(some)
    backward = [await opened.piece(number) for number in reversed(pieces)]
    assert [entry for piece in reversed(backward) for entry in piece] == list(some)
    assert list(await all_entries(store, where)) == list(some)


@pytest.mark.parametrize("seed", range(10))
async def test_a_page_may_begin_anywhere(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a position on, and less the first of those that are wanted from there on."""
    monkeypatch.setattr(packing, "PIECE_SIZE", 10)
    random = Random(seed)
    _, findings = await findings_of(*in_order(entries(100, random), RULES))
    listing = await findings.listing()
    wanted = Wanted(rule="email")
    every = await listing.page(wanted, 1000)
    ids = [one["finding_id"] for one in every.findings]
    assert len(ids) > 20
    for _ in range(10):
        first = random.randrange(len(ids))
        start = (await listing.page(wanted, max(1, first))).next if first else 0
        skip = random.randrange(15)
        assert start is not None
        page = await listing.page(wanted, 7, start, skip)
        there = ids[max(1, first) if first else 0 :][skip : skip + 7]
        assert [one["finding_id"] for one in page.findings] == there


async def test_a_token_of_another_scans_list_is_refused() -> None:
    """Whoever may see one scan sees no other by it."""
    store, findings = await findings_of(an_entry())
    await store_ledger(store, [an_entry(2)], run_id="m-2")
    (run,) = await store.read("runs/m-1")
    assert run
    assert await (await findings.listing("m-1")).count(Wanted()) == 1
    await store.commit([Put("runs/m-1", run.data | {"scan_id": "secret"})])
    with pytest.raises(BadRequestError, match="'m-1'"):
        await findings.listing("m-1")


@pytest.mark.parametrize("table", ["People", "Rooms"])
async def test_findings_of_a_table_are_those_of_no_other(table: str) -> None:
    """Whatever rules they are of, and however severe they are."""
    some = in_order(entries(60, Random(5)), RULES)
    _, findings = await findings_of(*some)
    listing = await findings.listing()
    page = await listing.page(Wanted(table=table, states=STATES), 100)
    ids = [one["finding_id"] for one in page.findings]
    assert ids == [entry.id for entry in some if entry.finding.table == table]
    assert 0 < len(ids) < len(some)
