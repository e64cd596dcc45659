"""A project that is deployed already: nothing to do, or one change."""

import base64

import pytest

from landfall.process.config import FUNCTIONS
from tests.deploy.google_apis import NUMBER, PROJECT, ApiError
from tests.deploy.installing import ALERTED, REGION, of

SERVICES = f"projects/{PROJECT}/locations/{REGION}/services"


def test_a_second_deploy_changes_nothing_and_says_so(console):
    """With the options of the first deployment, its key included, or without any."""
    for options in ([*console.first_time(), "--alert-email", ALERTED], []):
        done = console.deploy(*options)
        assert (done.status, done.errors, done.mutating) == (0, "", [])
        assert "Nothing to change." in done.output


def test_a_key_that_one_may_not_compare_is_a_new_one(console):
    """An account that may add a version need not be able to read the last one."""
    console.recorder.refuses = lambda request: request.path.endswith(":access")
    done = console.deploy("--airtable-api-key-file", str(console.key), "--dry-run")
    console.recorder.refuses = None
    assert "~ secret landfall-airtable-api-key" in done.output


def _less_memory(console):
    service = console.recorder.apis.named("run", f"namespaces/{PROJECT}/services/landfall-score")
    container = service["spec"]["template"]["spec"]["containers"][0]
    container["resources"]["limits"]["memory"] = "256Mi"


def _always_there(console):
    service = console.recorder.apis.named("run", f"namespaces/{PROJECT}/services/landfall-fetch")
    scaling = service["spec"]["template"]["metadata"]["annotations"]
    scaling["autoscaling.knative.dev/minScale"] = "1"


def _more_and_less_to_know(console):
    service = console.recorder.apis.named("run", f"namespaces/{PROJECT}/services/landfall-api")
    variables = service["spec"]["template"]["spec"]["containers"][0]["env"]
    variables[:] = [it for it in variables if it["name"] != "LANDFALL_TASKS_ACCOUNT"]
    variables.append({"name": "SOMETHING_ELSE", "value": "1"})


def _unprotected(console):
    database = console.recorder.apis.named("firestore", f"projects/{PROJECT}/databases/landfall")
    database["deleteProtectionState"] = "DELETE_PROTECTION_DISABLED"


def _everybody(console):
    policy = console.recorder.apis.policies["run", f"{SERVICES}/landfall-api"]
    policy["bindings"][0]["members"].append("allUsers")


def _public(console):
    service = console.recorder.apis.named("run", f"namespaces/{PROJECT}/services/landfall-api")
    service["metadata"]["annotations"]["run.googleapis.com/invoker-iam-disabled"] = "true"


def _named(console, api, ending):
    """Return the first resource whose name has an ending."""
    return next(
        it
        for (one, name), it in console.recorder.apis.resources.items()
        if one == api and name.endswith(ending)
    )


def _failed(console):
    condition = _named(console, "run", "services/landfall-score")["status"]["conditions"][0]
    condition |= {"status": "False", "message": "Permission denied on secret"}


def _older_serves(console):
    status = _named(console, "run", "services/landfall-fetch")["status"]
    status["latestReadyRevisionName"] = "landfall-fetch-00001-old"


def _disabled(console):
    _named(console, "iam", f"landfall-api@{PROJECT}.iam.gserviceaccount.com")["disabled"] = True


def _broken_index(console):
    index = next(
        it for (_, name), it in console.recorder.apis.resources.items() if "/indexes/" in name
    )
    index["state"] = "NEEDS_REPAIR"


def _broken_expiry(console):
    _named(console, "firestore", "pages/fields/expires_at")["ttlConfig"]["state"] = "NEEDS_REPAIR"


def _failed_job(console):
    _named(console, "cloudscheduler", "jobs/landfall-scheduler")["state"] = "UPDATE_FAILED"


def _slower_queue(console):
    queue = f"projects/{PROJECT}/locations/{REGION}/queues/landfall"
    console.recorder.apis.named("cloudtasks", queue)["rateLimits"]["maxConcurrentDispatches"] = 1


