"""Runs of scans on a stack, through a real tick of the scheduler, with live progress."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from infra.local.errors import RunFailedError
from infra.local.stack import Stack
from infra.local.terminal import plural
from landfall.kinds.definition import parse
from landfall.runs.lifecycle import RUN_ENDED, RunStatus
from landfall.scans.scan import Scan

POLL_SECONDS = 0.3
"""Seconds between two reads of a run's document."""

LINE_SECONDS = 10.0
"""Seconds between two lines about a run in a log."""

RESULTS = {
    "integrity": "/runs/{run_id}/findings?format=json",
    "site": "/runs/{run_id}/report",
    "classification": "/scans/{scan_id}/elements?format=json",
}
"""Paths of the full result of a run in the api, by the kind of scan."""

START_SECONDS = 60.0
"""Seconds from its slot within which a run must exist."""


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended: its document, and its result in full."""

    document: Mapping[str, Any]
    result: Any

    @property
    def done(self) -> bool:
        """Return whether the run ended `done`."""
        return bool(self.document["status"] == RunStatus.DONE)


async def run_scans(stack: Stack, scans: Sequence[Scan], console: Console) -> list[FinishedRun]:
    """Save the scans with a slot that is due soon, tick, and wait for the ends of their runs."""
    slot = max([await _schedule(stack, scan) for scan in scans])
    await asyncio.sleep(max(0.0, (slot - datetime.now(UTC)).total_seconds()))
    answer = await stack.tick("scheduler")
    if answer.status_code != 200:
        raise RunFailedError(f"the scheduler responded with {answer.status_code}: {answer.text}")
    with _progress(console) as progress:
        return await asyncio.gather(*(_follow(stack, scan, progress) for scan in scans))


async def _schedule(stack: Stack, scan: Scan) -> datetime:
    """Save the scan with a slot that is due soon; return the slot."""
    for ahead in (1, 2, 4, 8):  # seconds; the first request finds the api cold
        slot = (datetime.now(UTC) + timedelta(seconds=ahead + 1)).replace(microsecond=0)
        if (await save_scan(stack, _with_slot(scan, slot)))["next_run_at"]:
            return slot
    raise RunFailedError(f"saving scan {scan.id} took longer than 8 s, so its slot has passed")


async def save_scan(stack: Stack, scan: Scan) -> Mapping[str, Any]:
    """Save the definition, as a person does; return the stored scan. Raises `RunFailedError`."""
    content = scan.document()
    if content.get("url") in stack.sites:  # the address of a stand-in is new in each stack
        content["url"] = f"{stack.sites[content['url']].url}/"
    answer = await stack.call("PUT", f"/scans/{scan.id}", content)
    if answer.status_code != 200:
        raise RunFailedError(f"scan {scan.id} could not be saved: {answer.text}")
    saved: Mapping[str, Any] = answer.json()
    return saved


def _with_slot(scan: Scan, slot: datetime) -> Scan:
    content = scan.document()
    schedule = content.get("schedule", {}) | {"cadence": {"at": [slot.isoformat()]}}
    for ends in ("paused", "stop_at", "max_runs"):
        schedule.pop(ends, None)
    return parse(content | {"schedule": schedule}, scan.id)


async def _follow(stack: Stack, scan: Scan, progress: Progress) -> FinishedRun:
    bar = progress.add_task(scan.id, total=100, step="waiting", read="", rate=0.0, left="")
    run_id = await _find_run(stack, scan)
    speed = _Speed()
    while True:
        run = await _get(stack, f"/runs/{run_id}")
        _show(progress, bar, run, speed)
        if run["status"] in RUN_ENDED:
            return await _finish(stack, run)
        stack.check()
        await asyncio.sleep(POLL_SECONDS)


async def _find_run(stack: Stack, scan: Scan) -> str:
    loop = asyncio.get_running_loop()
    give_up = loop.time() + START_SECONDS
    while loop.time() < give_up:
        runs = (await _get(stack, f"/runs?scan_id={scan.id}&limit=1"))["runs"]
        if runs:
            return str(runs[0]["run_id"])
        await asyncio.sleep(POLL_SECONDS)
    raise RunFailedError(f"no run of scan {scan.id} started within {START_SECONDS:.0f} s")


async def _finish(stack: Stack, run: Mapping[str, Any]) -> FinishedRun:
    path = RESULTS[run["kind"]].format(run_id=run["run_id"], scan_id=run["scan_id"])
    return FinishedRun(run, await _get(stack, path))


async def _get(stack: Stack, path: str) -> Any:
    try:
        answer = await stack.call("GET", path)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise RunFailedError(f"the request GET {path} to the api failed: {error}") from error
    return answer.json()


@dataclass
class _Speed:
    """Requests a second and time left, from successive observations of a run."""

    observations: list[tuple[float, int, int]] = field(default_factory=list)
    lines: int = 0

    def observe(self, percent: int, requests: int) -> tuple[float, str]:
        """Return requests a second over the last five seconds, and the time left as text."""
        now = asyncio.get_running_loop().time()
        self.observations.append((now, percent, requests))
        recent = [seen for seen in self.observations if seen[0] >= now - 5.0]
        then, _, before = recent[0]
        rate = (requests - before) / (now - then) if now > then else 0.0
        start, at_first, _ = self.observations[0]
        if percent <= at_first:
            return rate, "-"
        left = (now - start) / (percent - at_first) * (100 - percent)
        return rate, f"{left:.0f} s"

    def line_is_due(self) -> bool:
        """Return True once in each `LINE_SECONDS`."""
        due = int((self.observations[-1][0] - self.observations[0][0]) / LINE_SECONDS)
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


def _show(progress: Progress, bar: TaskID, run: Mapping[str, Any], speed: _Speed) -> None:
    counts = run["counts"]
    requests = counts.get("airtable_requests", 0) + counts.get("site_requests", 0)
    rate, left = speed.observe(run["progress_pct"], requests)
    before = progress.tasks[bar].fields["step"]
    progress.update(
        bar,
        completed=run["progress_pct"],
        step=run["progress_step"],
        read=_describe_progress(run),
        rate=rate,
        left="0 s" if run["status"] in RUN_ENDED else left,
    )
    due = speed.line_is_due()
    if not progress.console.is_terminal and (due or run["progress_step"] != before):
        # no bars in a log: a line for each step, and one now and then
        line = f"{run['scan_id']}: {run['progress_step']}, {run['progress_pct']} %"
        progress.console.print(f"{line}, {_describe_progress(run)}", markup=False)


def _describe_progress(run: Mapping[str, Any]) -> str:
    """Return how much the run has read."""
    unit = "page" if run["kind"] == "site" else "record"
    return plural(run["counts"].get(f"{unit}s", 0), unit)
