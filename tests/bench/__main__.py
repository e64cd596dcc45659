"""`tests/bench/run`: measures, and prints the figures that the README quotes."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from types import MappingProxyType

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
    questions,
    queue_latency,
    rules,
    site_scan,
    step_overhead,
    store_operations,
    whole_run,
)
from tests.bench.figures import Table
from tests.bench.whole_process import FailedError

Measure = Callable[[], Awaitable[list[Table]]]

BENCHMARKS: MappingProxyType[str, Measure] = MappingProxyType(
    {
        "whole_run": whole_run.measure,
        "site_scan": site_scan.measure,
        "store_operations": store_operations.measure,
        "step_overhead": step_overhead.measure,
        "queue_latency": queue_latency.measure,
        "cold_import": cold_import.measure,
        "classification": classification.measure,
        "duplicates": duplicates.measure,
        "fetch_limit": fetch_limit.measure,
        "rules": rules.measure,
        "questions": questions.measure,
        "growth": growth.measure,
    }
)

LONG = ("fetch_limit", "rules", "questions", "growth")
"""They run only when they are named."""

MOST_SECONDS = 600.0
"""Of one benchmark; they take 20 to 100 s, and `LONG` ones two or three minutes."""

_INCOMPLETE = (
    MissingError,
    DataSetMissingError,
    StartError,
    ExitedError,
    FailedError,
    TimeoutError,
)

EPILOG = """
Each starts its own servers and stops them. The figures come with what they are compared to,
measured in the same run: machines differ and drift, the ratios hold. They take 5 minutes. Those
that take as long alone run only when they are named: fetch_limit, rules, questions, growth.
"""


def main() -> int:
    """Parse the command line, measure, print; the exit status."""
    options = _arguments().parse_args()
    try:
        asyncio.run(_main(options.benchmarks or _usual(), options.json))
    except _INCOMPLETE as error:
        print(f"The figures are not complete: {error!r}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; everything that was started has ended.", file=sys.stderr)
        return 130
    return 0


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
    return parser


def _usual() -> list[str]:
    return [name for name in BENCHMARKS if name not in LONG]


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(BENCHMARKS)}")
    return text


async def _main(names: Sequence[str], as_json: bool) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with logs.silenced():
        for name in names:
            started = time.monotonic()
            print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
            async with asyncio.timeout(MOST_SECONDS):
                tables = await BENCHMARKS[name]()
            print(f"{time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            for table in tables:
                print(json.dumps(table.as_json()) if as_json else f"{table.as_markdown()}\n")


sys.exit(main())
