"""infra/deploy with the real gcloud, against a recorder that stores its resources."""

import json
from typing import Any

import pytest

from infra.cloud.resources import database, delivery, sizes
from infra.cloud.resources.accounts import ACCOUNTS
from infra.cloud.resources.apis import APIS
from infra.cloud.resources.target import (
    CALLER,
    FUNCTION_ACCOUNTS,
    GCLOUD_AUDIENCE,
    DeployTarget,
    service,
)
from landfall.deadlines import LADDER
from landfall.process.config import FUNCTIONS, VARIABLES
from tests.deploy.conftest import Deployment
from tests.deploy.google_apis import NUMBER, PROJECT
from tests.deploy.installing import EMAIL, INVOKER, KEY, REGION, of

TARGET = DeployTarget(PROJECT, NUMBER, REGION)
PLACE = f"projects/{PROJECT}/locations/{REGION}"


def account(name: str) -> str:
    return f"serviceAccount:{TARGET.account(name)}"


def bindings(deployment: Deployment, api: str, name: str) -> dict[str, list[str]]:
    """Return the members of each role on a resource."""
    policy = deployment.apis.policies[api, name]
    return {it["role"]: it["members"] for it in policy["bindings"]}


def services(deployment: Deployment) -> dict[str, Any]:
    """Return the services of Cloud Run by function."""
    return {
        function: deployment.apis.named("run", f"namespaces/{PROJECT}/services/{service(function)}")
        for function in FUNCTIONS
    }


def container(found: Any) -> Any:
    return found["spec"]["template"]["spec"]["containers"][0]


def test_it_comes_to_its_end_wherever_it_is_killed(deployment):
    """Killed before or after each kind of change, it continues from there."""
    apis = {"serviceusage", "iam", "firestore", "firebaserules", "secretmanager", "cloudtasks"}
    apis |= {"artifactregistry", "storage", "cloudresourcemanager", "cloudbuild", "run"}
    assert {api for api, _ in deployment.kills} == apis | {
        *("cloudscheduler", "logging", "monitoring")
    }
    assert (deployment.last.status, deployment.last.errors) == (0, "")


def test_nothing_was_made_twice(deployment):
    """Interrupted or not: one of each index, alert and channel, and one secret of each variable."""
    names = [name for _, name in deployment.apis.resources]
    for collection in ("indexes", "alertPolicies", "notificationChannels", "secrets"):
        found = [it for it in deployment.apis.resources.items() if f"/{collection}/" in it[0][1]]
        descriptions = [
            json.dumps(it.get("displayName") or it.get("fields") or key) for key, it in found
        ]
        assert len(descriptions) == len(set(descriptions)), collection
    assert len(names) == len(set(names))


def test_every_api_is_enabled(deployment):
    """The enabled APIs are those of the list, and every request went to one of them."""
    asked = {request.api for request in deployment.requests}
    assert deployment.apis.enabled == {api.split(".")[0] for api in APIS}
    assert asked <= deployment.apis.enabled | {"serviceusage"}


