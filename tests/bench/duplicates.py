"""`duplicate` beside rapidfuzz's `cdist` in chunks: seconds, memory and quality on labelled names.

The named alternative compares all with all, 500 names at a time, in one thread, on names that are
normalised already, and keeps what its scorer puts at 85 or above. Ours starts with the cells.
Seconds are of the processor: the machine is shared.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from landfall.integrity.rules.evaluate import evaluate
from landfall.integrity.rules.kinds import Rule
from landfall.integrity.rules.matching.normalisation import normaliser
from tests.bench.figures import COMPARED, Cell, Sample, Table, at_least, at_most, compared
from tests.fakes.duplicates import Labelled, Quality, organisations, pairs_of, people, quality
from tests.fakes.snapshots import snapshot

NAMES = 10_000
ENTITIES = 7_500
"""Of which that many records are made, and more."""

SIZES = (2_000, NAMES)
"""Records on which quality is told."""

GROWTH = (1_000, 10_000, 50_000)
ROUNDS = 3
CHUNK = 500
"""Names that `cdist` compares with all at a time, which keeps its memory small."""

CUTOFF = 85
TIME, F1 = 2.0, 0.9
"""Targets: our share of `cdist`'s time, at most; the quality of what people are told, at least."""

SEEDS = (4_005, 4_006, 4_007, 4_008, 4_009)
"""Of what is labelled; no figure of the rule was chosen by them. Seconds are of the first."""

PEOPLE, FIRMS = "people by name, e-mail, phone", "organisations by name, phone, city"
ONLY_NAME = {"of": "person", "field": "Name"}
CONTACT = {**ONLY_NAME, "also": {"Email": "email", "Phone": "phone"}}
PLACE = {"of": "organisation", "field": "Name", "also": {"Phone": "phone", "City": "text"}}


@dataclass(frozen=True)
class Round:
    """What a search took, in a process of its own."""

    seconds: float
    peak: float
    """MB of 10^6 bytes that the process came to hold while it searched."""

    quality: Quality


async def measure() -> list[Table]:
    """Each search in fresh processes, in turn."""
    loop = asyncio.get_running_loop()
    persons = _made(people, NAMES, SEEDS[0])

    async def alone(search: Callable[..., Round], *given: Any) -> Round:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return await loop.run_in_executor(pool, search, *given)

    ours: list[Round] = []
    theirs: list[Round] = []
    for _ in range(ROUNDS):
        ours.append(await alone(_rule, persons, ONLY_NAME))
        theirs.append(await alone(_cdist, persons))
    grown = [await alone(_rule, _made(people, number, SEEDS[0]), ONLY_NAME) for number in GROWTH]
    labelled: dict[tuple[str, int], list[Quality]] = defaultdict(list)
    for number in SIZES:
        for seed in SEEDS:
            some, firms = _made(people, number, seed), _made(organisations, number, seed)
            for name, round_ in (
                (PEOPLE, await alone(_rule, some, CONTACT)),
                (FIRMS, await alone(_rule, firms, PLACE)),
                ("people by name only", await alone(_rule, some, ONLY_NAME)),
                (f"the same by cdist ({CUTOFF} of 100)", await alone(_cdist, some)),
            ):
                labelled[name, number].append(round_.quality)
    return [_compared(ours, theirs), _quality(labelled), _growth(grown)]


def _compared(ours: Sequence[Round], theirs: Sequence[Round]) -> Table:
    def row(what: str, unit: str, of: Callable[[Round], float]) -> list[Cell]:
        first, second = ([of(it) for it in rounds] for rounds in (ours, theirs))
        return compared(what, Sample(first, unit), "cdist", Sample(second, unit))

    rows = [
        row("processor time", "s", lambda it: it.seconds),
        row("memory above the start", "MB", lambda it: it.peak),
        row("recall", "", lambda it: it.quality.recall),
        row("precision", "", lambda it: it.quality.precision),
    ]
    time_ratio, _, recall_ratio, _ = (float(str(cells[-1])) for cells in rows)
    notes = (
        f"Target for the ratio of time: {at_most(TIME, time_ratio)}.",
        f"Target for the ratio of recall: {at_least(1, recall_ratio)}.",
    )
    title = f"Duplicates: {NAMES} names, the rule and rapidfuzz's cdist"
    return Table(title, COMPARED, rows, notes)


def _quality(labelled: Mapping[tuple[str, int], Sequence[Quality]]) -> Table:
    rows: list[list[Cell]] = [
        [
            name,
            number,
            Sample([it.precision for it in qualities], ""),
            Sample([it.recall for it in qualities], ""),
            Sample([it.f1 for it in qualities], ""),
            at_least(F1, min(it.f1 for it in qualities)) if name in (PEOPLE, FIRMS) else "-",
        ]
        for (name, number), qualities in labelled.items()
    ]
    notes = (
        f"Of {len(SEEDS)} seeds; the target is for each of them.",
        "Likely and possible pairs together. How names vary: tests/fakes/duplicates.py.",
        "The more records, the more namesakes by chance: they lower the precision of names.",
    )
    columns = ("labelled", "records", "precision", "recall", "F1", "target")
    return Table("Duplicates: quality", columns, rows, notes)


def _growth(grown: Sequence[Round]) -> Table:
    rows: list[list[Cell]] = [
        [number, Sample([it.seconds], "s"), Sample([it.peak], "MB"), it.seconds / number * 1e6]
        for number, it in zip(GROWTH, grown, strict=True)
    ]
    columns = ("names", "processor time", "memory above the start", "µs a name")
    return Table("Duplicates: growth", columns, rows)


def _rule(made: Labelled, settings: dict[str, Any]) -> Round:
    rule = TypeAdapter(Rule).validate_python(
        {"id": "twice", "kind": "duplicate", "table": "T", **settings}
    )
    base = snapshot({"T": made.records}, reads=rule.reads())

    def search() -> set[tuple[str, str]]:
        return pairs_of(finding.records for finding in evaluate(rule, base).findings)

    return _measured(search, made)


def _cdist(made: Labelled) -> Round:
    import numpy
    from rapidfuzz import fuzz, process

    normalise = normaliser("name")
    ids = [record["id"] for record in made.records]
    words: list[Any] = [normalise(record["fields"]["Name"]) for record in made.records]
    names = [" ".join(name) for name in words]

    def search() -> set[tuple[str, str]]:
        found = set()
        for start in range(0, len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            scores = process.cdist(chunk, names[start:], scorer=fuzz.ratio, score_cutoff=CUTOFF)
            for one, other in zip(*map(list, numpy.nonzero(scores)), strict=True):
                if one < other:
                    found.add((ids[start + one], ids[start + other]))
        return {(min(pair), max(pair)) for pair in found}

    return _measured(search, made)


def _made(make: Callable[[int, int], Labelled], number: int, seed: int) -> Labelled:
    made = make(seed, number * ENTITIES // NAMES + CHUNK)
    return Labelled(made.records[:number], made.entities[:number], made.kinds[:number])


def _measured(search: Callable[[], set[tuple[str, str]]], made: Labelled) -> Round:
    before, started = _peak(), time.process_time()
    found = search()
    seconds = time.process_time() - started
    return Round(seconds, _peak() - before, quality(found, made.pairs()))


def _peak() -> float:
    """The most that this process has held, in MB. (`getrusage` begins with the parent's.)"""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
