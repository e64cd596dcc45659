"""Evaluation of one rule over a snapshot of its base, whatever the kind of the rule.

A finding is about one record, about a group of records that clash, or about a table as a whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from landfall.airtable.snapshot import Snapshot, Table
from landfall.airtable.values import Answers, shown
from landfall.integrity.rules.rule import BaseRule, CannotEvaluateError, Hit, Scope, Thresholds
from landfall.process import garbage
from landfall.scans.settings import Severity

RECORDS_LISTED = 10_000
"""Records of a finding that are listed by id; `record_count` counts them all."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What a rule found wrong: the records, sorted, the field, the value, and a sentence.

    Rule, records and `key` tell it from every other finding of a run.
    """

    rule_id: str
    table: str
    records: tuple[str, ...]
    field: str
    value: str
    severity: Severity
    message: str
    key: str = ""
    record_count: int = 1


@dataclass(frozen=True)
class RuleReport:
    """A rule's findings, or why it could not be evaluated.

    `records` is how many it looked at; `measured` is what it wants to know in later runs.
    """

    rule: BaseRule
    findings: Sequence[Finding] = ()
    inconclusive: str = ""
    records: int = 0
    measured: Mapping[str, Any] | None = None


def evaluate(
    rule: BaseRule,
    snapshot: Snapshot,
    past: Sequence[Mapping[str, Any]] = (),
    check: Callable[[], None] = lambda: None,
) -> RuleReport:
    """Everything that the rule finds wrong, in the order of the records."""
    with garbage.paused():
        table = rule.selected(snapshot)
        scope = Scope(table, snapshot, past, check=check)
        try:
            hits = list(rule.evaluate(scope))
        except CannotEvaluateError as why:
            return RuleReport(rule, inconclusive=str(why), records=len(table))
        findings = _findings(rule, table, hits)
        return RuleReport(rule, findings, records=len(table), measured=scope.measured)


def _findings(rule: BaseRule, table: Table, hits: Sequence[Hit]) -> list[Finding]:
    severity = rule.severity
    if isinstance(severity, Thresholds):
        severity = severity.severity(len(hits), len(table))
    tell = _teller(rule, table, hits)
    texts = Answers(shown)
    groups = [
        records if len(records := hit.records) < 2 else tuple(sorted(records))[:RECORDS_LISTED]
        for hit in hits
    ]
    keys = [hit.key for hit in hits]
    if rule.on_a_sample() != "each" and len(set(groups)) < len(groups):
        keys = _numbered(keys, groups)
    return [
        Finding(
            rule.id,
            hit.table or rule.table,
            records,
            hit.field,
            texts[value] if (value := hit.value).__class__ is str else shown(value),
            hit.severity or severity,
            tell(hit),
            key,
            len(hit.records),
        )
        for hit, records, key in zip(hits, groups, keys, strict=True)
    ]


def _numbered(keys: Sequence[str], groups: Sequence[tuple[str, ...]]) -> list[str]:
    """The keys, of which those that several hits of the same records have get a number."""
    seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
    numbered = []
    for key, records in zip(keys, groups, strict=True):
        seen[key, records] += 1
        again = seen[key, records]
        numbered.append(key if again == 1 else f"{key}#{again}")
    return numbered


def _teller(rule: BaseRule, table: Table, hits: Iterable[Hit]) -> Callable[[Hit], str]:
    """What a finding's sentence is: the rule's own where it has one for the finding's records."""
    if not rule.message:
        return lambda hit: hit.message
    told = {min(hit.records) for hit in hits if hit.records}
    rows = {record: row for row, record in enumerate(table.ids) if record in told}

    def tell(hit: Hit) -> str:
        row = rows.get(min(hit.records)) if hit.records and hit.table is None else None
        return hit.message if row is None else rule.told(table, row)

    return tell
