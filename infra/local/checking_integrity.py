"""The check of an integrity scan: its rules, tried on a sample of their base."""

import asyncio
from collections.abc import Iterator
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from infra.local.checked import Checked
from infra.local.endpoint import Airtable
from infra.local.sampling import Progress, Sample, read_sample
from infra.local.terminal import COLOURS
from infra.local.trying import Tried, TriedScan, tried_on
from landfall.integrity.fitting import Remark
from landfall.integrity.rules import Finding
from landfall.integrity.scan import IntegrityScan

LINE_SECONDS = 10.0
"""Between two lines about the reading in a log."""


def check(
    scan: IntegrityScan, airtable: Airtable | None, most: int | None, console: Console
) -> Checked:
    """Try the scan's rules on `most` records of each table, or all. Raises `StepError`."""
    sample = asyncio.run(_read(scan, airtable, most, console))
    # not on the event loop: Ctrl-C ends it at once, however long a rule takes
    tried = tried_on(scan, sample)
    return Checked(tried.good, sample.requests, tried.document(), partial(print_tried, tried))


async def _read(
    scan: IntegrityScan, airtable: Airtable | None, most: int | None, console: Console
) -> Sample:
    with _bars(console) as bars:
        show = _Shown(scan.id, bars)
        return await read_sample(scan, airtable, most, show)


def _bars(console: Console) -> Bars:
    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:.0f} of {task.total:.0f} tables"),
        TextColumn("{task.fields[records]:>6} records"),
        TextColumn("{task.fields[requests]:>4} requests"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[waits]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


class _Shown:
    """Shows how far the reading is: a bar, or in a log a line now and then."""

    def __init__(self, scan_id: str, bars: Bars) -> None:
        self._scan_id = scan_id
        self._bars = bars
        self._bar: TaskID = bars.add_task(
            f"reading for {scan_id}", total=1, records=0, requests=0, waits=""
        )
        self._line_at = asyncio.get_running_loop().time() + LINE_SECONDS

    def __call__(self, progress: Progress) -> None:
        """Show this."""
        waits = f"Airtable asks to wait {progress.waits:.0f} s" if progress.waits else ""
        self._bars.update(
            self._bar,
            total=progress.tables,
            completed=progress.done,
            records=progress.records,
            requests=progress.requests,
            waits=waits,
        )
        now = asyncio.get_running_loop().time()
        if not self._bars.console.is_terminal and (waits or now >= self._line_at):
            self._line_at = now + LINE_SECONDS
            line = f"reading for {self._scan_id}: {progress.done} of {progress.tables} tables, "
            line += f"{progress.records} records, {progress.requests} requests"
            self._bars.console.print(", ".join(filter(None, [line, waits])), markup=False)


def print_tried(checked: TriedScan, console: Console) -> None:
    """What came out, for a person: what does not fit first, then each rule."""
    console.rule(Text(checked.scan.id, "bold"))
    console.print(Text(_what_was_read(checked.sample)), soft_wrap=True)
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


def _what_was_read(sample: Sample) -> str:
    tables = [
        f"the first {len(table)} records of {name}"
        if name in sample.incomplete
        else f"all {len(table)} of {name}"
        for name, table in sample.snapshot.tables.items()
    ]
    return f"read: {', '.join(tables) or 'nothing'}"


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
