"""What the folders and the lists of dependencies must look like for the deployment to work."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.generated import hashes

ROOT = Path(__file__).parents[2]
CONTRACT = {"functions", "infra", "tests", "cloudbuild.yaml", "requirements.txt", "README.md"}
REQUIREMENTS = [
    *("requirements.txt", "tests/requirements.txt"),
    *("infra/local/requirements.txt",),
]


IMPORT_UNIT_TESTS = """
import importlib, pathlib, sys
importlib.import_module("tests.conftest")
for path in sorted(pathlib.Path("tests/unit").glob("test_*.py")):
    importlib.import_module(f"tests.unit.{path.stem}")
print(*{"grpc", "google.cloud.firestore", "google.cloud.tasks_v2"} & sys.modules.keys())
"""


def _tracked() -> set[str]:
    """Files that git knows, or would take in."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.split())


def _pins(path: str) -> dict[str, str]:
    """Package -> version ("" where there is none), from a list of requirements."""
    pins = {}
    for line in (ROOT / path).read_text().splitlines():
        if match := re.match(r"([\w.-]+)(?:==(\S+))?", line.partition("#")[0]):
            name = re.sub(r"[-_.]+", "-", match[1]).lower()
            pins[name] = match[2] or ""
    return {name: version for name, version in pins.items() if not name.startswith("-")}


def test_no_module_of_ours_hides_behind_another() -> None:
    """functions/ is appended to the path: a module named like the standard library, or like a
    dependency, passes here, where it comes first, and is never found in production."""
    ours = {path.stem for path in (ROOT / "functions").iterdir() if path.name[0] not in "._"}
    assert ours & (set(sys.stdlib_module_names) | set(packages_distributions())) == set()


@pytest.mark.parametrize("path", REQUIREMENTS)
def test_every_requirement_is_pinned_once(path: str) -> None:
    """constraints.txt has everything that is asked for, in the same version."""
    constraints = _pins("infra/constraints.txt")
    assert _pins(path).keys() <= constraints.keys()
    differ = {name for name, pin in _pins(path).items() if pin and pin != constraints[name]}
    assert differ == set()


def test_constraints_pin_exactly() -> None:
    """A deployment next month installs what was tested."""
    assert [name for name, version in _pins("infra/constraints.txt").items() if not version] == []


def test_every_package_that_the_functions_run_with_has_its_hashes() -> None:
    """pip takes only listed files then, and no package beside the list, where an image is built."""
    listed: dict[str, list[str]] = {}
    for word in hashes.FILE.read_text().split():
        if pin := re.fullmatch(r"([\w.-]+)==(\S+)", word):
            listed[pin[1]] = found = []
            assert hashes.pins()[pin[1]] == pin[2]
        elif value := re.fullmatch(r"--hash=sha256:([0-9a-f]{64})", word):
            found.append(value[1])
    assert [name for name, values in listed.items() if not values] == []
    assert sorted(listed) == hashes.packages()


def test_the_list_with_hashes_comes_first() -> None:
    """pip looks for the hashes of a package where it is first asked for it."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    first = next(line for line in lines if not line.startswith("#"))
    assert first == f"-r {hashes.FILE.relative_to(ROOT)}"


def test_the_top_level_holds_what_the_contract_allows() -> None:
    """Who opens the repository sees six names; dot-files besides."""
    top = {path.split("/")[0] for path in _tracked()}
    assert {name for name in top if not name.startswith(".")} <= CONTRACT


@pytest.mark.slow
def test_unit_tests_import_neither_grpc_nor_firestore() -> None:
    """Each of them costs more than a second before the first test."""
    command = [sys.executable, "-c", IMPORT_UNIT_TESTS]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert found.split() == []
