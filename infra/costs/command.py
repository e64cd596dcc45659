"""`infra/cost`: forecast the cost of a month of a scan."""

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

from infra.costs.forecast import CENT, DAYS, Forecast, forecast, slots_of
from infra.costs.measurement import MeasureError, Measurement, read_runs
from infra.costs.prices import AIRTABLE_CALLS, PRICES, READ_ON, REGION
from infra.local.command import CANNOT_START
from infra.local.errors import RunFailedError
from infra.local.processes import ExitedError, StartError
from infra.local.scan_files import load_file
from infra.local.terminal import complain, make_console
from infra.number_options import count
from landfall.llm.prices import AS_OF
from landfall.scans.scan import Scan
from landfall.store.retention import RETENTION

EPILOG = f"""
The scan runs twice on the local stack (which needs what infra/local/run needs): a first run, and
one that finds the base unchanged. A month of {DAYS} days has one first run, a later run for every
other slot of the schedule, and the ticks of the scheduler and the watchdog. A base that changes
costs something between the two.

Not included: the api, acts and first views of the window, cold starts, network, logs, builds, index
entries, and what is already stored. The documents of a run are stored for {RETENTION.runs} days, so
each month adds to them. Seconds are measured on this machine, and billed at the sizes of the
functions.

Prices are those of {REGION}, read on {READ_ON} (infra/costs/prices.py). Prices of a model are those
of the scan, or those of {AS_OF} (functions/landfall/llm/prices.py).

Exit status: 0 with a forecast, 1 if the runs did not end `done`, 2 if nothing could be started.
"""


def main() -> int:
    """Parse the command line, measure, print, and return the exit status."""
    options = _arguments().parse_args()
    console = make_console(options.json)
    try:
        scan = load_file(options.scan)
        measured = _measured(options, scan, console)
    except (*CANNOT_START, StartError) as error:
        complain(console, "There is no forecast.", error)
        return 2
    except (MeasureError, RunFailedError, ExitedError) as error:
        complain(console, "There is no forecast.", error)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped; every process that was started has ended.")
        return 130
    slots = slots_of(scan.schedule, datetime.now(UTC)) if options.runs is None else options.runs
    hours = options.page_hours
    result = forecast(measured.first, measured.later, slots, measured.idle, hours)
    if options.json:
        print(json.dumps(_as_json(scan, measured, result)))
    else:
        _print(scan, measured, result, console)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra/cost",
        description="Forecast the cost of a month of a scan, from measured operations.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scan", type=Path, metavar="SCAN.yaml", help="the definition of the scan")
    parser.add_argument(
        "--run",
        type=Path,
        metavar="FILE",
        help="use these runs, and start nothing: lines printed by `infra/local/run SCAN.yaml "
        "--json`, of which the first is the first run, and the last stands for the later ones",
    )
    parser.add_argument(
        "--runs",
        type=count(),
        metavar="N",
        help="runs in a month, instead of the slots of the schedule",
    )
    parser.add_argument(
        "--page-hours",
        type=count(),
        default=0,
        metavar="N",
        help="hours a day for which pages of the window are open, added up over all people: 16 if "
        "two people leave one open for 8 hours",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line, for scripts")
    return parser


def _measured(options: argparse.Namespace, scan: Scan, console: Console) -> Measurement:
    if options.run:
        return read_runs(options.run, scan)
    return asyncio.run(_until_stopped(scan, console))


async def _until_stopped(scan: Scan, console: Console) -> Measurement:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    from infra.costs.measure import measure  # and with it the local stack and gRPC

    return await measure(scan, console)


def _as_json(scan: Scan, measured: Measurement, result: Forecast) -> Mapping[str, object]:
    return {
        "scan_id": scan.id,
        "region": REGION,
        "prices_seen": READ_ON,
        "sources": sorted({price.source for price in PRICES.values()}),
        "measured": asdict(measured),
        **asdict(result),
    }


def _print(scan: Scan, measured: Measurement, result: Forecast, console: Console) -> None:
    console.rule(f"{scan.id}, a month of {DAYS} days: {result.slots:,} runs")
    console.print(_uses(measured))
    console.print(_lines(result))
    console.print(f"Largest share: {result.dominates}.", soft_wrap=True, markup=False)
    if result.airtable_calls:
        console.print(_plan_shares(result), soft_wrap=True, markup=False)
    for warning in result.warnings:
        console.print("warning", style="yellow", end=" ")
        console.print(warning, soft_wrap=True, markup=False)
    for note in measured.notes:
        console.print(note, soft_wrap=True, markup=False)
    console.print(
        f"Prices of {REGION}, read on {READ_ON}. Other uses may consume the free amounts."
    )


def _plan_shares(result: Forecast) -> str:
    shares = [
        f"{share:.0%} of plan {plan} ({AIRTABLE_CALLS[plan]:,})"
        for plan, share in result.airtable_shares.items()
    ]
    return f"Airtable calls a month: {result.airtable_calls:,}, {' and '.join(shares)}."


def _lines(result: Forecast) -> Table:
    table = Table("a month", "", "", "idle", "free", "billed", "US $", box=None)
    for line in result.lines:
        amounts = [
            _number_text(line.amount),
            _number_text(line.idle),
            line.free,
            _number_text(line.billed),
        ]
        table.add_row(line.what, line.unit, *amounts, _dollars(line.dollars))
    table.add_row("total", *[""] * 5, _dollars(result.dollars), style="bold")
    return _align_right(table, 2, 3, 5, 6)


def _uses(measured: Measurement) -> Table:
    """Return the measured uses, a column each."""
    uses = {"first run": measured.first, "later run": measured.later}
    uses |= {f"{name}, idle": use for name, use in measured.idle.items()}
    table = Table("measured", *uses, box=None)
    for name in asdict(measured.first):
        values = [_number_text(getattr(use, name)) for use in uses.values()]
        table.add_row(name.replace("_", " "), *values)
    return _align_right(table, *range(1, len(uses) + 1))


def _align_right(table: Table, *columns: int) -> Table:
    for column in columns:
        table.columns[column].justify = "right"
    return table


def _dollars(value: float) -> str:
    """Format dollars in cents, and less than a cent in hundredths of a cent."""
    return f"{value:.4f}" if CENT / 200 <= value < CENT else f"{value:,.2f}"


def _number_text(value: float) -> str:
    """Format a number, without decimals if it has none or is large."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
