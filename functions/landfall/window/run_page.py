"""A run: what it found, where it is, what it cost, and what a person can do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.kinds.routes import cancel_run, follow_run, start_run
from landfall.runs.lifecycle import RUN_LIVE, RunStatus, StepStatus
from landfall.runs.steps import ROLES
from landfall.store.documents import Fields
from landfall.window.standing import fix_of, meaning_of, state_of
from landfall.window.visit import LATER, SOON, Elsewhere, View, Visit

MAX_MOVES = 100
"""Newest moves of a run that its page shows."""

MAX_ROWS = 50
"""Rules, or other entries, of a run's page: a scan has a page for more."""

ABSENT: Fields = {"slot": None, "inconclusive": (), "finished_at": None, "started_at": None}
"""Fields that not every run has."""

METER = (
    ("records", "Records read", "number"),
    ("pages", "Pages read", "number"),
    ("airtable_requests", "Requests to Airtable", "number"),
    ("site_requests", "Requests to the site", "number"),
    ("model_calls", "Questions to the model", "number"),
    ("tokens_asked", "Tokens sent to the model", "number"),
    ("tokens_answered", "Tokens received", "number"),
    ("model_cost", "Price of the model", "dollars"),
    ("firestore_reads", "Documents read", "number"),
    ("firestore_writes", "Documents written", "number"),
    ("function_seconds", "Computing time", "duration"),
)
"""Counts of a run that cost something, with their words and their form."""


TROUBLE = (StepStatus.FAILED, RunStatus.ERROR, RunStatus.TIMED_OUT)
"""Statuses of a step or a run that has failed."""


@dataclass(frozen=True)
class Span:
    """A time in which a step was at work, or waited: shares of the run's time, in per cent."""

    step: str
    state: str
    start: float
    width: float
    seconds: float


async def run_page(visit: Visit, run_id: str) -> View:
    """Show a run."""
    found = await follow_run(visit.ask({"limit": str(MAX_MOVES)}), run_id)
    run, steps = ABSENT | found["run"], sorted(found["steps"], key=_order)
    moving = run["status"] in RUN_LIVE
    only_failed = visit.query.get("show") == "failed"
    end = run["finished_at"] or visit.now
    report = run.get("report") or {}
    failing = [rule for rule in report.get("rules", ()) if rule["findings"]]
    values = {
        "run": run,
        "state": state_of(run),
        "moving": moving,
        "seconds": (end - run["created_at"]).total_seconds(),
        "steps_of_run": steps,
        "spans": spans_of(found["events"], steps, run["created_at"], end),
        "events": [one for one in found["events"][::-1] if not only_failed or _is_trouble(one)],
        "only_failed": only_failed,
        "left_out": found["moves"] - len(found["events"]),
        "reason": _explained(run["error"]),
        "fix_of": fix_of,
        "meter": _meter(run["counts"]),
        "report": report,
        "rules": sorted(failing, key=_worst)[:MAX_ROWS],
        "rules_in_order": len(report.get("rules", ())) - len(failing),
        "now": visit.now,
        "max_rows": MAX_ROWS,
    }
    return View("run.html", values, refresh=SOON if moving else None)


async def run_pulse(visit: Visit, run_id: str) -> str:
    """Return what changes with each write of the run; a step that waits is looked at anew."""
    run = await visit.asked.runs.get(run_id)
    moment = int(visit.now.timestamp()) // LATER if run.status in RUN_LIVE else 0
    return repr((run.updated_at, run.moves, moment))


async def cancel(visit: Visit, run_id: str) -> Elsewhere:
    """End a run."""
    cancelled = (await cancel_run(visit.ask(), run_id))["cancelled"]
    return Elsewhere(f"/runs/{run_id}", "cancelled" if cancelled else "ended_before")


async def start(visit: Visit, scan_id: str) -> Elsewhere:
    """Start a run of a scan: one, however often the form of one page is sent."""
    key = visit.form().get("key", "")[:200] or None
    started = await start_run(visit.ask(body={"scan_id": scan_id}, key=key))
    return Elsewhere(f"/runs/{started['run_id']}", "started")


def _is_trouble(move: Fields) -> bool:
    """Return whether a move is the end of an attempt without its result."""
    return move["to"] in TROUBLE or (move["from"], move["to"]) == ("running", "queued")


def _order(step: Fields) -> int:
    return list(ROLES).index(step["step_id"])


def _worst(rule: Fields) -> tuple[int, ...]:
    return tuple(-rule["by_severity"].get(name, 0) for name in ("critical", "warning", "info"))


def _explained(error: Fields | None) -> Fields | None:
    """Return an error with the meaning of its reason, and what a person can do about it."""
    if error is None:
        return None
    reason = error["reason"]
    return error | {"meaning": meaning_of(reason), "fix": fix_of(reason)}


def _meter(counts: Fields) -> list[tuple[str, str, Any]]:
    return [(word, form, counts[name]) for name, word, form in METER if counts.get(name)]


def spans_of(
    events: Sequence[Fields], steps: Sequence[Fields], start: datetime, end: datetime
) -> list[Span]:
    """Return when each step was at work and when it waited, from its moves until the end."""
    whole = max((end - start).total_seconds(), 0.001)
    spans = []
    for step in steps:
        moves = [event for event in events if event["step"] == step["step_id"]]
        times = (
            [(step["created_at"], "queued")] if not moves or moves[0]["from"] == "queued" else []
        )
        times += [(move["updated_at"], move["to"]) for move in moves]
        for (begun, state), (over, _) in zip(times, [*times[1:], (end, "")], strict=True):
            if state in ("queued", "running"):
                seconds = max((over - begun).total_seconds(), 0.0)
                at = 100 * max((begun - start).total_seconds(), 0.0) / whole
                spans.append(Span(step["step_id"], state, at, 100 * seconds / whole, seconds))
    return spans
