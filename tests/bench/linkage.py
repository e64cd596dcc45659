"""`duplicate` in its short form beside its long form, splink and recordlinkage: labelled records.

Each is a whole process, from a file of records to a file of pairs. The other two are trained
without labels, as their guides say: splink by expectation maximisation, with pairs of 95 % and
more; recordlinkage by its ECM classifier. FEBRL comes with recordlinkage; the other records are
made (tests/fakes/mistyped.py). The long form is what a person would write by hand who knows how
the records of the set differ.

`NAMES`, `WEIGHTS` and the other figures of the rule were estimated first, and tried on FEBRL 1 and
2 and on seed 1 of the records that are made. FEBRL 3 and 4 and the seeds here were held out.
"""

import csv
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.benchmark import MismatchError
from tests.bench.environment import environment
from tests.bench.figures import Cell, Table, maximum, minimum
from tests.bench.whole_process import FailedError, load, run
from tests.fakes.duplicates import Labelled, quality
from tests.fakes.mistyped import COMPANIES, CONTACTS, FIGURES, companies, contacts, figures

CONTENDERS = Path(__file__).parent / "contenders"
REQUIREMENTS = Path(__file__).with_name("requirements-linkage.txt")
OURS, LONG_FORM = "Landfall", "Landfall, long form"
SCRIPTS = {
    OURS: "our_duplicates.py",
    LONG_FORM: "our_duplicates.py",
    "splink": "with_splink.py",
    "recordlinkage": "with_recordlinkage.py",
}
FEBRL: dict[str, Any] = {
    "of": "person",
    "field": ["Given", "Surname"],
    "also": {
        "Born": "date",
        "Number": "value",
        "Street": "address",
        "Suburb": "text",
        "Postcode": "postcode",
    },
}
SAME_PERSON = {"field": "Name", "similar": "name", "at_least": 80}
SAME_FIRM = {"field": "Name", "similar": "organisation", "at_least": 80}
SAME_NAMES = {"field": ["Given", "Surname"], "similar": "name", "at_least": 75}
BY_HAND: Mapping[str, list[list[dict[str, Any]]]] = {
    "FEBRL": [
        [{"field": "Number", "exact": "value"}],
        [SAME_NAMES, {"field": "Born", "date_within": 0}],
        [SAME_NAMES, {"field": "Street", "similar": "address", "at_least": 80}],
    ],
    "contacts": [
        [{"field": "Email", "exact": "email"}],
        [
            {"field": ["First", "Last"], "similar": "name", "at_least": 75},
            {"field": "Born", "date_within": 100},
        ],
    ],
    "figures": [
        [SAME_PERSON, {"field": "Born", "date_within": 0}],
        [SAME_PERSON, {"field": "Postcode", "exact": "text"}],
        [SAME_PERSON, *({"field": name, "exact": "text"} for name in ("Place", "Occupation"))],
    ],
    "companies": [
        [SAME_FIRM, {"field": "Phone", "exact": "phone"}],
        [SAME_FIRM, {"field": "Postcode", "exact": "text"}],
        [SAME_FIRM, {"field": "Street", "similar": "address", "at_least": 90}],
    ],
}
"""`likely` of the long form for each set."""

FILES = {
    "FEBRL 1": ["dataset1.csv"],
    "FEBRL 2": ["dataset2.csv"],
    "FEBRL 3": ["dataset3.csv"],
    "FEBRL 4": ["dataset4a.csv", "dataset4b.csv"],
}


MADE: Mapping[str, tuple[Callable[[int, int], Labelled], int, Mapping[str, Any], float]] = {
    "contacts": (contacts, 250, CONTACTS, 0.83),
    "figures": (figures, 500, FIGURES, 0.7),
    "companies": (companies, 1_500, COMPANIES, 0.85),
}
"""What makes them, how many, our rule for them, and the least F1."""


@dataclass(frozen=True)
class Task:
    """Labelled records, the settings of our rule for them, and the targets."""

    made: Labelled
    settings: Mapping[str, Any]
    by_hand: list[list[dict[str, Any]]]
    """`likely` of the long form for the same records."""

    min_f1: float
    min_precision: float = 0
    """The least precision of likely pairs."""


@dataclass(frozen=True)
class Size:
    """The names of the data sets, and `share` of the records that are made.

    `install`: install the other tools where they are missing.
    """

    sets: tuple[str, ...]
    seeds: tuple[int, ...]
    share: float
    install: bool


FULL = Size(
    sets=(*FILES, "contacts", "figures", "companies"), seeds=(7_001, 7_002), share=1, install=True
)
QUICK = Size(sets=("contacts",), seeds=(7_001,), share=0.1, install=False)

