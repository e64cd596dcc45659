"""How far a table of Airtable is with the findings of a ledger, and what it lacks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from landfall.integrity.findings.entry import Entry

ALL = "~"
"""Sorts behind every id of a finding."""


@dataclass(frozen=True)
class Written:
    """How far the table has come: every finding with an id below `before` stands there.

    `target` is what is written to, and `since` when that began. What had been resolved by then
    never stood there.
    """

    target: str
    since: datetime
    before: str = ""


def to_write(
    written: Written, entries: Sequence[Entry], changed: Collection[str]
) -> tuple[Written, list[Entry]]:
    """What is to be sent once these entries have changed, and how far the table is without it."""
    due = [
        entry
        for entry in entries
        if entry.id in changed
        or (entry.id >= written.before and not _long_resolved(entry, written.since))
    ]
    due.sort(key=lambda entry: entry.id)
    return replace(written, before=due[0].id if due else ALL), due


def _long_resolved(entry: Entry, since: datetime) -> bool:
    return entry.resolved_at is not None and entry.resolved_at < since
