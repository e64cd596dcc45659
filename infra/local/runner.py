"""Runs of scans on a stack, through a real tick of the scheduler, with live progress."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress

from infra.local.errors import RunFailedError
from infra.local.finished_run import FinishedRun
from infra.local.live_progress import Speed, bars, show_progress
from infra.local.stack import Stack
from landfall.kinds.definition import parse
from landfall.runs.lifecycle import RUN_ENDED
from landfall.scans.scan import Scan

POLL_SECONDS = 0.3
"""Seconds between two reads of a run's document."""

RESULTS = {
    "integrity": "/runs/{run_id}/findings?format=json",
    "site": "/runs/{run_id}/report",
    "classification": "/scans/{scan_id}/elements?format=json",
}
"""Paths of the full result of a run in the api, by the kind of scan."""

START_SECONDS = 60.0
"""Seconds from its slot within which a run must exist."""


async def run_scans(stack: Stack, scans: Sequence[Scan], console: Console) -> list[FinishedRun]:
    """Save the scans with a slot that is due soon, tick, and wait for the ends of their runs."""
    slot = max([await _schedule(stack, scan) for scan in scans])
    await asyncio.sleep(max(0.0, (slot - datetime.now(UTC)).total_seconds()))
    answer = await stack.tick("scheduler")
    if answer.status_code != 200:
        what = f"the scheduler responded with {answer.status_code}"
        raise _failed(stack, "scheduler", what, answer)
    with bars(console, [scan.id for scan in scans]) as progress:
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
        raise _failed(stack, "api", f"scan {scan.id} could not be saved", answer)
    saved: Mapping[str, Any] = answer.json()
    return saved


def _failed(stack: Stack, function: str, what: str, answer: httpx.Response) -> RunFailedError:
    """Return the error, with the end of the function's log if it failed: the log ends with us."""
    message = f"{what}: {answer.text}"
    if answer.status_code >= 500:
        message += f"\nThe end of the log of {function}:\n{stack.processes[function].log_end()}"
    return RunFailedError(message)


def _with_slot(scan: Scan, slot: datetime) -> Scan:
    content = scan.document()
    schedule = content.get("schedule", {}) | {"cadence": {"at": [slot.isoformat()]}}
    for ends in ("paused", "stop_at", "max_runs"):
        schedule.pop(ends, None)
    return parse(content | {"schedule": schedule}, scan.id)


async def _follow(stack: Stack, scan: Scan, progress: Progress) -> FinishedRun:
    bar = progress.add_task(scan.id, total=100, step="waiting", read="", rate=0.0, left="")
    run_id = await _find_run(stack, scan)
    speed = Speed()
    while True:
        run = await _get(stack, f"/runs/{run_id}")
        show_progress(progress, bar, run, speed, asyncio.get_running_loop().time())
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
