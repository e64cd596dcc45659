"""A session with a local stack: it starts, runs scans or serves, and stops."""

import argparse
import asyncio
import contextlib
import json
import signal
import webbrowser
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from infra.client.running_stacks import announced
from infra.local.emulator import find_firestore
from infra.local.endpoints import SAMPLE_BASES, configured_airtable, configured_openai
from infra.local.errors import RunFailedError
from infra.local.finished_run import FinishedRun
from infra.local.live_progress import waiting
from infra.local.processes import ExitedError, StartError
from infra.local.report.reports import as_json, print_failure, print_report
from infra.local.runner import run_scans, save_scan
from infra.local.stack import Stack, StackOptions, running
from infra.local.terminal import complain
from landfall.scans.scan import Scan


def run(options: argparse.Namespace, scans: Sequence[Scan], console: Console) -> int:
    """Start a stack, run the scans, stop it; return the exit status. Raises `MissingError`."""
    try:
        console.print(f"Firestore is {find_firestore().origin}.", soft_wrap=True, markup=False)
        return asyncio.run(_run(options, scans, console))
    except StartError as error:
        complain(console, "Nothing was started.", error)
        return 2
    except (RunFailedError, ExitedError) as error:
        complain(console, "The scans did not finish.", error)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Interrupted; the local stack has stopped.")
        return 130


async def _run(options: argparse.Namespace, scans: Sequence[Scan], console: Console) -> int:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    started = loop.time()
    async with contextlib.AsyncExitStack() as exits:
        async with waiting(console, "Starting the local stack ..."):
            stack = await exits.enter_async_context(
                running(stack_options(scans, window=options.serve))
            )
        console.print(f"The local stack is up after {loop.time() - started:.1f} s.")
        if options.serve:
            return await _serve(stack, scans, options.json, options.open, console)
        finished = await run_scans(stack, scans, console)
        for one in finished:
            _report(one, stack, options.json, console)
            if options.html and one.done:
                _write(await _html_of(stack, one), options.html, console)
            elif options.html:
                console.print("No report was written: the run has none.")
    console.print(f"The local stack has stopped after {loop.time() - started:.1f} s.")
    return 0 if all(one.done for one in finished) else 1


def _report(run: FinishedRun, stack: Stack, as_line: bool, console: Console) -> None:
    if as_line:
        print(as_json(run), flush=True)
    else:
        print_report(run, console)
    if not run.done:
        print_failure(run, stack, console)


async def _html_of(stack: Stack, run: FinishedRun) -> str:
    """Return the report of a run as one file, as the api gives it. Raises `RunFailedError`."""
    answer = await stack.call("GET", f"/runs/{run.document['run_id']}/report?format=html")
    if answer.status_code != 200:
        raise RunFailedError(f"the api gave no report: {answer.text}")
    return answer.text


def _write(text: str, path: Path, console: Console) -> None:
    """Write a report. Raises `RunFailedError`."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFailedError(f"--html {path} could not be written: {error.strerror}") from error
    console.print(f"The report is in {path}.", markup=False, soft_wrap=True)


async def _serve(
    stack: Stack, scans: Sequence[Scan], as_line: bool, opened: bool, console: Console
) -> int:
    for scan in scans:
        await save_scan(stack, scan)
    addresses = asdict(stack.addresses)
    with contextlib.ExitStack() as exits:
        try:
            file = exits.enter_context(announced(addresses))
            console.print(f"Addresses and a token are in {file}", soft_wrap=True, markup=False)
        except OSError as error:
            complain(console, "infra/landfall will not find this stack.", error)
        if as_line:
            print(json.dumps(addresses), flush=True)
        console.print(f"Look at it in a browser: {addresses['window']}", soft_wrap=True)
        console.print("Or run a scan from another terminal:")
        console.print(f"  infra/landfall run {scans[0].id} --follow", soft_wrap=True, markup=False)
        if opened and not webbrowser.open(addresses["window"]):
            console.print("No browser could be opened; open that address yourself.")
        console.print("Press Ctrl-C to stop the stack.")
        while True:
            stack.check()
            await asyncio.sleep(1)


def stack_options(scans: Sequence[Scan], *, window: bool = False) -> StackOptions:
    """Return the options for these scans: a stand-in for the sample bases, or a real Airtable."""
    airtable, openai = configured_airtable(scans), configured_openai()
    if airtable:
        return StackOptions(airtable=airtable, openai=openai, window=window, may_stand_in=True)
    bases = tuple(make() for make in SAMPLE_BASES.values())
    return StackOptions(bases=bases, openai=openai, window=window, may_stand_in=True)
