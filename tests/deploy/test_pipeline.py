"""cloudbuild.yaml: its steps, their order, and its account."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.cloud import deploy, doctor
from infra.cloud.resources.accounts import ALL_ACCOUNTS, PIPELINE_ROLES
from infra.cloud.resources.target import PIPELINE_ACCOUNT, DeployTarget
from tests.deploy.google_apis import NUMBER, PROJECT
from tests.deploy.installing import INVOKER, REGION, CommandResult, Console

ROOT = Path(__file__).parents[2]
FILE = ROOT / "cloudbuild.yaml"
BUILD: dict[str, Any] = yaml.safe_load(FILE.read_text())
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
    values = BUILD["substitutions"] | {"_PROJECT": PROJECT, "_REGION": REGION}
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
    assert next(iter(STEPS)) == "test"
    assert ".ci/run" in script("test").splitlines()
    free = {"waitFor", "allowFailure", "allowExitCodes"}
    assert [name for name, step in STEPS.items() if free & step.keys()] == []


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
    assert emails == {TARGET.account(name) for name in ALL_ACCOUNTS}
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
    (line,) = [it for it in piped.output.splitlines() if it.startswith("  trigger ")]
    words = ["me" if word == "OWNER" else word for word in shlex.split(line)]
    assert words[:2] == ["trigger", "gcloud"]
    done = console.gcloud(*words[2:])
    assert done.status == 0, done.errors
    (trigger,) = [it.body for it in done.mutating]
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


@pytest.mark.parametrize("step", STEPS)
def test_every_step_runs_on_the_pinned_image(step):
    """The emulator is part of what is tested; `latest` would change every week."""
    assert STEPS[step]["name"] == STEPS["test"]["name"]
    assert re.search(r":\d+\.\d+\.\d+-emulators$", STEPS[step]["name"])
