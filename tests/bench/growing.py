"""One measurement of growth, as a process: `python -m tests.bench.growing PART ...`.

    pack FOLDER      store the tables as the fetch step does, in FOLDER/documents
    score FOLDER     score those as the score step does: tables, and findings
    ledger COUNT     merge so many findings into a ledger, over four runs

Prints the seconds of each part as JSON. The libraries of a deployed function are imported first, so
that the process is as large.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import functions_framework.aio
import msgspec
from google.cloud import firestore, tasks_v2

from landfall.airtable.records import ReadPage, pack, whole_tables
from landfall.airtable.snapshot import Snapshot
from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.findings.ledger import Ledger, merge
from landfall.integrity.findings.packing import pack_entries, unpack_entries
from landfall.integrity.rules.evaluate import Finding, RuleReport, evaluate
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import load
from landfall.store.packed import Packed, packed_documents
from tests.bench.pages import RULES
from tests.fakes.world import integrity

IN_MEMORY = (functions_framework.aio, firestore, tasks_v2)

NOW = datetime(2026, 1, 1, tzinfo=UTC)

Seconds = dict[str, float]


def keep(folder: Path) -> Seconds:
    """Store the fields that the rules need, as they are fetched."""
    pieces = [piece for page in _pages(folder) for piece in pack(page)]
    (folder / "documents").write_bytes(msgspec.msgpack.encode(packed_documents(pieces)))
    return {}


def _pages(folder: Path) -> Iterator[ReadPage]:
    for name, fields in _scan().tables.items():
        with (folder / f"{name}.ndjson").open("rb") as lines:
            for line in lines:
                records = msgspec.json.decode(line)["records"]
                for record in records:
                    cells = record["fields"]
                    record["fields"] = {it: cells[it] for it in fields if it in cells}
                yield ReadPage(name, 1, records)


def score(folder: Path) -> Seconds:
    """Score the documents of pages."""
    scan = _scan()
    stored = msgspec.msgpack.decode((folder / "documents").read_bytes())
    clock = _Clock()
    tables = clock(
        "tables", lambda: whole_tables(stored, dict.fromkeys(scan.tables, 1), scan.tables)
    )
    snapshot = Snapshot(tables)
    clock("findings", lambda: [evaluate(rule, snapshot) for rule in scan.rules])
    return clock.seconds


def ledger(count: int) -> Seconds:
    """Merge findings: all new, the same again, every second one gone, those there again."""
    rule = _scan().rules[0]
    findings = [
        Finding(
            rule.id,
            rule.table,
            (f"rec{number:014}",),
            "tailnum",
            f"'N{number}'",
            "warning",
            f"tailnum links to 'N{number}', which is not in planes.tailnum",
        )
        for number in range(count)
    ]
    clock = _Clock()
    known = Ledger()
    runs = {"new": findings, "same": findings, "half": findings[::2], "again": findings}
    for number, (name, found) in enumerate(runs.items()):
        report = RuleReport(rule, found, records=count)
        now = NOW + timedelta(days=number)
        merged = clock(name, partial(merge, known, "bench", [report], {}, "run", now))
        pieces = clock("pack", partial(pack_entries, merged.ledger.entries))
        entries = clock("unpack", partial(_unpacked, pieces))
        known = replace(merged.ledger, entries=entries)
    clock.seconds["MB"] = sum(len(piece.data) for piece in pieces) / 1e6
    return clock.seconds


def _unpacked(pieces: Sequence[Packed]) -> tuple[FindingEntry, ...]:
    return tuple(unpack_entries(piece.data for piece in pieces))


class _Clock:
    """The longest time of each part."""

    def __init__(self) -> None:
        self.seconds: Seconds = {}

    def __call__(self, part: str, work: Callable[[], Any]) -> Any:
        """Do the work and return its result."""
        started = time.perf_counter()
        result = work()
        took = time.perf_counter() - started
        self.seconds[part] = max(took, self.seconds.get(part, 0))
        return result


def _scan() -> IntegrityScan:
    return integrity(load(RULES.read_text(encoding="utf-8"), RULES.name))


def main(part: str, argument: str) -> None:
    """Measure a part, and print its seconds."""
    match part:
        case "pack":
            print(json.dumps(keep(Path(argument))))
        case "score":
            print(json.dumps(score(Path(argument))))
        case "ledger":
            print(json.dumps(ledger(int(argument))))


if __name__ == "__main__":
    main(*sys.argv[1:])
