"""A finding as people and programs are shown it."""

from collections.abc import Mapping
from typing import Any

from landfall.integrity.findings.entry import Entry
from landfall.store.documents import Fields


def shown(entry: Entry, rule: Mapping[str, Any], records_most: int | None = None) -> Fields:
    """A finding for people. `rule` has the `rule_id`, `evaluations` and `evaluated_at` of its rule,
    `records_most` is how many records are listed."""
    finding = entry.finding
    return {
        "finding_id": entry.id,
        "rule_id": rule["rule_id"],
        "table": finding.table,
        "records": list(finding.records[:records_most]),
        "record_count": finding.record_count,
        "field": finding.field,
        "value": finding.value,
        "severity": finding.severity,
        "message": finding.message,
        "state": entry.state,
        "first_seen": entry.first_seen,
        "last_seen": entry.last_seen(rule["evaluated_at"]),
        "occurrences": entry.occurrences(rule["evaluations"]),
    }
