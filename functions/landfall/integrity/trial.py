"""A rule, tried on a part of its base: its findings, or why it could not be judged there."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from landfall.airtable.snapshot import Snapshot
from landfall.integrity.rules.evaluate import Finding, evaluate, with_names
from landfall.integrity.rules.rule import BaseRule, Thresholds
from landfall.scans.settings import SEVERITIES, Severity

MAX_EXAMPLES = 2
"""Findings of a rule that are shown."""

PROBABLY_WRONG_SHARE = 0.5
"""A rule with findings in more than this share of its records is reported as probably wrong."""


@dataclass(frozen=True)
class RuleTrial:
    """A rule and its result on the sample.

    `complete`: its whole table was read. `records`: those it evaluated. `affected`: those of them
    in findings. `unjudged`: the reason why a sample is not enough. `note`: the reason why there
    was nothing to check, where that is normal.
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
    note: str = ""

    @property
    def at_least(self) -> bool:
        """Return whether unread records may add findings to these."""
        return not self.complete and self.rule.sample_support() == "some"

    @property
    def by_number(self) -> bool:
        """Return whether the severity may be higher for the whole table."""
        return not self.complete and isinstance(self.rule.severity, Thresholds)

    @property
    def share(self) -> float:
        """The share of evaluated records that are in findings, 0 to 1."""
        return self.affected / self.records if self.records else 0.0

    @property
    def probably_wrong(self) -> bool:
        """Return whether the rule is more likely to be wrong than its records are."""
        return self.share > PROBABLY_WRONG_SHARE

    def document(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "rule_id": self.rule.id,
            "kind": self.rule.kind,
            "table": self.rule.table,
            "sentence": self.rule.requirement,
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
            "note": self.note or None,
            "examples": [msgspec.structs.asdict(finding) for finding in self.examples],
        }


def try_rule(
    rule: BaseRule,
    snapshot: Snapshot,
    incomplete: Collection[str],
    check: Callable[[], None] = lambda: None,
) -> RuleTrial:
    """Try a rule on a snapshot, of which these tables are incomplete.

    `check` is called now and then, and may raise to end it.
    """
    complete = rule.table not in incomplete
    why = _why_unjudged(rule, incomplete)
    if why:
        return RuleTrial(rule, complete, unjudged=why)
    (report,) = with_names([evaluate(rule, snapshot, check=check)], snapshot.tables)
    if report.nothing and not complete:
        return RuleTrial(rule, complete, report.records, unjudged=report.nothing)
    found = report.findings
    return RuleTrial(
        rule,
        complete,
        report.records,
        len(found),
        _count_affected(rule, found),
        max((finding.severity for finding in found), key=SEVERITIES.index, default=None),
        found[:MAX_EXAMPLES],
        report.inconclusive,
        note=report.note,
    )


def _why_unjudged(rule: BaseRule, incomplete: Collection[str]) -> str:
    """Return why the sample is too small for the rule; empty if it is not."""
    looked_up = [name for name in rule.looks_up_in() if name in incomplete]
    if looked_up:
        return f"it needs every record of {looked_up[0]!r}, which is too large for a sample"
    if rule.table in incomplete and rule.sample_support() == "nothing":
        return f"it needs every record of {rule.table!r}"
    return ""


def _count_affected(rule: BaseRule, findings: Sequence[Finding]) -> int:
    """Count the records of the rule's table in its findings; those listed count once."""
    own = [finding for finding in findings if finding.table == rule.table]
    listed = {record for finding in own for record in finding.records}
    return len(listed) + sum(finding.record_count - len(finding.records) for finding in own)
