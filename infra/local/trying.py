"""What rules come to on a sample of their base."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from infra.local.sampling import Sample
from landfall.airtable.fields import Schema
from landfall.airtable.unknown_fields import Fit
from landfall.integrity.fit import fit
from landfall.integrity.report import why_inconclusive
from landfall.integrity.rules.evaluate import Finding, evaluate
from landfall.integrity.rules.rule import BaseRule, Thresholds
from landfall.integrity.scan import IntegrityScan
from landfall.scans.settings import SEVERITIES, Severity

EXAMPLES = 2
"""Findings of a rule that are shown."""

PROBABLY_WRONG = 0.5
"""A rule that finds more than this share of its records wrong is pointed out."""


@dataclass(frozen=True)
class Tried:
    """A rule and what it came to.

    `complete`: its whole table was read. `records` is how many it looked at, `affected` how many
    of them are in findings. `unjudged` says why a sample is not enough.
    """

    rule: BaseRule
    complete: bool
    records: int = 0
    findings: int = 0
    affected: int = 0
    severity: Severity | None = None
    examples: Sequence[Finding] = ()
    inconclusive: str = ""
    unjudged: str = ""

    @property
    def sentence(self) -> str:
        """What must be so, and of which records."""
        said = self.rule.sentence()
        return f"where {self.rule.when.sentence()}: {said}" if self.rule.when else said

    @property
    def at_least(self) -> bool:
        """Whether there may be more findings with these records."""
        return not self.complete and self.rule.on_a_sample() == "some"

    @property
    def by_number(self) -> bool:
        """Whether all records together may be worse than this sample."""
        return not self.complete and isinstance(self.rule.severity, Thresholds)

    @property
    def share(self) -> float:
        """Of the records that were looked at, those in findings: 0 to 1."""
        return self.affected / self.records if self.records else 0.0

    @property
    def probably_wrong(self) -> bool:
        """Whether it is likelier that the rule is wrong than that the records are."""
        return self.share > PROBABLY_WRONG

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "rule_id": self.rule.id,
            "kind": self.rule.kind,
            "table": self.rule.table,
            "sentence": self.sentence,
            "records": self.records,
            "findings": self.findings,
            "affected": self.affected,
            "share": round(self.share, 4),
            "severity": self.severity,
            "complete": self.complete,
            "at_least": self.at_least,
            "probably_wrong": self.probably_wrong,
            "inconclusive": self.inconclusive or None,
            "unjudged": self.unjudged or None,
            "examples": [msgspec.structs.asdict(finding) for finding in self.examples],
        }


@dataclass(frozen=True)
class TriedScan:
    """A scan that was tried on a sample: how it fits its base, and what each rule came to."""

    scan: IntegrityScan
    sample: Sample
    fit: Fit
    rules: Sequence[Tried]

    @property
    def good(self) -> bool:
        """Whether everything fits, and every rule could say something or says what it takes."""
        return not self.fit.misfits and not any(tried.inconclusive for tried in self.rules)

    def document(self) -> dict[str, Any]:
        """As plain values."""
        sample = self.sample
        return {
            "scan_id": self.scan.id,
            "base": self.scan.base,
            "good": self.good,
            "misfits": [remark._asdict() for remark in self.fit.misfits],
            "remarks": [remark._asdict() for remark in self.fit.remarks],
            "tables": [
                {"table": name, "records": len(table), "complete": name not in sample.incomplete}
                for name, table in sample.snapshot.tables.items()
            ],
            "rules": [tried.document() for tried in self.rules],
            "airtable_requests": sample.requests,
        }


def tried_on(scan: IntegrityScan, sample: Sample) -> TriedScan:
    """Everything that the sample and the schema tell of the scan."""
    how = fit(scan.tables, scan.rules, Schema(sample.schema))
    return TriedScan(scan, sample, how, [_tried(rule, sample) for rule in scan.rules])


def _tried(rule: BaseRule, sample: Sample) -> Tried:
    complete = rule.table not in sample.incomplete
    why = why_inconclusive(rule, sample.cursor.unresolved)
    if why:
        return Tried(rule, complete, inconclusive=why)
    why = _unjudged(rule, sample)
    if why:
        return Tried(rule, complete, unjudged=why)
    report = evaluate(rule, sample.snapshot)
    found = report.findings
    return Tried(
        rule,
        complete,
        report.records,
        len(found),
        _affected(rule, found),
        max((finding.severity for finding in found), key=SEVERITIES.index, default=None),
        found[:EXAMPLES],
        report.inconclusive,
    )


def _unjudged(rule: BaseRule, sample: Sample) -> str:
    """Why the sample is too small for the rule; empty where it is not."""
    looked_up = [name for name in rule.looks_up_in() if name in sample.incomplete]
    if looked_up:
        return f"it takes every record of {looked_up[0]!r}, which is too large to be read for this"
    if rule.table in sample.incomplete and rule.on_a_sample() == "nothing":
        return f"it takes every record of {rule.table!r}"
    return ""


def _affected(rule: BaseRule, findings: Sequence[Finding]) -> int:
    """Records of the rule's table in its findings, each once as far as they are listed."""
    own = [finding for finding in findings if finding.table == rule.table]
    listed = {record for finding in own for record in finding.records}
    return len(listed) + sum(finding.record_count - len(finding.records) for finding in own)
