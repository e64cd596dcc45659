"""`infra/local/run --explain`: scans in plain sentences, of which nothing runs."""

import argparse
import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.local.check.checks import SLOTS_SHOWN
from infra.local.check.sample import read_schema
from infra.local.emulator import MissingError
from infra.local.endpoints import AirtableEndpoint, configured_airtable
from infra.local.terminal import Entry, complain, print_entry
from landfall.airtable.scan import BaseScan
from landfall.airtable.schema import TableSchema
from landfall.kinds.explaining import explain
from landfall.reasons import WHAT_TO_DO, StepError
from landfall.scans.explanation import KnownSource
from landfall.scans.scan import Scan
from landfall.scans.schedule_phrase import describe_schedule, next_slots

PARTS = {
    "checks": "What it checks",
    "schedule": "When it runs",
    "costs": "What it costs",
    "unseen": "What it does not look at",
}
"""The parts of an explanation, with their headings."""


def run(options: argparse.Namespace, scans: Sequence[Scan], console: Console) -> int:
    """Explain the scans; return the exit status.

    Without a token, of a base of one's own only what the definition says.
    """
    try:
        airtable, asks = configured_airtable(scans), True
    except MissingError:
        airtable, asks = None, False
        console.print(Text("note: without AIRTABLE_API_KEY, no base is asked what it has"))
    for scan in scans:
        try:
            known = _known(scan, airtable) if asks else KnownSource()
        except StepError as error:
            complain(console, f"{scan.id}: the base was not read: {error.reason}.", error)
            console.print(f"What to do: {WHAT_TO_DO[error.reason]}", soft_wrap=True, markup=False)
            return 2
        document = explained(scan, known, datetime.now(UTC))
        if options.json:
            print(json.dumps(document, ensure_ascii=False), flush=True)
        else:
            _print(document, console)
    return 0


def explained(scan: Scan, known: KnownSource, now: datetime) -> Mapping[str, Any]:
    """Return the explanation of a scan, with the sentence of its schedule."""
    slots = next_slots(scan.schedule, now, SLOTS_SHOWN)
    head = {"scan_id": scan.id, "kind": scan.kind, "name": scan.name}
    return {
        **head,
        "schedule": describe_schedule(scan.schedule, slots),
        **explain(scan, known, now),
    }


def _known(scan: Scan, airtable: AirtableEndpoint | None) -> KnownSource:
    """Return what Airtable knows of the scan's base. Raises `StepError`."""
    if "base" not in scan.headings:
        return KnownSource()
    base: BaseScan = scan  # type: ignore[assignment]
    return KnownSource(fields=fields_of(base, asyncio.run(read_schema(base, airtable))))


def fields_of(scan: BaseScan, schema: Sequence[TableSchema]) -> Mapping[str, Sequence[str]]:
    """Return the fields of each table by name, or by the id by which the scan lists it.

    A primary field that is read for the names of records counts as listed.
    """
    found = {}
    for table in schema:
        key = table.id if table.id in scan.tables else table.name
        listed = scan.tables.get(key, [])
        names = [it.id if it.id in listed else it.name for it in table.fields]
        read = table.primary if scan.record_names and listed else None
        pairs = zip(table.fields, names, strict=True)
        found[key] = [name for it, name in pairs if it != read or name in listed]
    return found


def _print(document: Mapping[str, Any], console: Console) -> None:
    console.rule(Text(f"{document['scan_id']} ({document['kind']})", "bold"))
    for part, heading in PARTS.items():
        console.print(Text(heading, "bold"))
        for sentence in _sentences(document[part]):
            print_entry(console, Entry(Text("  -"), Text(sentence), 4))


def _sentences(part: str | Sequence[str]) -> Iterator[str]:
    yield from [part] if isinstance(part, str) else part
