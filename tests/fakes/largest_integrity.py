"""The largest documents of integrity scans, and of whatever reads a base (`largest`)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from msgspec import structs

from landfall.airtable.fetch_cursor import FetchCursor, opened
from landfall.airtable.links import Origin
from landfall.airtable.records import ReadPage, pack
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.airtable.schema_ids import SchemaIds
from landfall.integrity.findings.decided import (
    ID_BYTES,
    MAX_TOGETHER,
    decision_fields,
    placed_together,
)
from landfall.integrity.findings.entry import Decision, FindingEntry, Move
from landfall.integrity.findings.ledger import MAX_MOVES, Ledger, MergedLedger, merge
from landfall.integrity.findings.ledger_room import MAX_MEASURED_BYTES
from landfall.integrity.findings.ledger_store import (
    LedgerStore,
    StoredLedger,
    finding_document,
    write_back_documents,
)
from landfall.integrity.findings.list_index import PLACES_TOGETHER, IndexMaker, pack_index
from landfall.integrity.findings.lists import FindingsList, list_documents
from landfall.integrity.findings.packing import PIECE_SIZE, pack_reports
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
from landfall.kinds.definition import MAX_BYTES, parse
from landfall.scans.yaml_text import MAX_YAML
from landfall.store.documents import Create, Document, Fields, Put
from landfall.store.packed import packed_documents
from tests.fakes.largest import BASE, NOW, largest, run_with, step_with, text
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import integrity


def scan(rules: int = 500, table: int = 50, field: int = 60, name: str = "t", **more: Any) -> Any:
    """Return a scan of so many rules, with names of so many characters."""
    tables = {text(f"{name}{number}", table): [text("f", field)] for number in range(rules)}
    return of_kind(content(tables, name, **more))


def of_kind(definition: dict[str, Any]) -> IntegrityScan:
    """Return the scan of a definition that may be saved."""
    return integrity(parse(definition, "scan m"))


def content(tables: dict[str, list[str]], name: str = "t", **more: Any) -> dict[str, Any]:
    """Return a definition with a rule for the first field of each table."""
    rules = [
        {
            "id": f"{name}{number:03}".ljust(60, "x"),
            "kind": "required",
            "table": table,
            "field": fields[0],
            "name": text(f"n{number}", 60),
            "owner": text(f"o{number}", 60),
        }
        | more
        for number, (table, fields) in enumerate(tables.items())
    ]
    return {"id": "m", "kind": "integrity", "base": BASE, "tables": tables, "rules": rules}


def widest() -> tuple[IntegrityScan, Fields]:
    """Return the scan with most rules and most names that can be saved, and its handover."""
    random = Random(4)
    tables = {text(f"t{n}", 50): [text(f"f{n}", 30)] for n in range(500)}
    size = len(parse(content(tables), "scan m").text().encode())
    for name in tables:
        while len(tables[name]) < 400 and size < MAX_BYTES - 1_000:
            tables[name].append(text(f"{size}", 60))
            size += 244
    made = of_kind(content(tables))
    schema = [
        TableSchema(
            f"tbl{random.randbytes(7).hex()}",
            table,
            [FieldSchema(f"fld{random.randbytes(7).hex()}", one, "checkbox") for one in fields],
        )
        for table, fields in tables.items()
    ]
    return made, opened(made, schema).fetched().store()


def wide_cursor(tables: int, fields: int, characters: int) -> FetchCursor:
    """Return the first cursor of a scan of so many tables and fields, of different names."""
    names = {
        f"Table {table}": [text(f"{table}-{n}", characters) for n in range(fields)]
        for table in range(tables)
    }
    first = {"Table 0": names["Table 0"][:1]}
    made = of_kind(content(first) | {"tables": names})
    random = Random(5)
    schema = [
        TableSchema(
            f"tbl{number:014}",
            table,
            [FieldSchema(f"fld{random.randbytes(7).hex()}", name, "checkbox") for name in of_table],
        )
        for number, (table, of_table) in enumerate(names.items())
    ]
    return opened(made, schema)


def ids_of(of: IntegrityScan) -> SchemaIds:
    """Return the ids of a scan's tables."""
    return SchemaIds({table: f"tbl{n:014}" for n, table in enumerate(of.tables)}, {}, {})


def a_finding(rule_id: str, table: str, number: int) -> Finding:
    """Return a finding with the longest texts."""
    message, value, name = (text(f"{part}{rule_id}{number}", 120) for part in ("m", "v", "r"))
    record = f"rec{number:014}"
    return Finding(rule_id, table, (record,), "f", value, "critical", message * 4, names=(name,))


def found(of: IntegrityScan) -> list[RuleReport]:
    """Return a report of each rule with more findings than are shown."""
    return [
        RuleReport(rule, [a_finding(rule.id, rule.table, n) for n in range(4)], records=5_000_000)
        for rule in of.rules
    ]


def lacking(of: IntegrityScan) -> list[RuleReport]:
    """Return a report of each rule about a field that the base does not have."""
    return [
        RuleReport(rule, inconclusive=f"table {rule.table!r} has no field {rule.field!r}")
        for rule in of.rules
        if isinstance(rule, Required)
    ]


def merged_of(of: IntegrityScan, reports: Sequence[RuleReport], before: Ledger) -> MergedLedger:
    """Return the ledger after a run of a scan, a day after the one before."""
    return merge(before, "m", reports, {}, "run", NOW + timedelta(before.number), ids_of(of))


