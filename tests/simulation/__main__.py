"""Simulate days of Landfall, and judge each. A seed that breaks a rule is printed and replays.

python -m tests.simulation 4711            replay one
python -m tests.simulation 1-10000 -p 2    many, in two processes
"""

import argparse
import gc
import json
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.simulator import broken_rules, simulate

CHUNK = 50
"""Seeds that a process takes at once: one that is slowed down takes fewer of them."""


@dataclass(frozen=True)
class Verdict:
    """What one seed came to."""

    seed: int
    broken: Sequence[str]
    runs: Mapping[str, Counter[str]]
    struck: Mapping[str, int]


@dataclass
class Sums:
    """What many seeds came to."""

    seeds: int = 0
    broken: int = 0
    seeds_with: Counter[str] = field(default_factory=Counter)
    """By the kind of scan; a seed may have scans of two kinds."""
    runs: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By the kind of scan and by status."""
    struck: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """Count a seed in."""
        self.seeds += 1
        self.broken += bool(verdict.broken)
        self.seeds_with.update([*verdict.runs])
        for kind, runs in verdict.runs.items():
            self.runs[kind].update(runs)
        self.struck.update(verdict.struck)

    @property
    def passed(self) -> bool:
        """No rule is broken; and a simulation in which little of a kind works is no pass."""
        works = all(runs["done"] * 2 > runs.total() for runs in self.runs.values())
        return not self.broken and works


def main() -> int:
    """Print what broke a rule, and a line of JSON that sums up; 1 when it is no pass."""
    options = _arguments()
    started = time.monotonic()
    seeds = [seed for argument in options.seeds for seed in _seeds(argument)]
    sums = Sums()
    for verdict in _judged(seeds, options.processes):
        sums.add(verdict)
        _tell(verdict)
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


def _judged(seeds: Sequence[int], processes: int) -> Iterator[Verdict]:
    """The verdicts in the order of the seeds; each process takes the next seeds when it is free."""
    if processes == 1:
        yield from map(_judge, seeds)
        return
    pool = ProcessPoolExecutor(processes, initializer=_begin_process)
    try:
        yield from pool.map(_judge, seeds, chunksize=CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_process() -> None:
    """End at once on Ctrl-C, and search for cycles rarely.

    Days leave few cycles, and a search walks through all that is alive.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)


def _judge(seed: int) -> Verdict:
    outcome = simulate(seed)
    runs: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for run in outcome.store.memory.all("runs"):
        runs[run.data["kind"]][str(run.data["status"])] += 1
    return Verdict(seed, broken_rules(outcome), runs, outcome.chaos.struck)


def _tell(verdict: Verdict) -> None:
    for rule in verdict.broken:
        print(f"seed {verdict.seed}: {rule}")
        print(f"   replay: .venv/bin/python -m tests.simulation {verdict.seed}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
