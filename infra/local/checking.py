"""`infra/local/run --check`: tries scans on what they are about, and writes nothing anywhere."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from rich.console import Console

from infra.local.checked import Checked
from infra.local.endpoint import Airtable, real_airtable
from infra.local.terminal import complain
from landfall.reasons import StepError
from landfall.scans import Scan

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
            if options.json:
                print(json.dumps(checked.document, ensure_ascii=False), flush=True)
            else:
                checked.show(console)
    except StepError as error:
        complain(console, f"Scan {scan.id} was not checked: {error.reason}.", error)
        return 2
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written anywhere.")
        return 130
    console.print(f"Nothing was written anywhere; {requests} requests were sent.")
    return 0 if good else 1
