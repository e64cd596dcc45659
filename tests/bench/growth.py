"""Growth: time and memory of scoring by the number of records, and of a ledger by its findings.

The flights, again a year later where there are not enough; each size in processes of its own.
"""

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.figures import Sample, Table
from tests.bench.rules import CONTENDERS, OTHER_RECORDS
from tests.bench.whole_process import ProcessUsage, load, run


@dataclass(frozen=True)
class Size:
    """Numbers of records to score, and of findings of a ledger."""

    records: tuple[int, ...]
    findings: tuple[int, ...]
    rounds: int


FULL = Size((10_000, 50_000, 100_000, 250_000, 500_000), (1_000, 10_000, 50_000), rounds=3)
QUICK = Size((OTHER_RECORDS + 500,), (200,), rounds=1)


async def measure(size: Size = FULL) -> list[Table]:
    """Measure scoring by records, and a ledger by findings."""
    loads = [os.getloadavg()[0]]
    rows = [await _by_records(records, size.rounds) for records in size.records]
    columns = (
        "records", "pages to findings", "a record (µs)", "peak MB",
        "score step: tables", "findings", "peak MB of the step",
    )  # fmt: skip
    loads.append(os.getloadavg()[0])
    notes = [
        "Pages to findings: a whole process, as in the benchmark of the rules. The score step: its "
        "own path from compressed pages, in a process with the imports of a function.",
        load(loads),
    ]
    by_findings = (
        "findings", "all are new", "the same again", "half are gone", "there again",
        "pack", "unpack", "packed MB", "peak MB",
    )  # fmt: skip
    return [
        Table("Growth: records, 13 rules", columns, rows, notes),
        Table(
            "Growth: a ledger of findings",
            by_findings,
            [await _by_findings(findings, size.rounds) for findings in size.findings],
        ),
    ]


async def _by_records(records: int, rounds: int) -> list[Any]:
    whole, step = [], []
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as made:
        folder = Path(made)
        await run(*_module("pages"), folder, str(records - OTHER_RECORDS))
        await run(*_module("growing"), "pack", folder)
        for _ in range(rounds):
            ours = CONTENDERS / "ours.py"
            whole.append(await run(sys.executable, ours, folder, folder / "found.json"))
            step.append(await run(*_module("growing"), "score", folder))
    seconds = Sample([usage.seconds for usage in whole], "s")
    return [
        f"{records:,}",
        seconds,
        seconds.median / records * 1e6,
        max(usage.peak for usage in whole),
        *_parts(step, "tables", "findings"),
        max(usage.peak for usage in step),
    ]


async def _by_findings(findings: int, rounds: int) -> list[Any]:
    usages = [await run(*_module("growing"), "ledger", str(findings)) for _ in range(rounds)]
    parts = _parts(usages, "new", "same", "half", "again", "pack", "unpack")
    megabytes = json.loads(usages[0].output)["MB"]
    return [f"{findings:,}", *parts, megabytes, max(usage.peak for usage in usages)]


def _parts(usages: list[ProcessUsage], *names: str) -> list[Sample]:
    printed = [json.loads(usage.output) for usage in usages]
    return [Sample([seconds[name] for seconds in printed], "s") for name in names]


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"tests.bench.{name}"]
