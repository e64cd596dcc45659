"""`duplicate` beside rapidfuzz's `cdist` in chunks: seconds, memory and quality on labelled names.

The alternative compares all names with all, 500 at a time, in one thread, on names that are
normalised already, and retains pairs that its scorer puts at 85 or above. Ours starts with the
cells. Seconds are processor time: the machine is shared.
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
from tests.bench.benchmark import MismatchError
from tests.bench.figures import COMPARED, Cell, Sample, Table, compared, maximum, minimum
from tests.fakes.duplicates import Labelled, Quality, organisations, pairs_of, people, quality
from tests.fakes.snapshots import snapshot


@dataclass(frozen=True)
class Size:
    """Numbers of names to compare with `cdist`, to label for quality, and to measure growth.

    The seeds are those of the labelled names; no figure of the rule was chosen by them. Seconds are
    of the first.
    """

    names: int
    labelled: tuple[int, ...]
    growth: tuple[int, ...]
    rounds: int
    seeds: tuple[int, ...]


FULL = Size(
    names=10_000,
    labelled=(2_000, 10_000),
    growth=(1_000, 10_000, 50_000),
    rounds=3,
    seeds=(5_005, 5_006, 5_007, 5_008, 5_009),
)
QUICK = Size(names=300, labelled=(300,), growth=(300,), rounds=1, seeds=(5_005,))

ENTITIES_SHARE = 0.75
"""Entities ÷ names: each has one record or more."""

CHUNK = 500
"""Names that `cdist` compares with all at a time, which keeps its memory small."""

CUTOFF = 85
MAX_TIME, MIN_F1 = 2.0, 0.9
"""Targets: our time ÷ that of `cdist`; the quality of the reported duplicates."""

BROKEN_F1 = 0.5
"""Quality below which a search is broken."""

PEOPLE, FIRMS = "people by name, e-mail, phone", "organisations by name, phone, city"
ONLY_NAME = {"of": "person", "field": "Name"}
CONTACT = {**ONLY_NAME, "also": {"Email": "email", "Phone": "phone"}}
PLACE = {"of": "organisation", "field": "Name", "also": {"Phone": "phone", "City": "text"}}


@dataclass(frozen=True)
class Search:
    """The time, memory and quality of a search in a process of its own."""

    seconds: float
    peak: float
    """MB of 10^6 bytes by which the process grew during the search."""

    quality: Quality


async def measure(size: Size = FULL) -> list[Table]:
    """Measure each search in fresh processes, in turn."""
    persons = _made(people, size.names, size.seeds[0])
    ours: list[Search] = []
    theirs: list[Search] = []
    for _ in range(size.rounds):
        ours.append(await _alone(_rule, persons, ONLY_NAME))
        theirs.append(await _alone(_cdist, persons))
    grown = [
        await _alone(_rule, _made(people, number, size.seeds[0]), ONLY_NAME)
        for number in size.growth
    ]
    labelled: dict[tuple[str, int], list[Quality]] = defaultdict(list)
    for number in size.labelled:
        for seed in size.seeds:
            for name, search in (await _labelled(number, seed)).items():
                labelled[name, number].append(search.quality)
    return [_compared(size, ours, theirs), _quality(size, labelled), _growth(size, grown)]


async def _alone(search: Callable[..., Search], *given: Any) -> Search:
    """Search in a fresh process. Raises `MismatchError` where it finds little or much else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = await asyncio.get_running_loop().run_in_executor(pool, search, *given)
    if found.quality.f1 < BROKEN_F1:
        raise MismatchError(f"{search.__name__} of duplicates: F1 {found.quality.f1:.2f}")
    return found


async def _labelled(number: int, seed: int) -> dict[str, Search]:
    persons, firms = _made(people, number, seed), _made(organisations, number, seed)
    return {
        PEOPLE: await _alone(_rule, persons, CONTACT),
        FIRMS: await _alone(_rule, firms, PLACE),
        "people by name only": await _alone(_rule, persons, ONLY_NAME),
        f"the same by cdist ({CUTOFF} of 100)": await _alone(_cdist, persons),
    }


def _compared(size: Size, ours: Sequence[Search], theirs: Sequence[Search]) -> Table:
    def row(name: str, unit: str, of: Callable[[Search], float]) -> list[Cell]:
        first, second = ([of(it) for it in searches] for searches in (ours, theirs))
        return compared(name, Sample(first, unit), "cdist", Sample(second, unit))

    rows = [
        row("processor time", "s", lambda it: it.seconds),
        row("memory above the start", "MB", lambda it: it.peak),
        row("recall", "", lambda it: it.quality.recall),
        row("precision", "", lambda it: it.quality.precision),
    ]
    time_ratio, _, recall_ratio, _ = (float(str(cells[-1])) for cells in rows)
    notes = (
        f"Target for the ratio of time: {maximum(MAX_TIME, time_ratio)}.",
        f"Target for the ratio of recall: {minimum(1, recall_ratio)}.",
    )
    title = f"Duplicates: {size.names} names, the rule and rapidfuzz's cdist"
    return Table(title, COMPARED, rows, notes)


def _quality(size: Size, labelled: Mapping[tuple[str, int], Sequence[Quality]]) -> Table:
    rows: list[list[Cell]] = [
        [
            name,
            number,
            Sample([it.precision for it in qualities], ""),
            Sample([it.recall for it in qualities], ""),
            Sample([it.f1 for it in qualities], ""),
            minimum(MIN_F1, min(it.f1 for it in qualities)) if name in (PEOPLE, FIRMS) else "-",
        ]
        for (name, number), qualities in labelled.items()
    ]
    notes = (
        f"Over {len(size.seeds)} seeds; the target is for each of them.",
        "Likely and possible pairs together. How names vary: tests/fakes/duplicates.py.",
        "The more records, the more namesakes by chance: they lower the precision of names.",
    )
    columns = ("labelled", "records", "precision", "recall", "F1", "target")
    return Table("Duplicates: quality", columns, rows, notes)


def _growth(size: Size, grown: Sequence[Search]) -> Table:
    rows: list[list[Cell]] = [
        [number, Sample([it.seconds], "s"), Sample([it.peak], "MB"), it.seconds / number * 1e6]
        for number, it in zip(size.growth, grown, strict=True)
    ]
    columns = ("names", "processor time", "memory above the start", "µs a name")
    return Table("Duplicates: growth", columns, rows)


def _rule(made: Labelled, settings: dict[str, Any]) -> Search:
    rule = TypeAdapter(Rule).validate_python(
        {"id": "twice", "kind": "duplicate", "table": "T", **settings}
    )
    base = snapshot({"T": made.records}, reads=rule.reads())

    def search() -> set[tuple[str, str]]:
        return pairs_of(finding.records for finding in evaluate(rule, base).findings)

    return _measured(search, made)


def _cdist(made: Labelled) -> Search:
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
    made = make(seed, int(number * ENTITIES_SHARE) + CHUNK)
    return Labelled(made.records[:number], made.entities[:number], made.kinds[:number])


def _measured(search: Callable[[], set[tuple[str, str]]], made: Labelled) -> Search:
    before, started = _peak(), time.process_time()
    found = search()
    seconds = time.process_time() - started
    return Search(seconds, _peak() - before, quality(found, made.pairs()))


def _peak() -> float:
    """Return the peak memory of this process in MB. (`getrusage` begins with the parent's.)"""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
