"""The check of an integrity scan: its rules, tried on a sample of their base."""

import asyncio
from collections.abc import Iterator
from functools import partial

from rich.console import Console
from rich.text import Text

from infra.local.checked import Checked
from infra.local.endpoint import Airtable
from infra.local.sampling_shown import read_shown, what_was_read
from infra.local.terminal import COLOURS
from infra.local.trying import Tried, TriedScan, tried_on
from landfall.airtable.unknown_fields import Remark
from landfall.integrity.rules.evaluate import Finding
from landfall.integrity.scan import IntegrityScan


def check(
    scan: IntegrityScan, airtable: Airtable | None, most: int | None, console: Console
) -> Checked:
    """Try the scan's rules on `most` records of each table, or all. Raises `StepError`."""
    sample = asyncio.run(read_shown(scan, airtable, most, console, scan.looked_up))
    # not on the event loop: Ctrl-C ends it at once, however long a rule takes
    tried = tried_on(scan, sample)
    return Checked(tried.good, sample.requests, tried.document(), partial(print_tried, tried))


def print_tried(checked: TriedScan, console: Console) -> None:
    """What came out, for a person: what does not fit first, then each rule."""
    console.print(Text(what_was_read(checked.sample)), soft_wrap=True)
    for name, colour, remarks in (
        ("does not fit", "red", checked.fit.misfits),
        ("note", "cyan", checked.fit.remarks),
    ):
        for remark in remarks:
            console.print(Text.assemble((name, colour), ": ", _of(remark)), soft_wrap=True)
    for tried in checked.rules:
        console.print(
            Text.assemble((tried.rule.id, "bold"), f" ({tried.rule.table}): ", tried.sentence),
            soft_wrap=True,
        )
        for line in _lines(tried):
            console.print(Text("  ") + line, soft_wrap=True)


def _of(remark: Remark) -> str:
    return f"{remark.rule_id or 'tables'}: {remark.message}"


def _lines(tried: Tried) -> Iterator[Text]:
    """What a rule came to."""
    if tried.inconclusive:
        yield Text.assemble(("inconclusive", COLOURS["inconclusive"]), ": ", tried.inconclusive)
        return
    if tried.unjudged:
        unjudged = ("cannot be judged on a sample", COLOURS["inconclusive"])
        yield Text.assemble(unjudged, f": {tried.unjudged}; --sample all reads them")
        return
    looked = f"{_count(tried.records, 'record')} looked at"
    if not tried.records:
        why = ": `when` selects none of those that were read" if tried.rule.when else ""
        yield Text(f"no record looked at{why}", "yellow")
        return
    if tried.severity is None:
        more = "; there may be some with records that were not read" if tried.at_least else ""
        yield Text.assemble(f"{looked}, ", ("nothing found", "green"), more)
        return
    yield Text.assemble(
        f"{looked}, {_found(tried)}, ",
        (tried.severity, COLOURS[tried.severity]),
        " by this sample" if tried.by_number else "",
    )
    if tried.probably_wrong:
        yield Text("more than half of the records: it is probably the rule that is wrong", "red")
    for finding in tried.examples:
        yield Text(f"  {_example(finding)}", "dim")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _found(tried: Tried) -> str:
    at_least = "at least " if tried.at_least else ""
    found = f"{at_least}{_count(tried.findings, 'finding')}"
    if not tried.affected:
        return found
    records = "" if tried.affected == tried.findings else f" with {tried.affected} records"
    return f"{found}{records} ({tried.share:.1%})"


def _example(finding: Finding) -> str:
    where = ", ".join(finding.records[:2]) or finding.table
    if finding.record_count > 2:
        where += f" and {finding.record_count - 2} more"
    said = f"{where}: {finding.message}"
    if finding.value.strip("[]") not in finding.message:
        said += f" ({finding.field}: {finding.value})"
    return said
