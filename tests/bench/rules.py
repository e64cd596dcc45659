"""The rules: whole processes from Airtable's pages to findings, ours and those of other tools.

All read the same files and find the same records, which is checked. They take turns, in another
order each round, in one Python and one environment, which is made when it is first needed. The
quick size installs nothing: it leaves out the other tools where they are not installed yet.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

from infra.local.samples.flights import FLIGHTS_IN_FILE
from tests.bench.benchmark import check_same
from tests.bench.environment import environment
from tests.bench.figures import Cell, Sample, Table, maximum
from tests.bench.whole_process import FailedError, ProcessUsage, load, run

OTHER_RECORDS = 4_796
"""Airlines, airports and planes."""

ALL_RECORDS = FLIGHTS_IN_FILE + OTHER_RECORDS
SMALL = 10_000
"""Records of the small base, whose time is mostly that of imports: a cold start."""


@dataclass(frozen=True)
class Size:
    """Rounds and numbers of records.

    `install`: install the other tools where they are missing. `strict`: a contender that fails or
    finds other records is an error, not a row; Soda finds fewer in the whole data set.
    """

    rounds: int
    records: tuple[int, ...]
    install: bool
    strict: bool


FULL = Size(rounds=7, records=(ALL_RECORDS, SMALL), install=True, strict=False)
QUICK = Size(rounds=1, records=(OTHER_RECORDS + 500,), install=False, strict=True)

CONTENDERS = Path(__file__).parent / "contenders"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")

_VERSION = "import sys; print(sys.version.split()[0], 'of', sys.base_prefix)"

OURS = "Landfall"
BY_HAND = {"msgspec, by hand": "with_msgspec.py"}
"""A program for just these rules, which nobody could edit."""

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
"""Maximum of our time ÷ theirs, on the whole data set."""

MAX_PEAK = 300
"""MB of memory of ours."""

MAX_START = 0.3
"""Seconds of ours for the small base."""

Ids = Mapping[str, list[str]]


@dataclass
class Contender:
    """A program that applies the rules: the resources of its processes, and its findings."""

    command: list[str]
    usages: list[ProcessUsage] = field(default_factory=list)
    findings: Ids = field(default_factory=dict)
    failed: str = ""


async def measure(size: Size = FULL) -> list[Table]:
    """Measure time and memory of each contender, on the whole data set and on a small one."""
    python, missing = await environment(".venv-bench", REQUIREMENTS, size.install)
    return [await _table(python, records, missing, size) for records in size.records]


async def _table(python: str, records: int, missing: str, size: Size) -> Table:
    here = {OURS: "ours.py"} | BY_HAND
    contenders = {name: Contender([python, str(CONTENDERS / here[name])]) for name in here}
    for name, script in OTHERS.items():
        contenders[name] = Contender([python, str(CONTENDERS / script)], failed=missing)
    order, loads = Random(records), []
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as made:
        folder = Path(made)
        flights = str(records - OTHER_RECORDS)
        await run(sys.executable, "-m", "tests.bench.pages", folder, flights)
        for _ in range(size.rounds):
            loads.append(os.getloadavg()[0])
            for contender in order.sample([*contenders.values()], len(contenders)):
                await _run(contender, folder)
    if size.strict:
        _check_findings(contenders, missing)
    version = (await run(python, "-c", _VERSION)).output.strip()
    title = f"Rules: {records:,} records as pages, 13 rules, whole processes"
    columns = ("contender", "time", "ours ÷ it", "target", "processor s", "peak MB", "findings")
    targets = TARGETS if records == ALL_RECORDS else {}
    ours = contenders[OURS]
    rows = [_row(name, contender, ours, targets) for name, contender in contenders.items()]
    notes = [
        _own_target(ours, records),
        "A ratio is the median of those of each round, whose order is drawn: a shared machine is "
        "now faster, now slower.",
        f"All in Python {version}.",
        "Ours has one thread, as has the program by hand over msgspec; the others have several: a "
        "busy machine flatters these two.",
        "Soda keeps at most 10,000 rows of a check, whatever its limit of samples says.",
    ]
    return Table(title, columns, rows, [*notes, load(loads)])


def _check_findings(contenders: Mapping[str, Contender], missing: str) -> None:
    """Check that all contenders find the same records. Raises `MismatchError`."""
    for name, contender in contenders.items():
        check_same(f"rules, {name}", contender.failed, missing if name in OTHERS else "")
        if not contender.failed:
            check_same(f"rules, {name}", _same(contender, contenders[OURS]), SAME)


def _own_target(ours: Contender, records: int) -> str:
    if ours.failed:
        return "Nothing of ours was measured."
    if records == SMALL:
        seconds = Sample([usage.seconds for usage in ours.usages], "s").median
        return f"Target for our time: {maximum(MAX_START, seconds, ' s')}."
    peak = max(usage.peak for usage in ours.usages)
    return f"Target for our peak: {maximum(MAX_PEAK, peak, ' MB')}."


async def _run(contender: Contender, folder: Path) -> None:
    if contender.failed:
        return
    out = folder / "found.json"
    try:
        contender.usages.append(await run(*contender.command, folder, out))
    except FailedError as error:
        contender.failed = f"failed: {error}"
    else:
        contender.findings = json.loads(out.read_bytes())


def _row(
    name: str, contender: Contender, ours: Contender, targets: Mapping[str, float]
) -> list[Cell]:
    if contender.failed:
        return [name, contender.failed, "-", "-", "-", "-", "-"]
    time = Sample([usage.seconds for usage in contender.usages], "s")
    share: Cell = "-"
    target: Cell = "-"
    if contender is not ours and not ours.failed:
        pairs = zip(ours.usages, contender.usages, strict=True)
        share = median(mine.seconds / its.seconds for mine, its in pairs)
        target = maximum(targets[name], share) if name in targets else "-"
    found = f"{sum(map(len, contender.findings.values())):,}"
    return [
        name,
        time,
        share,
        target,
        Sample([usage.cpu for usage in contender.usages], "s"),
        max(usage.peak for usage in contender.usages),
        found if contender is ours else _same(contender, ours),
    ]


SAME = "the same ids"


def _same(contender: Contender, ours: Contender) -> str:
    """Compare the records that a contender and ours found, rule by rule."""
    other = [
        f"{rule} ({len(set(contender.findings.get(rule, [])) ^ set(ids)):,} records)"
        for rule, ids in ours.findings.items()
        if set(contender.findings.get(rule, [])) != set(ids)
    ]
    return f"others: {', '.join(other)}" if other else SAME
