"""cloudbuild.yaml: its steps, their order, and its account."""

import functools
import hashlib
import io
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.cloud import deploy, doctor
from infra.cloud.resources.accounts import ACCOUNTS, PIPELINE_ACCOUNTS, PIPELINE_ROLES
from infra.cloud.resources.build import ANYWHERE
from infra.cloud.resources.image import PYTHON
from infra.cloud.resources.target import PIPELINE_ACCOUNT, TEST_ACCOUNT, DeployTarget
from tests.deploy.google_apis import NUMBER, PROJECT
from tests.deploy.installing import INVOKER, REGION, CommandResult, Console, of

ROOT = Path(__file__).parents[2]
FILE = ROOT / "cloudbuild.yaml"
BUILD: dict[str, Any] = yaml.safe_load(FILE.read_text())
TEST_FILE = ROOT / ".ci/test.yaml"
TEST_BUILD: dict[str, Any] = yaml.safe_load(TEST_FILE.read_text())
TARGET = DeployTarget(PROJECT, NUMBER, REGION)
MEMBER = f"serviceAccount:{TARGET.account(PIPELINE_ACCOUNT)}"
STEPS = {step["id"]: step for step in BUILD["steps"]}


def script(step: str) -> str:
    """Return the shell script of a step."""
    entry, text = STEPS[step]["args"]
    assert (STEPS[step]["entrypoint"], entry) == ("bash", "-ceu")
    return str(text)


def command(step: str) -> list[str]:
    """Return the words of a step that is one command, for a project."""
    given = {"_PROJECT": PROJECT, "_REGION": REGION, "LOCATION": ANYWHERE}
    values = BUILD["substitutions"] | given
    filled = re.sub(r"\$\{(\w+)\}", lambda it: values.get(it[1], it[0]), script(step))
    return shlex.split(filled.replace("${PROJECT_ID}", PROJECT))


def test_steps_are_those_of_the_document():
    """The same words in the same order, in a sentence of their own."""
    document = (ROOT / "infra/docs/operate.md").read_text()
    sentence = re.search(r"`cloudbuild.yaml` has the steps ([^.]+)\.", document)
    assert sentence
    assert re.findall(r"`(\w+)`", sentence[1]) == list(STEPS)


def test_nothing_is_deployed_before_the_tests_have_passed():
    """Steps run one after another: none waits for a step of its choice, or may fail."""
    assert list(STEPS)[:2] == ["tools", "test"]
    free = {"waitFor", "allowFailure", "allowExitCodes"}
    steps = [*STEPS.values(), *TEST_BUILD["steps"]]
    assert [step["id"] for step in steps if free & step.keys()] == []
    (step,) = TEST_BUILD["steps"]
    assert shlex.split(step["args"][1].splitlines()[-1])[-1] == ".ci/run"


def submitted(console: Console, *arguments: str) -> dict[str, Any]:
    """Return the build that gcloud submits; whatever came before it succeeded."""
    done = console.gcloud(*arguments)
    assert done.status == 0, done.errors
    (build,) = of(done.requests, "cloudbuild", "POST", "/builds")
    assert isinstance(build, dict)
    return build


@pytest.fixture
def checkout(tmp_path):
    """A clone, as Cloud Build has one."""
    folder = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    return folder


def test_the_tests_are_built_where_the_pipeline_is():
    """In the region of the functions a new project may not build: its trigger is elsewhere."""
    assert f"--region={ANYWHERE}" in command("test")
    assert f"--region={REGION}" in command("deploy")


