"""Shows how far the reading of a sample is."""

import asyncio
from collections.abc import Collection

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from infra.local.endpoint import Airtable
from infra.local.sampling import Progress, Sample, read_sample
from landfall.airtable.scan import BaseScan

LINE_SECONDS = 10.0
"""Between two lines about the reading in a log."""


async def read_shown(
    scan: BaseScan,
    airtable: Airtable | None,
    most: int | None,
    console: Console,
    looked_up: Collection[str] = (),
) -> Sample:
    """As `read_sample`."""
    with _bars(console) as bars:
        show = _Shown(scan.id, bars)
        return await read_sample(scan, airtable, most, show, looked_up)


def what_was_read(sample: Sample) -> str:
    """For a person."""
    tables = [
        f"the first {len(table)} records of {name}"
        if name in sample.incomplete
        else f"all {len(table)} of {name}"
        for name, table in sample.snapshot.tables.items()
    ]
    return f"read: {', '.join(tables) or 'nothing'}"


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
