"""Runs scans on a stack through a real tick of the scheduler, and shows how far they are."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from infra.local.stack import Stack
from infra.local.terminal import plural
from landfall.kinds.definition import parse
from landfall.runs.lifecycle import RUN_ENDED, RunStatus
from landfall.scans.scan import Scan

POLL_SECONDS = 0.3
"""Between two looks at a run's document."""

LINE_SECONDS = 10.0
"""Between two lines about a run in a log."""

RESULTS = {
    "integrity": "/runs/{run_id}/findings?format=json",
    "site": "/runs/{run_id}/report",
    "classification": "/scans/{scan_id}/elements?format=json",
}
"""Where the api has a run's result in full, by the kind of scan."""

START_SECONDS = 60.0
"""A run must have come up this long after its slot."""


class RunFailedError(Exception):
    """A scan could not be saved, or no run of it came up."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended: its document, and its result in full."""

    document: Mapping[str, Any]
    result: Any

    @property
    def done(self) -> bool:
        """Whether the run ended as it should."""
        return bool(self.document["status"] == RunStatus.DONE)


async def run_scans(stack: Stack, scans: Sequence[Scan], console: Console) -> list[Finished]:
    """Save the scans with a schedule that is due in a moment, tick, and wait for their ends."""
    slot = max([await _schedule(stack, scan) for scan in scans])
    await asyncio.sleep(max(0.0, (slot - datetime.now(UTC)).total_seconds()))
    answer = await stack.tick("scheduler")
    if answer.status_code != 200:
        raise RunFailedError(f"the scheduler responded with {answer.status_code}: {answer.text}")
    with _progress(console) as progress:
        return await asyncio.gather(*(_follow(stack, scan, progress) for scan in scans))


async def _schedule(stack: Stack, scan: Scan) -> datetime:
    """Save the scan so that it is due in a moment; the moment."""
    for ahead in (1, 2, 4, 8):  # seconds; the first request finds the api cold
        slot = (datetime.now(UTC) + timedelta(seconds=ahead + 1)).replace(microsecond=0)
        if (await save_scan(stack, _due_at(scan, slot)))["next_run_at"]:
            return slot
    raise RunFailedError(f"saving scan {scan.id} took longer than 8 s, so its slot has passed")


async def save_scan(stack: Stack, scan: Scan) -> Mapping[str, Any]:
    """Store the definition, as a person does; what was stored. Raises `RunFailedError`."""
    content = scan.document()
    if content.get("url") in stack.sites:  # a stand-in is at another address each time
        content["url"] = f"{stack.sites[content['url']].url}/"
    answer = await stack.call("PUT", f"/scans/{scan.id}", content)
    if answer.status_code != 200:
        raise RunFailedError(f"scan {scan.id} could not be saved: {answer.text}")
    saved: Mapping[str, Any] = answer.json()
    return saved


def _due_at(scan: Scan, slot: datetime) -> Scan:
    content = scan.document()
    schedule = content.get("schedule", {}) | {"cadence": {"at": [slot.isoformat()]}}
    for ends in ("paused", "stop_at", "max_runs"):
        schedule.pop(ends, None)
    return parse(content | {"schedule": schedule}, scan.id)


async def _follow(stack: Stack, scan: Scan, progress: Progress) -> Finished:
    bar = progress.add_task(scan.id, total=100, step="waiting", read="", rate=0.0, left="")
    run_id = await _run_of(stack, scan)
    pace = _Pace()
    while True:
        run = await _get(stack, f"/runs/{run_id}")
        _show(progress, bar, run, pace)
        if run["status"] in RUN_ENDED:
            return await _finished(stack, run)
        stack.check()
        await asyncio.sleep(POLL_SECONDS)


async def _run_of(stack: Stack, scan: Scan) -> str:
    loop = asyncio.get_running_loop()
    give_up = loop.time() + START_SECONDS
    while loop.time() < give_up:
        runs = (await _get(stack, f"/runs?scan_id={scan.id}&limit=1"))["runs"]
        if runs:
            return str(runs[0]["run_id"])
        await asyncio.sleep(POLL_SECONDS)
    raise RunFailedError(f"no run of scan {scan.id} started within {START_SECONDS:.0f} s")


async def _finished(stack: Stack, run: Mapping[str, Any]) -> Finished:
    path = RESULTS[run["kind"]].format(run_id=run["run_id"], scan_id=run["scan_id"])
    return Finished(run, await _get(stack, path))


async def _get(stack: Stack, path: str) -> Any:
    try:
        answer = await stack.call("GET", path)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise RunFailedError(f"the request GET {path} to the api failed: {error}") from error
    return answer.json()


@dataclass
class _Pace:
    """Requests a second and time left, from two looks at a run."""

    looks: list[tuple[float, int, int]] = field(default_factory=list)
    lines: int = 0

    def look(self, percent: int, requests: int) -> tuple[float, str]:
        """Requests a second over the last five seconds, and the time left as text."""
        now = asyncio.get_running_loop().time()
        self.looks.append((now, percent, requests))
        recent = [look for look in self.looks if look[0] >= now - 5.0]
        then, _, before = recent[0]
        rate = (requests - before) / (now - then) if now > then else 0.0
        begun, at_first, _ = self.looks[0]
        if percent <= at_first:
            return rate, "-"
        left = (now - begun) / (percent - at_first) * (100 - percent)
        return rate, f"{left:.0f} s"

    def line_is_due(self) -> bool:
        """True once in each `LINE_SECONDS`."""
        due = int((self.looks[-1][0] - self.looks[0][0]) / LINE_SECONDS)
        before, self.lines = self.lines, due
        return due > before


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"),
        TextColumn("{task.fields[step]:<18}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[read]:>14}"),
        TextColumn("{task.fields[rate]:>4.1f} requests/s"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]:>5} left"),
        console=console,
        disable=not console.is_terminal,
    )


def _show(progress: Progress, bar: TaskID, run: Mapping[str, Any], pace: _Pace) -> None:
    counts = run["counts"]
    requests = counts.get("airtable_requests", 0) + counts.get("site_requests", 0)
    rate, left = pace.look(run["progress_pct"], requests)
    before = progress.tasks[bar].fields["step"]
    progress.update(
        bar,
        completed=run["progress_pct"],
        step=run["progress_step"],
        read=_read(run),
        rate=rate,
        left="0 s" if run["status"] in RUN_ENDED else left,
    )
    due = pace.line_is_due()
    if not progress.console.is_terminal and (due or run["progress_step"] != before):
        # no bars in a log: a line for each step, and one now and then
        line = f"{run['scan_id']}: {run['progress_step']}, {run['progress_pct']} %"
        progress.console.print(f"{line}, {_read(run)}", markup=False)


def _read(run: Mapping[str, Any]) -> str:
    """How much of it has come."""
    unit = "page" if run["kind"] == "site" else "record"
    return plural(run["counts"].get(f"{unit}s", 0), unit)
