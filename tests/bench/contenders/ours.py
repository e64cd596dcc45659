"""The rules in Landfall: the definition as it is stored, findings with their messages."""

import sys
from mmap import PROT_READ, mmap
from pathlib import Path

from landfall.process import garbage

garbage.collect_rarely()  # first, as functions/main.py does

import msgspec  # noqa: E402

from landfall.airtable.snapshot import Snapshot, Table, TableReader  # noqa: E402
from landfall.integrity.rules.evaluate import evaluate  # noqa: E402
from landfall.integrity.scan import IntegrityScan  # noqa: E402
from landfall.kinds.definition import parse  # noqa: E402


def main(folder: Path, out: Path) -> None:
    """Read the tables, write the ids of the records that each rule finds."""
    definition = folder / "definition.json"
    scan = parse(msgspec.json.decode(definition.read_bytes()), definition.name)
    assert isinstance(scan, IntegrityScan)
    garbage.freeze()
    found = {}
    with garbage.paused():
        tables = {
            name: read(folder / f"{name}.ndjson", fields) for name, fields in scan.tables.items()
        }
        snapshot = Snapshot(tables)
        for rule in scan.rules:
            report = evaluate(rule, snapshot)
            found[rule.id] = [record for finding in report.findings for record in finding.records]
    out.write_bytes(msgspec.json.encode(found))


def read(path: Path, fields: list[str]) -> Table:
    """Read a table; a line is a page."""
    reader = TableReader(path.stem, fields, created=False)
    with path.open("rb") as file, mmap(file.fileno(), 0, prot=PROT_READ) as lines:
        begin = 0  # polars maps files into memory, too
        with memoryview(lines) as text:
            while (end := lines.find(b"\n", begin)) >= 0:
                reader.add(text[begin:end])
                begin = end + 1
    return reader.table


main(Path(sys.argv[1]), Path(sys.argv[2]))