@pytest.mark.usefixtures("piped")
def test_the_tests_run_as_an_account_that_may_change_nothing(console, checkout):
    """In a build of their own, which gcloud submits with all files, the history included."""
    words = command("test")
    assert words[0].endswith("/bin/gcloud")
    assert words[1:4] == ["builds", "submit", "."]
    build = submitted(console, *words[1:3], str(checkout), *words[4:])
    tester = TARGET.account(TEST_ACCOUNT)
    assert build["serviceAccount"].endswith(f"/serviceAccounts/{tester}")
    assert [step["id"] for step in build["steps"]] == ["test"]
    where = build["source"]["storageSource"]
    assert where["bucket"] == TARGET.bucket
    stored = console.recorder.apis.payloads[f"{where['bucket']}/{where['object']}"]
    with tarfile.open(fileobj=io.BytesIO(bytes.fromhex(stored))) as files:
        names = set(files.getnames())
    assert {".git", ".ci/run", "tests/run", "infra/deploy"} <= {
        it.removeprefix("./") for it in names
    }
    policies = console.recorder.apis.policies
    granted = {
        (key[0], role)
        for key in policies
        for role in roles_of(console, key[0], key[1], f"serviceAccount:{tester}")
    }
    assert granted == {
        ("cloudresourcemanager", "roles/logging.logWriter"),
        ("storage", "roles/storage.objectViewer"),
    }


def test_the_image_is_built_once_and_then_deployed():
    """Both steps are infra/deploy, so the second finds the image of the first."""
    build, deployed = command("build"), command("deploy")
    assert build[0] == deployed[0] == "infra/deploy"
    assert deploy.parser().parse_args(build[1:]).image_only
    options = deploy.parser().parse_args(deployed[1:])
    assert (options.project, options.region, options.image_only) == (PROJECT, REGION, False)


def test_the_smoke_test_is_the_doctor_who_waits_for_ticks():
    """It runs as the pipeline's own account, which the api admits."""
    name, *arguments = command("smoke")
    assert name == "infra/doctor"
    options = doctor.parser().parse_args(arguments)
    assert options.wait >= 3 * 60
    assert options.as_account.startswith(f"{PIPELINE_ACCOUNT}@")


def test_it_runs_as_an_account_of_its_own():
    """It is not Cloud Build's account, which every build of the project uses."""
    assert BUILD["serviceAccount"].endswith("/${_ACCOUNT}")
    assert BUILD["substitutions"]["_ACCOUNT"].startswith(f"{PIPELINE_ACCOUNT}@")


def test_every_substitution_is_used_and_known():
    """Cloud Build refuses a build that has one too many or too few."""
    text = FILE.read_text().split("substitutions:")
    used = set(re.findall(r"\$\{(_\w+)\}", FILE.read_text()))
    assert used == set(BUILD["substitutions"])
    assert len(text) == 2


def roles_of(console: Console, api: str, name: str, member: str) -> set[str]:
    """Return the roles of a member on a resource."""
    policy = console.recorder.apis.policies[api, name]
    return {it["role"] for it in policy["bindings"] if member in it["members"]}


@pytest.fixture(scope="module")
def piped(console: Console) -> CommandResult:
    """Deploy with --pipeline, in a project that has no pipeline yet."""
    return console.deploy("--pipeline")


def test_its_account_may_deploy_and_nothing_else(console, piped):
    """It can set no policy, read no secret, and own or edit no project."""
    assert piped.status == 0
    granted = roles_of(console, "cloudresourcemanager", f"projects/{PROJECT}", MEMBER)
    assert granted == set(PIPELINE_ROLES)
    assert not [
        it
        for it in granted
        if re.search(r"^roles/(owner|editor)$|secret|securityAdmin|IamAdmin", it)
    ]
    secrets = [key for key in console.recorder.apis.policies if "/secrets/" in key[1]]
    assert secrets
    assert [it for it in secrets if roles_of(console, it[0], it[1], MEMBER)] == []


@pytest.mark.usefixtures("piped")
def test_its_account_may_act_as_those_that_it_deploys(console):
    """As every function's, as the callers' and as the builder's; by name."""
    emails = {key[1].rpartition("/")[2] for key in acted_as(console)}
    assert emails == {TARGET.account(name) for name in (*ACCOUNTS, *PIPELINE_ACCOUNTS)}
    (own,) = [key for key in acted_as(console) if key[1].endswith(TARGET.account(PIPELINE_ACCOUNT))]
    assert roles_of(console, own[0], own[1], MEMBER) == {
        "roles/iam.serviceAccountOpenIdTokenCreator"
    }