def _no_rules(console):
    release = f"projects/{PROJECT}/releases/cloud.firestore/landfall"
    ruleset = console.recorder.apis.named("firebaserules", release)["rulesetName"]
    source = {"files": [{"name": "firestore.rules", "content": "allow everything"}]}
    console.recorder.apis.named("firebaserules", ruleset)["source"] = source


def _indexed(console):
    name = "databases/landfall/collectionGroups/runs/fields/updated_at"
    del console.recorder.apis.resources["firestore", f"projects/{PROJECT}/{name}"]


def _rare_ticks(console):
    job = f"projects/{PROJECT}/locations/{REGION}/jobs/landfall-watchdog"
    console.recorder.apis.named("cloudscheduler", job)["schedule"] = "*/5 * * * *"


CHANGED = {
    "memory": (_less_memory, 'memory: "256Mi" -> ', ["run PUT"]),
    "instances": (_always_there, 'minScale: "1" -> "0"', ["run PUT"]),
    "variables": (_more_and_less_to_know, "env[LANDFALL_TASKS_ACCOUNT].value: ", ["run PUT"]),
    "database": (_unprotected, "deleteProtectionState: ", ["firestore PATCH"]),
    "one click": (_public, 'invoker-iam-disabled: "true" -> "false"', ["run PUT"]),
    "callers": (_everybody, "-allUsers", ["run POST"]),
    "queue": (_slower_queue, "maxConcurrentDispatches: 1 -> 10", ["cloudtasks PATCH"]),
    "rules": (_no_rules, "Firestore rules", ["firebaserules POST", "firebaserules PATCH"]),
    "failed revision": (_failed, "it is not ready: Permission denied on secret", ["run PUT"]),
    "older revision": (_older_serves, "and landfall-fetch-00001-old serves", ["run PUT"]),
    "disabled account": (_disabled, "it is disabled", ["iam POST"]),
    "broken index": (_broken_index, "not be built", ["firestore DELETE", "firestore POST"]),
    "broken expiry": (_broken_expiry, "field pages.expires_at", ["firestore PATCH"]),
    "failed job": (_failed_job, "its last update failed", ["cloudscheduler PATCH"]),
    "index": (_indexed, "runs.updated_at", ["firestore PATCH"]),
    "job": (_rare_ticks, 'schedule: "*/5 * * * *" -> ', ["cloudscheduler PATCH"]),
}


@pytest.mark.parametrize(("change", "line", "requests"), CHANGED.values(), ids=CHANGED)
def test_what_differs_is_put_right_and_nothing_else(console, change, line, requests):
    """One setting that differs is one change, announced in advance."""
    change(console)
    done = console.deploy()
    assert done.status == 0
    assert [f"{it.api} {it.method}" for it in done.mutating] == requests
    assert line in done.output
    assert console.deploy().mutating == []


def test_a_dry_run_shows_the_commands_and_makes_none(console):
    """A new key: a version is added, and the function that reads it gets it. Nothing happens."""
    console.key.write_text("patNext000000000000.next")
    done = console.deploy("--airtable-api-key-file", str(console.key), "--dry-run")
    assert (done.status, done.mutating) == (0, [])
    assert "gcloud secrets versions add landfall-airtable-api-key --data-file=-" in done.output
    assert "~ function fetch" in done.output
    assert "Changes to make: 2. None was made." in done.output
    assert "patNext" not in done.output


def test_a_new_key_reaches_the_function_that_reads_it(console):
    """One more version, and one function updated: the key is rotated."""
    console.key.write_text("patNew000000000000.new")
    done = console.deploy("--airtable-api-key-file", str(console.key))
    assert [it.path.rpartition("/")[2] for it in done.mutating] == [
        "landfall-airtable-api-key:addVersion",
        "landfall-fetch",
    ]


