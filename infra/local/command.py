"""`infra/local/run`: runs scans on the local stack, or keeps the stack up."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from infra.local.base_model import Base
from infra.local.emulator import MissingError
from infra.local.flights import DataSetMissingError, flights
from infra.local.processes import EndedError, StartError
from infra.local.report import as_json, print_failure, print_report
from infra.local.scans import Finished, RunFailedError, run_scans, save_scan
from infra.local.school import school
from infra.local.stack import Airtable, Options, Stack, running
from landfall.definition import DefinitionError, Scan, load

SAMPLES = Path(__file__).parent / "samples"
REAL_AIRTABLE = "https://api.airtable.com"
LOG_WIDTH = 120
"""Columns of what is not shown on a terminal."""

SAMPLE_BASES: dict[str, Callable[[], Base]] = {
    "appSchool00000001": lambda: school()[0],
    "appFlights0000001": flights,
}

NO_KEY = (
    "AIRTABLE_API_KEY is not set, and the stand-in serves only the sample bases: make a personal "
    "access token with data.records:read and schema.bases:read, and "
    "`export AIRTABLE_API_KEY=pat...`."
)

EPILOG = f"""
Without SCAN.yaml, the sample scans run: {SAMPLES.name}/school.yaml and {SAMPLES.name}/flights.yaml
beside this command, over bases that a stand-in for Airtable serves. Copy one to begin your own.

Your own scans read Airtable with the token in AIRTABLE_API_KEY (it needs data.records:read and
schema.bases:read); AIRTABLE_ENDPOINT_URL names another address than {REAL_AIRTABLE}.

Exit status: 0 when every run ended `done`, 1 when one did not, 2 when nothing could start.
"""

CANNOT_START = (DefinitionError, DataSetMissingError, MissingError, StartError)


def main() -> int:
    """Parse the command line, run, and give the exit status."""
    options = _arguments().parse_args()
    console = _console(options.json)
    try:
        scans = _load(options.scans or sorted(SAMPLES.glob("*.yaml")))
        return asyncio.run(_main(options, scans, console))
    except CANNOT_START as error:
        _complain(console, "Nothing was started.", error)
        return 2
    except (RunFailedError, EndedError) as error:
        _complain(console, "The scans did not run to their end.", error)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped; everything that was started has ended.")
        return 130


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra/local/run",
        description="Run scans on a local stack: the functions, the Firestore emulator, and "
        "stand-ins for Cloud Tasks and Airtable.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scans", nargs="*", type=Path, metavar="SCAN.yaml", help="scans to run")
    parser.add_argument(
        "--serve", action="store_true", help="keep the stack up until Ctrl-C, and print its URLs"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="for scripts: one JSON line a run (with --serve: one line of addresses) on standard "
        "output, everything else on standard error",
    )
    return parser


def _console(as_lines: bool) -> Console:
    console = Console(stderr=as_lines, highlight=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    return console


def _complain(console: Console, what: str, error: Exception) -> None:
    console.print(what, style="red", end=" ")
    console.print(str(error), soft_wrap=True, markup=False)


def _load(paths: Sequence[Path]) -> list[Scan]:
    scans = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"{path} cannot be read: {error}") from error
        scans.append(load(text, str(path)))
    twice = [scan_id for scan_id, times in Counter(s.id for s in scans).items() if times > 1]
    if twice:
        raise DefinitionError(f"two of the scans have the id {twice[0]!r}: give each its own")
    return scans


async def _main(options: argparse.Namespace, scans: Sequence[Scan], console: Console) -> int:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    started = loop.time()
    async with contextlib.AsyncExitStack() as exits:
        with console.status("Starting the local stack ..."):
            stack = await exits.enter_async_context(running(_stack_options(scans)))
        console.print(f"The local stack is up after {loop.time() - started:.1f} s.")
        if options.serve:
            return await _serve(stack, scans, options.json, console)
        finished = await run_scans(stack, scans, console)
        for run in finished:
            _report(run, stack, options.json, console)
    console.print(f"Everything that was started has ended, after {loop.time() - started:.1f} s.")
    return 0 if all(run.done for run in finished) else 1


def _report(run: Finished, stack: Stack, as_line: bool, console: Console) -> None:
    if as_line:
        print(as_json(run), flush=True)
    else:
        print_report(run, console)
    if not run.done:
        print_failure(run, stack, console)


async def _serve(stack: Stack, scans: Sequence[Scan], as_line: bool, console: Console) -> int:
    for scan in scans:
        await save_scan(stack, scan)
    addresses = asdict(stack.addresses)
    if as_line:
        print(json.dumps(addresses), flush=True)
    for name, value in addresses.items():
        console.print(f"  {name:<10} {value or 'none yet'}", soft_wrap=True)
    console.print(f"Start a scan ({', '.join(scan.id for scan in scans)}) like this:")
    console.print(
        f"  curl -H 'Authorization: Bearer {addresses['token']}' "
        f'-d \'{{"scan_id": "{scans[0].id}"}}\' {addresses["api"]}/runs',
        soft_wrap=True,
        markup=False,
    )
    console.print("Ctrl-C stops everything.")
    while True:
        stack.check()
        await asyncio.sleep(1)


def _stack_options(scans: Sequence[Scan]) -> Options:
    """Ours serves the sample bases; everything else is asked of the Airtable that was named."""
    endpoint = os.environ.get("AIRTABLE_ENDPOINT_URL")
    api_key = os.environ.get("AIRTABLE_API_KEY", "")
    if endpoint or not {scan.base for scan in scans} <= set(SAMPLE_BASES):
        if not api_key:
            raise MissingError(NO_KEY)
        return Options(airtable=Airtable(endpoint or REAL_AIRTABLE, api_key))
    return Options(bases=tuple(make() for make in SAMPLE_BASES.values()))
