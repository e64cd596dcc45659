"""The rules: whole processes from Airtable's pages to findings, ours and those of other tools.

All read the same files and find the same records, which is checked. They take turns, in another
order each round, in one Python and one environment, which is made when it is first needed.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

from infra.local.samples.flights import FLIGHTS_IN_FILE
from tests.bench.figures import Cell, Sample, Table, at_most
from tests.bench.whole_process import ROOT, FailedError, Took, load, run

ROUNDS = 7
SMALL = 10_000
"""Records of the small base, in which what a process imports decides: a cold start."""

OTHER_RECORDS = 4_796
"""Airlines, airports and planes."""

CONTENDERS = Path(__file__).parent / "contenders"
REQUIREMENTS = (ROOT / "requirements.txt", Path(__file__).with_name("requirements.txt"))
CONSTRAINTS = ROOT / "infra/constraints.txt"
ENVIRONMENT = ROOT / ".venv-bench"

SYSTEM = "/usr/bin/python3"
"""Distributions build theirs with profile-guided optimisation, as Google's published scripts built
its Python runtimes. In one that was compiled without, ours takes a sixth more.
"""

_WHICH = "import sys; print(sys.version.split()[0], 'of', sys.base_prefix)"
_USABLE = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"

OURS = "Landfall"
BY_HAND = {"msgspec, by hand": "with_msgspec.py"}
"""What a program for just these rules takes, which nobody could edit."""

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
    python, missing = await _environment()
    whole = FLIGHTS_IN_FILE + OTHER_RECORDS
    return [await _table(python, records, missing) for records in (whole, SMALL)]


async def _environment() -> tuple[str, str]:
    """The Python of all ways; and, when what the others need is missing, why."""
    wanted = "\n".join(file.read_text(encoding="utf-8") for file in (CONSTRAINTS, *REQUIREMENTS))
    python, stamp = ENVIRONMENT / "bin/python", ENVIRONMENT / ".installed"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        pip = (python, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
        ours, others = REQUIREMENTS
        try:
            await run(await _interpreter(), "-m", "venv", "--clear", ENVIRONMENT)
            await run(*pip, "-r", ours, "-r", others)
        except FailedError as error:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            return sys.executable, f"not installed: {error}"
        stamp.write_text(wanted, encoding="utf-8")
    await run(python, "-m", "compileall", "-q", ROOT / "functions")
    return str(python), ""


async def _interpreter() -> str:
    """The system's where it can be used, else that of this process."""
    if shutil.which(SYSTEM):
        with suppress(FailedError):
            await run(SYSTEM, "-c", _USABLE)
            return SYSTEM
    return sys.executable


async def _table(python: str, records: int, missing: str) -> Table:
    here = {OURS: "ours.py"} | BY_HAND
    ways = {name: Way([python, str(CONTENDERS / here[name])]) for name in here}
    for name, script in OTHERS.items():
        ways[name] = Way([python, str(CONTENDERS / script)], failed=missing)
    order, loads = Random(records), []
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as made:
        folder = Path(made)
        flights = str(records - OTHER_RECORDS)
        await run(sys.executable, "-m", "tests.bench.pages", folder, flights)
        for _ in range(ROUNDS):
            loads.append(os.getloadavg()[0])
            for way in order.sample([*ways.values()], len(ways)):
                await _run(way, folder)
    which = (await run(python, "-c", _WHICH)).output.strip()
    title = f"Rules: {records:,} records as pages, 13 rules, whole processes"
    columns = ("way", "time", "ours ÷ it", "target", "processor s", "peak MB", "findings")
    targets = {} if records == SMALL else TARGETS
    rows = [_row(name, way, ways[OURS], targets) for name, way in ways.items()]
    notes = [
        _own_target(ways[OURS], records),
        "A ratio is the median of those of each round, whose order is drawn: a shared machine is "
        "now faster, now slower.",
        f"All in Python {which}.",
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
