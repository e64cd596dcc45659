"""A trial of a scan's rules on a sample of their base, and of its fit to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.check.sample import Sample
from landfall.airtable.fields import Schema
from landfall.airtable.unknown_fields import Fit, Remark
from landfall.integrity.fit import fit
from landfall.integrity.report import why_inconclusive
from landfall.integrity.rules.rule import BaseRule
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.trial import RuleTrial, try_rule
from landfall.integrity.write_fit import write_misfits


@dataclass(frozen=True)
class ScanTrial:
    """A scan tried on a sample: its fit to the base, and the result of each rule."""

    scan: IntegrityScan
    sample: Sample
    fit: Fit
    rules: Sequence[RuleTrial]

    @property
    def good(self) -> bool:
        """Return whether everything fits and each rule has a result, or names what it needs."""
        return not self.fit.misfits and not any(trial.inconclusive for trial in self.rules)

    def document(self) -> dict[str, Any]:
        """Return the result as plain values."""
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
            "rules": [trial.document() for trial in self.rules],
            "airtable_requests": sample.requests,
        }


def try_scan(scan: IntegrityScan, sample: Sample) -> ScanTrial:
    """Try a scan on a sample and the schema of its base."""
    fitted = fit(scan.tables, scan.rules, Schema(sample.schema))
    fitted.misfits.extend(Remark(None, message) for message in _write_misfits(scan, sample))
    return ScanTrial(scan, sample, fitted, [_try_rule(rule, sample) for rule in scan.rules])


def _write_misfits(scan: IntegrityScan, sample: Sample) -> Iterator[str]:
    if sample.target_problem:
        yield f"write_back.base: {sample.target_problem}"
    else:
        yield from write_misfits(scan, Schema(sample.schema), Schema(sample.target))


def _try_rule(rule: BaseRule, sample: Sample) -> RuleTrial:
    why = why_inconclusive(rule, sample.cursor.unresolved)
    if why:
        return RuleTrial(rule, rule.table not in sample.incomplete, inconclusive=why)
    return try_rule(rule, sample.snapshot, sample.incomplete)
