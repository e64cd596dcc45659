"""The store of a scan's findings between its runs.

    scans/{scan}/ledgers/{base}              the head: the current list, and the rules
    scans/{scan}/ledgers/{base}/decisions    people's decisions about findings
    runs/{run}/results/{n}                   the list: every finding, compressed
    findings/{id}                            a finding for people who look into Firestore

A list is written by a run that changed something, and referred to by later runs until one changes
something again. Documents of single findings are derived from the list: they follow it, and add
nothing to it.
"""

import zlib
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import msgspec

from landfall.airtable.links import Origin
from landfall.integrity.findings.entry import Decision, FindingEntry, finding_fields
from landfall.integrity.findings.ledger import Ledger
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
class FindingsList:
    """The location of a list: the run that wrote it, and its number of documents."""

    run_id: str
    documents: int


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
        self._store = store
        self._base = base
        self._fields = {"scan_id": scan_id, "base": base}

    async def load(self) -> StoredLedger:
        """Return the ledger that the last run wrote."""
        stored = await self.load_head()
        if stored.list is None:
            return stored
        entries = tuple(await self.entries(stored.list))
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
        ledger = Ledger(data["number"], {rule.key: rule for rule in rules})
        written = WriteProgress(**data["written"]) if data.get("written") else None
        return StoredLedger(
            ledger, head, where, data["fetched_at"], data["followed"], written, origin
        )

    async def entries(self, where: FindingsList) -> list[FindingEntry]:
        """Return all entries of a list. Raises `ListMissingError`."""
        paths = [list_path(where.run_id, number) for number in range(where.documents)]
        found = await self._store.read(*paths) if paths else []
        # a list without one of its documents would resolve the findings in it
        missing = [path for path, document in zip(paths, found, strict=True) if document is None]
        if missing:
            raise ListMissingError(f"{missing[0]} is missing")
        pieces = packed_pieces(found)
        return list(unpack_entries(pieces))

    async def decisions(self) -> dict[str, Decision]:
        """Return people's decisions, by finding."""
        path = f"{self.path}/decisions"
        found: list[Document] = []
        while True:
            last = found[-1].id if found else None
            some = await self._store.find(Query(path, limit=DECISIONS_PAGE, after=last))
            found += some
            if len(some) < DECISIONS_PAGE:
                return {document.id: decision_of(document) for document in found}

    def decision(self, finding_id: str, decision: Decision) -> Write:
        """Return the write that stores a decision."""
        return Put(f"{self.path}/decisions/{finding_id}", asdict(decision))

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


class ListMissingError(Exception):
    """A document of a list of findings is missing, so the state of its findings is unknown."""


def list_path(run_id: str, number: int) -> str:
    """Return the path of the n-th document of the list that a run wrote."""
    return f"runs/{run_id}/results/{number:06d}"


def list_documents(run_id: str, entries: Sequence[FindingEntry]) -> list[Write]:
    """Return the documents of a list."""
    return _documents(run_id, entries, list_path)


def write_back_path(run_id: str, number: int) -> str:
    """Return the path of the n-th document of a run's findings to write back."""
    return f"runs/{run_id}/results/write-{number:06d}"


def write_back_documents(run_id: str, entries: Sequence[FindingEntry]) -> list[Write]:
    """Return the documents of a run's findings to write back."""
    return _documents(run_id, entries, write_back_path)


async def read_write_back(store: Store, run_id: str, count: int) -> list[FindingEntry]:
    """Return a run's findings to write back, from so many documents; missing ones have none."""
    found = await store.read(*(write_back_path(run_id, number) for number in range(count)))
    return list(unpack_entries(packed_pieces(found)))


def _documents(
    run_id: str, entries: Sequence[FindingEntry], path: Callable[[str, int], str]
) -> list[Write]:
    made = packed_documents(pack_entries(entries))
    return [Put(path(run_id, number), fields) for number, fields in enumerate(made)]


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
        replace(entry, documented=True) if entry.id in chosen else entry for entry in entries
    )


def decision_of(document: Document) -> Decision:
    """Return a stored decision."""
    data = document.data
    until = _plain(data["until"]) if data["until"] else None
    return Decision(_plain(data["at"]), data["state"], data["by"], data["why"], until)


def _plain(moment: datetime) -> datetime:
    """Return a datetime of Python for Firestore's own type, which a list cannot hold."""
    return datetime.combine(moment.date(), moment.timetz())


def finding_document(ledger: Ledger, entry: FindingEntry) -> Fields:
    """Return the document of a finding, for people who look into Firestore."""
    return finding_fields(entry, vars(ledger.rules[entry.rule_key]), MAX_DOCUMENT_RECORDS) | {
        "resolved_at": entry.resolved_at,
        "history": [asdict(move) for move in entry.history],
    }
