"""An integrity scan in plain sentences."""

from landfall.airtable.explain import base_costs, base_unseen
from landfall.integrity.scan import IntegrityScan
from landfall.scans.explanation import KnownSource, ScanInWords


def explain(scan: IntegrityScan, known: KnownSource, runs: int) -> ScanInWords:
    """Return a sentence for each rule, and those about the base; `runs` are those of a month."""
    checks = [
        f"{rule.table}: {rule.requirement} "
        f"({rule.severity if isinstance(rule.severity, str) else 'severity by number'}, {rule.id})"
        for rule in scan.rules
    ]
    used = {pair for rule in scan.rules for pair in rule.reads()}
    tables = {table for rule in scan.rules for table in rule.tables()}
    costs = [
        *base_costs(scan, known, runs, scan.write_back is not None),
        "It asks no language model.",
    ]
    return ScanInWords(checks, costs, [*base_unseen(scan, known, used, tables)])
