"""Stored ledgers of many findings, without the runs that would find them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from random import Random

from landfall.airtable.links import Origin
from landfall.integrity.findings.entry import FindingEntry, Move, State
from landfall.integrity.findings.ledger import Ledger
from landfall.integrity.findings.ledger_store import LedgerStore, StoredLedger
from landfall.integrity.findings.list_index import in_order
from landfall.integrity.findings.lists import FindingsList, list_documents
from landfall.integrity.findings.packing import pack_entries
from landfall.integrity.findings.rule_state import RuleState
from landfall.integrity.rules.evaluate import Finding
from landfall.store.commit_size import groups
from landfall.store.documents import Put, Store, Write
from landfall.store.packed import packed_documents

BASE = "appPeople00000001"

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
"""The first look."""

RULES = {
    f"{rule_id}/{table}": RuleState(f"{rule_id}/{table}", rule_id, table, "", 3, START, (), owner)
    for rule_id, table, owner in (
        ("email", "People", "Ms Smith"),
        ("phone", "People", ""),
        ("place", "Rooms", "Mr Jones"),
    )
}

SEVERITY = {"email": "critical", "phone": "warning", "place": "info"}

STATES_AND_SHARES: tuple[tuple[State, int], ...] = (
    ("open", 90), ("reopened", 2), ("ignored", 3), ("resolved", 5),
)  # fmt: skip


def entries(count: int, random: Random) -> list[FindingEntry]:
    """Return so many findings, each of a record, in no order."""
    states, shares = zip(*STATES_AND_SHARES, strict=True)
    return [
        entry_of(number, random.choice(list(RULES)), random.choices(states, shares)[0], random)
        for number in range(count)
    ]


def entry_of(number: int, rule_key: str, state: State, random: Random) -> FindingEntry:
    """Return a finding with this state, to which it may have moved by a decision with an end."""
    rule = RULES[rule_key]
    record = f"rec{number:014}"
    finding = Finding(
        rule.rule_id,
        rule.table,
        (record,),
        "Email",
        f"'{number}@example'",
        SEVERITY[rule.rule_id],  # type: ignore[arg-type]
        f"Email of Person {number} has no domain",
        names=(f"Person {number}",),
    )
    seen = START - timedelta(days=random.randrange(30))
    moves = [Move(seen, "open", "m-0")]
    if state != "open":
        until = START + timedelta(days=random.randrange(9)) if random.random() < 0.5 else None
        until = until if state == "ignored" else None
        moves.append(Move(START - timedelta(minutes=random.randrange(99)), state, "ada", "", until))
    resolved_at = START if state == "resolved" else None
    key = f"{random.getrandbits(128):032x}"
    return FindingEntry(
        key, rule_key, finding, state, 1, 0, seen, resolved_at, tuple(moves), number < 9
    )


async def store_ledger(
    store: Store,
    some: Sequence[FindingEntry],
    run_id: str = "m-1",
    made_at: datetime = START,
    decided: Mapping[str, datetime] | None = None,
) -> FindingsList:
    """Store a ledger of the scan `people` with these entries, as a run does that has seen these
    decisions."""
    where, writes = list_documents(run_id, in_order(some, RULES), made_at, dict(decided or {}))
    run = {"scan_id": "people", "findings_list": asdict(where), "updated_at": made_at}
    await _store(store, where, [*writes, Put(f"runs/{run_id}", run)])
    return where


async def store_older_ledger(store: Store, some: Sequence[FindingEntry]) -> FindingsList:
    """Store a ledger as an older Landfall did: its list has no index, and is in any order."""
    made = packed_documents(pack_entries(some))
    writes = [Put(f"runs/m-1/results/{n:06d}", fields) for n, fields in enumerate(made)]
    where = FindingsList("m-1", len(made))
    await _store(store, where, writes)
    return where


async def _store(store: Store, where: FindingsList, writes: Sequence[Write]) -> None:
    ledgers = LedgerStore(store, "people", BASE)
    (head,) = await store.read(ledgers.path)
    ledger, origin = Ledger(1, RULES), Origin(BASE, {"People": "tbl1", "Rooms": "tbl2"})
    stored = StoredLedger(ledger, head, where, START, True, None, origin)
    for group in groups(writes):
        await store.commit(group)
    await store.commit([ledgers.head(stored)])
