"""A page of findings costs a page, and is what one would get from the whole list."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from msgspec import structs

from landfall.integrity.findings import decided, list_index, shown, views
from landfall.integrity.findings.decided import ID_BYTES, has_id, id_in_bytes
from landfall.integrity.findings.entry import (
    STATES,
    Decision,
    FindingEntry,
    Move,
    State,
    is_moved,
    state_with,
)
from landfall.integrity.findings.identity import next_id
from landfall.integrity.findings.ledger_store import LedgerStore
from landfall.integrity.findings.list_index import in_order
from landfall.integrity.findings.lists import ListMissingError, all_entries
from landfall.integrity.findings.of_run import _with_texts
from landfall.integrity.findings.shown import ORDERS, Listing
from landfall.integrity.findings.views import DecisionNotFoundError, ScanFindings, download
from landfall.integrity.findings.wanted import FACETS, Wanted
from landfall.store.documents import Document, Fields, Query
from landfall.store.versioned import VersionedStore
from tests.fakes.callers import text_of
from tests.fakes.ledgers import BASE, RULES, START, entries, store_ledger, store_older_ledger
from tests.fakes.memory_store import MemoryStore

MANY = 2_000

IGNORED: tuple[State, ...] = ("ignored",)
RESOLVED: tuple[State, ...] = ("resolved",)

PAGE_BYTES = 350_000
"""Packed bytes that a page of ten may read, of a list that has more."""


class Weighing(MemoryStore):
    """Counts the documents that are read, and the packed bytes in them."""

    def __init__(self) -> None:
        super().__init__()
        self.documents = self.bytes = 0

    def start(self) -> None:
        self.documents = self.bytes = 0

    async def read(self, *paths: str) -> list[Document | None]:
        found = await super().read(*paths)
        self._weigh([it for it in found if it])
        return found

    async def find(self, query: Query) -> list[Document]:
        found = await super().find(query)
        self._weigh(found)
        return found

    def _weigh(self, found: Sequence[Document]) -> None:
        self.documents += len(found)
        self.bytes += sum(len(it) for doc in found for it in doc.data.get("packed", ()))


class Scan:
    """A scan's findings, of which a test asks pages."""

    def __init__(self, count: int = MANY, seed: int = 1) -> None:
        self.raw = Weighing()
        self.store = VersionedStore(self.raw)
        self.now = START + timedelta(days=4)
        self.findings = ScanFindings(self.store, lambda: self.now, "people", BASE)
        self.entries = entries(count, Random(seed))
        self.decisions: dict[str, Decision] = {}

    async def listing(self) -> Listing:
        return await self.findings.listing()

    async def decide(self, entry: FindingEntry, state: Any, **more: Any) -> None:
        self.now += timedelta(seconds=1)
        decision = Decision(self.now, state, "ada", "known", **more)
        await self.findings.decide(entry.id, decision)
        self.decisions[entry.id] = decision

    async def decide_all(self, wanted: Wanted, state: Any) -> int:
        self.now += timedelta(seconds=1)
        ids = self.expected(wanted)
        decision = Decision(self.now, state, "ada", "known")
        await self.findings.decide_all(wanted, decision, len(ids))
        self.decisions |= dict.fromkeys(ids, decision)
        return len(ids)

    async def check(self) -> None:
        """Compare what is shown with what is expected."""
        listing = await self.listing()
        for wanted in (Wanted(), Wanted(states=IGNORED), Wanted(rule="email", states=STATES)):
            expected = self.expected(wanted)
            assert [it["finding_id"] async for it in listing.each(wanted)] == expected
            assert await listing.count(wanted) == len(expected)

    def state(self, entry: FindingEntry) -> State:
        """The state now, worked out from the whole entry."""
        last = entry.history[-1]
        applied = Decision(last.at, "ignored", last.by, last.why, last.until)
        decision = self.decisions.get(entry.id, applied if entry.state == "ignored" else None)
        return state_with(entry, decision, self.now)

    def expected(self, wanted: Wanted) -> list[str]:
        """The ids of the wanted findings in their order, worked out from all entries."""
        return [
            entry.id
            for entry in in_order(self.entries, RULES)
            if self.state(entry) in wanted.states
            and wanted.rule in (None, entry.finding.rule_id)
            and wanted.table in (None, entry.finding.table)
            and wanted.severity in (None, entry.finding.severity)
            and wanted.owner in (None, RULES[entry.rule_key].owner)
            and (wanted.since is None or entry.first_seen >= wanted.since)
            and (wanted.text or "").lower() in f"{entry.finding.message} {entry.id}".lower()
        ]