def test_a_key_is_on_no_command_line_and_in_no_log(console):
    """gcloud reads it from standard input, and logs nothing of it."""
    console.key.write_text("patHidden0000000000.hidden")
    console.deploy("--airtable-api-key-file", str(console.key))
    value = console.key.read_text().strip()
    added = [it for it in console.recorder.mutating if it.path.endswith(":addVersion")]
    assert base64.b64decode(added[-1].body["payload"]["data"]).decode() == value
    assert "--data-file=-" in console.arguments.read_text().splitlines()
    assert value not in console.arguments.read_text()
    logs = [it for it in (console.folder / "gcloud").rglob("*") if it.is_file()]
    assert logs
    assert [it for it in logs if value.encode() in it.read_bytes()] == []


def test_the_first_key_of_a_model_is_a_secret_that_score_alone_reads(console):
    """Created after everything else; no other function changes."""
    console.key.write_text("sk-model.0123456789")
    done = console.deploy("--openai-api-key-file", str(console.key))
    assert [it.path.rpartition("/")[2] for it in done.mutating] == [
        "secrets",
        *("landfall-openai-api-key:addVersion", "landfall-openai-api-key:setIamPolicy"),
        "landfall-score",
    ]
    (policy,) = of(done.requests, "secretmanager", "POST", ":setIamPolicy")
    score = f"serviceAccount:landfall-score@{PROJECT}.iam.gserviceaccount.com"
    assert policy["policy"]["bindings"] == [
        {"role": "roles/secretmanager.secretAccessor", "members": [score]}
    ]


BAD = [
    ('LANDFALL_DEADLINES={"function": 99}', "deadline dispatch=38 s must exceed function=99 s"),
    ("LANDFALL_KEEPING=[]", "LANDFALL_KEEPING: must be a JSON object"),
    ("AIRTABLE_ENDPOINT_URL=nowhere", "AIRTABLE_ENDPOINT_URL has the wrong form"),
]


@pytest.mark.parametrize(("setting", "says"), BAD)
def test_a_value_that_no_function_could_start_with_is_not_deployed(console, setting, says):
    """Refused by the check that functions make at their start: named, and nothing is changed."""
    done = console.deploy("--set", setting)
    assert (done.status, done.mutating) == (2, [])
    assert says in done.errors
    assert "Traceback" not in done.errors


def test_who_may_call_the_api_is_who_was_named_last(console):
    """Both checks change: Cloud Run's, and the function's own list."""
    done = console.deploy("--invoker", "user:bob@people.example")
    changed = [it.path.rpartition("/")[2] for it in done.mutating]
    assert changed == ["landfall-api:setIamPolicy", "landfall-api"]
    (policy,) = of(done.requests, "run", "POST", ":setIamPolicy")
    assert policy["policy"]["bindings"][0]["members"] == ["user:bob@people.example"]


def test_the_letter_case_of_an_address_does_not_matter(console):
    """Google compares addresses so; the same people are no difference."""
    console.deploy("--invoker", "user:bob@people.example")
    again = console.deploy("--invoker", "USER:Bob@People.Example")
    assert (again.status, again.mutating) == (0, [])
    policy = console.recorder.apis.policies["run", f"{SERVICES}/landfall-api"]
    for binding in policy["bindings"]:
        binding["members"] = [it.replace("bob@people", "Bob@People") for it in binding["members"]]
    assert console.deploy().mutating == []


def test_a_database_is_backed_up_and_a_backup_is_used(console):
    """By a schedule that a person chose; a restored database takes the place of the lost one."""
    apis = console.recorder.apis
    for _ in range(2):
        assert console.deploy("--backup", "daily").status == 0
    parent = f"projects/{PROJECT}/databases/landfall"
    made = [it for (_, name), it in apis.resources.items() if f"{parent}/backupSchedules" in name]
    assert [(it["dailyRecurrence"], it["retention"]) for it in made] == [({}, "604800s")]
    backup = f"projects/{PROJECT}/locations/{REGION}/backups/b-1"
    restore = ["firestore", "databases", "restore", f"--source-backup={backup}"]
    restored = console.gcloud(*restore, "--destination-database=landfall-2")
    assert restored.status == 0, restored.errors
    done = console.deploy("--set", "LANDFALL_DATABASE=landfall-2")
    assert (done.status, done.errors) == (0, "")
    changed = {it.path.rpartition("/")[2] for it in done.mutating}
    assert {"landfall-2", "rulesets", *(f"landfall-{name}" for name in FUNCTIONS)} <= changed
    assert console.deploy().mutating == []
    assert console.deploy("--set", "LANDFALL_DATABASE=landfall", "--backup", "never").status == 0
    assert not [name for _, name in apis.resources if f"{parent}/backupSchedules" in name]


