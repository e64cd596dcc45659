"""Replay simulations: `python -m tests.simulation SEED [SEED ...]`, or `FIRST-LAST`."""

import sys
import time
from collections import Counter

from tests.simulation.simulator import broken_rules, simulate


def main(arguments: list[str]) -> int:
    """Print what each seed came to; 1 when any of them broke a rule."""
    seeds: list[int] = []
    for argument in arguments:
        first, _, last = argument.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    started = time.monotonic()
    broken, statuses, struck = 0, Counter[str](), Counter[str]()
    for seed in seeds:
        outcome = simulate(seed)
        found = broken_rules(outcome)
        broken += bool(found)
        statuses.update(run.data["status"] for run in outcome.store.memory.all("runs"))
        struck.update(outcome.chaos.struck)
        for violation in found:
            print(f"seed {seed}: {violation}")
    seconds = time.monotonic() - started
    print(f"{len(seeds)} seeds in {seconds:.1f} s, {broken} broken; runs: {dict(statuses)}")
    print(f"faults: {dict(struck)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
