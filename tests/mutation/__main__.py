"""Change the code as a mistake would, a place at a time, and see whether a test fails.

A seeded sample of changes to the core modules, each against the tests that run its block: unit
tests, those of tests/emulator over the store in memory, some of tests/local, and 40 simulated days.
No file is written: the changed module is imported from memory, in a process of its own. One that
does not end is stopped, and counts as killed.

python -m tests.mutation                                a sample of all core modules
python -m tests.mutation --changed                      of those that differ from main
python -m tests.mutation runs.claim -n 0 -s 0           every change to a module, however long
python -m tests.mutation --accepted                     which accepted survivors are killed now

Exit status: 0 if every survivor is accepted (tests/mutation/accepted.toml says why), 1 if one is
not, 2 if nothing could start.
"""

import argparse
import random
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from tests.mutation import tested
from tests.mutation.alterations import CODE, ROOT, Alteration, alterations, path_of
from tests.mutation.forks import Result, Work, results

CORE = (
    "deadlines",
    "integrity/ending",
    "integrity/findings/*",
    "llm/budget",
    "llm/rate_limit",
    "process/redaction",
    "runs/*",
    "scans/cadence",
    "scans/slots",
    "store/conflicts",
    "store/retention",
    "store/server_clock",
    "store/versioned",
    "ticks/*",
)
"""The modules whose mistakes lose or double runs, findings or money."""

ACCEPTED = Path(__file__).with_name("accepted.toml")

NUMBER = 100
SECONDS = 170.0
"""After which no further change is tried; the number of those that remain is printed."""

PATIENCE, SLACK = 4.0, 15.0
"""The tests of a change may take so many times as long as without it, and so many seconds more."""

MOST_FAILED = 5
"""Tests that may fail without a change, because the machine is slow; they are left out."""


def main() -> int:
    """Print each survivor, and a line that sums up."""
    options = _arguments()
    began = time.monotonic()
    modules = _modules(options.modules, changed=options.changed)
    accepted = accepted_survivors()
    every = [one for module in modules for one in alterations(module)]
    if options.accepted:
        sample = [one for one in every if one.key in accepted]
    else:
        every = [one for one in every if one.key not in accepted]
        random.Random(options.seed).shuffle(every)
        sample = every[: options.number or None]
    tested.preload()
    reach = _reach(modules, options.processes)
    if reach is None or len(reach.failed) > MOST_FAILED:
        print("without a change, tests fail:", ", ".join(reach.failed[:3] if reach else ["all"]))
        return 2
    print(f"{len(reach.seconds)} tests measured in {time.monotonic() - began:.0f} s")
    end = began + options.seconds if options.seconds else float("inf")
    counts = {"killed": 0, "stopped": 0, "survived": 0}
    for alteration, verdict in _verdicts(sample, reach, options.processes, end):
        kind = verdict.partition(" ")[0]
        counts[kind] += 1
        if kind == "survived" or options.verbose or options.accepted:
            print(f"{verdict}: {alteration}", flush=True)
    untried = len(sample) - sum(counts.values())
    print(
        *(f"{number} {kind}," for kind, number in counts.items()),
        f"{untried} not tried, of {len(every)} changes to {len(modules)} modules;",
        f"seed {options.seed}, {time.monotonic() - began:.0f} s",
    )
    return 1 if counts["survived"] and not options.accepted else 0


def accepted_survivors() -> dict[tuple[str, str, str, str], str]:
    """Return why each survivor may live, by its key."""
    rows = tomllib.loads(ACCEPTED.read_text())["survivor"]
    return {(row["module"], row["place"], row["before"], row["after"]): row["why"] for row in rows}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="runs.claim, runs.* or a path")
    parser.add_argument("--changed", action="store_true", help="core modules that differ from main")
    parser.add_argument("--accepted", action="store_true", help="try the accepted survivors again")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("-n", "--number", type=int, default=NUMBER, help=f"0 is all ({NUMBER})")
    parser.add_argument(
        "-s", "--seconds", type=float, default=SECONDS, help=f"0 is no limit ({SECONDS:.0f})"
    )
    parser.add_argument("-p", "--processes", type=int, default=2, help="at once (2)")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what is killed, too")
    return parser.parse_args()


def _modules(named: Sequence[str], *, changed: bool) -> list[str]:
    """Return the modules to change; those that are named, or the core."""
    modules = _named([name.replace(".", "/") for name in _without_folder(named)] or CORE)
    if changed:
        modules = [module for module in modules if str(path_of(module)) in _changed_files()]
    if not modules:
        print("no such module" if named else "no core module differs from main")
        sys.exit(2 if named else 0)
    return modules


def _without_folder(named: Sequence[str]) -> Iterator[str]:
    for name in named:
        yield name.removesuffix(".py").removeprefix("functions/").removeprefix("landfall/")


def _named(patterns: Sequence[str]) -> list[str]:
    folder = CODE / "landfall"
    found = {path for pattern in patterns for path in folder.glob(f"{pattern}.py")}
    parts = [path.relative_to(CODE).with_suffix("").parts for path in found]
    return sorted(".".join(one) for one in parts if one[-1] != "__init__")


def _changed_files() -> set[str]:
    command = ["git", "diff", "--name-only", "--merge-base", "main"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {str(ROOT / name) for name in listed.stdout.split()}


def _reach(modules: Sequence[str], processes: int) -> tested.Reach | None:
    """Run all tests once, in several processes; None where some cannot be collected."""
    files = tested.files_of_tests()
    random.Random(0).shuffle(files)  # the long ones are neighbours by name
    shares = [files[first::processes] for first in range(processes)]
    works = [
        partial(tested.measure, modules, share, simulate=share is shares[0]) for share in shares
    ]
    whole = tested.Reach()
    for result in results(((None, work, 600.0) for work in works), processes):
        if result.answer is None:
            return None
        whole.add(result.answer)
    return whole


def _verdicts(
    sample: Sequence[Alteration], reach: tested.Reach, processes: int, end: float
) -> Iterator[tuple[Alteration, str]]:
    """Yield what became of each change, while there is time."""

    def trials() -> Iterator[Work]:
        for one in sample:
            if time.monotonic() >= end:
                return
            tests = reach.chosen(one)
            expected = sum(reach.seconds[test] for test in tests)
            yield one, partial(tested.killer, one, tests), expected * PATIENCE + SLACK

    for result in results(trials(), processes):
        yield result.subject, _verdict(result)


def _verdict(result: Result) -> str:
    if result.stopped:
        return "stopped"
    if result.answer is None:
        return "killed by its end"
    return f"killed by {result.answer}" if result.answer else "survived"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and all that was begun, with it
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
