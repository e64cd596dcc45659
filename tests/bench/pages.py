"""Write the flights as pages of Airtable: `python -m tests.bench.pages FOLDER FLIGHTS`.

A file a table, a line a page: {"records": [...], "offset": ...}. Flights beyond those of the data
set are the same ones a year later, under other ids. `definition.json` is the scan, as it is stored.
This is a process of its own because it holds all flights as objects.
"""

import sys
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path

import msgspec

from infra.local.airtable.bases import Record
from infra.local.samples.flights import FLIGHTS_IN_FILE, flights, record_id
from landfall.kinds.definition import load
from tests.bench.samples import PAGE

RULES = Path(__file__).parent / "contenders/rules.yaml"


def main(folder: Path, count: int) -> None:
    """Write the four tables, with so many flights, and the scan."""
    scan = load(RULES.read_text(encoding="utf-8"), RULES.name)
    (folder / "definition.json").write_bytes(msgspec.json.encode(scan.document()))
    base = flights(min(count, FLIGHTS_IN_FILE))
    for table in base.tables:
        records: Iterable[Record] = table.records
        if table.name == "flights":
            records = _again(table.records, count)
        with (folder / f"{table.name}.ndjson").open("wb") as file:
            file.writelines(_pages(records))


def _again(records: Iterable[Record], count: int) -> Iterator[Record]:
    for number, record in enumerate(islice(cycle(records), count)):
        later = number // FLIGHTS_IN_FILE
        if later:
            fields = {**record["fields"], "year": record["fields"]["year"] + later}
            yield {**record, "id": record_id("flights", number + 1), "fields": fields}
        else:
            yield record


def _pages(records: Iterable[Record]) -> Iterator[bytes]:
    rest = iter(records)
    while page := list(islice(rest, PAGE)):
        offset = f"itrBench0000000001/{page[-1]['id']}"
        yield msgspec.json.encode({"records": page, "offset": offset}) + b"\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