def acted_as(console: Console) -> list[tuple[str, str]]:
    """Return the accounts as which the pipeline may act."""
    policies = [key for key in console.recorder.apis.policies if key[0] == "iam"]
    return [key for key in policies if roles_of(console, key[0], key[1], MEMBER)]


@pytest.mark.usefixtures("piped")
def test_its_account_is_let_in_by_both_doors_of_the_api(console):
    """The smoke test needs it; the earlier callers are still admitted."""
    name = f"projects/{PROJECT}/locations/{REGION}/services/landfall-api"
    for member in (MEMBER, INVOKER):
        assert roles_of(console, "run", name, member) == {"roles/run.invoker"}
    service = console.recorder.apis.named("run", f"namespaces/{PROJECT}/services/landfall-api")
    variables = service["spec"]["template"]["spec"]["containers"][0]["env"]
    (callers,) = [it["value"] for it in variables if it["name"] == "LANDFALL_CALLERS"]
    assert callers.split(",") == [MEMBER.partition(":")[2], INVOKER.partition(":")[2]]


@pytest.mark.usefixtures("piped")
def test_a_pipeline_stays_without_being_named_again(console):
    """It persists, as every other option."""
    assert console.deploy().mutating == []


def test_gcloud_takes_the_trigger_that_is_shown(console, piped):
    """The command is complete but for the owner of the repository."""
    (line,) = [it for it in piped.output.splitlines() if "builds triggers create" in it]
    words = ["me" if word == "OWNER" else word for word in shlex.split(line)]
    assert words[0] == "gcloud"
    done = console.gcloud(*words[1:])
    assert done.status == 0, done.errors
    (request,) = done.mutating
    # in the region of the functions a new project may not build
    assert request.path == f"projects/{PROJECT}/locations/{ANYWHERE}/triggers"
    trigger = request.body
    assert trigger["serviceAccount"].endswith(f"/{TARGET.account(PIPELINE_ACCOUNT)}")
    assert (trigger["filename"], trigger["github"]["owner"]) == (FILE.name, "me")
    assert trigger["github"]["push"] == {"branch": "^main$"}
    assert trigger["substitutions"].keys() <= BUILD["substitutions"].keys()


def test_gcloud_takes_it(console):
    """The real gcloud reads every field into a build, and would submit it."""
    console.environment["CLOUDSDK_BUILDS_REGION"] = REGION
    done = console.gcloud(
        *("builds", "submit", "--no-source", f"--config={FILE}", "--async"),
        f"--region={REGION}",
    )
    assert done.status == 0, done.errors
    (build,) = [it.body for it in done.mutating]
    assert [step["id"] for step in build["steps"]] == list(STEPS)
    assert build["options"]["logging"] == "CLOUD_LOGGING_ONLY"


@pytest.mark.parametrize("step", [*STEPS.values(), *TEST_BUILD["steps"]], ids=lambda it: it["id"])
def test_every_step_runs_on_the_python_of_the_functions(step):
    """An official image, which stays; Google's images of its CLI are removed after a year."""
    assert step["name"] == f"python:{PYTHON}-bookworm"


def test_every_step_has_the_tools_of_the_first():
    """They are in a volume, and gcloud is found on the path."""
    for name, step in STEPS.items():
        assert step["volumes"] == [{"name": "tools", "path": "/tools"}], name
    for name in ("build", "deploy", "smoke"):
        (path,) = STEPS[name]["env"]
        assert path.startswith("PATH=/tools/google-cloud-sdk/bin:/usr/local/bin:")


def test_no_step_asks_for_a_machine_that_a_new_project_may_not_have():
    """The tests are made for the two CPUs of Cloud Build's own."""
    assert [it for it in (BUILD, TEST_BUILD) if "machineType" in it["options"]] == []


