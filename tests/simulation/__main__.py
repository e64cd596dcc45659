"""Simulate days of Landfall, and judge each. A seed that breaks a rule is printed and replays.

python -m tests.simulation 4711            replay one
python -m tests.simulation 1-10000 -p 2    many, in two processes
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.simulator import broken_rules, simulate


@dataclass
class Sums:
    """What many seeds came to."""

    seeds: int = 0
    broken: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)

    def add(self, seeds: int, broken: int, runs: Any, struck: Any) -> None:
        """Count some more in."""
        self.seeds += seeds
        self.broken += broken
        self.runs.update(runs)
        self.struck.update(struck)

    @property
    def passed(self) -> bool:
        """No rule is broken; and a simulation in which little works is no pass."""
        return not self.broken and self.runs["done"] * 2 > self.runs.total()


def main() -> int:
    """Print what broke a rule, and a line of JSON that sums up; 1 when it is no pass."""
    options = _arguments()
    started = time.monotonic()
    seeds = [seed for argument in options.seeds for seed in _seeds(argument)]
    sums = Sums()
    if options.processes > 1:
        _share_out(seeds, options.processes, sums)
    else:
        for seed in seeds:
            _judge(seed, sums)
    print(json.dumps(vars(sums) | {"seconds": round(time.monotonic() - started, 1)}))
    return 0 if sums.passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("seeds", nargs="+", metavar="SEED | FIRST-LAST")
    parser.add_argument("-p", "--processes", type=int, default=1)
    return parser.parse_args()


def _seeds(argument: str) -> range:
    first, _, last = argument.partition("-")
    return range(int(first), int(last or first) + 1)


def _judge(seed: int, sums: Sums) -> None:
    outcome = simulate(seed)
    found = broken_rules(outcome)
    runs = Counter(str(run.data["status"]) for run in outcome.store.memory.all("runs"))
    sums.add(1, bool(found), runs, outcome.chaos.struck)
    for rule in found:
        print(f"seed {seed}: {rule}")
        print(f"   replay: PYTHONPATH=functions:. .venv/bin/python -m tests.simulation {seed}")


def _share_out(seeds: Sequence[int], processes: int, sums: Sums) -> None:
    """Each process takes a part of the seeds; what it prints is printed."""
    size = -(-len(seeds) // processes)
    command = [sys.executable, "-m", "tests.simulation"]
    parts = [
        subprocess.Popen([*command, f"{some[0]}-{some[-1]}"], stdout=subprocess.PIPE, text=True)
        for some in (seeds[at : at + size] for at in range(0, len(seeds), size))
    ]
    for part in parts:
        *printed, last = part.communicate()[0].splitlines() or ["{}"]
        print(*printed, sep="\n", end="\n" if printed else "")
        told = json.loads(last)
        sums.add(told["seeds"], told["broken"], told["runs"], told["struck"])


if __name__ == "__main__":
    sys.exit(main())
