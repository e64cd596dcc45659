"""Simulated days: the harness sees planted bugs, replays, and is clean without them.

Ten thousand days are `python -m tests.simulation 1-10000 -p 2`, a part of `tests/run`.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.simulation.faults import Rates
from tests.simulation.mutants import MUTANTS, no_fence
from tests.simulation.simulator import broken_rules, history, simulate

CATCH_WITHIN = 60
"""Seeds in which each planted bug must show itself; most do in the first."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_planted_bug_is_caught(mutant):
    """A simulation that does not see a bug proves nothing."""
    assert any(_caught(mutant, seed) for seed in range(1, CATCH_WITHIN + 1))


def _caught(mutant, seed: int) -> bool:
    with mutant():
        return bool(broken_rules(simulate(seed)))


def test_a_zombies_write_is_told_by_the_order_of_writes():
    """Without a fence, somebody writes after another has claimed the step; no clock says so."""
    with no_fence():
        told = [
            rule for seed in range(1, CATCH_WITHIN + 1) for rule in broken_rules(simulate(seed))
        ]
    assert any("who had claimed the step later" in rule for rule in told)


def test_without_a_bug_nothing_is_caught():
    """The same seeds, as the code is."""
    assert [broken_rules(simulate(seed)) for seed in range(1, CATCH_WITHIN + 1)] == [
        []
    ] * CATCH_WITHIN


def test_every_kind_of_fault_strikes():
    """A fault that never happens is never survived."""
    struck = {fault for seed in range(1, 40) for fault in simulate(seed).chaos.struck}
    assert struck == set(Rates.__dataclass_fields__)


def test_a_seed_replays_alone_and_among_others():
    """The same seed gives the same history, to the microsecond, whatever its process did before."""
    among_others = [history(seed) for seed in range(1, 8)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as new_process:
        alone = new_process.submit(history, 7).result()
    assert alone == among_others[-1] == history(7)
