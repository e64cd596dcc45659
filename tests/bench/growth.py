"""Growth: time and memory of scoring by the number of records, and of a ledger by its findings.

The flights, again a year later where there are not enough; each size in processes of its own.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.figures import Sample, Table
from tests.bench.rules import CONTENDERS, OTHER_RECORDS
from tests.bench.whole_process import Took, load, run

RECORDS = (10_000, 50_000, 100_000, 250_000, 500_000)
FINDINGS = (1_000, 10_000, 50_000)
ROUNDS = 3


async def measure() -> list[Table]:
    """A table of records, and one of findings."""
    loads = [os.getloadavg()[0]]
    rows = [await _of_records(records) for records in RECORDS]
    columns = (
        "records", "pages to findings", "a record (µs)", "peak MB",
        "score step: tables", "findings", "peak MB of the step",
    )  # fmt: skip
    loads.append(os.getloadavg()[0])
    notes = [
        "Pages to findings: a whole process, as in the benchmark of the rules. The score step: its "
        "own path from compressed pages, in a process that has imported what a function has.",
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
            [await _of_findings(findings) for findings in FINDINGS],
        ),
    ]


async def _of_records(records: int) -> list[Any]:
    whole, step = [], []
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as made:
        folder = Path(made)
        await run(*_module("pages"), folder, str(records - OTHER_RECORDS))
        await run(*_module("growing"), "pack", folder)
        for _ in range(ROUNDS):
            ours = CONTENDERS / "ours.py"
            whole.append(await run(sys.executable, ours, folder, folder / "found.json"))
            step.append(await run(*_module("growing"), "score", folder))
    seconds = Sample([took.seconds for took in whole], "s")
    return [
        f"{records:,}",
        seconds,
        seconds.median / records * 1e6,
        max(took.peak for took in whole),
        *_parts(step, "tables", "findings"),
        max(took.peak for took in step),
    ]


async def _of_findings(findings: int) -> list[Any]:
    rounds = [await run(*_module("growing"), "ledger", str(findings)) for _ in range(ROUNDS)]
    parts = _parts(rounds, "new", "same", "half", "again", "pack", "unpack")
    megabytes = json.loads(rounds[0].output)["MB"]
    return [f"{findings:,}", *parts, megabytes, max(took.peak for took in rounds)]


def _parts(rounds: list[Took], *names: str) -> list[Sample]:
    told = [json.loads(took.output) for took in rounds]
    return [Sample([seconds[name] for seconds in told], "s") for name in names]


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"tests.bench.{name}"]
