"""Simulated days: the harness sees planted bugs, replays, and is clean without them.

Ten thousand days are `python -m tests.simulation 1-10000 -p 2`, a part of `tests/run`.
"""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from unittest.mock import patch

import pytest

from landfall.classification.views import ElementReviews, OutdatedError
from tests.simulation.faults import Rates
from tests.simulation.mutants import MUTANTS, no_fence
from tests.simulation.mutants_classification import CLASSIFICATION_MUTANTS
from tests.simulation.mutants_sites import SITE_MUTANTS
from tests.simulation.simulator import SUBJECTS, WEIGHTS, broken_rules, history, simulate

SEEDS = range(1, 61)
"""Days in which nothing may be wrong."""

MORE_SEEDS = range(1, 401)
"""In which each planted bug must show itself; most do in the first, all but a few in `SEEDS`.

Each change of what reads a document draws other days from a seed, so a rare fault moves."""

OF_KINDS = [
    *((mutant, WEIGHTS) for mutant in MUTANTS),
    *((mutant, {"classification": 1.0}) for mutant in CLASSIFICATION_MUTANTS),
    *((mutant, {"site": 1.0}) for mutant in SITE_MUTANTS),
]
"""The planted bugs, and the scans of which kinds have them."""


@pytest.mark.parametrize(
    ("mutant", "weights"), OF_KINDS, ids=[mutant.__name__ for mutant, _ in OF_KINDS]
)
def test_a_planted_bug_is_caught(mutant, weights):
    """A simulation that does not see a bug proves nothing."""
    assert any(_caught(mutant, seed, weights) for seed in MORE_SEEDS)


def _caught(mutant, seed: int, weights: Mapping[str, float]) -> bool:
    with mutant():
        return bool(broken_rules(simulate(seed, weights)))


def test_a_zombies_write_is_told_by_the_order_of_writes():
    """Without a fence, somebody writes after another has claimed the step; no clock says so."""
    with no_fence():
        told = (rule for seed in MORE_SEEDS for rule in broken_rules(simulate(seed)))
        assert any("who had claimed the step later" in rule for rule in told)


def test_without_a_bug_nothing_is_caught():
    """The same seeds, as the code is."""
    assert [broken_rules(simulate(seed)) for seed in SEEDS] == [[]] * len(SEEDS)


@pytest.mark.parametrize("kind", ["classification", "site"])
def test_without_a_bug_nothing_is_caught_in_a_kind(kind):
    """Nor where all scans are of one kind."""
    days = [simulate(seed, {kind: 1.0}) for seed in SEEDS]
    assert [broken_rules(day) for day in days] == [[]] * len(SEEDS)


def test_people_may_be_too_late():
    """A run suggests something else while they think: they say nothing, and the day goes on."""

    async def late(*_: object) -> None:
        raise OutdatedError("the suggestion is another one now")

    with patch.object(ElementReviews, "review", late):
        days = [simulate(seed, {"classification": 1.0}) for seed in SEEDS]
    assert [broken_rules(day) for day in days] == [[]] * len(SEEDS)


def test_every_kind_of_scan_is_simulated():
    """Of 10,000 days, more than a thousand have each."""
    days = [simulate(seed) for seed in SEEDS]
    having = Counter(kind for day in days for kind in day.subjects)
    assert having.keys() == SUBJECTS.keys()
    assert min(having.values()) >= len(SEEDS) // 10, having


def test_every_kind_of_fault_strikes():
    """A fault that never happens is never survived."""
    missing = set(Rates.__dataclass_fields__)
    for seed in MORE_SEEDS:  # the rarest has struck once in a hundred
        missing -= simulate(seed).chaos.struck.keys()
        if not missing:
            return
    assert missing == set()


def test_a_seed_replays_alone_and_among_others():
    """The same seed gives the same history, to the microsecond, whatever its process did before."""
    among_others = [history(seed) for seed in range(1, 8)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as new_process:
        alone = new_process.submit(history, 7).result()
    assert alone == among_others[-1] == history(7)