async def a_scan(count: int = MANY, decided: int = 0, seed: int = 1) -> Scan:
    """A stored scan, with decisions of people about some findings since its last look."""
    scan = Scan(count, seed)
    await store_ledger(scan.store, scan.entries)
    random = Random(seed)
    undecided = [entry for entry in scan.entries if entry.state != "resolved"]
    for number, entry in enumerate(random.sample(undecided, decided)):
        until = scan.now + timedelta(days=1) if number % 3 else None
        await scan.decide(entry, ("ignored", "open")[number % 2], until=until)
    return scan


async def paged(listing: Listing, wanted: Wanted, count: int) -> list[str]:
    """The ids of the wanted findings, page by page, each of which counts them all."""
    ids: list[str] = []
    at: int | None = 0
    while at is not None:
        page = await listing.page(wanted, 97, at)
        assert page.count == count
        ids += [it["finding_id"] for it in page.findings]
        at = page.next
    return ids


WANTED = [
    Wanted(),
    Wanted(states=STATES),
    *(Wanted(states=(state,)) for state in STATES),
    Wanted(rule="phone"),
    Wanted(table="Rooms", severity="info"),
    Wanted(severity="critical", states=IGNORED),
    Wanted(owner="Mr Jones"),
    Wanted(owner=""),
    Wanted(rule="none"),
    Wanted(since=START - timedelta(days=1)),
    Wanted(text="person 77"),
    Wanted(text="PERSON 7", rule="email", states=IGNORED),
]


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_pages_and_counts_are_those_of_the_whole_list(seed, older):
    """With any filter, in pages of any size; with people's decisions, also those that have ended,
    since the look; of a list that an older Landfall has stored, too."""
    scan = await a_scan(700, decided=40, seed=seed)
    if older:
        scan = Scan(700, seed)
        await store_older_ledger(scan.store, in_order(scan.entries, RULES))
        for entry in scan.entries[:40]:
            if entry.state != "resolved":
                await scan.decide(entry, "ignored", until=scan.now + timedelta(days=1))
    for later in (0, 3):
        scan.now += timedelta(days=later)
        listing = await scan.listing()
        for wanted in WANTED:
            expected = scan.expected(wanted)
            assert [it["finding_id"] async for it in listing.each(wanted)] == expected
            assert await listing.count(wanted) == len(expected)
            assert await paged(listing, wanted, len(expected)) == expected
            page = await listing.page(wanted, 5, skip=11)
            assert [it["finding_id"] for it in page.findings] == expected[11:16]


async def test_each_facet_is_counted_beside_its_own_filter():
    """What another choice of it would show, with the other filters as they are."""
    scan = await a_scan(700, decided=40)
    listing = await scan.listing()
    for wanted in (Wanted(), Wanted(rule="email", states=IGNORED), Wanted(text="person 1")):
        counts = await listing.counts(wanted)
        assert tuple(counts) == FACETS
        by_id = {entry.id: entry for entry in scan.entries}
        of = {
            "rule": lambda entry: entry.finding.rule_id,
            "table": lambda entry: entry.finding.table,
            "severity": lambda entry: entry.finding.severity,
            "owner": lambda entry: RULES[entry.rule_key].owner,
            "state": scan.state,
        }
        for facet in FACETS:
            there = map(by_id.get, scan.expected(wanted.but_any(facet)))
            assert counts[facet] == Counter(map(of[facet], there))


