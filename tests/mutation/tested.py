"""Run unit tests in a process of their own: with their blocks marked, or over a changed module.

The process is a fork of one that has imported the libraries, so that a change costs its tests.
"""

import importlib
import importlib.machinery
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import spec_from_file_location
from itertools import accumulate
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import hypothesis
import pytest

from tests.mutation.alterations import CODE, MARKS, ROOT, Alteration, altered, marked, path_of

SEEDS = range(1, 41)
"""Days that are simulated after the tests, for the modules that the simulation reaches."""

SIMULATED = "tests.simulation"
"""The name of these days among the tests."""

SECONDS_A_CHANGE = 12.0
"""Seconds of tests that a change is tried on at most, without the simulation."""

MOST_MEMORY = 3 * 2**30
"""Bytes that a process may have: a changed loop can want all that there are."""

FILES = (
    "tests/unit/test_*.py",
    "tests/emulator/test_*.py",
    "tests/local/test_asking.py",
    "tests/local/test_cloud_tasks_queue.py",
    "tests/local/test_ledgers.py",
    "tests/local/test_model_budgets.py",
    "tests/local/test_older_runs.py",
    "tests/local/test_worker.py",
)
"""Tests that are tried: of tests/emulator what runs over the store in memory, of tests/local what
is quick and about the core."""

_OVER_FIRESTORE = {"emulator_host", "firestore_client", "firestore_store"}
"""Fixtures of tests that need Firestore's emulator."""


@dataclass
class Reach:
    """The tests that run each block, and the seconds that each takes."""

    tests_of: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    """By module and first line of the block; 0 has the tests that run any of the module."""
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def add(self, other: "Reach") -> None:
        """Take in what another process measured."""
        for block, tests in other.tests_of.items():
            self.tests_of.setdefault(block, set()).update(tests)
        self.seconds |= other.seconds
        self.failed += other.failed

    def chosen(self, alteration: Alteration) -> list[str]:
        """Return the tests that run its block; the quickest first, the simulation last."""
        found = self.tests_of.get((alteration.module, alteration.block), set())
        sums = accumulate(
            sorted(
                (self.seconds[test], test) for test in found.difference(self.failed, {SIMULATED})
            ),
            lambda sums, one: (sums[0] + one[0], one[1]),
        )
        chosen = [test for seconds, test in sums if seconds <= SECONDS_A_CHANGE]
        return chosen + [SIMULATED] * (SIMULATED in found)


def measure(modules: Sequence[str], files: Sequence[Path], *, simulate: bool) -> Reach:
    """Run the tests of these files; return which blocks of the modules each has run."""
    _settle()
    measuring = _Measuring(modules)
    for module in modules:
        found = {MARKS: measuring.marks[module]}
        sys.meta_path.insert(0, _Importing(module, marked(module), found))
    status = pytest.main([*_OPTIONS, *map(str, files)], plugins=[measuring])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ends with {status}")
    if simulate:
        few = SEEDS[:10]
        with measuring.measured(SIMULATED):
            _first_broken_seed(few)
        measuring.reach.seconds[SIMULATED] *= len(SEEDS) / len(few)
    return measuring.reach


def killer(alteration: Alteration, tests: Sequence[str]) -> str:
    """Return the first of these tests that fails over the change; empty where none does."""
    _settle()
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    sys.meta_path.insert(0, _Importing(alteration.module, altered(alteration), {}))
    chosen = [test for test in tests if test != SIMULATED]
    stopping = _Stopping(chosen)
    if chosen:
        files = sorted({test.partition("::")[0] for test in chosen})
        status = pytest.main([*_OPTIONS, "-x", *files], plugins=[stopping])
        if stopping.failed or status != pytest.ExitCode.OK:
            return stopping.failed or "its import"
    if SIMULATED in tests and (broken := _first_broken_seed(SEEDS)):
        return f"{SIMULATED} {broken}"
    return ""


_OPTIONS = [
    *("-q", "-p", "no:cacheprovider", "--assert=plain", "-m", "not slow"),
    *("--rootdir", str(ROOT), "-c", str(ROOT / ".pytest.ini"), "-o", "faulthandler_timeout=0"),
]


def _settle() -> None:
    """Make the process quiet, one that writes no file, and one whose tests repeat."""
    os.chdir(ROOT)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    sys.dont_write_bytecode = True
    found = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutation", database=None, derandomize=True, deadline=None, phases=found
    )
    hypothesis.settings.load_profile("mutation")


def _first_broken_seed(seeds: Sequence[int]) -> int | None:
    from tests.simulation.simulator import broken_rules, simulate

    return next((seed for seed in seeds if broken_rules(simulate(seed))), None)


class _Measuring:
    """Takes the marks and the time of each test."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.marks: dict[str, set[int]] = {module: set() for module in modules}
        self.reach = Reach()

    @contextmanager
    def measured(self, test: str) -> Iterator[None]:
        for marks in self.marks.values():
            marks.clear()
        began = time.perf_counter()
        yield
        self.reach.seconds[test] = time.perf_counter() - began
        for module, marks in self.marks.items():
            for block in [*marks, 0] if marks else ():
                self.reach.tests_of.setdefault((module, block), set()).add(test)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the tests that need more than Python."""
        items[:] = [item for item in items if not _needs_firestore(item)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        with self.measured(item.nodeid):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.reach.failed.append(report.nodeid)


def _needs_firestore(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    fixtures = getattr(item, "fixturenames", ())
    return parameters.get("store") == "firestore" or not _OVER_FIRESTORE.isdisjoint(fixtures)


class _Stopping:
    """Runs the chosen tests in their order, and knows the first that fails."""

    def __init__(self, chosen: Sequence[str]) -> None:
        self.failed = ""
        self._rank = {test: rank for rank, test in enumerate(chosen)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._rank]
        items.sort(key=lambda item: self._rank[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


class _Importing(importlib.machinery.SourceFileLoader):
    """Finds and loads a module as other code, with these names in it; finds no other module."""

    def __init__(self, module: str, code: CodeType, names: Mapping[str, object]) -> None:
        super().__init__(module, str(path_of(module)))
        self._code = code
        self._names = names

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """Return itself as the loader of its module."""
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, _: str) -> CodeType | None:
        """Return the other code."""
        return self._code

    def exec_module(self, module: ModuleType) -> None:
        """Run the code in the module."""
        vars(module).update(self._names)
        super().exec_module(module)


def files_of_tests() -> list[Path]:
    """Return the files of tests that are tried on a change."""
    return sorted(path for pattern in FILES for path in ROOT.glob(pattern))


def preload() -> None:
    """Import the libraries that many tests need, and nothing of Landfall."""
    sys.path[:0] = [str(CODE), str(ROOT)]
    for library in ("google.cloud.firestore", "pydantic", "yaml"):
        importlib.import_module(library)
