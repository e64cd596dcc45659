"""`infra/cost`: what a month of a scan costs."""

import argparse
import asyncio
import json
import signal
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.costs.forecast import A_CENT, DAYS, Forecast, forecast, slots_of
from infra.costs.measurement import Measured, MeasureError, read_runs
from infra.costs.measuring import measure
from infra.costs.prices import AIRTABLE_CALLS, PRICES, REGION, SEEN
from infra.local.command import CANNOT_START
from infra.local.processes import EndedError, StartError
from infra.local.scans import RunFailedError
from infra.local.terminal import complain, make_console
from landfall.kinds.definition import DefinitionError, load
from landfall.llm.prices import AS_OF
from landfall.scans.scan import Scan
from landfall.store.retention import KEEPING

EPILOG = f"""
Runs the scan twice on the local stack (infra/local/run says what that needs): the first run, and
one that finds the base unchanged. A month of {DAYS} days is one first run, a later one for every
other slot of the schedule, and the ticks of the scheduler and the watchdog. A base that changes
costs between the two.

What an installation uses besides is left out: the api, cold starts, network, logs, builds,
entries of indexes, and what is already stored. What a run leaves stays for {KEEPING.runs} days:
each month adds to it. Seconds are those that this machine took, at the sizes of the functions.

Prices are those of {REGION}, looked at on {SEEN}: infra/costs/prices.py; a model's are the scan's,
or those of {AS_OF}: functions/landfall/llm/prices.py.

Exit status: 0 with a forecast, 1 when the runs did not end `done`, 2 when nothing could start.
"""


def main() -> int:
    """Parse the command line, measure, print; the exit status."""
    options = _arguments().parse_args()
    console = make_console(options.json)
    try:
        scan = _load(options.scan)
        measured = _measured(options, scan, console)
    except (*CANNOT_START, StartError) as error:
        complain(console, "There is no forecast.", error)
        return 2
    except (MeasureError, RunFailedError, EndedError) as error:
        complain(console, "There is no forecast.", error)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped; everything that was started has ended.")
        return 130
    slots = slots_of(scan.schedule, datetime.now(UTC)) if options.runs is None else options.runs
    result = forecast(measured.first, measured.later, slots, measured.idle)
    if options.json:
        print(json.dumps(_as_json(scan, measured, result)))
    else:
        _print(scan, measured, result, console)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra/cost",
        description="Forecast what a month of a scan costs, from measured operations.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scan", type=Path, metavar="SCAN.yaml", help="the scan")
    parser.add_argument(
        "--run",
        type=Path,
        metavar="FILE",
        help="take this for the runs, and start nothing: lines that `infra/local/run SCAN.yaml "
        "--json` has printed, the first of them for the first run, the last for the later ones",
    )
    parser.add_argument(
        "--runs", type=_number, metavar="N", help="runs a month, instead of the schedule's slots"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line, for scripts")
    return parser


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"say a number of runs from 0, not {text!r}")
    return int(text)


def _load(path: Path) -> Scan:
    try:
        return load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path} cannot be read: {error}") from error


def _measured(options: argparse.Namespace, scan: Scan, console: Console) -> Measured:
    if options.run:
        return read_runs(options.run, scan)
    return asyncio.run(_until_stopped(scan, console))


async def _until_stopped(scan: Scan, console: Console) -> Measured:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await measure(scan, console)


def _as_json(scan: Scan, measured: Measured, result: Forecast) -> Mapping[str, object]:
    return {
        "scan_id": scan.id,
        "region": REGION,
        "prices_seen": SEEN,
        "sources": sorted({price.source for price in PRICES.values()}),
        "measured": asdict(measured),
        **asdict(result),
    }


def _print(scan: Scan, measured: Measured, result: Forecast, console: Console) -> None:
    console.rule(f"{scan.id}, a month of {DAYS} days: {result.slots:,} runs")
    console.print(_uses(measured))
    console.print(_lines(result))
    console.print(f"What dominates: {result.dominates}.", soft_wrap=True, markup=False)
    if result.airtable_calls:
        console.print(_of_plans(result), soft_wrap=True, markup=False)
    for warning in result.warnings:
        console.print("warning", style="yellow", end=" ")
        console.print(warning, soft_wrap=True, markup=False)
    for note in measured.notes:
        console.print(note, soft_wrap=True, markup=False)
    console.print(f"Prices of {REGION}, looked at on {SEEN}; free amounts may be used by others.")


def _of_plans(result: Forecast) -> str:
    shares = [
        f"{share:.0%} of what plan {plan} has ({AIRTABLE_CALLS[plan]:,})"
        for plan, share in result.airtable_shares.items()
    ]
    return f"Calls of Airtable: {result.airtable_calls:,} a month: {' and '.join(shares)}."


def _lines(result: Forecast) -> Table:
    table = Table("a month", "", "", "when idle", "free", "to pay", "US $", box=None)
    for line in result.lines:
        amounts = [_readable(line.amount), _readable(line.idle), line.free, _readable(line.billed)]
        table.add_row(line.what, line.unit, *amounts, _dollars(line.dollars))
    table.add_row("together", *[""] * 5, _dollars(result.dollars), style="bold")
    return _numbers_right(table, 2, 3, 5, 6)


def _uses(measured: Measured) -> Table:
    """What was measured, a column each."""
    uses = {"first run": measured.first, "later run": measured.later}
    uses |= {f"{name}, idle": use for name, use in measured.idle.items()}
    table = Table("measured", *uses, box=None)
    for name in asdict(measured.first):
        values = [_readable(getattr(use, name)) for use in uses.values()]
        table.add_row(name.replace("_", " "), *values)
    return _numbers_right(table, *range(1, len(uses) + 1))


def _numbers_right(table: Table, *columns: int) -> Table:
    for column in columns:
        table.columns[column].justify = "right"
    return table


def _dollars(value: float) -> str:
    """In cents; what is less than one, in hundredths of them."""
    return f"{value:.4f}" if A_CENT / 200 <= value < A_CENT else f"{value:,.2f}"


def _readable(value: float) -> str:
    """Whole where that says enough."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