async def test_a_page_costs_a_page():
    """Ten of 30,000, with a filter or far behind: a few documents, whatever else there is."""
    scan = await a_scan(30_000, decided=5)
    whole = sum(len(it) for doc in scan.raw.all("runs/m-1/results") for it in doc.data["packed"])
    assert whole > 3 * PAGE_BYTES
    for wanted, skip in (
        (Wanted(), 0),
        (Wanted(), 20_000),
        (Wanted(severity="critical"), 0),
        (Wanted(rule="place"), 5_000),
        (Wanted(states=IGNORED), 100),
        (Wanted(states=RESOLVED, table="Rooms"), 0),
        (Wanted(rule="none"), 0),
    ):
        scan.raw.start()
        page = await (await scan.listing()).page(wanted, 10, skip=skip)
        assert len(page.findings) == (0 if wanted.rule == "none" else 10)
        assert scan.raw.documents <= 1 + 1 + 5 + 2, "the head, the index, decisions, the list"
        assert scan.raw.bytes <= PAGE_BYTES


async def test_one_finding_costs_a_finding():
    """To show it, to ignore it, to reopen it; and to learn that there is no such finding."""
    scan = await a_scan(30_000)
    entry = next(entry for entry in scan.entries if entry.state == "open")
    for ask in (
        lambda: scan.findings.one(entry.id),
        lambda: scan.decide(entry, "ignored"),
        lambda: scan.decide(entry, "open"),
    ):
        scan.raw.start()
        await ask()
        assert scan.raw.documents <= 1 + 1 + 1 + 1 + 1, (
            "the head, the index, places, list, decision"
        )
        assert scan.raw.bytes <= PAGE_BYTES + list_index.PLACES_TOGETHER * 8
    assert (await scan.findings.one(entry.id))["state"] == "open"