def test_a_deployed_installation_takes_no_database_over_either(console):
    """One of others is refused as it is the first time."""
    apis, other = console.recorder.apis, f"projects/{PROJECT}/databases/shop"
    apis.put("firestore", other, {"name": other, "type": "FIRESTORE_NATIVE"})
    order = f"{other}/documents/orders/1"
    apis.put("firestore", order, {"name": order, "fields": {}})
    done = console.deploy("--set", "LANDFALL_DATABASE=shop")
    assert (done.status, done.mutating) == (2, [])
    assert "database shop holds collections that are not Landfall's (orders)" in done.errors


def test_a_deployment_may_take_longer_than_a_token_lasts(console):
    """The one that is refused is replaced by a fresh one of gcloud, and nobody notices."""
    refused: list[object] = []

    def expires(request):
        if request.api == "cloudtasks" and not refused:
            refused.append(request)
            return ApiError(
                401, "UNAUTHENTICATED", "Request had invalid authentication credentials"
            )
        return None

    console.recorder.denies = expires
    done = console.deploy()
    console.recorder.denies = None
    assert (len(refused), done.status, done.errors) == (1, 0, "")


def test_at_its_end_it_says_what_to_do_next(console):
    """Commands to copy; what is there already is not offered."""
    output = console.deploy().output
    where = f"--project {PROJECT} --region {REGION}"
    for command in (
        f"infra/doctor {where} --wait 240",
        f"https://landfall-api-{NUMBER}.{REGION}.run.app",
        "infra/landfall put my-scan.yaml --project",
        "infra/landfall run my-scan --follow --project",
        f"infra/deploy {where} --backup daily",
    ):
        assert command in output
    assert "--alert-email" not in output


def test_a_variable_of_a_persons_choice_stays(console):
    """It is set once, and later deployments retain it."""
    once = console.deploy("--set", "AIRTABLE_ENDPOINT_URL=https://airtable.example")
    assert {it.path.rpartition("/")[2] for it in once.mutating} == {
        *(f"landfall-{name}" for name in FUNCTIONS)
    }
    assert console.deploy().mutating == []


def test_a_longer_deadline_is_one_everywhere(console):
    """Those of Cloud Run, of Cloud Scheduler and of the functions come from one ladder."""
    longer = '{"stale": 58, "lease": 53, "dispatch": 48, "function": 43}'
    done = console.deploy("--set", f"LANDFALL_DEADLINES={longer}")
    assert done.status == 0
    for function in FUNCTIONS:
        name = f"namespaces/{PROJECT}/services/landfall-{function}"
        spec = console.recorder.apis.named("run", name)["spec"]["template"]["spec"]
        given = {it["name"]: it.get("value") for it in spec["containers"][0]["env"]}
        assert (spec["timeoutSeconds"], given["LANDFALL_DEADLINES"]) == (43, longer)
    jobs = [it for it in done.mutating if it.api == "cloudscheduler"]
    assert [it.body["attemptDeadline"] for it in jobs] == ["48s", "48s"]


def test_a_key_that_was_there_and_is_not_is_no_choice(console):
    """No function loses its key because somebody has disabled the version."""
    path = f"projects/{PROJECT}/secrets/landfall-airtable-api-key/versions/"
    found = [it for (_, name), it in console.recorder.apis.resources.items() if path in name]
    for version in found:
        version["state"] = "DISABLED"
    done = console.deploy()
    for version in found:
        version["state"] = "ENABLED"
    assert (len(found) > 0, done.status, done.mutating) == (True, 2, [])
    assert "secret landfall-airtable-api-key has no value" in done.errors
