"""`infra/local/run --check`: checks scans against their sources, and writes nothing anywhere."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module

from rich.console import Console
from rich.text import Text

from infra.local.check.result import CheckResult
from infra.local.endpoints import AirtableEndpoint, configured_airtable
from infra.local.terminal import complain
from landfall.reasons import WHAT_TO_DO, StepError
from landfall.scans.scan import Scan
from landfall.scans.schedule_phrase import describe_schedule, next_slots

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
            slots = next_slots(scan.schedule, datetime.now(UTC), SLOTS_SHOWN)
            schedule = describe_schedule(scan.schedule, slots)
            if options.json:
                shown = [slot.isoformat() for slot in slots]
                document = {**checked.document, "schedule": schedule, "next_slots": shown}
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
