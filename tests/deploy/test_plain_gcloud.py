"""`gcloud run deploy` from the root, without infra/deploy: the line of the documents, as it is.

Google's buildpack of functions checks a source before it builds one. Its checks are done here too.
"""

import io
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.cloud.resources.image import BUILD_ENVIRONMENT, PYTHON
from landfall.process.config import FUNCTIONS
from tests.deploy.google_apis import PROJECT
from tests.deploy.installing import REGION, CommandResult, Console, of

ROOT = Path(__file__).parents[2]
COMPUTE = f"projects/{PROJECT}/serviceAccounts/1-compute@developer.gserviceaccount.com"


def documented(path: str) -> list[str]:
    """Return the words of the one command of a document that deploys a function by gcloud."""
    (line,) = re.findall(r"^gcloud run deploy .*$", (ROOT / path).read_text(), re.MULTILINE)
    return shlex.split(line, comments=True)


@pytest.fixture(scope="module")
def plain(console: Console) -> CommandResult:
    """Deploy as the document says."""
    place = f"projects/{PROJECT}/locations/{REGION}"
    repository = f"{place}/repositories/cloud-run-source-deploy"
    for api, name, body in [
        ("artifactregistry", repository, {"name": repository, "format": "DOCKER"}),
        ("cloudbuild", f"{place}/defaultServiceAccount", {"serviceAccountEmail": COMPUTE}),
        ("iam", COMPUTE, {"email": COMPUTE.rpartition("/")[2]}),
    ]:
        console.recorder.apis.put(api, name, body)
    words = [str(ROOT) if word == "." else word for word in documented("infra/docs/operate.md")]
    return console.gcloud(*words[1:], f"--project={PROJECT}")


@pytest.fixture(scope="module")
def build(plain: CommandResult) -> Any:
    """Return the build that Cloud Run is asked for."""
    (found,) = of(plain.requests, "run", "POST", "/builds:submit")
    return found


@pytest.fixture(scope="module")
def source(console: Console, build: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack what gcloud has uploaded."""
    folder = tmp_path_factory.mktemp("plain")
    where = build["storageSource"]
    stored = console.recorder.apis.payloads[f"{where['bucket']}/{where['object']}"]
    with zipfile.ZipFile(io.BytesIO(bytes.fromhex(stored))) as files:
        files.extractall(folder)
    return folder


def test_the_line_is_one_that_gcloud_takes(plain, build):
    """It builds a function, on the Python of the image that infra/deploy builds."""
    assert plain.status == 0, plain.errors
    assert build["buildpackBuild"]["functionTarget"] in FUNCTIONS
    assert build["buildpackBuild"]["baseImage"] == f"python{PYTHON.replace('.', '')}"


def test_both_documents_have_the_same_line():
    """The README's needs no other page."""
    assert documented("README.md") == documented("infra/docs/operate.md")


def test_the_service_keeps_what_infra_deploy_gave_it(console, plain):
    """Its variables, its account and its callers: only the code is another."""
    service = console.recorder.apis.named("run", f"namespaces/{PROJECT}/services/landfall-api")
    spec = service["spec"]["template"]["spec"]
    assert plain.status == 0
    assert spec["serviceAccountName"] == f"landfall-api@{PROJECT}.iam.gserviceaccount.com"
    names = {it["name"] for it in spec["containers"][0]["env"]}
    assert {"LANDFALL_CALLERS", "LANDFALL_TOKENS_CHECKED_BY", "FUNCTION_TARGET"} <= names
    assert of(plain.requests, "run", "POST", ":setIamPolicy") == []


def test_the_buildpack_finds_the_source_of_the_function(source, build):
    """It fails unless the file is there, or main.py at the root; and unless all of it compiles."""
    given = build["buildpackBuild"]["environmentVariables"]
    assert given["GOOGLE_FUNCTION_SOURCE"] == BUILD_ENVIRONMENT["GOOGLE_FUNCTION_SOURCE"]
    assert (source / given["GOOGLE_FUNCTION_SOURCE"]).is_file()
    compiling = [sys.executable, "-m", "compileall", "-f", "-q", "."]
    done = subprocess.run(compiling, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_buildpack_finds_the_framework_among_the_requirements(source):
    """Else it would install a version of its own. It looks only here, by this expression."""
    requirements = (source / "requirements.txt").read_text()
    assert re.search(r"(?m)^functions-framework\b([^-]|$)", requirements)
    assert not (source / "pyproject.toml").exists()
    (constraints,) = re.findall(r"(?m)^-c (\S+)$", requirements)
    assert (source / constraints).is_file()
