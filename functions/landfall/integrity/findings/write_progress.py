"""The progress of writing findings to an Airtable table.

The findings are sent in the order of their ids, so one id records the progress from one run to the
next: every finding before it is in the table as the ledger has it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from landfall.integrity.findings.entry import FindingEntry

AFTER_ALL = "~"
"""A string that sorts after every id of a finding."""


@dataclass(frozen=True)
class WriteProgress:
    """The progress of a table: every finding with an id below `before` is in it.

    `target` is what is written to, and `since` the time when that began. Findings that had been
    resolved by then were never written.
    """

    target: str
    since: datetime
    before: str = ""


def pending_entries(
    written: WriteProgress, entries: Sequence[FindingEntry], changed: Collection[str]
) -> tuple[WriteProgress, list[FindingEntry]]:
    """Return the progress of the table and the entries to send, once these entries have changed."""
    due = [
        entry
        for entry in entries
        if entry.id in changed
        or (entry.id >= written.before and not _long_resolved(entry, written.since))
    ]
    due.sort(key=lambda entry: entry.id)
    return replace(written, before=due[0].id if due else AFTER_ALL), due


def _long_resolved(entry: FindingEntry, since: datetime) -> bool:
    return entry.resolved_at is not None and entry.resolved_at < since
