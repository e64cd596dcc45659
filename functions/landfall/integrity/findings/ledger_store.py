"""The store of a scan's findings between its runs.

    scans/{scan}/ledgers/{base}              the head: the current list, and the rules
    scans/{scan}/ledgers/{base}/decisions    people's decisions about findings
    runs/{run}/results                       the list: every finding, compressed (`lists.py`)
    findings/{id}                            a finding for people who look into Firestore

A list is written by a run that changed something, and referred to by later runs until one changes
something again. Documents of single findings are derived from the list: they follow it, and add
nothing to it.
"""

import zlib
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256

import msgspec

from landfall.airtable.links import Origin
from landfall.integrity.findings.decided import (
    ID_BYTES,
    PlacedDecision,
    decision_fields,
    decision_of,
    newest_by_finding,
    placed_decision_of,
)
from landfall.integrity.findings.entry import Decision, FindingEntry, finding_fields
from landfall.integrity.findings.ledger import Ledger
from landfall.integrity.findings.list_index import RECENT, Decided, ListIndex, in_order
from landfall.integrity.findings.lists import FindingsList, all_entries, list_documents
from landfall.integrity.findings.packing import pack_entries, unpack_entries
from landfall.integrity.findings.rule_state import RuleState
from landfall.integrity.findings.write_progress import WriteProgress, pending_entries
from landfall.scans.settings import SEVERITIES
from landfall.store.documents import Create, Document, Fields, Put, Query, Store, Update, Write
from landfall.store.packed import packed_documents, packed_pieces

MAX_DOCUMENTED = 5_000
"""Findings of a scan of a base that have a document of their own. The list has all of them."""

MAX_DOCUMENT_RECORDS = 100
"""Records that the document of a finding lists."""

DECISIONS_PAGE = 500

_TEXTS = ("owner", "requirement", "table_id")

_COMPRESSED = {"past", *_TEXTS}
"""Fields of a rule that the head has together with those of the others, compressed."""


@dataclass(frozen=True)
class StoredLedger:
    """A ledger as stored. `head` is None before the first run has written it.

    `followed`: the documents of all findings agree with the list. `written`: the progress of
    writing to a table of Airtable, if the scan has one.
    """

    ledger: Ledger
    head: Document | None
    list: FindingsList | None
    fetched_at: datetime | None
    followed: bool
    written: WriteProgress | None
    origin: Origin


def to_write_back(
    stored: StoredLedger,
    target: str | None,
    since: datetime,
    entries: Sequence[FindingEntry],
    changed: Set[str],
) -> tuple[WriteProgress | None, list[FindingEntry]]:
    """Return the progress of a write-back with these entries, and the entries to write.

    `target` is what the scan writes to, if anything. A table that it has not written to before
    begins with the findings that are open at `since`.
    """
    if target is None:
        return None, []
    written = stored.written
    if written is None or written.target != target:
        written = WriteProgress(target, since)
    return pending_entries(written, entries, changed)


