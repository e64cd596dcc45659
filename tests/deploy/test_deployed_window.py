"""The window of a deployed project: made, kept, mended, shown to others, and taken away."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.cloud.checks.check import CheckResult
from infra.cloud.resources.target import DeployTarget
from landfall.process.config import FUNCTIONS
from tests.deploy.conftest import Deployment
from tests.deploy.google_apis import NUMBER, PROJECT, WINDOW_SERVICE, GoogleApis
from tests.deploy.installing import REGION, CommandResult, Console, left, opened, roles
from tests.deploy.test_doctor import look, make_healthy

TARGET = DeployTarget(PROJECT, NUMBER, REGION)
ANN, TEAM = "user:ann@people.example", "group:team@people.example"
AGENT = f"serviceAccount:service-{NUMBER}@gcp-sa-iap.iam.gserviceaccount.com"
RUN_POLICY = ("run", f"projects/{PROJECT}/locations/{REGION}/services/landfall-window")
IAP_POLICY = ("iap", f"projects/{NUMBER}/iap_web/cloud_run-{REGION}/services/landfall-window")
IAP_ENABLED = "run.googleapis.com/iap-enabled"
ACCOUNT = f"serviceAccount:landfall-window@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def made(
    deployment: Deployment, tmp_path_factory: pytest.TempPathFactory, gcloud: Path
) -> tuple[GoogleApis, CommandResult]:
    """A project of an organisation that was deployed without a window, and then with one."""
    apis = copy.deepcopy(deployment.apis)
    project = apis.named("cloudresourcemanager", f"projects/{PROJECT}")
    project["parent"] = {"type": "folder", "id": "42"}
    with opened(apis, tmp_path_factory.mktemp("window"), gcloud) as console:
        return apis, console.deploy("--window", "user:Ann@People.example", "--window", TEAM)


@pytest.fixture
def console(made: Any, tmp_path: Path, gcloud: Path) -> Iterator[Console]:
    """A shell with that project, for one test."""
    with opened(copy.deepcopy(made[0]), tmp_path, gcloud) as found:
        yield found


def bindings(apis: GoogleApis, key: tuple[str, str]) -> dict[str, list[str]]:
    return {it["role"]: it["members"] for it in apis.policies[key]["bindings"]}


def people(apis: GoogleApis) -> list[str]:
    return bindings(apis, IAP_POLICY).get("roles/iap.httpsResourceAccessor", [])


def annotations(apis: GoogleApis) -> dict[str, str]:
    found: dict[str, str] = apis.named("run", WINDOW_SERVICE)["metadata"]["annotations"]
    return found


def seen(console: Console, monkeypatch: pytest.MonkeyPatch, name: str = "window") -> CheckResult:
    """Return a result of infra/doctor, which looks from outside."""
    for variable, value in console.environment.items():
        if variable.startswith("CLOUDSDK"):
            monkeypatch.setenv(variable, value)
    return look(make_healthy(console.recorder.apis), name)


def test_without_the_option_there_is_no_window(deployment):
    """Neither a service nor an account or an API; the output offers one."""
    names = [name for _, name in deployment.apis.resources]
    assert not [name for name in names if "window" in name]
    assert "iap" not in deployment.apis.enabled
    assert f"--region {REGION} --window user:YOU@EXAMPLE.COM" in deployment.last.output
    assert "landfall-window" not in deployment.last.output


def test_the_window_is_made_behind_iap(made):
    """IAP alone may call it, for the people who were named; its address is printed."""
    apis, done = made
    assert (done.status, done.errors) == (0, "")
    assert annotations(apis)[IAP_ENABLED] == "true"
    assert annotations(apis)["run.googleapis.com/ingress"] == "all"
    assert bindings(apis, RUN_POLICY) == {"roles/run.invoker": [AGENT]}
    assert people(apis) == [TEAM, ANN]
    assert f"window https://landfall-window-{NUMBER}.{REGION}.run.app" in done.output
    for unasked in ("console.cloud.google.com/auth", "--window user:YOU"):
        assert unasked not in done.output


def test_iap_has_its_agent_before_anything_is_granted_to_it(made):
    """Google refuses a grant to an account that does not exist."""
    paths = [it.path for it in made[1].mutating]
    agent = f"projects/{PROJECT}/services/iap.googleapis.com:generateServiceIdentity"
    granted = next(it for it in paths if it.endswith("services/landfall-window:setIamPolicy"))
    assert paths.count(agent) == 1
    assert paths.index(agent) < paths.index(granted)


def test_the_window_knows_its_audience(made):
    """It is the one that an assertion of IAP has; neither keys nor callers are given to it."""
    container = made[0].named("run", WINDOW_SERVICE)["spec"]["template"]["spec"]["containers"][0]
    given = {it["name"]: it.get("value") for it in container["env"]}
    assert given["LANDFALL_IAP_AUDIENCE"] == (
        f"/projects/{NUMBER}/locations/{REGION}/services/landfall-window"
    )
    assert given["FUNCTION_TARGET"] == "window"
    assert "LANDFALL_CALLERS" not in given
    assert None not in given.values()  # what is in Secret Manager has no value here


def test_the_account_of_the_window_may_do_what_a_page_does(made):
    """It reads and writes documents, and sends the first step of a run; no secret, no service."""
    apis, _ = made
    granted = {
        (key[0], key[1].rpartition("/")[2], it["role"])
        for key, policy in apis.policies.items()
        for it in policy["bindings"]
        if ACCOUNT in it["members"]
    }
    assert granted == {
        ("cloudresourcemanager", PROJECT, "roles/datastore.user"),
        ("cloudtasks", "landfall", "roles/cloudtasks.enqueuer"),
        (
            "iam",
            TARGET.account("landfall-cloud-tasks"),
            "roles/iam.serviceAccountUser",
        ),
    }
    spec = apis.named("run", WINDOW_SERVICE)["spec"]["template"]["spec"]
    assert f"serviceAccount:{spec['serviceAccountName']}" == ACCOUNT


def test_the_other_functions_stay_as_they_are(made, deployment):
    """They neither move behind IAP nor get another revision."""
    for function in FUNCTIONS:
        name = f"namespaces/{PROJECT}/services/landfall-{function}"
        assert made[0].named("run", name) == deployment.apis.named("run", name)


@pytest.mark.parametrize("options", [[], ["--window", TEAM, "--window", ANN]])
def test_a_second_deploy_leaves_the_window_as_it_is(console, options):
    """With the people of the first, in any order, or without the option."""
    done = console.deploy(*options)
    assert (done.status, done.errors, done.mutating) == (0, "", [])
    assert "Nothing to change." in done.output
    assert people(console.recorder.apis) == [TEAM, ANN]


@pytest.mark.parametrize("damage", [{}, {IAP_ENABLED: "false"}])
def test_a_window_that_lost_iap_gets_it_back(console, monkeypatch, damage):
    """As after `gcloud run services replace` by hand: doctor sees it, and a deploy mends it."""
    apis = console.recorder.apis
    del annotations(apis)[IAP_ENABLED]
    annotations(apis).update(damage)
    found = seen(console, monkeypatch)
    assert (found.status, found.observed) == (
        "wrong",
        "IAP does not answer a stranger: 403, not 302",
    )
    assert IAP_ENABLED in seen(console, monkeypatch, "functions").observed
    done = console.deploy()
    assert (done.status, done.errors) == (0, "")
    assert annotations(apis)[IAP_ENABLED] == "true"
    assert seen(console, monkeypatch).status == "ok"


@pytest.mark.parametrize("key", [RUN_POLICY, IAP_POLICY])
def test_a_window_is_never_open_to_everybody(console, monkeypatch, key):
    """A deploy without the option closes it, and keeps the people."""
    apis = console.recorder.apis
    apis.policies[key]["bindings"][0]["members"].append("allUsers")
    results = [seen(console, monkeypatch, name) for name in ("window", "callers")]
    assert "open to everybody" in " ".join(it.observed for it in results)
    done = console.deploy()
    assert (done.status, done.errors) == (0, "")
    assert people(apis) == [TEAM, ANN]
    assert bindings(apis, RUN_POLICY) == {"roles/run.invoker": [AGENT]}
    assert seen(console, monkeypatch).status == "ok"


def test_a_person_who_is_left_out_is_let_in_no_more(console):
    """The people who are named replace the present ones, and the output says who went."""
    done = console.deploy("--window", "user:ben@people.example")
    assert done.status == 0
    assert people(console.recorder.apis) == ["user:ben@people.example"]
    assert f"+user:ben@people.example -{TEAM} -{ANN}" in done.output
    assert [it.api for it in done.mutating] == ["iap"]


def test_conditions_that_a_person_set_are_kept(console):
    """A deploy that names nobody leaves an access level of the console alone."""
    policy = console.recorder.apis.policies[IAP_POLICY]
    policy["bindings"][0]["condition"] = {"expression": "request.time < timestamp('2030-01-01')"}
    assert console.deploy().mutating == []


def test_a_project_without_an_organisation_is_told_what_to_click(console, monkeypatch):
    """With the exact values; nothing else is asked for once the client is known to IAP."""
    apis = console.recorder.apis
    del apis.named("cloudresourcemanager", f"projects/{PROJECT}")["parent"]
    output = console.deploy().output
    command = (
        f"gcloud iap settings set iap.yaml --project={PROJECT} --resource-type=cloud-run "
        f"--region={REGION} --service=landfall-window"
    )
    for line in (
        f"https://console.cloud.google.com/auth/overview?project={PROJECT}",
        f"https://console.cloud.google.com/auth/clients/create?project={PROJECT}",
        "https://iap.googleapis.com/v1/oauth/clientIds/CLIENT_ID:handleRedirect",
        "access_settings: {oauth_settings: {client_id: CLIENT_ID, client_secret: CLIENT_SECRET}}",
        command,
    ):
        assert line in output
    found = seen(console, monkeypatch)
    assert (found.status, "no OAuth client" in found.observed) == ("wrong", True)
    apis.iap_settings = {"accessSettings": {"oauthSettings": {"clientId": "1.apps"}}}
    assert "console.cloud.google.com/auth" not in console.deploy().output
    assert seen(console, monkeypatch).status == "ok"


def test_doctor_names_who_may_open_the_window(console, monkeypatch):
    """As seen from outside: a stranger is sent to sign in, and that is not followed."""
    found = seen(console, monkeypatch)
    assert (found.status, found.observed) == ("ok", f"behind IAP, for {TEAM}, {ANN}")
    assert "accounts" not in {it.api for it in console.recorder.requests}


def test_a_window_for_nobody_is_wrong(console, monkeypatch):
    """Somebody withdrew the last person's access in the console."""
    console.recorder.apis.policies[IAP_POLICY]["bindings"] = []
    found = seen(console, monkeypatch)
    assert (found.status, found.observed) == ("wrong", "nobody may open it")
    assert "--window user:EMAIL" in found.fix


