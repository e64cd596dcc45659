"""A run, followed to its end: its steps, what they have read, and what they wait for."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from infra.client.calls import Api
from infra.client.errors import FAILED, FOUND, OK
from infra.local.live_progress import Speed, bars, describe_progress, show_progress
from landfall.runs.lifecycle import RUN_ENDED

POLL = 1.0
"""Seconds between two looks: a caller may make 200 requests a minute."""

FOLLOW_PATIENCE = 300.0
"""Seconds for which a lost connection is tried again; the run goes on meanwhile."""


def follow(api: Api, run_id: str, console: Console) -> Mapping[str, Any]:
    """Show a run until it ends; return it. Raises `ClientError`."""
    api.patience = FOLLOW_PATIENCE
    seen = _look(api, run_id)
    speed, waits, name = Speed(), "", str(seen["run"]["scan_id"])
    with bars(console, [name]) as progress:
        bar = progress.add_task(name, total=100, step="waiting", read="", rate=0.0, left="")
        while True:
            run: Mapping[str, Any] = seen["run"]
            before, waits = waits, wait_of(seen)
            show_progress(progress, bar, run, speed, time.monotonic())
            if waits:
                _show_wait(progress, bar, seen, waits if waits != before else "")
            if run["status"] in RUN_ENDED:
                return run
            time.sleep(POLL)
            seen = _look(api, run_id)


def _look(api: Api, run_id: str) -> Mapping[str, Any]:
    seen: Mapping[str, Any] = api.call("GET", f"/runs/{run_id}/timeline", parameters={"limit": "1"})
    return seen


def wait_of(seen: Mapping[str, Any]) -> str:
    """Return why a run waits; empty while it is at work."""
    error = next((it.get("last_error") for it in seen["steps"] if _waits(it)), None)
    if error:
        return f"{error['reason']}: {error['message']}"
    step = str(seen["run"]["progress_step"])
    return step if step.startswith("waiting_for") else ""


def next_try(seen: Mapping[str, Any], now: datetime) -> str:
    """Return when the step that waits is tried again, as a text of up to 16 characters."""
    times = [datetime.fromisoformat(it["next_attempt_at"]) for it in seen["steps"] if _waits(it)]
    seconds = max(0, round((min(times) - now).total_seconds())) if times else 0
    if not seconds:
        return "next try now"
    return f"next try in {seconds} s" if seconds < 100 else f"try in {round(seconds / 60)} min"


def _waits(step: Mapping[str, Any]) -> bool:
    return step.get("status") == "queued" and bool(step.get("next_attempt_at"))


def _show_wait(progress: Progress, bar: TaskID, seen: Mapping[str, Any], why: str) -> None:
    when = next_try(seen, datetime.now(UTC))
    progress.update(bar, read=when)
    if why:
        progress.console.print(f"It waits, {when}: {why}", markup=False, soft_wrap=True)


def print_end(run: Mapping[str, Any], console: Console) -> None:
    """Print how a run ended, and what to do next."""
    counts = run.get("counts") or {}
    done = run["status"] == "done"
    found = f", {counts['findings']} findings" if "findings" in counts else ""
    what = f"{run['verdict']}{found}" if done else run["status"]
    console.print(
        f"{run['run_id']}: {what} ({describe_progress(run)})", markup=False, soft_wrap=True
    )
    if error := run.get("error"):
        console.print(f"{error['reason']}: {error['message']}", markup=False, soft_wrap=True)
    for warning in run.get("warnings") or ():
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    for gap in run.get("inconclusive") or ():
        what = gap.get("rule_id") or gap.get("what")
        console.print(f"not evaluated: {what}: {gap['why']}", markup=False, soft_wrap=True)
    if done and counts.get("findings"):
        more = f"infra/landfall findings {run['scan_id']}"
        console.print(f"Look at them: {more}", markup=False, soft_wrap=True)
    if not done:
        console.print(f"For a report: infra/landfall debug {run['run_id']}", markup=False)


def status_of(run: Mapping[str, Any]) -> int:
    """Return the exit status for a run that has ended."""
    if run["status"] != "done":
        return FAILED
    return OK if run["verdict"] == "healthy" else FOUND
