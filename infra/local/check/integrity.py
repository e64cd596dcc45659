"""The check of an integrity scan: its rules, tried on a sample of their base."""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

from infra.local.check.result import CheckResult
from infra.local.check.sample_progress import describe_sample, read_with_progress
from infra.local.check.trial import ScanTrial, try_scan
from infra.local.endpoints import AirtableEndpoint
from infra.local.terminal import COLOURS, plural
from landfall.airtable.unknown_fields import Remark
from landfall.integrity.rules.evaluate import Finding
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.trial import RuleTrial


def check(
    scan: IntegrityScan, airtable: AirtableEndpoint | None, limit: int | None, console: Console
) -> CheckResult:
    """Try the scan's rules on `limit` records of each table, or all. Raises `StepError`."""
    sample = asyncio.run(
        read_with_progress(scan, airtable, limit, console, scan.looked_up, scan.write_base)
    )
    # not on the event loop: Ctrl-C ends it at once, however long a rule takes
    trial = try_scan(scan, sample)
    return CheckResult(trial.good, sample.requests, trial.document(), partial(print_trial, trial))


def print_trial(trial: ScanTrial, console: Console) -> None:
    """Print a trial for a person: first what does not fit, then each rule."""
    console.print(Text(describe_sample(trial.sample)), soft_wrap=True)
    for name, colour, remarks in (
        ("does not fit", "red", trial.fit.misfits),
        ("note", "cyan", trial.fit.remarks),
    ):
        for remark in remarks:
            console.print(
                Text.assemble((name, colour), ": ", _describe_remark(remark)), soft_wrap=True
            )
    for rule_trial in trial.rules:
        console.print(
            Text.assemble(
                (rule_trial.rule.id, "bold"),
                f" ({rule_trial.rule.table}): ",
                rule_trial.rule.requirement,
            ),
            soft_wrap=True,
        )
        for line in _lines(rule_trial):
            console.print(Text("  ") + line, soft_wrap=True)


def _describe_remark(remark: Remark) -> str:
    return f"{remark.rule_id}: {remark.message}" if remark.rule_id else remark.message


def _lines(trial: RuleTrial) -> Iterator[Text]:
    """Yield lines about the result of a rule."""
    if trial.inconclusive:
        yield Text.assemble(("inconclusive", COLOURS["inconclusive"]), ": ", trial.inconclusive)
        return
    if trial.unjudged:
        unjudged = ("not evaluated on a sample", COLOURS["inconclusive"])
        yield Text.assemble(unjudged, f": {trial.unjudged}; use --sample all")
        return
    evaluated = f"{plural(trial.records, 'record')} checked"
    if trial.note:
        yield Text(f"nothing to check: {trial.note}", "yellow")
        return
    if trial.severity is None:
        more = "; records that were not read may add some" if trial.at_least else ""
        yield Text.assemble(f"{evaluated}, ", ("no findings", "green"), more)
        return
    yield Text.assemble(
        f"{evaluated}, {_count_findings(trial)}, ",
        (trial.severity, COLOURS[trial.severity]),
        " in this sample" if trial.by_number else "",
    )
    if trial.probably_wrong:
        yield Text("more than half of the records: the rule itself is probably wrong", "red")
    for finding in trial.examples:
        yield Text(f"  {_describe_example(finding)}", "dim")


def _count_findings(trial: RuleTrial) -> str:
    at_least = "at least " if trial.at_least else ""
    found = f"{at_least}{plural(trial.findings, 'finding')}"
    if not trial.affected:
        return found
    records = "" if trial.affected == trial.findings else f" in {trial.affected} records"
    return f"{found}{records} ({trial.share:.1%})"


def _describe_example(finding: Finding) -> str:
    named = zip_longest(finding.records[:2], finding.names[:2], fillvalue="")
    where = ", ".join(f"{record} {name}".strip() for record, name in named) or finding.table
    if finding.record_count > 2:
        where += f" and {finding.record_count - 2} more"
    example = f"{where}: {finding.message}"
    if finding.value.strip("[]") not in finding.message:
        example += f" ({finding.field}: {finding.value})"
    return example