def head_of(of: IntegrityScan, ledger: Ledger) -> Fields:
    """Return the head of a ledger."""
    where, origin = FindingsList("run", 1), Origin(BASE, ids_of(of).tables)
    stored = StoredLedger(ledger, None, where, NOW, True, None, origin)
    write = LedgerStore(MemoryStore(), "m", BASE).head(stored)
    assert isinstance(write, Create)
    return write.data


def largest_entry(seed: str = "r") -> FindingEntry:
    """Return a finding with the most records and moves, and the longest names and reasons."""
    names = tuple(text(f"{seed}{n}", 120) for n in range(MAX_RECORDS_NAMED))
    random = Random(seed)
    records = tuple(f"rec{random.randbytes(7).hex()}" for _ in range(MAX_RECORDS_LISTED))
    one = structs.replace(a_finding("r", text("t", 255), 1), records=records, names=names)
    moves = tuple(
        Move(NOW, "ignored", text(f"b{n}", 200), text(f"w{n}", MAX_WHY_LENGTH), NOW)
        for n in range(MAX_MOVES)
    )
    return FindingEntry("f" * 16, "r", one, "ignored", 1, 0, NOW, None, moves, True)


@largest("findings")
def _finding() -> Document:
    state = RuleState("r", "r", "t", "c", 1, NOW, (), text("o", 200), text("q", 200))
    ledger = Ledger(1, {"r": state})
    return Document("findings/f", finding_document(ledger, largest_entry()), 1)


@largest("scans/ledgers")
def _head() -> Document:
    ledger = Ledger()
    for name in "ab":
        now = scan(name=name)
        ledger = merged_of(now, found(now), ledger).ledger
    measured = ({"shares": text("past", MAX_MEASURED_BYTES // 3)},)
    rules = {
        key: replace(state, past=measured if number == 0 else ())
        for number, (key, state) in enumerate(ledger.rules.items())
    }
    ledger = replace(ledger, rules=rules)
    return Document(f"scans/m/ledgers/{BASE}", head_of(now, ledger), 1)


@largest("scans/ledgers/decisions")
def _decision() -> Document:
    some = {(n // 500, n % 500): n.to_bytes(ID_BYTES, "big") for n in range(MAX_TOGETHER)}
    decision = Decision(NOW, "ignored", text("by", 200), text("why", MAX_WHY_LENGTH))
    (made,) = placed_together(decision, "run", some)
    return Document(f"scans/m/ledgers/{BASE}/decisions/many", decision_fields(made), 1)


@largest("scans/versions")
def _version() -> Document:
    kept = {"definition": "x" * MAX_BYTES, "written": bytes(MAX_YAML + 100), "updated_at": NOW}
    return Document("scans/m/versions/v", kept, 1)


@largest("runs")
def _run() -> Document:
    return _run_of(found)


@largest("runs")
def _run_that_lacks_all() -> Document:
    return _run_of(lacking)


def _run_of(reports_of: Any) -> Document:
    wide, left = widest()
    reports = reports_of(wide)
    merged = merged_of(wide, reports, Ledger())
    origin = Origin(BASE, ids_of(wide).tables)
    made = run_report(origin, merged, reports, left).run_fields(100)
    return run_with({**made, "handover": left, "findings_list": {"run_id": "r", "documents": 9}})


@largest("runs/steps")
def _step_of_many_names() -> Document:
    return step_with(wide_cursor(32, 400, 16).store())


@largest("runs/steps")
def _step_of_long_names() -> Document:
    return step_with(wide_cursor(2, 430, 250).store())


@largest("runs/pages")
def _page() -> Document:
    one = Random(1).randbytes(780_000).hex()  # of which half is left
    longest: Any = [{"id": f"rec{1:014}", "createdTime": "2026", "fields": {"Name": one}}]
    (made,) = packed_documents(pack(ReadPage("T", 1, longest)))
    return Document("runs/m/pages/000000", made, 1)


def _packed_bytes(fields: Fields) -> int:
    return sum(map(len, fields["packed"]))


def _results() -> Iterator[tuple[str, Fields]]:
    """Yield the documents of a run's results."""
    entries = [largest_entry(f"{n}") for n in range(3)]
    _, writes = list_documents("m", entries, NOW, {})
    for write in [*writes, *write_back_documents("m", entries)]:
        assert isinstance(write, Put)
        yield write.path, write.data
    rule = scan(rules=1).rules[0]
    few = [structs.replace(entry.finding, rule_id=rule.id) for entry in entries]
    many = [a_finding(rule.id, "t", n) for n in range(5_000)]
    for findings in (few, many):
        for fields in packed_documents(pack_reports([RuleReport(rule, findings)])):
            yield "runs/m/results/part-000000", fields


@largest("runs/results")
def _result() -> Document:
    path, fields = max(_results(), key=lambda one: _packed_bytes(one[1]))
    return Document(path, fields, 1)


@largest("runs/results")
def _places_and_index() -> Document:
    random, one = Random(6), a_finding("r", text("t", 255), 1)
    moves = (Move(NOW, "open", "run"),)
    maker = IndexMaker(NOW, {random.randbytes(16).hex(): NOW for _ in range(10_000)})
    for piece in range(PLACES_TOGETHER // PIECE_SIZE):
        rule = f"r{piece}"
        ids = (random.randbytes(8).hex() for _ in range(PIECE_SIZE))
        some = [FindingEntry(id_, rule, one, "open", 1, 0, NOW, None, moves) for id_ in ids]
        maker.add(piece, 0, some)
    index, tables = maker.finish(1)
    biggest = max([*tables, *pack_index(index)], key=len)
    return Document("runs/m/results/places-000000", {"packed": [biggest]}, 1)
