"""The list of packages that the build of an image makes, by the tool that makes it there."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.cloud.resources.image import SBOM, SBOM_COMMAND, SBOM_TOOL, recipe
from tests.generated import hashes
from tests.generated.markdown import ROOT

VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(None if found is None else str(found))
"""


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the tool apart: its packages would change what those of the tests do."""
    folder = tmp_path_factory.mktemp("tool")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "-q"]
    constraints = f"--constraint={ROOT / 'infra/constraints.txt'}"
    subprocess.run([*pip, "--no-compile", constraints, SBOM_TOOL], check=True, timeout=600)
    return folder / "bin"


@pytest.fixture(scope="module")
def sbom(tool: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run the command of the build."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "infra").mkdir()
    shutil.copy(hashes.FILE, folder / "infra")
    program, *arguments = SBOM_COMMAND
    subprocess.run([str(tool / program), *arguments], cwd=folder, check=True, timeout=60)
    return (folder / SBOM).read_text()


def test_it_is_valid(tool, sbom):
    """Against the schema that the tool's library has, strictly: no field that it does not know."""
    done = subprocess.run(
        [str(tool / "python"), "-c", VALIDATE], input=sbom, text=True, check=False
    )
    assert done.returncode == 0


def test_it_has_each_package_with_its_hashes(sbom):
    """All that pip may install where the image is built, and nothing else."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for word in hashes.FILE.read_text().split():
        name, _, version = word.partition("==")
        if version:
            wanted[name, version] = found = set()
        elif word.startswith("--hash=sha256:"):
            found.add(word.rpartition(":")[2])
    listed = {(it["name"], it["version"]): hashes_of(it) for it in json.loads(sbom)["components"]}
    assert listed == wanted


def hashes_of(component: dict[str, Any]) -> set[str]:
    """Return the SHA-256 of the files of a package."""
    stated = [it for each in component["externalReferences"] for it in each["hashes"]]
    assert {it["alg"] for it in stated} == {"SHA-256"}
    return {it["content"] for it in stated}


def test_the_build_makes_it_before_it_packs_the_source():
    """So that it is in the image."""
    sbom, pack = recipe("IMAGE", "ACCOUNT")["steps"]
    assert pack["id"] == "pack"
    assert sbom["args"][-1].endswith(f"{SBOM_TOOL}; {shlex.join(SBOM_COMMAND)}")
