"""What a rule came to, and what a run's verdict is made of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from landfall.documents import Fields
from landfall.integrity.base import BaseRule
from landfall.integrity.rules import Finding

RECORDS_LISTED = 10_000
"""Records of a finding that are stored by id; `record_count` and the fingerprint have them all."""

Verdict = Literal["healthy", "warning", "critical", "inconclusive"]


def why_inconclusive(rule: BaseRule, unresolved: Sequence[Mapping[str, str | None]]) -> str:
    """What the base lacks that the rule reads; empty when there is all of it."""
    missing = {(item["table"], item["field"]) for item in unresolved}
    for table in rule.tables():
        if (table, None) in missing:
            return f"the base has no table {table!r}"
    for table, field in rule.reads():
        if (table, field) in missing:
            return f"table {table!r} has no field {field!r}"
    return ""


def verdict(
    evaluated: int, inconclusive: int, findings: Mapping[str, int], records: int
) -> Verdict:
    """The worst that was found; inconclusive whenever anything was not looked at.

    `findings` counts them by severity. A run that read no record has looked at nothing.
    """
    if inconclusive or not evaluated or not records:
        return "inconclusive"
    if findings.get("critical"):
        return "critical"
    return "warning" if findings.get("warning") else "healthy"


def severities(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings there are of each severity."""
    return dict(Counter(finding.severity for finding in findings))


def finding_fields(finding: Finding) -> Fields:
    """A finding as it is stored and answered."""
    return {
        "fingerprint": finding.fingerprint,
        "rule_id": finding.rule_id,
        "table": finding.table,
        "records": list(finding.records[:RECORDS_LISTED]),
        "record_count": len(finding.records),
        "field": finding.field,
        "value": finding.value,
        "severity": finding.severity,
        "message": finding.message,
    }
