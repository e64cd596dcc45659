"""Thousands of simulated days: whatever goes wrong, what must hold holds."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from tests.simulation.faults import Rates
from tests.simulation.mutants import MUTANTS
from tests.simulation.simulator import broken_rules, simulate

ROOT = Path(__file__).parents[2]

SEEDS = int(os.environ.get("LANDFALL_SEEDS", "1000"))
"""How many days are simulated; more: `LANDFALL_SEEDS=10000 tests/run tests/simulation`."""

CATCH_WITHIN = 60
"""Seeds in which each planted bug must show itself; most do in the first."""


def test_nothing_breaks_a_rule():
    """A seed that fails is printed with the command that replays it; more than half end done."""
    half = SEEDS // 2
    command = [sys.executable, "-m", "tests.simulation"]
    halves = [
        subprocess.Popen([*command, seeds], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for seeds in (f"1-{half}", f"{half + 1}-{SEEDS}")
    ]
    printed = [process.communicate()[0] for process in halves]
    assert [process.returncode for process in halves] == [0, 0], "\n".join(printed)
    sums = [json.loads(text.splitlines()[-1]) for text in printed]
    runs = sum((Counter(part["runs"]) for part in sums), Counter[str]())
    struck = sum((Counter(part["struck"]) for part in sums), Counter[str]())
    assert runs["done"] * 2 > runs.total()
    assert set(struck) == {rate.name for rate in fields(Rates)}, "every kind of fault struck"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_planted_bug_is_caught(mutant):
    """A simulation that does not see a bug proves nothing."""
    assert any(_caught(mutant, seed) for seed in range(1, CATCH_WITHIN + 1))


def _caught(mutant, seed: int) -> bool:
    with mutant():
        return bool(broken_rules(simulate(seed)))


def test_a_seed_replays():
    """The same seed gives the same documents, to the letter but for the workers' names."""
    first, second = (_told(simulate(7)) for _ in range(2))
    assert first == second


def _told(outcome) -> list[str]:
    runs = outcome.store.memory.all("runs")
    return [
        f"{event.path} {event.data['updated_at']} {event.data['from']} {event.data['to']}"
        for run in runs
        for event in outcome.store.memory.all(f"{run.path}/events")
    ]
