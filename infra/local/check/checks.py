"""`infra/local/run --check`: checks scans against their sources, and writes nothing anywhere."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from itertools import islice

from rich.console import Console
from rich.text import Text

from infra.local.check.result import CheckResult
from infra.local.endpoints import AirtableEndpoint, configured_airtable
from infra.local.terminal import complain, plural
from landfall.reasons import WHAT_TO_DO, StepError
from landfall.scans.cadence import time_zone
from landfall.scans.cadence_phrase import describe
from landfall.scans.scan import Scan
from landfall.scans.schedule import Schedule
from landfall.scans.slots import slots_ahead

SLOTS_SHOWN = 3
"""Slots of a schedule that are printed."""

Check = Callable[[Scan, AirtableEndpoint | None, int | None, Console], CheckResult]

CHECKS: Mapping[str, str] = {
    "integrity": "infra.local.check.integrity",
    "site": "infra.local.check.site",
    "classification": "infra.local.check.classification",
}
"""The module that checks a kind of scan; it is imported when a scan needs it."""


def run(options: argparse.Namespace, scans: Sequence[Scan], console: Console) -> int:
    """Check the scans one after the other; return the exit status. Raises `MissingError`."""
    airtable = configured_airtable(scans)
    good, requests = True, 0
    try:
        for scan in scans:
            check: Check = import_module(CHECKS[scan.kind]).check
            checked = check(scan, airtable, options.sample, console)
            requests += checked.requests
            good = good and checked.good
            slots = _next_slots(scan.schedule, datetime.now(UTC))
            schedule = _describe_schedule(scan.schedule, slots)
            if options.json:
                next_slots = [slot.isoformat() for slot in slots]
                document = {**checked.document, "schedule": schedule, "next_slots": next_slots}
                print(json.dumps(document, ensure_ascii=False), flush=True)
            else:
                console.rule(Text(scan.id, "bold"))
                console.print(Text(f"schedule: {schedule}"), soft_wrap=True)
                checked.show(console)
    except StepError as error:
        complain(console, f"Scan {scan.id} was not checked: {error.reason}.", error)
        console.print(f"What to do: {WHAT_TO_DO[error.reason]}", soft_wrap=True, markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted; nothing was written anywhere.")
        return 130
    console.print(f"Nothing was written anywhere; {requests} requests were sent.")
    return 0 if good else 1


def _next_slots(schedule: Schedule | None, now: datetime) -> list[datetime]:
    """Return the next slots, in the schedule's time zone."""
    if schedule is None:
        return []
    zone = time_zone(schedule.time_zone)
    return [slot.astimezone(zone) for slot in islice(slots_ahead(schedule, now), SLOTS_SHOWN)]


def _describe_schedule(schedule: Schedule | None, slots: Sequence[datetime]) -> str:
    """Return the cadence, the next slots and the limits, for a person."""
    if schedule is None:
        return "none; each run is started by hand"
    cadence = describe(schedule.cadence, schedule.time_zone)
    if schedule.paused:
        return f"{cadence} (paused: no run starts until it is saved without `paused`)"
    if not slots:
        stop = f": `stop_at` is {_moment(schedule.stop_at, schedule)}" if schedule.stop_at else ""
        return f"{cadence}; no slot lies ahead{stop}, so no run ever starts"
    parts = [cadence, f"next {', '.join(f'{slot:%a %Y-%m-%d %H:%M %Z}' for slot in slots)}"]
    if schedule.max_runs is not None:
        parts.append(f"ends after {plural(schedule.max_runs, 'run')} (`max_runs`)")
    if schedule.stop_at:
        parts.append(f"ends at {_moment(schedule.stop_at, schedule)} (`stop_at`)")
    return "; ".join(parts)


def _moment(moment: datetime, schedule: Schedule) -> str:
    return f"{moment.astimezone(time_zone(schedule.time_zone)):%Y-%m-%d %H:%M %Z}"
