"""The uploaded source, as Cloud Build's buildpack uses it: installed alone, and started."""

import fcntl
import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from infra.cloud.resources.environment import environment, secrets_of
from infra.cloud.resources.image import BUILD_ENVIRONMENT, PYTHON
from infra.cloud.resources.target import DeployTarget
from infra.local.processes import free_port
from landfall.process.config import FUNCTIONS
from tests.deploy.conftest import Deployment
from tests.deploy.google_apis import NUMBER, PROJECT
from tests.deploy.installing import INVOKER, REGION, of

ROOT = Path(__file__).parents[2]

LISTS = ("infra/constraints.txt", "infra/hashes.txt")

SUPPORTED = {11, 12, 13}
"""Minor versions of Python 3 on which the functions and the tests run."""

IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.append("functions")
import main, landfall
for module in pkgutil.walk_packages(landfall.__path__, "landfall."):
    importlib.import_module(module.name)
"""


@pytest.fixture(scope="module")
def uploaded(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the archive that the image was built from."""
    build = of(deployment.requests, "cloudbuild", "POST", "/builds")[-1]
    where = build["source"]["storageSource"]
    folder = tmp_path_factory.mktemp("source")
    archive = bytes.fromhex(deployment.apis.payloads[f"{where['bucket']}/{where['object']}"])
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def another_python() -> list[str]:
    """Return the newest other Python of this machine on which the functions must run, if any."""
    own = sys.version_info[:2]
    for minor in sorted(SUPPORTED - {own[1]}, reverse=True):
        folders = [Path(folder) for folder in os.environ["PATH"].split(":")]
        folders += sorted(Path("~/.pyenv/versions").expanduser().glob(f"3.{minor}.*/bin"))
        for candidate in (folder / f"python3.{minor}" for folder in folders):
            asked = [str(candidate), "-c", "import venv, sys; print(sys.version_info[1])"]
            if candidate.is_file():  # perhaps a shim of a version that is not installed
                said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
                if said.strip() == str(minor):
                    return [str(candidate)]
    return []


@pytest.fixture(scope="module", params=[sys.executable, *another_python()])
def python(request: pytest.FixtureRequest, uploaded: Path) -> Path:
    """Return a Python with only the requirements of the source.

    pip checks the hash of each file, so that equal lists install equal packages: pytest's cache
    keeps them until a list changes. Without bytecode: most of it is of modules that nobody imports.
    """
    asked = [request.param, "-c", "import sys; print(sys.executable, sys.version)"]
    interpreter = subprocess.run(asked, capture_output=True, check=True).stdout
    texts = [interpreter, *((uploaded / it).read_bytes() for it in ("requirements.txt", *LISTS))]
    wanted = sha256(b"".join(texts)).hexdigest()
    minor = interpreter.split()[1].rpartition(b".")[0].decode()
    folder = request.config.cache.mkdir(f"functions-{minor}")
    found, stamp = folder / "venv/bin/python", folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            venv = [request.param, "-m", "venv", "--clear", "--without-pip", str(folder / "venv")]
            subprocess.run(venv, check=True)
            pip = [sys.executable, "-m", "pip", "--python", str(found), "install", "-q"]
            install = [*pip, "--no-compile", "-r", "requirements.txt"]
            subprocess.run(install, cwd=uploaded, check=True, timeout=600)
            stamp.write_text(wanted)
    return found


def test_the_source_is_the_code_and_its_pins(uploaded):
    """Every module of the functions, the requirements and their constraints; nothing else."""
    names = {str(it.relative_to(uploaded)) for it in uploaded.rglob("*") if it.is_file()}
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "functions", ":!*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert names == {"requirements.txt", *LISTS, *tracked.stdout.split()}


def test_the_image_and_the_tests_have_a_python_that_is_supported():
    """The pipeline runs the tests on the very version of the image: `test_pipeline.py`."""
    supported = {f"3.{minor}" for minor in SUPPORTED}
    assert PYTHON in supported
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in supported


def test_the_requirements_fit_together(python):
    """As the buildpack checks after it has installed them."""
    check = [sys.executable, "-m", "pip", "--python", str(python), "check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


def test_every_module_is_importable_with_the_requirements_alone(uploaded, python):
    """Packages of the tests are missing where the functions run."""
    done = subprocess.run(
        [str(python), "-c", IMPORT_ALL],
        cwd=uploaded,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def answers(uploaded, python, tmp_path_factory) -> Iterator[dict[str, int]]:
    """Return each function's answer to a stranger, started as the buildpack starts it."""
    target, logs = DeployTarget(PROJECT, NUMBER, REGION), tmp_path_factory.mktemp("logs")
    command = [str(python.with_name("functions-framework"))]
    started, ports = [], {}
    for function in FUNCTIONS:
        ports[function] = free_port()
        given = {
            **environment(target, function, [INVOKER], {}),
            **dict.fromkeys(secrets_of(function), "a-key"),
            # so that no credentials of Google are looked for; nobody listens there
            **{f"{name}_EMULATOR_HOST": "127.0.0.1:9" for name in ("FIRESTORE", "CLOUD_TASKS")},
            "FUNCTION_TARGET": function,
            "FUNCTION_SOURCE": BUILD_ENVIRONMENT["GOOGLE_FUNCTION_SOURCE"],
            "PORT": str(ports[function]),
            "HOST": "127.0.0.1",
            "PATH": os.environ["PATH"],
        }
        with (logs / function).open("wb") as log:
            started.append(
                subprocess.Popen(command, cwd=uploaded, env=given, stdout=log, stderr=log)
            )
    try:
        yield {function: answer(port) for function, port in ports.items()}
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(10)


def answer(port: int) -> int:
    """Return the status of a request without a token, once somebody listens."""
    until = time.monotonic() + 60
    while True:
        try:
            return httpx.post(f"http://127.0.0.1:{port}/", trust_env=False, timeout=30).status_code
        except httpx.ConnectError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def test_all_five_functions_answer(answers):
    """401: each exists, has its configuration and all its imports, and asks who calls."""
    assert answers == dict.fromkeys(FUNCTIONS, 401)
