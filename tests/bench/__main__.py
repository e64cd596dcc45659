"""`tests/bench/run`: measure, and print the figures that the README quotes."""

import argparse
import asyncio
import json
import signal
import sys
import time
import traceback
from collections.abc import Coroutine, Sequence
from types import MappingProxyType
from typing import Any

from infra.local.emulator import MissingError
from infra.local.processes import ExitedError, StartError
from infra.local.samples.flights import DataSetMissingError
from landfall import logs
from tests.bench import (
    classification,
    cold_import,
    duplicates,
    fetch_limit,
    growth,
    linkage,
    pages_of_findings,
    proposals,
    questions,
    queue_latency,
    rules,
    site_scan,
    step_overhead,
    store_operations,
    whole_run,
    window_pages,
)
from tests.bench.benchmark import Benchmark, MismatchError
from tests.bench.figures import Table
from tests.bench.whole_process import FailedError

BENCHMARKS: MappingProxyType[str, Benchmark] = MappingProxyType(
    {
        "whole_run": whole_run,
        "site_scan": site_scan,
        "store_operations": store_operations,
        "step_overhead": step_overhead,
        "queue_latency": queue_latency,
        "cold_import": cold_import,
        "pages_of_findings": pages_of_findings,
        "window_pages": window_pages,
        "classification": classification,
        "duplicates": duplicates,
        "proposals": proposals,
        "linkage": linkage,
        "fetch_limit": fetch_limit,
        "rules": rules,
        "questions": questions,
        "growth": growth,
    }
)

LONG = ("proposals", "linkage", "fetch_limit", "rules", "questions", "growth")
"""Benchmarks that run only when they are named."""

MAX_SECONDS = 600.0
"""Seconds of one benchmark; most take 20 to 100, and `LONG` ones two or three minutes."""

MAX_QUICK_SECONDS = 120.0
"""Seconds of one benchmark at its quick size; on a quiet machine each takes 2 to 8."""

_INCOMPLETE = (
    MissingError,
    DataSetMissingError,
    StartError,
    ExitedError,
    FailedError,
    MismatchError,
    TimeoutError,
)

EPILOG = """
Each starts its own servers and stops them. Compare a figure only with one of the same run: machines
differ and drift, the ratios hold. They take 5 minutes. proposals, linkage, fetch_limit, rules,
questions and growth take as long alone, and run only when they are named. Exit status: 0 when all
is measured (with --quick: when all worked), 1 when something failed, 130 when it was stopped.
"""


def main() -> int:
    """Parse the command line, measure and print; return the exit status."""
    options = _arguments().parse_args()
    usual = [name for name in BENCHMARKS if options.quick or name not in LONG]
    names = options.benchmarks or usual
    try:
        if options.quick:
            return asyncio.run(_stoppable(_try(names)))
        return asyncio.run(_stoppable(_measure(names, options.json)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; everything that was started has ended.", file=sys.stderr)
        return 130


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description="Measure Landfall on this machine.", epilog=EPILOG
    )
    parser.add_argument(
        "benchmarks",
        nargs="*",
        type=_name,
        metavar="BENCHMARK",
        help=f"some of {', '.join(BENCHMARKS)}; all but {', '.join(LONG)} where none is named",
    )
    parser.add_argument(
        "--json", action="store_true", help="a JSON line for each table instead of Markdown"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only show that every benchmark works: small sizes, one round, no figures; a minute. "
        "Installs nothing: contenders that are not installed are left out",
    )
    return parser


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(BENCHMARKS)}")
    return text


async def _stoppable(work: Coroutine[Any, Any, int]) -> int:
    """Do the work until SIGTERM or SIGHUP, which cancel it."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with logs.silenced():
        return await work


async def _measure(names: Sequence[str], as_json: bool) -> int:
    """Measure at full size and print the tables, up to the first failure."""
    for name in names:
        started = time.monotonic()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        try:
            async with asyncio.timeout(MAX_SECONDS):
                tables = await BENCHMARKS[name].measure(BENCHMARKS[name].FULL)
        except _INCOMPLETE as error:
            print(f"\nThe figures are not complete: {error!r}", file=sys.stderr)
            return 1
        print(f"{time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        for table in tables:
            print(_printed(table, as_json))
    return 0


async def _try(names: Sequence[str]) -> int:
    """Measure at the quick size, print no figures, and go on after a failure."""
    failed = []
    for name in names:
        started = time.monotonic()
        try:
            async with asyncio.timeout(MAX_QUICK_SECONDS):
                tables = await BENCHMARKS[name].measure(BENCHMARKS[name].QUICK)
            for table in tables:
                _printed(table, as_json=True)
                _printed(table, as_json=False)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        outcome = "FAILED" if name in failed else "ok"
        print(f"{name}: {outcome}, {time.monotonic() - started:.1f} s", flush=True)
    return 1 if failed else 0


def _printed(table: Table, as_json: bool) -> str:
    return json.dumps(table.as_json()) if as_json else f"{table.as_markdown()}\n"


sys.exit(main())