@pytest.mark.parametrize(
    ("member", "why"),
    [
        ("serviceAccount:robot@x.iam.gserviceaccount.com", "pass it as --invoker"),
        ("allUsers", "never open to everybody"),
        ("allAuthenticatedUsers", "never open to everybody"),
        ("domain:ann@people.example", "use user:EMAIL, group:EMAIL or domain:DOMAIN"),
        ("user:people.example", "use user:EMAIL"),
        ("ann@people.example", "use user:EMAIL"),
        ("user:ann@people.example,user:ben@people.example", "use user:EMAIL"),
        ("", "use user:EMAIL"),
    ],
)
def test_who_is_no_person_is_refused_with_the_reason(console, member, why):
    """Before anything is asked of Google."""
    done = console.deploy("--window", member)
    assert (done.status, done.requests) == (2, [])
    assert why in " ".join(done.errors.split())


def test_a_dry_run_shows_the_window_and_makes_nothing(deployment, tmp_path, gcloud):
    """Also of a project that has no window yet."""
    with opened(copy.deepcopy(deployment.apis), tmp_path, gcloud) as console:
        done = console.deploy("--window", "domain:People.example", "--dry-run")
    assert (done.status, done.errors, done.mutating) == (0, "", [])
    for line in (
        "+ APIs iap.googleapis.com",
        "+ service account landfall-window",
        "+ agent of iap.googleapis.com",
        "+ function window",
        "+ people of the window",
    ):
        assert line in done.output


def test_destroy_removes_the_window_and_its_people(console):
    """A service of its name, made later, lets nobody in from before."""
    done = console.run("destroy", "--yes")
    assert done.status == 0, done.errors
    assert people(console.recorder.apis) == []
    assert "run" not in left(console)
    assert "iam" not in left(console)
    assert ACCOUNT not in str(roles(console))


def test_the_window_is_made_in_an_empty_project(fresh):
    """In a first deployment, in one go."""
    done = fresh.deploy(*fresh.first_time(), "--window", ANN)
    assert (done.status, done.errors) == (0, "")
    assert people(fresh.recorder.apis) == [ANN]
    assert fresh.deploy().mutating == []