EMULATOR = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"

ARCHIVED_GCLOUD = f"""#!/bin/sh
here="$(dirname "$0")"
echo "$@" >>"$here/called"
mkdir -p "$(dirname "$here/../{EMULATOR}")"
printf 'an emulator' >"$here/../{EMULATOR}"
"""

TOOLS = (ROOT / ".ci/tools").read_text()


@pytest.fixture
def archives(tmp_path: Path) -> Iterator[str]:
    """Serve an archive of the CLI, whose gcloud notes how it is called, as Google serves it."""
    wanted = re.search(r"^version=(\S+)$", TOOLS, re.MULTILINE)
    assert wanted
    served = tmp_path / "served"
    bin_folder = tmp_path / "google-cloud-sdk/bin"
    for folder in (served, bin_folder):
        folder.mkdir(parents=True)
    (bin_folder / "gcloud").write_text(ARCHIVED_GCLOUD)
    (bin_folder / "gcloud").chmod(0o755)
    name = served / f"google-cloud-cli-{wanted[1]}-linux-x86_64.tar.gz"
    with tarfile.open(name, "w:gz") as archive:
        archive.add(tmp_path / "google-cloud-sdk", "google-cloud-sdk")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def run_tools(
    folder: Path, archives: str, emulator: bytes = b"an emulator", archive_sha256: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run the step that installs the tools, with the checksums of what should come."""
    script = TOOLS
    for name, value in {
        "emulator_sha256": hashlib.sha256(emulator).hexdigest(),
        "archive_sha256": archive_sha256,
    }.items():
        script, lines = re.subn(rf"^{name}=.*$", f"{name}={value}", script, flags=re.MULTILINE)
        assert lines == 1
    return subprocess.run(
        ["bash", "-s", str(folder)],
        input=script,
        env={"PATH": os.environ["PATH"], "GCLOUD_ARCHIVES": archives},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_tools_are_an_archive_of_one_version_with_the_emulator(tmp_path, archives):
    """What is installed is where the other steps look for it."""
    folder = tmp_path / "tools"
    done = run_tools(folder, archives)
    assert done.returncode == 0, done.stderr
    called = (folder / "google-cloud-sdk/bin/called").read_text()
    assert called == "components install --quiet cloud-firestore-emulator\n"


def test_an_emulator_that_is_another_ends_the_build(tmp_path, archives):
    """The tests rely on what it does, and gcloud takes what it is given."""
    done = run_tools(tmp_path / "tools", archives, emulator=b"the one of the tests")
    assert done.returncode != 0
    assert "cloud-firestore-emulator.jar: FAILED" in done.stdout


def test_the_emulator_of_the_pipeline_is_the_one_of_its_version():
    """Where the installed CLI has the pipeline's version, its emulator has the checksum."""
    gcloud = shutil.which("gcloud")
    assert gcloud
    root = Path(gcloud).resolve().parents[1]
    if f"version={(root / 'VERSION').read_text().strip()}\n" not in TOOLS:
        pytest.skip("another version of the CLI is installed")
    checksum = hashlib.sha256((root / EMULATOR).read_bytes()).hexdigest()
    assert f"emulator_sha256={checksum}\n" in TOOLS


def test_an_archive_is_compared_with_its_checksum_once_there_is_one(tmp_path, archives):
    """The log has the checksum of what came, which is what the variable is compared with."""
    checksum = run_tools(tmp_path / "first", archives).stdout.split()[0]
    assert len(checksum) == 64
    assert run_tools(tmp_path / "same", archives, archive_sha256=checksum).returncode == 0
    assert run_tools(tmp_path / "other", archives, archive_sha256="0" * 64).returncode != 0
    assert not (tmp_path / "other").exists()


def test_tools_that_cannot_be_had_end_the_build(tmp_path, archives):
    """The message names what was not found."""
    done = run_tools(tmp_path / "tools", f"{archives}/nowhere")
    assert done.returncode != 0
    assert "404" in done.stderr