MAX_TIME = 2.0
"""Target: processor time of the short form, which weighs every field, ÷ that of the long form."""


async def measure(size: Size = FULL) -> list[Table]:
    """Measure quality, time and memory of each contender."""
    python, missing = await environment(".venv-bench-linkage", REQUIREMENTS, size.install)
    rows: list[list[Cell]] = []
    loads, ratios = [], []
    for name, task in _tasks(python, missing, size).items():
        loads.append(os.getloadavg()[0])
        for contender in SCRIPTS:
            rows += await _rows(python, name, contender, task, missing)
        seconds = {row[1]: row[6] for row in rows if row[0] == name and isinstance(row[6], float)}
        ratio = seconds[f"{OURS}, likely"] / seconds[LONG_FORM]
        ratios.append(f"{name} {ratio:.2f} ({maximum(MAX_TIME, ratio)})")
    columns = (
        "labelled",
        "contender",
        "precision",
        "recall",
        "F1",
        "target",
        "processor s",
        "peak MB",
    )
    notes = (
        "Ours has two rows: likely pairs, and these with the possible ones, of severity `info`.",
        "Seconds are of all processors together; splink and recordlinkage use several.",
        f"Short form ÷ long form, processor: {'; '.join(ratios)}.",
        load(loads),
    )
    return [Table("Duplicates: labelled records", columns, rows, notes)]


def _tasks(python: str, missing: str, size: Size) -> dict[str, Task]:
    tasks = {
        name: Task(_febrl(python, name), FEBRL, BY_HAND["FEBRL"], 0.97, 0.99)
        for name in FILES
        if name in size.sets and not missing
    }
    for seed in size.seeds:
        for name, (make, number, settings, least) in MADE.items():
            if name in size.sets:
                made = make(seed, int(number * size.share))
                tasks[f"{name}, seed {seed}"] = Task(made, settings, BY_HAND[name], least)
    return tasks


def _febrl(python: str, name: str) -> Labelled:
    """Return a data set of recordlinkage; a duplicate has the number of its original."""
    (folder,) = Path(python).parents[1].glob("lib/*/site-packages/recordlinkage/datasets/febrl")
    made = Labelled()
    for file in FILES[name]:
        with (folder / file).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, skipinitialspace=True):
                cells = {field.strip(): (value or "").strip() for field, value in row.items()}
                made.add(
                    int(cells["rec_id"].split("-")[1]),
                    "",
                    {
                        "Given": cells["given_name"],
                        "Surname": cells["surname"],
                        "Born": re.sub(r"(\d{4})(\d\d)(\d\d)", r"\1-\2-\3", cells["date_of_birth"]),
                        "Number": cells["soc_sec_id"],
                        "Street": f"{cells['street_number']} {cells['address_1']}".strip(),
                        "Suburb": cells["suburb"],
                        "Postcode": cells["postcode"],
                    },
                )
    return made


async def _rows(
    python: str, name: str, contender: str, task: Task, missing: str
) -> list[list[Cell]]:
    if missing and not contender.startswith(OURS):
        return [[name, contender, missing, "-", "-", "-", "-", "-"]]
    with tempfile.TemporaryDirectory(prefix="landfall-bench-") as made:
        given, out = Path(made) / "given.json", Path(made) / "found.json"
        settings = task.settings
        fields = settings["field"] if isinstance(settings["field"], list) else [settings["field"]]
        wording = "name" if settings["of"] == "person" else "organisation"
        kinds = dict.fromkeys(fields, wording) | settings["also"]
        if contender == LONG_FORM:
            settings = {"likely": task.by_hand}
        given.write_text(
            json.dumps({"records": task.made.records, "settings": settings, "kinds": kinds})
        )
        try:
            usage = await run(python, CONTENDERS / SCRIPTS[contender], given, out)
        except FailedError as error:
            if contender.startswith(OURS):
                raise
            return [[name, contender, f"failed: {error}", "-", "-", "-", "-", "-"]]
        found = json.loads(out.read_bytes())
    if contender == LONG_FORM:
        del found["with possible"]  # it was given no `possible`
    rows: list[list[Cell]] = []
    for how, pairs in found.items():
        its = quality({(one, other) for one, other in pairs}, task.made.pairs())
        label = f"{contender}, {how}" if contender == OURS else contender
        target = "-"
        if contender == OURS:
            target = minimum(task.min_f1, its.f1)
            if its.precision < task.min_precision and how == "likely":
                target = f"precision {minimum(task.min_precision, its.precision)}"
        rows.append([name, label, its.precision, its.recall, its.f1, target, usage.cpu, usage.peak])
        if contender == OURS and its.f1 < task.min_f1 / 2:
            raise MismatchError(f"{label} of {name}: F1 {its.f1:.2f}")
    return rows
