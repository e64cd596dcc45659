"""The live progress of runs: a bar for each in a terminal, and a line now and then in a log."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from infra.local.terminal import plural
from landfall.runs.lifecycle import RUN_ENDED

MAX_NAME = 16
"""Columns of the id of a scan beside its bar."""

BAR_WIDTHS = (10, 30)
"""Columns of a bar: at least, and at most."""

RECENT_SECONDS = 5.0
"""Seconds over which the speed is taken."""

MIN_WATCHED = 10.0
"""Seconds after which the time left is estimated; before, an estimate says nothing."""

MIN_GAINED = 5
"""Per cent of progress in this time, for the same reason."""

MIN_LEFT = 5.0
"""Seconds left that are worth a number."""

LINE_SECONDS = 10.0
"""Seconds between two lines about a run in a log."""

_STEP, _PERCENT, _READ, _LEFT = 16, 5, 14, 12
"""Columns of the other parts of a line."""

_SPEED = 16 + 7 + 2
"""Columns of the speed and the time since the start, where there is room for them."""


@asynccontextmanager
async def waiting(console: Console, what: str) -> AsyncIterator[None]:
    """Show that something is going on: a spinner in a terminal, a line now and then in a log."""

    async def lines() -> None:
        for times in count(1):
            await asyncio.sleep(LINE_SECONDS)
            console.print(f"{what} {times * LINE_SECONDS:.0f} s", markup=False)

    task = None if console.is_terminal else asyncio.create_task(lines())
    try:
        with console.status(what):
            yield
    finally:
        if task:
            task.cancel()


@dataclass
class Speed:
    """Requests a second, and the time left, from successive observations of a run."""

    recent: deque[tuple[float, int]] = field(default_factory=deque)
    start: tuple[float, int] | None = None
    moved: tuple[float, int] = (0.0, -1)
    lines: int = 0

    def observe(self, now: float, percent: int, requests: int) -> None:
        """Add an observation at a moment, in seconds."""
        self.start = self.start or (now, percent)
        if percent != self.moved[1]:
            self.moved = now, percent
        self.recent.append((now, requests))
        while self.recent[0][0] < now - RECENT_SECONDS:
            self.recent.popleft()

    @property
    def rate(self) -> float:
        """The requests a second over the last seconds."""
        (then, before), (now, after) = self.recent[0], self.recent[-1]
        return (after - before) / (now - then) if now > then else 0.0

    @property
    def left(self) -> str:
        """The time left, rounded; empty while too little is known for an estimate."""
        assert self.start is not None
        now, (start, first), (moved, percent) = self.recent[-1][0], self.start, self.moved
        if now - start < MIN_WATCHED or percent - first < MIN_GAINED or now - moved > MIN_WATCHED:
            return ""
        seconds = (now - start) / (percent - first) * (100 - percent)
        if seconds < MIN_LEFT:
            return ""
        if seconds < 90:
            return f"~{round(seconds / 5) * 5} s left"
        return f"~{round(seconds / 60)} min left"

    def line_is_due(self) -> bool:
        """Return True once in each `LINE_SECONDS`."""
        assert self.start is not None
        due = int((self.recent[-1][0] - self.start[0]) / LINE_SECONDS)
        before, self.lines = self.lines, due
        return due > before


def bars(console: Console, names: Iterable[str]) -> Progress:
    """Return the bars of runs of scans with these ids, which fit into the terminal's width.

    A task has the fields `step`, `read`, `rate` and `left`.
    """
    name = min(MAX_NAME, max(map(len, names), default=0))
    least, most = BAR_WIDTHS
    rest = console.width - sum((name, _STEP, _PERCENT, _READ, _LEFT, 6))
    wide = rest >= least + _SPEED
    columns: list[ProgressColumn] = [
        text_column("{task.description}", name),
        text_column("{task.fields[step]}", _STEP),
        BarColumn(bar_width=min(most, max(least, rest - _SPEED if wide else rest))),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn(f"{{task.fields[read]:>{_READ}}}"),
        *([TextColumn("{task.fields[rate]:>4.1f} requests/s")] if wide else []),
        *([TimeElapsedColumn()] if wide else []),
        TextColumn(f"{{task.fields[left]:>{_LEFT}}}"),
    ]
    return Progress(*columns, console=console, disable=not console.is_terminal)


def text_column(content: str, width: int) -> TextColumn:
    """Return a column of so many columns; what is longer ends in an ellipsis."""
    column = Column(width=width, no_wrap=True, overflow="ellipsis")
    return TextColumn(content, table_column=column, markup=False)


def describe_progress(run: Mapping[str, Any]) -> str:
    """Return how much a run has read."""
    unit = "page" if run["kind"] == "site" else "record"
    return plural(run["counts"].get(f"{unit}s", 0), unit)


def show_progress(
    progress: Progress, bar: TaskID, run: Mapping[str, Any], speed: Speed, now: float
) -> None:
    """Show where a run is, at a moment in seconds: in its bar, or in a log a line now and then."""
    counts = run["counts"]
    requests = counts.get("airtable_requests", 0) + counts.get("site_requests", 0)
    speed.observe(now, run["progress_pct"], requests)
    before = progress.tasks[bar].fields["step"]
    progress.update(
        bar,
        completed=run["progress_pct"],
        step=run["progress_step"],
        read=describe_progress(run),
        rate=speed.rate,
        left="" if run["status"] in RUN_ENDED else speed.left,
    )
    due = speed.line_is_due()
    if not progress.console.is_terminal and (due or run["progress_step"] != before):
        # no bars in a log: a line for each step, and one now and then
        line = f"{run['scan_id']}: {run['progress_step']}, {run['progress_pct']} %"
        progress.console.print(f"{line}, {describe_progress(run)}", markup=False)