async def test_who_follows_the_tokens_sees_one_list():
    """Each finding once, though a later look has another list, and people decide meanwhile."""
    scan = await a_scan(700)
    expected = scan.expected(Wanted())
    first = await (await scan.listing()).page(Wanted(), 100)
    for finding in first.findings:
        entry = next(it for it in scan.entries if it.id == finding["finding_id"])
        await scan.decide(entry, "ignored")
    run_id = (await scan.listing()).of_run
    await store_ledger(scan.store, entries(300, Random(7)), "m-2", scan.now)
    seen, at = [it["finding_id"] for it in first.findings], first.next
    while at is not None:
        page = await (await scan.findings.listing(run_id)).page(Wanted(), 400, at)
        seen, at = seen + [it["finding_id"] for it in page.findings], page.next
    assert seen == expected


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_a_file_is_of_one_list(form):
    """A look that ends in the middle of it changes nothing of what is sent, and no list is read
    ahead of what is sent."""
    scan = await a_scan(4_000)
    file = download(await scan.listing(), Wanted(), form, "people")
    expected = scan.expected(Wanted())
    scan.raw.start()
    parts = [await anext(file.pieces), await anext(file.pieces)]
    assert scan.raw.documents <= 2
    await store_ledger(scan.store, entries(300, Random(7)), "m-2", scan.now)
    text = "".join(parts) + await text_of(file)
    ids = [it["finding_id"] for it in json.loads(text)] if form == "json" else None
    assert ids in (None, expected)
    assert all(text.count(finding_id) == 1 for finding_id in expected[:: len(expected) // 9])


async def test_a_decision_about_an_earlier_list_holds_in_the_next():
    """One that a look did not see: it was made while the look was scored, or by a clock that is
    behind. The place that it has is that of the earlier list."""
    scan = await a_scan(700)
    live = [entry for entry in scan.entries if entry.state == "open"]
    await scan.decide(live[3], "ignored")
    scan.now += timedelta(minutes=30)
    later = [entry for entry in scan.entries if entry.finding.table == "People"]
    await store_ledger(scan.store, later, "m-2", scan.now)
    scan.entries = later
    listing = await scan.listing()
    for wanted in (Wanted(), Wanted(states=IGNORED)):
        assert [it["finding_id"] async for it in listing.each(wanted)] == scan.expected(wanted)
        assert await listing.count(wanted) == len(scan.expected(wanted))


async def test_many_findings_are_decided_at_once():
    """By filters: one document for each reason why they were ignored, whatever their number; of
    several decisions the newest holds."""
    scan = await a_scan(700, decided=20)
    decisions = LedgerStore(scan.store, "people", BASE).decisions
    before = len(scan.raw.all(f"scans/people/ledgers/{BASE}/decisions"))
    assert await scan.decide_all(Wanted(rule="email"), "ignored") > 100
    await scan.check()
    entry = next(it for it in scan.entries if it.id in scan.expected(Wanted(states=IGNORED)))
    await scan.decide(entry, "open")
    await scan.check()
    await scan.decide_all(Wanted(text="person 1"), "ignored")
    await scan.decide_all(Wanted(states=IGNORED, rule="email"), "open")
    await scan.check()
    after = len(scan.raw.all(f"scans/people/ledgers/{BASE}/decisions"))
    reasons = {(it.history[-1].why, it.history[-1].until) for it in scan.entries} | {"known"}
    assert after - before <= 3 + len(reasons)
    assert await decisions() == scan.decisions
    scan.raw.start()
    assert len((await (await scan.listing()).page(Wanted(), 10)).findings) == 10
    assert scan.raw.documents <= 2 + after + 2


async def test_what_others_have_changed_is_not_decided():
    """A person decides about what they saw: another number of findings is refused, as is more than
    a commit takes."""
    scan = await a_scan(700)
    count = len(scan.expected(Wanted(rule="email")))
    decision = Decision(scan.now, "ignored", "ada")
    with pytest.raises(ValueError, match=f"have {count} findings, not {count + 1}: look again"):
        await scan.findings.decide_all(Wanted(rule="email"), decision, count + 1)
    assert scan.raw.all(f"scans/people/ledgers/{BASE}/decisions") == []
    assert await scan.findings.decide_all(Wanted(rule="none"), decision, 0) == 0


async def test_many_decisions_in_parts(monkeypatch):
    """Ids that do not fit into one document are in several, in one commit."""
    monkeypatch.setattr(decided, "MAX_TOGETHER", 50)
    scan = await a_scan(2_000)
    many = await scan.decide_all(Wanted(), "ignored")
    documents = scan.raw.all(f"scans/people/ledgers/{BASE}/decisions")
    assert len(documents) > 2
    assert sum(len(it.data["findings"]) for it in documents) == many * decided.ID_BYTES
    assert len(await LedgerStore(scan.store, "people", BASE).decisions()) == many
    await scan.check()


@pytest.mark.parametrize("seen", [False, True])
async def test_a_decision_about_many_is_undone_where_it_still_holds(seen):
    """Each finding is as it was, ignored for its own reason or open, also after a run; those that
    a person has decided on since stay."""
    scan = await a_scan(700, decided=20)
    wanted = Wanted(states=IGNORED, rule="email")
    reasons = {it["finding_id"]: why(it) async for it in (await scan.listing()).each(wanted)}
    assert len(set(reasons.values())) > 2
    scan.now += timedelta(seconds=1)
    decision = Decision(scan.now, "open", "ada", "by hand")
    await scan.findings.decide_all(wanted, decision, len(reasons), "d1")
    scan.decisions |= dict.fromkeys(reasons, decision)
    ledgers = LedgerStore(scan.store, "people", BASE)
    if seen:
        there = await ledgers.decided_before(scan.now)
        scan.entries = [moved(it, scan.decisions.get(it.id), scan.now) for it in scan.entries]
        await store_ledger(scan.store, scan.entries, "m-2", scan.now, there)
    again, *others = reasons
    await scan.decide(next(it for it in scan.entries if it.id == again), "ignored")
    scan.now += timedelta(seconds=1)
    assert await scan.findings.undo("d1", "bob") == (len(others), 1)
    found = [it async for it in (await scan.listing()).each(wanted)]
    assert {it["finding_id"]: why(it) for it in found} == reasons | {again: ("known", None)}
    assert {it["decision"]["by"] for it in found} == {"ada", "bob"}
    assert (await scan.findings.undo("d1", "bob"))[0] == 0
    with pytest.raises(DecisionNotFoundError, match="there is no decision 'd2' by now"):
        await scan.findings.undo("d2", "bob")


def why(finding: Fields) -> tuple[str, datetime | None]:
    """The reason and the end of ignoring a finding."""
    return finding["decision"]["why"], finding["decision"]["until"]


async def test_too_many_reasons_are_not_reopened_at_once(monkeypatch):
    """Each would be a document that every page reads."""
    monkeypatch.setattr(views, "MAX_REASONS", 2)
    scan = await a_scan(700, decided=20)
    with pytest.raises(ValueError, match="for more than 2 reasons; narrow the filters"):
        await scan.decide_all(Wanted(states=IGNORED), "open")


@pytest.mark.parametrize("seen", [False, True])
async def test_a_look_takes_each_decision_once(seen):
    """Of the last hour, too: those that it saw are in its list, and not asked for again; those that
    it missed are laid over the new list, wherever their findings are in it."""
    scan = await a_scan(700)
    await scan.decide_all(Wanted(rule="email"), "ignored")
    ledgers = LedgerStore(scan.store, "people", BASE)
    there = await ledgers.decided_before(scan.now)
    later = [it for it in scan.entries if it.state != "resolved"]
    if seen:
        later = [moved(it, scan.decisions.get(it.id), scan.now) for it in later]
    await store_ledger(scan.store, later, "m-2", scan.now, there if seen else {})
    scan.entries = later
    await scan.check()
    scan.raw.start()
    await scan.listing()
    assert scan.raw.documents == 3 if seen else scan.raw.documents > 3


def moved(entry: FindingEntry, decision: Decision | None, now: datetime) -> FindingEntry:
    """The entry after a look at `now` that has seen this decision."""
    state = state_with(entry, decision, now)
    if decision is None or not is_moved(entry, decision, state):
        return entry
    move = Move(decision.at, state, decision.by, decision.why, decision.until)
    return structs.replace(entry, state=state, history=(*entry.history, move))


async def test_an_older_list_gets_its_index_once():
    """It is read whole by the first who asks for it."""
    scan = Scan()
    where = await store_older_ledger(scan.store, scan.entries)
    assert await (await scan.listing()).count(Wanted()) == len(scan.expected(Wanted()))
    scan.raw.start()
    assert await (await scan.listing()).count(Wanted()) == len(scan.expected(Wanted()))
    assert scan.raw.documents == 2
    assert await all_entries(scan.store, where) == scan.entries
    there = [doc for doc in scan.raw.all("runs/m-1/results") if "expires_at" in doc.data]
    assert there == []


async def test_a_list_without_a_part_is_no_list():
    """The document that is missing is named; nothing is shown as if it were all."""
    scan = await a_scan()
    scan.raw.delete("runs/m-1/results/000000")
    with pytest.raises(ListMissingError, match="runs/m-1/results/000000 is missing"):
        await (await scan.listing()).page(Wanted(), 10)


async def test_a_short_page_of_findings_of_many_records():
    """It ends where its records take too much, and has one at least."""
    scan = await a_scan(30)
    listing = await scan.listing()
    size = len("rec00000000000000") + 4 + len("Person 12") + 4
    assert len((await listing.page(Wanted(), 10, most_bytes=3 * size)).findings) in (2, 3)
    assert len((await listing.page(Wanted(), 10, most_bytes=1)).findings) == 1


@pytest.mark.parametrize("order", ORDERS)
async def test_findings_are_sorted_over_all_pages(order, monkeypatch):
    """As by a sort of all that are wanted, page by page; of too many, none."""
    scan = await a_scan(300, decided=20)
    listing = await scan.listing()
    wanted = Wanted(rule="email")
    by_id = {it.id: it for it in scan.entries}
    keys: dict[str, Any] = {
        "newest": lambda it: -by_id[it].first_seen.timestamp(),
        "oldest": lambda it: by_id[it].first_seen.timestamp(),
        "records": lambda it: -by_id[it].finding.record_count,
    }
    found: list[str] = []
    following: int | None = 0
    while following is not None:
        page = await listing.sorted_page(wanted, order, 7, following)
        found += [it["finding_id"] for it in page.findings]
        following = page.next
    assert page.count == len(found)
    assert found == sorted(scan.expected(wanted), key=keys[order])
    short = await listing.sorted_page(wanted, order, 7, most_bytes=1)
    assert (len(short.findings), short.next) == (1, 1)
    monkeypatch.setattr(shown, "MAX_SORTED", 3)
    with pytest.raises(ValueError, match="at most 3 are sorted; narrow the filters"):
        await listing.sorted_page(wanted, order, 7)


async def test_since_includes_its_moment() -> None:
    """Also where it is the newest moment of a piece, and of one finding alone."""
    scan = await a_scan()
    listing = await scan.listing()
    for moment in sorted({entry.first_seen for entry in scan.entries})[-3:]:
        wanted = Wanted(since=moment, states=STATES)
        expected = scan.expected(wanted)
        assert any(entry.first_seen == moment for entry in scan.entries if entry.id in expected)
        assert [it["finding_id"] async for it in listing.each(wanted)] == expected


def test_an_id_is_among_others_at_its_place_alone() -> None:
    """First or last; bytes across two others are none."""
    one, other = bytes(range(16)), bytes(range(100, 116))
    assert has_id(one, one)
    assert has_id(one + other, one)
    assert has_id(other + one, one)
    across = other[:8] + one + other[8:]
    assert not has_id(across, one)
    assert has_id(across + one, one)
    assert not has_id(b"", one)
    assert not has_id(other, one)


def test_an_id_that_is_derived_has_the_form_of_ids() -> None:
    """It is found by requests and in lists like any other, and is the same for the same one."""
    derived = next_id("0" * 32)
    assert re.fullmatch("[0-9a-f]{32}", derived)
    assert derived == next_id("0" * 32) != next_id(derived)
    assert len(id_in_bytes(derived)) == ID_BYTES


def test_a_rule_has_its_texts_where_the_ledger_knows_them() -> None:
    """One that the ledger does not know is shown as its run has it."""
    rule: Fields = {"key": "email/People", "rule_id": "email", "owner": ""}
    assert _with_texts(rule, None) == rule
    known = replace(RULES["email/People"], requirement="Each has an address")
    assert _with_texts(rule, RULES["email/People"]) == rule
    texts = {"owner": "Ms Smith", "requirement": "Each has an address"}
    assert _with_texts(rule, known) == rule | texts


async def test_the_findings_of_most_records_come_first() -> None:
    """In the order by records; and those of as many, in the order of the list."""
    scan = Scan(60)
    scan.entries = [
        structs.replace(entry, finding=structs.replace(entry.finding, record_count=1 + at % 7))
        for at, entry in enumerate(scan.entries)
    ]
    await store_ledger(scan.store, scan.entries)
    wanted = Wanted(states=STATES)
    page = await (await scan.listing()).sorted_page(wanted, "records", 100)
    counts = {entry.id: entry.finding.record_count for entry in scan.entries}
    expected = sorted(scan.expected(wanted), key=lambda it: -counts[it])
    assert [it["finding_id"] for it in page.findings] == expected


async def test_what_is_ignored_no_longer_is_shown_as_open() -> None:
    """Once the end of ignoring it has passed, with the decision that had it."""
    scan = Scan(200)
    scan.entries = [
        structs.replace(it, history=(it.history[0], *it.history)) for it in scan.entries
    ]  # the second move is not the last
    await store_ledger(scan.store, scan.entries)
    scan.now += timedelta(days=30)
    states = {entry.id: scan.state(entry) for entry in scan.entries}
    ended = {it.id for it in scan.entries if it.state == "ignored" and states[it.id] != "ignored"}
    assert ended
    shown = [it async for it in (await scan.listing()).each(Wanted(states=STATES))]
    assert {it["finding_id"]: it["state"] for it in shown} == states
    last = {entry.id: structs.asdict(entry.history[-1]) for entry in scan.entries}
    assert all(
        it["decision"] == last[it["finding_id"]] for it in shown if it["finding_id"] in ended
    )


async def test_a_file_is_of_the_form_that_was_asked_for() -> None:
    """By its name, which a program opens it by."""
    scan = await a_scan(10)
    names = [
        download(await scan.listing(), Wanted(), it, "x").name for it in ("csv", "xlsx", "json")
    ]
    assert names == ["x.csv", "x.xlsx", "x.json"]


async def test_findings_are_sorted_by_when_they_were_first_seen() -> None:
    """The newest or the oldest first."""
    scan = await a_scan(60)
    seen = {entry.id: entry.first_seen for entry in scan.entries}
    listing = await scan.listing()
    for order, newest_first in (("newest", True), ("oldest", False)):
        page = await listing.sorted_page(Wanted(states=STATES), order, 100)
        moments = [seen[it["finding_id"]] for it in page.findings]
        assert len(moments) == 60
        assert moments == sorted(moments, reverse=newest_first)