class LedgerStore:
    """The stored ledger of a scan of a base."""

    def __init__(self, store: Store, scan_id: str, base: str) -> None:
        self.path = f"scans/{scan_id}/ledgers/{base}"
        self.scope = f"{scan_id}/{base}"
        self._decisions = f"{self.path}/decisions"
        self._store = store
        self._base = base
        self._fields = {"scan_id": scan_id, "base": base}

    async def load(self) -> StoredLedger:
        """Return the ledger that the last run wrote."""
        stored = await self.load_head()
        if stored.list is None:
            return stored
        entries = tuple(await all_entries(self._store, stored.list))
        return replace(stored, ledger=replace(stored.ledger, entries=entries))

    async def load_head(self) -> StoredLedger:
        """Return the ledger without its entries."""
        (head,) = await self._store.read(self.path)
        if head is None:
            return StoredLedger(Ledger(), None, None, None, True, None, Origin(self._base, {}))
        data = head.data
        where = FindingsList(**data["list"])
        past = msgspec.json.decode(zlib.decompress(data["past"]))
        texts = msgspec.json.decode(zlib.decompress(data["texts"])) if "texts" in data else {}
        origin = Origin(self._base, {table["table"]: table["id"] for table in data["tables"]})
        # an earlier Landfall stored the ids of the last run's tables alone
        known = [{"table_id": origin.tables.get(rule["table"], "")} for rule in data["rules"]]
        rules = [
            RuleState(
                **rule, past=tuple(past[number]), **known[number] | texts.get(rule["key"], {})
            )
            for number, rule in enumerate(data["rules"])
        ]
        states = {rule.key: rule for rule in rules}
        ledger = Ledger(data["number"], states, results=data.get("results", b""))
        written = WriteProgress(**data["written"]) if data.get("written") else None
        return StoredLedger(
            ledger, head, where, data["fetched_at"], data["followed"], written, origin
        )

    async def decisions(self) -> dict[str, Decision]:
        """Return people's decisions, by finding."""
        return newest_by_finding(await self._all_decisions())

    async def decided_before(self, moment: datetime) -> Decided:
        """Return which decisions there are of those that a look at this moment may miss."""
        return {it.id: decision_of(it).at for it in await self._decided_since(moment - RECENT)}

    async def decisions_unknown_to(self, index: ListIndex) -> list[PlacedDecision]:
        """Return people's decisions that the look which made a list has not seen, by time."""
        found = [
            (document, placed_decision_of(document))
            for document in await self._decided_since(index.since)
        ]
        unknown = [it for document, it in found if index.decided.get(document.id) != it.decision.at]
        return sorted(unknown, key=lambda it: it.decision.at)

    async def decided_together(self, together: str) -> list[PlacedDecision]:
        """Return the parts of a decision about many findings; none if it has been replaced."""
        where = [("together", "==", together)]
        found = await self._store.find(Query(self._decisions, where, limit=DECISIONS_PAGE))
        return [placed_decision_of(document) for document in found]

    async def _decided_since(self, moment: datetime) -> list[Document]:
        query = Query(self._decisions, [("at", ">", moment)], limit=DECISIONS_PAGE)
        found = await self._store.find(query)
        if len(found) < DECISIONS_PAGE:
            return found
        return [it for it in await self._all_decisions() if it.data["at"] > moment]

    def decision(self, placed: PlacedDecision) -> Write:
        """Return the write that stores a decision: about one finding, or about many."""
        fields = decision_fields(placed)
        ids = fields["findings"]
        is_one = len(ids) == ID_BYTES and not placed.together
        name = ids.hex() if is_one else f"many-{sha256(ids).hexdigest()[:32]}"
        return Put(f"{self._decisions}/{name}", fields)

    async def _all_decisions(self) -> list[Document]:
        found: list[Document] = []
        while True:
            last = found[-1].id if found else None
            query = Query(self._decisions, limit=DECISIONS_PAGE, after=last)
            some = await self._store.find(query)
            found += some
            if len(some) < DECISIONS_PAGE:
                return found

    def head(self, stored: StoredLedger) -> Write:
        """Return the write that makes this the current ledger, unless the head has changed."""
        assert stored.list is not None
        states = stored.ledger.rules.values()
        rules = [
            {name: value for name, value in vars(state).items() if name not in _COMPRESSED}
            for state in states
        ]
        # together: up to 20 kB for each run of a rule, and much the same in all its runs
        past = zlib.compress(msgspec.json.encode([state.past for state in states]))
        texts = {it.key: {name: getattr(it, name) for name in _TEXTS} for it in states}
        fields = self._fields | {
            "number": stored.ledger.number,
            "list": asdict(stored.list),
            "rules": rules,
            "past": past,
            "texts": zlib.compress(msgspec.json.encode(texts)),
            "results": stored.ledger.results,
            "fetched_at": stored.fetched_at,
            "followed": stored.followed,
            "written": asdict(stored.written) if stored.written else None,
            "tables": [{"table": name, "id": id_} for name, id_ in stored.origin.tables.items()],
        }
        if stored.head is None:
            return Create(self.path, fields)
        return Update(self.path, fields, stored.head.version)

    def documents(self, ledger: Ledger, entries: Sequence[FindingEntry]) -> list[Write]:
        """Return the documents of those of the entries that have one."""
        return [
            Put(f"findings/{entry.id}", self._fields | finding_document(ledger, entry))
            for entry in entries
            if entry.documented
        ]


def write_back_path(run_id: str, number: int) -> str:
    """Return the path of the n-th document of a run's findings to write back."""
    return f"runs/{run_id}/results/write-{number:06d}"


def write_back_documents(run_id: str, entries: Sequence[FindingEntry]) -> list[Write]:
    """Return the documents of a run's findings to write back."""
    made = packed_documents(pack_entries(entries))
    return [Put(write_back_path(run_id, number), fields) for number, fields in enumerate(made)]


async def read_write_back(store: Store, run_id: str, count: int) -> list[FindingEntry]:
    """Return a run's findings to write back, from so many documents; missing ones have none."""
    found = await store.read(*(write_back_path(run_id, number) for number in range(count)))
    return list(unpack_entries(packed_pieces(found)))


def entries_of_list(ledger: Ledger) -> tuple[FindingEntry, ...]:
    """Return the entries of a ledger in the order of its list, with those chosen that have a
    document of their own."""
    return in_order(choose_documented(ledger.entries), ledger.rules)


def list_with(
    kept: StoredLedger,
    entries: Sequence[FindingEntry],
    run_id: str,
    made_at: datetime,
    decided: Decided,
) -> tuple[FindingsList, list[Write]]:
    """Return the list of a run with these entries, and its documents if it is a new one."""
    if kept.list and entries == kept.ledger.entries:
        return kept.list, []
    return list_documents(run_id, entries, made_at, decided)


def choose_documented(entries: Sequence[FindingEntry]) -> tuple[FindingEntry, ...]:
    """Return the entries, with documents for the first ones without while there is room.

    An entry with a document retains it. Among the others, the most severe come first.
    """
    room = MAX_DOCUMENTED - sum(entry.documented for entry in entries)
    worst_first = sorted(
        (entry for entry in entries if entry.live and not entry.documented),
        key=lambda entry: -SEVERITIES.index(entry.finding.severity),
    )
    chosen = {entry.id for entry in worst_first[: max(0, room)]}
    return tuple(
        msgspec.structs.replace(entry, documented=True) if entry.id in chosen else entry
        for entry in entries
    )


def finding_document(ledger: Ledger, entry: FindingEntry) -> Fields:
    """Return the document of a finding, for people who look into Firestore."""
    return finding_fields(entry, vars(ledger.rules[entry.rule_key]), MAX_DOCUMENT_RECORDS) | {
        "resolved_at": entry.resolved_at,
        "history": [msgspec.structs.asdict(move) for move in entry.history],
    }
