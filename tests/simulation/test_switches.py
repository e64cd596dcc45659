"""People pause, resume and delete scans that are at work: the days are clean, and bugs show."""

import pytest

from tests.simulation.mutants_switches import SWITCH_MUTANTS
from tests.simulation.switches import broken_switches, switched

SEEDS = range(1, 26)
"""Days in which nothing may be wrong."""

MORE_SEEDS = range(1, 101)
"""In which each planted bug must show itself."""


@pytest.mark.parametrize("mutant", SWITCH_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_planted_bug_is_caught(mutant):
    """A simulation that does not see a bug proves nothing."""
    assert any(_caught(mutant, seed) for seed in MORE_SEEDS)


def _caught(mutant, seed: int) -> bool:
    with mutant():
        return bool(broken_switches(switched(seed)))


def test_without_a_bug_nothing_is_caught():
    """The same days, as the code is."""
    assert [broken_switches(switched(seed)) for seed in SEEDS] == [[]] * len(SEEDS)
