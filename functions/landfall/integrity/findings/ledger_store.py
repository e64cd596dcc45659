"""Where the findings of a scan are kept between its runs.

    scans/{scan}/ledgers/{base}              the head: which list is the current one, and the rules
    scans/{scan}/ledgers/{base}/decisions    what people said of findings
    runs/{run}/results/{n}                   the list: every finding, compressed
    findings/{id}                            a finding for people who look into Firestore

A list is written by the run that changed something, and named by all that follow until one changes
something again. Documents of single findings are made from the list: they follow it, and hold
nothing that it has not.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import msgspec

from landfall.airtable.links import Origin
from landfall.integrity.findings.entry import Decision, Entry
from landfall.integrity.findings.ledger import Ledger
from landfall.integrity.findings.packing import pack_entries, unpack_entries
from landfall.integrity.findings.rule_state import RuleState
from landfall.integrity.findings.shown import shown
from landfall.integrity.findings.written import Written
from landfall.scans.settings import SEVERITIES
from landfall.store.documents import Create, Document, Fields, Put, Query, Store, Update, Write
from landfall.store.packed import documents

DOCUMENTED = 5_000
"""Findings of a scan of a base that have a document of their own. The list has all of them."""

RECORDS_SHOWN = 100
"""Records that the document of a finding lists."""

DECISIONS_AT_ONCE = 500


@dataclass(frozen=True)
class FindingsList:
    """Where a list is: which run wrote it, into how many documents."""

    run_id: str
    documents: int


@dataclass(frozen=True)
class Kept:
    """A ledger as it is stored. `head` is None before the first run has written it.

    `followed`: every document of a finding says what the list does. `written`: how far a table of
    Airtable does, where the scan has one.
    """

    ledger: Ledger
    head: Document | None
    list: FindingsList | None
    fetched_at: datetime | None
    followed: bool
    written: Written | None
    origin: Origin


class Ledgers:
    """The ledger of a scan of a base."""

    def __init__(self, store: Store, scan_id: str, base: str) -> None:
        self.path = f"scans/{scan_id}/ledgers/{base}"
        self.scope = f"{scan_id}/{base}"
        self._store = store
        self._base = base
        self._fields = {"scan_id": scan_id, "base": base}

    async def load(self) -> Kept:
        """The ledger as the last run left it."""
        kept = await self.load_head()
        if kept.list is None:
            return kept
        entries = tuple(await self.entries(kept.list))
        return replace(kept, ledger=replace(kept.ledger, entries=entries))

    async def load_head(self) -> Kept:
        """The ledger without its entries."""
        (head,) = await self._store.read(self.path)
        if head is None:
            return Kept(Ledger(), None, None, None, True, None, Origin(self._base, {}))
        data = head.data
        where = FindingsList(**data["list"])
        past = msgspec.json.decode(zlib.decompress(data["past"]))
        rules = [
            RuleState(**rule, past=tuple(past[number])) for number, rule in enumerate(data["rules"])
        ]
        ledger = Ledger(data["number"], {rule.key: rule for rule in rules})
        written = Written(**data["written"]) if data.get("written") else None
        origin = Origin(self._base, {table["table"]: table["id"] for table in data["tables"]})
        return Kept(ledger, head, where, data["fetched_at"], data["followed"], written, origin)

    async def entries(self, where: FindingsList) -> list[Entry]:
        """Everything on a list."""
        paths = [list_path(where.run_id, number) for number in range(where.documents)]
        found = await self._store.read(*paths) if paths else []
        # a list that lost a document would resolve what stands in it
        missing = [path for path, document in zip(paths, found, strict=True) if document is None]
        if missing:
            raise ListMissingError(f"{missing[0]} is gone")
        pieces = [piece for document in found if document for piece in document.data["packed"]]
        return list(unpack_entries(pieces))

    async def decisions(self) -> dict[str, Decision]:
        """What people said, by finding."""
        path = f"{self.path}/decisions"
        found: list[Document] = []
        while True:
            last = found[-1].id if found else None
            some = await self._store.find(Query(path, limit=DECISIONS_AT_ONCE, after=last))
            found += some
            if len(some) < DECISIONS_AT_ONCE:
                return {document.id: decision_of(document) for document in found}

    def decision(self, finding_id: str, decision: Decision) -> Write:
        """The write that keeps a decision."""
        return Put(f"{self.path}/decisions/{finding_id}", asdict(decision))

    def head(self, kept: Kept) -> Write:
        """The write that makes this the current ledger, if nobody wrote the head meanwhile."""
        assert kept.list is not None
        states = kept.ledger.rules.values()
        rules = [
            {name: value for name, value in vars(state).items() if name != "past"}
            for state in states
        ]
        # together: up to 20 kB of each run of a rule, and much the same in all its runs
        past = zlib.compress(msgspec.json.encode([state.past for state in states]))
        fields = self._fields | {
            "number": kept.ledger.number,
            "list": asdict(kept.list),
            "rules": rules,
            "past": past,
            "fetched_at": kept.fetched_at,
            "followed": kept.followed,
            "written": asdict(kept.written) if kept.written else None,
            "tables": [{"table": name, "id": id_} for name, id_ in kept.origin.tables.items()],
        }
        if kept.head is None:
            return Create(self.path, fields)
        return Update(self.path, fields, kept.head.version)

    def documents(self, ledger: Ledger, entries: Sequence[Entry]) -> list[Write]:
        """The documents of those of the entries that have one."""
        return [
            Put(f"findings/{entry.id}", self._fields | finding_document(ledger, entry))
            for entry in entries
            if entry.documented
        ]


class ListMissingError(Exception):
    """A document of a list of findings is gone: nothing can be said of what stood in it."""


def list_path(run_id: str, number: int) -> str:
    """Where the n-th document of the list that a run wrote is stored."""
    return f"runs/{run_id}/results/{number:06d}"


def list_documents(run_id: str, entries: Sequence[Entry]) -> list[Write]:
    """The documents of a list."""
    return _documents(run_id, entries, list_path)


def work_path(run_id: str, number: int) -> str:
    """Where the n-th document of what a run has to write back is stored."""
    return f"runs/{run_id}/results/write-{number:06d}"


def work_documents(run_id: str, entries: Sequence[Entry]) -> list[Write]:
    """The documents of what a run has to write back."""
    return _documents(run_id, entries, work_path)


def _documents(
    run_id: str, entries: Sequence[Entry], path: Callable[[str, int], str]
) -> list[Write]:
    made = documents(pack_entries(entries))
    return [Put(path(run_id, number), fields) for number, fields in enumerate(made)]


def documented(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries, of which the first ones without a document get one while there is room.

    Who has one keeps it. Among the others the worse come first.
    """
    room = DOCUMENTED - sum(entry.documented for entry in entries)
    worst_first = sorted(
        (entry for entry in entries if entry.live and not entry.documented),
        key=lambda entry: -SEVERITIES.index(entry.finding.severity),
    )
    chosen = {entry.id for entry in worst_first[: max(0, room)]}
    return tuple(
        replace(entry, documented=True) if entry.id in chosen else entry for entry in entries
    )


def decision_of(document: Document) -> Decision:
    """A stored decision."""
    data = document.data
    until = _plain(data["until"]) if data["until"] else None
    return Decision(_plain(data["at"]), data["state"], data["by"], data["why"], until)


def _plain(moment: datetime) -> datetime:
    """Of Firestore's own kind of moment, which a list cannot hold."""
    return datetime.combine(moment.date(), moment.timetz())


def finding_document(ledger: Ledger, entry: Entry) -> Fields:
    """A finding for people who look into Firestore."""
    return shown(entry, vars(ledger.rules[entry.rule_key]), RECORDS_SHOWN) | {
        "resolved_at": entry.resolved_at,
        "history": [asdict(move) for move in entry.history],
    }