def test_the_database_is_native_and_protected(deployment):
    """It is in the region of the command line, too."""
    made = deployment.apis.named("firestore", TARGET.database())
    assert (made["type"], made["locationId"]) == ("FIRESTORE_NATIVE", REGION)
    assert made["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"


def test_indexes_and_expiry_are_those_of_the_file(deployment):
    """tests/emulator compares the file with the queries of the code."""
    groups = {
        name.split("/collectionGroups/")[1]: it
        for (api, name), it in deployment.apis.resources.items()
        if api == "firestore" and "/collectionGroups/" in name
    }
    indexes = {
        database._index(name.split("/")[0], it)
        for name, it in groups.items()
        if "/indexes/" in name
    }
    assert indexes == set(database.wanted_composites())
    fields = {
        (name.split("/")[0], name.split("/")[2]): database.settings_of(it)
        for name, it in groups.items()
        if "/fields/" in name
    }
    assert fields == database.wanted_fields()


def test_the_rules_in_force_are_the_file(deployment):
    """One release names the ruleset with the text of the file."""
    release = deployment.apis.named(
        "firebaserules", f"projects/{PROJECT}/releases/cloud.firestore/landfall"
    )
    ruleset = deployment.apis.named("firebaserules", release["rulesetName"])
    assert ruleset["source"]["files"][0]["content"] == database.RULES


def test_the_queue_has_its_numbers(deployment):
    """Its rates and retries are those of `sizes`."""
    queue = deployment.apis.named("cloudtasks", TARGET.queue)
    assert queue["rateLimits"] == sizes.RATE_LIMITS
    assert queue["retryConfig"] == sizes.RETRY_CONFIG


def test_each_account_exists_and_no_other(deployment):
    """One for each function, two for callers, one for builds."""
    made = {name.rpartition("/")[2] for api, name in deployment.apis.resources if api == "iam"}
    assert made == {TARGET.account(name) for name in ACCOUNTS}
    assert set(FUNCTION_ACCOUNTS.values()) < set(ACCOUNTS)


def test_an_account_may_do_what_it_is_for(deployment):
    """In the project: functions use Firestore, the builder logs. No account owns or edits."""
    granted = bindings(deployment, "cloudresourcemanager", f"projects/{PROJECT}")
    functions = sorted(account(name) for name in FUNCTION_ACCOUNTS.values())
    assert {role: sorted(who) for role, who in granted.items()} == {
        "roles/datastore.user": functions,
        "roles/logging.logWriter": [account("landfall-image")],
    }


def test_functions_fill_the_queue_and_act_as_its_account_alone(deployment):
    """They create tasks that run as the tasks' account; they cannot become each other."""
    functions = sorted(account(name) for name in FUNCTION_ACCOUNTS.values())
    queue = bindings(deployment, "cloudtasks", TARGET.queue)
    assert queue == {"roles/cloudtasks.enqueuer": functions}
    users = {key for key in deployment.apis.policies if key[0] == "iam"}
    tasks = f"projects/{PROJECT}/serviceAccounts/{TARGET.account('landfall-cloud-tasks')}"
    assert users == {("iam", tasks)}
    assert bindings(deployment, "iam", tasks) == {"roles/iam.serviceAccountUser": functions}


def test_a_secret_is_read_by_who_uses_it(deployment):
    """Its readers may access that secret, and no other."""
    policies = {key[1]: value for key, value in deployment.apis.policies.items()}
    (name,) = [name for name in policies if "/secrets/" in name]
    assert name.endswith("/landfall-airtable-api-key")
    readers = [account(service(it)) for it in VARIABLES["AIRTABLE_API_KEY"].readers]
    assert bindings(deployment, "secretmanager", name) == {
        "roles/secretmanager.secretAccessor": readers
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_called_by_one_kind_of_caller(deployment, function):
    """Scheduler's account, Tasks' account, or the person on the command line.

    The function itself may read its service, to learn whether Cloud Run checks its callers.
    """
    name = f"{PLACE}/services/{service(function)}"
    who = [account(CALLER[function])] if function in CALLER else [INVOKER]
    assert bindings(deployment, "run", name) == {
        "roles/run.invoker": who,
        "roles/run.viewer": [account(service(function))],
    }


def test_nobody_is_everybody(deployment):
    """Neither word for everybody is in any request."""
    bodies = json.dumps([request.body for request in deployment.requests], default=str)
    assert "allUsers" not in bodies
    assert "allAuthenticatedUsers" not in bodies


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_its_size_and_its_time(deployment, function):
    """Memory, CPU, concurrency and instances are those of `sizes`; the time is the ladder's."""
    found = services(deployment)[function]
    size, template = sizes.SIZES[function], found["spec"]["template"]
    limits = container(found)["resources"]["limits"]
    assert limits == {"cpu": size.cpu, "memory": size.memory}
    assert template["spec"]["timeoutSeconds"] == LADDER.function
    assert template["spec"]["containerConcurrency"] == size.concurrency
    scale = template["metadata"]["annotations"]["autoscaling.knative.dev/maxScale"]
    assert scale == str(size.max_instances)
    assert template["spec"]["serviceAccountName"] == TARGET.account(service(function))


def test_five_functions_run_one_image_that_was_built_once(deployment):
    """Each starts its own function of the same image; only the api is reachable from outside."""
    found = services(deployment)
    (image,) = {container(it)["image"] for it in found.values()}
    builds = of(deployment.requests, "cloudbuild", "POST", "/builds")
    assert {name for build in builds for name in build["images"]} == {image}
    for function, it in found.items():
        plain = {one["name"]: one.get("value") for one in container(it)["env"]}
        assert plain["FUNCTION_TARGET"] == function
        ingress = it["metadata"]["annotations"]["run.googleapis.com/ingress"]
        assert ingress == ("all" if function == "api" else "internal")


def test_a_secret_is_in_one_request_and_in_nothing_else(deployment):
    """It is in the request that adds a version; functions have it by name and version."""
    with_key = [it for it in deployment.requests if KEY in json.dumps(it.body, default=str)]
    assert with_key == []  # it travels in base64, as bytes
    added = of(deployment.requests, "secretmanager", "POST", ":addVersion")
    assert added
    assert set(deployment.apis.payloads.values()) >= {KEY}
    payload = added[0]["payload"]["data"]
    assert [it for it in deployment.requests if payload in json.dumps(it.body, default=str)] == [
        it for it in deployment.requests if it.path.endswith(":addVersion")
    ]
    assert KEY not in deployment.last.output


def test_a_function_has_a_secret_by_reference(deployment):
    """The reference names the version that was added, for the readers of the secret alone."""
    for function, found in services(deployment).items():
        refers = {
            it["name"]: it["valueFrom"]["secretKeyRef"]
            for it in container(found)["env"]
            if "valueFrom" in it
        }
        if function in VARIABLES["AIRTABLE_API_KEY"].readers:
            (reference,) = refers.values()
            assert reference["name"] == "landfall-airtable-api-key"
            newest = f"projects/{PROJECT}/secrets/{reference['name']}/versions/{reference['key']}"
            assert deployment.apis.payloads[newest] == KEY
        else:
            assert refers == {}


def test_tasks_and_ticks_carry_what_functions_ask_for(deployment):
    """Cloud Run and the function accept the audience of the jobs."""
    for function in delivery.TICK_FUNCTIONS:
        job = deployment.apis.named("cloudscheduler", f"{PLACE}/jobs/{service(function)}")
        token = job["httpTarget"]["oidcToken"]
        found = services(deployment)[function]
        taken = json.loads(found["metadata"]["annotations"]["run.googleapis.com/custom-audiences"])
        plain = {it["name"]: it.get("value") for it in container(found)["env"]}
        assert token["audience"] in taken
        assert token["audience"] in plain["LANDFALL_AUDIENCE"].split(",")
        assert plain["LANDFALL_CALLERS"] == token["serviceAccountEmail"]
        assert job["httpTarget"]["uri"] == f"{TARGET.url(function)}/"
        assert (job["schedule"], job["timeZone"]) == ("* * * * *", "Etc/UTC")
        assert job["attemptDeadline"] == f"{LADDER.dispatch:g}s"
        assert job["retryConfig"]["retryCount"] == 0


def test_people_are_let_in_by_both_doors(deployment):
    """Cloud Run's list and the function's are the same; a person's token names gcloud."""
    plain = {it["name"]: it.get("value") for it in container(services(deployment)["api"])["env"]}
    assert plain["LANDFALL_CALLERS"] == EMAIL
    assert GCLOUD_AUDIENCE in plain["LANDFALL_AUDIENCE"].split(",")


def test_alerts_watch_metrics_that_are_there(deployment):
    """Every condition's metric exists, and every alert has the channel."""
    found = deployment.apis.resources
    policies = [it for (_, name), it in found.items() if "/alertPolicies/" in name]
    (channel,) = [name for _, name in found if "/notificationChannels/" in name]
    metrics = {name.rpartition("/")[2] for api, name in found if api == "logging"}
    assert len(policies) == 9
    for policy in policies:
        (condition,) = policy["conditions"]
        watched = next(it for it in condition.values() if isinstance(it, dict))["filter"]
        assert any(f'"logging.googleapis.com/user/{name}"' in watched for name in metrics)
        assert policy["notificationChannels"] == [channel]
