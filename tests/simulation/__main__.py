"""Replay simulations: `python -m tests.simulation SEED [SEED ...]`, or `FIRST-LAST`."""

import json
import sys
import time
from collections import Counter

from tests.simulation.simulator import broken_rules, simulate


def main(arguments: list[str]) -> int:
    """Print what each seed came to, and a line of JSON that sums up; 1 when a rule is broken."""
    started = time.monotonic()
    broken, statuses, struck = 0, Counter[str](), Counter[str]()
    seeds = [seed for argument in arguments for seed in _seeds(argument)]
    for seed in seeds:
        outcome = simulate(seed)
        found = broken_rules(outcome)
        broken += bool(found)
        statuses.update(str(run.data["status"]) for run in outcome.store.memory.all("runs"))
        struck.update(outcome.chaos.struck)
        for rule in found:
            print(f"seed {seed}: {rule}")
            print(
                f"   replay: PYTHONPATH=functions:. python -m tests.simulation {seed}", flush=True
            )
    seconds = round(time.monotonic() - started, 1)
    sums = {"seeds": len(seeds), "seconds": seconds, "broken": broken}
    print(json.dumps(sums | {"runs": statuses, "struck": struck}))
    return 1 if broken else 0


def _seeds(argument: str) -> range:
    first, _, last = argument.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
