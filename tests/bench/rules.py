"""The rules: whole processes from Airtable's pages to findings, ours and those of other tools.

All read the same files and find the same records, which is checked, in alternating rounds. The
others are in an environment of their own (`requirements.txt` here), made when it is first needed.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from infra.local.flights import FLIGHTS_IN_FILE
from tests.bench.figures import Cell, Sample, Table, at_most
from tests.bench.whole_process import ROOT, FailedError, Took, load, run

ROUNDS = 7
SMALL = 10_000
"""Records of the small base, in which what a process imports decides: a cold start."""

OTHER_RECORDS = 4_796
"""Airlines, airports and planes."""

CONTENDERS = Path(__file__).parent / "contenders"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
ENVIRONMENT = ROOT / ".venv-bench"

OURS = "Landfall"
BY_HAND = {"msgspec, by hand": "with_msgspec.py"}
"""In our own environment: what a program for just these rules takes, which nobody could edit."""

OTHERS = {
    "polars, by hand": "with_polars.py",
    "pandera on polars": "with_pandera.py",
    "Soda on DuckDB": "with_soda.py",
    "Great Expectations on pandas": "with_great_expectations.py",
}
TARGETS = {
    "polars, by hand": 1.0,
    "pandera on polars": 0.5,
    "Great Expectations on pandas": 0.14,
}
"""Our share of their time, at most, on the whole data set."""

PEAK = 300
"""MB that ours holds at most."""

START = 0.3
"""Seconds that ours takes at most for the small base."""

Ids = Mapping[str, list[str]]


@dataclass
class Way:
    """A way to find what is wrong: what its processes took, and what it says."""

    command: list[str]
    took: list[Took] = field(default_factory=list)
    findings: Ids = field(default_factory=dict)
    failed: str = ""


async def measure() -> list[Table]:
    """Time and memory of each way, on the whole data set and on a small one."""
    missing = await _environment()
    whole = FLIGHTS_IN_FILE + OTHER_RECORDS
    return [await _table(whole, missing), await _table(SMALL, missing)]


async def _environment() -> str:
    """Installs what ours is compared to; why that was not possible."""
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    stamp = ENVIRONMENT / ".installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return ""
    pip = [_python(), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    try:
        await run(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
        await run(*pip, "-r", REQUIREMENTS)
    except FailedError as error:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        return f"not installed: {error}"
    stamp.write_text(wanted, encoding="utf-8")
    return ""


def _python() -> str:
    return str(ENVIRONMENT / "bin/python")


async def _table(records: int, missing: str) -> Table:
    here = {OURS: "ours.py"} | BY_HAND
    ways = {name: Way([sys.executable, str(CONTENDERS / here[name])]) for name in here}
    for name, script in OTHERS.items():
        ways[name] = Way([_python(), str(CONTENDERS / script)], failed=missing)
    loads = []
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as made:
        folder = Path(made)
        flights = str(records - OTHER_RECORDS)
        await run(sys.executable, "-m", "tests.bench.pages", folder, flights)
        for _ in range(ROUNDS):
            loads.append(os.getloadavg()[0])
            for way in ways.values():
                await _run(way, folder)
    title = f"Rules: {records:,} records as pages, 13 rules, whole processes"
    columns = ("way", "time", "ours ÷ it", "target", "processor s", "peak MB", "findings")
    targets = {} if records == SMALL else TARGETS
    rows = [_row(name, way, ways[OURS], targets) for name, way in ways.items()]
    notes = [
        _own_target(ways[OURS], records),
        "A ratio is the median of those of each round: a shared machine is now faster, now slower.",
        "Ours has one thread, as has what is by hand over msgspec; the others have several: a busy "
        "machine flatters these two.",
        "Soda keeps at most 10,000 rows of a check, whatever its limit of samples says.",
    ]
    return Table(title, columns, rows, [*notes, load(loads)])


def _own_target(ours: Way, records: int) -> str:
    if ours.failed:
        return "Nothing of ours was measured."
    if records == SMALL:
        seconds = Sample([took.seconds for took in ours.took], "s").median
        return f"Target for our time: {at_most(START, seconds, ' s')}."
    peak = max(took.peak for took in ours.took)
    return f"Target for our peak: {at_most(PEAK, peak, ' MB')}."


async def _run(way: Way, folder: Path) -> None:
    if way.failed:
        return
    out = folder / "found.json"
    try:
        way.took.append(await run(*way.command, folder, out))
    except FailedError as error:
        way.failed = f"failed: {error}"
    else:
        way.findings = json.loads(out.read_bytes())


def _row(name: str, way: Way, ours: Way, targets: Mapping[str, float]) -> list[Cell]:
    if way.failed:
        return [name, way.failed, "-", "-", "-", "-", "-"]
    time = Sample([took.seconds for took in way.took], "s")
    share: Cell = "-"
    target: Cell = "-"
    if way is not ours and not ours.failed:
        pairs = zip(ours.took, way.took, strict=True)
        share = median(mine.seconds / its.seconds for mine, its in pairs)
        target = at_most(targets[name], share) if name in targets else "-"
    return [
        name,
        time,
        share,
        target,
        Sample([took.cpu for took in way.took], "s"),
        max(took.peak for took in way.took),
        f"{sum(map(len, way.findings.values())):,}" if way is ours else _same(way, ours),
    ]


def _same(way: Way, ours: Way) -> str:
    """Whether it found the same records as ours, rule by rule."""
    other = [
        f"{rule} ({len(set(way.findings.get(rule, [])) ^ set(ids)):,} records)"
        for rule, ids in ours.findings.items()
        if set(way.findings.get(rule, [])) != set(ids)
    ]
    return f"others: {', '.join(other)}" if other else "the same ids"
