"""The display of progress while a sample is read."""

import asyncio
from collections.abc import Collection

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from infra.local.check.sample import Sample, SampleProgress, read_sample
from infra.local.endpoints import AirtableEndpoint
from infra.local.live_progress import BAR_WIDTHS, LINE_SECONDS, MAX_NAME, text_column
from infra.local.terminal import plural
from landfall.airtable.scan import BaseScan


async def read_with_progress(
    scan: BaseScan,
    airtable: AirtableEndpoint | None,
    limit: int | None,
    console: Console,
    looked_up: Collection[str] = (),
    written: str | None = None,
) -> Sample:
    """Read a sample as `read_sample` does, and show the progress."""
    with _bars(console, scan.id) as bars:
        show = _ProgressDisplay(scan.id, bars)
        return await read_sample(scan, airtable, limit, show, looked_up, written)


def describe_sample(sample: Sample) -> str:
    """Return how many records of each table were read, for a person."""
    tables = [
        f"{name} ({'first' if name in sample.incomplete else 'all'} {plural(len(table), 'record')})"
        for name, table in sample.snapshot.tables.items()
    ]
    return f"read: {', '.join(tables) or 'nothing'}"


def _bars(console: Console, name: str) -> Bars:
    least, most = BAR_WIDTHS
    return Bars(
        text_column("{task.description}", min(MAX_NAME, len(name))),
        BarColumn(bar_width=min(most, max(least, console.width - 70))),
        TextColumn("{task.completed:.0f} of {task.total:.0f} tables"),
        TextColumn("{task.fields[records]:>6} records"),
        TextColumn("{task.fields[requests]:>4} requests"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[waits]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


class _ProgressDisplay:
    """The progress of reading: a bar on a terminal, a line now and then in a log."""

    def __init__(self, scan_id: str, bars: Bars) -> None:
        self._scan_id = scan_id
        self._bars = bars
        self._bar: TaskID = bars.add_task(
            f"reading for {scan_id}", total=1, records=0, requests=0, waits=""
        )
        self._line_at = asyncio.get_running_loop().time() + LINE_SECONDS

    def __call__(self, progress: SampleProgress) -> None:
        """Show this progress."""
        waits = ""
        if progress.wait_seconds:
            waits = f"{progress.wait_why} {progress.wait_seconds:.0f} s"
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
