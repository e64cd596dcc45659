"""`infra/local/run --check`: tries scans on what they are about, and writes nothing anywhere."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from itertools import islice

from rich.console import Console
from rich.text import Text

from infra.local.checked import Checked
from infra.local.endpoint import Airtable, real_airtable
from infra.local.terminal import complain
from landfall.reasons import StepError
from landfall.scans.cadence import time_zone
from landfall.scans.cadence_phrase import describe
from landfall.scans.scan import Scan
from landfall.scans.schedule import Schedule
from landfall.scans.slots import slots_ahead

NEXT = 3
"""Slots of a schedule that are named."""

Check = Callable[[Scan, Airtable | None, int | None, Console], Checked]

CHECKS: Mapping[str, str] = {
    "integrity": "infra.local.checking_integrity",
    "site": "infra.local.checking_site",
    "classification": "infra.local.checking_classification",
}
"""The module that checks a kind of scan, imported when there is one."""


def run(options: argparse.Namespace, scans: Sequence[Scan], console: Console) -> int:
    """Check the scans one after the other; the exit status. Raises `MissingError`."""
    airtable = real_airtable(scans)
    good, requests = True, 0
    try:
        for scan in scans:
            check: Check = import_module(CHECKS[scan.kind]).check
            checked = check(scan, airtable, options.sample, console)
            requests += checked.requests
            good = good and checked.good
            ahead = _ahead(scan.schedule, datetime.now(UTC))
            if options.json:
                document = {**checked.document, "next_slots": [slot.isoformat() for slot in ahead]}
                print(json.dumps(document, ensure_ascii=False), flush=True)
            else:
                console.rule(Text(scan.id, "bold"))
                console.print(Text(f"schedule: {_when(scan.schedule, ahead)}"), soft_wrap=True)
                checked.show(console)
    except StepError as error:
        complain(console, f"Scan {scan.id} was not checked: {error.reason}.", error)
        return 2
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written anywhere.")
        return 130
    console.print(f"Nothing was written anywhere; {requests} requests were sent.")
    return 0 if good else 1


def _ahead(schedule: Schedule | None, now: datetime) -> list[datetime]:
    """The next slots, in the schedule's zone."""
    if schedule is None:
        return []
    zone = time_zone(schedule.time_zone)
    return [slot.astimezone(zone) for slot in islice(slots_ahead(schedule, now), NEXT)]


def _when(schedule: Schedule | None, ahead: Sequence[datetime]) -> str:
    """When the scan runs by itself, for a person."""
    if schedule is None:
        return "none; it runs when somebody starts it"
    said = describe(schedule.cadence, schedule.time_zone)
    if schedule.paused:
        return f"{said}, but it is paused"
    slots = ", ".join(f"{slot:%a %Y-%m-%d %H:%M %Z}" for slot in ahead)
    return f"{said}; next {slots}" if slots else f"{said}; nothing of that lies ahead"
