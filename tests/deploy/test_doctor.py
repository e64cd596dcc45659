"""infra/doctor: a healthy installation, and each part of it broken in turn."""

import copy
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.cloud.checks import api_keys
from infra.cloud.checks.check import CheckResult, run_check
from infra.cloud.checks.project import ProjectChecks
from infra.cloud.clients.gcloud import Gcloud
from infra.cloud.clients.rest import GoogleClient
from infra.cloud.clients.stdlib_http import HttpResponse
from infra.cloud.resources.change import Tools
from infra.cloud.resources.installation import DeployOptions, Installation
from infra.cloud.resources.target import DeployTarget
from landfall.deadlines import TICK_MISSING
from landfall.store.versions import DOCUMENT_KINDS
from tests.deploy.google_apis import NUMBER, PROJECT, GoogleApis
from tests.deploy.installing import REGION, Console
from tests.deploy.recorder import TOKEN

TARGET = DeployTarget(PROJECT, NUMBER, REGION)
DATABASE = TARGET.database()
DOCUMENTS = f"{DATABASE}/documents"
PIPELINE = TARGET.account("landfall-deploy")


def make_healthy(apis: GoogleApis) -> GoogleApis:
    """Make a project healthy: indexes built, TTL active, both ticking, everybody answering."""
    for (_, name), resource in apis.resources.items():
        if "/indexes/" in name:
            resource["state"] = "READY"
        if "ttlConfig" in resource:
            resource["ttlConfig"]["state"] = "ACTIVE"
    for name in ("scheduler", "watchdog"):
        ticked(apis, name, 0)
    apis.outside |= {"api": (200, {"status": "ok"}), "airtable": (200, {"id": "usr1"})}
    return apis


def ticked(apis: GoogleApis, name: str, seconds: float) -> None:
    """Store a tick of the scheduler or of the watchdog, some seconds ago."""
    moment = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    document(apis, f"system/{name}", last_tick_at={"timestampValue": moment})


def document(apis: GoogleApis, path: str, **fields: Any) -> None:
    """Store a document of Firestore in the form of its REST API."""
    name = f"{DOCUMENTS}/{path}"
    apis.put("firestore", name, {"name": name, "fields": fields})


@pytest.fixture
def apis(console: Console, deployment, monkeypatch) -> GoogleApis:
    """A healthy project; a test breaks it for itself alone."""
    for name, value in console.environment.items():
        if name.startswith("CLOUDSDK"):
            monkeypatch.setenv(name, value)
    console.recorder.apis = make_healthy(copy.deepcopy(deployment.apis))
    services = [it for (api, _), it in console.recorder.apis.resources.items() if api == "run"]
    for service in services:  # as with `--set`
        variables = service["spec"]["template"]["spec"]["containers"][0]["env"]
        variables.append({"name": "AIRTABLE_ENDPOINT_URL", "value": "http://airtable.fake"})
        variables.append({"name": "OPENAI_BASE_URL", "value": "http://openai.fake/v1"})
    return console.recorder.apis


def look(apis: GoogleApis, name: str) -> CheckResult:
    """Return the result of one check."""
    image = apis.named("run", f"namespaces/{PROJECT}/services/landfall-api")
    wanted = image["spec"]["template"]["spec"]["containers"][0]["image"]
    tools = Tools(Gcloud(PROJECT), GoogleClient(TOKEN, PROJECT))
    it = Installation(TARGET, tools.google, DeployOptions(), wanted)
    (check,) = [
        check for check in ProjectChecks(it, tools, PIPELINE).checks() if check.name == name
    ]
    return run_check(check)


def resource(api: str, name: str, **fields: Any) -> Callable[[GoogleApis], None]:
    """Return a damage that changes fields of a resource."""
    return lambda apis: apis.named(api, name).update(fields)


def gone(api: str, ending: str) -> Callable[[GoogleApis], None]:
    """Return a damage that removes resources."""

    def take(apis: GoogleApis) -> None:
        for key in [key for key in apis.resources if key[0] == api and key[1].endswith(ending)]:
            del apis.resources[key]

    return take


def _index_building(apis: GoogleApis) -> None:
    index = next(it for (_, name), it in apis.resources.items() if "/indexes/" in name)
    index["state"] = "CREATING"


def _index_missing(apis: GoogleApis) -> None:
    del apis.resources[next(key for key in apis.resources if "/indexes/" in key[1])]


def _indexed(apis: GoogleApis) -> None:
    gone("firestore", "/fields/updated_at")(apis)


TTL = f"{DATABASE}/collectionGroups/pages/fields/expires_at"


def _expiry_off(apis: GoogleApis) -> None:
    del apis.named("firestore", TTL)["ttlConfig"]


def _expiry_being_made(apis: GoogleApis) -> None:
    apis.named("firestore", TTL)["ttlConfig"]["state"] = "CREATING"


def _clock_ahead(apis: GoogleApis) -> None:
    apis.ahead = 65.0  # a date is in whole seconds, and its answer takes a while


def _open_to_all(apis: GoogleApis) -> None:
    policy = apis.policies["run", f"{TARGET.place}/services/landfall-fetch"]
    policy["bindings"][0]["members"].append("allUsers")


def _public(apis: GoogleApis) -> None:
    service = apis.named("run", f"namespaces/{PROJECT}/services/landfall-api")
    service["metadata"]["annotations"]["run.googleapis.com/invoker-iam-disabled"] = "true"


def _shared(apis: GoogleApis) -> None:
    gone("firebaserules", "e/landfall")(apis)
    document(apis, "orders/1")


def _inherited(apis: GoogleApis) -> None:
    binding = {"role": "roles/run.invoker", "members": ["allUsers"]}
    apis.policies["cloudresourcemanager", f"projects/{PROJECT}"]["bindings"].append(binding)


def _takes_forged(apis: GoogleApis) -> None:
    apis.takes_forged = True


def _failing_revision(apis: GoogleApis) -> None:
    service = apis.named("run", f"namespaces/{PROJECT}/services/landfall-score")
    service["status"]["conditions"][0] |= {"status": "False", "message": "it did not start"}


def _two_versions(apis: GoogleApis) -> None:
    service = apis.named("run", f"namespaces/{PROJECT}/services/landfall-score")
    service["spec"]["template"]["spec"]["containers"][0]["image"] = "there/landfall:older"


def _disabled_secret(apis: GoogleApis) -> None:
    for (api, name), it in apis.resources.items():
        if api == "secretmanager" and "/versions/" in name:
            it["state"] = "DISABLED"


def _newer_document(apis: GoogleApis) -> None:
    version = {"integerValue": str(DOCUMENT_KINDS["runs"].version + 1)}
    document(apis, "runs/m-1", schema_version=version)


def _refused(who: str, status: int = 401) -> Callable[[GoogleApis], None]:
    return lambda apis: apis.outside.update({who: (status, "no")})


JOB = f"{TARGET.place}/jobs/landfall-watchdog"
BROKEN: dict[str, tuple[str, Callable[[GoogleApis], None], str, str]] = {
    "clock off": ("clock", _clock_ahead, "clock is 6", "time synchronisation"),
    "API off": ("APIs", lambda a: a.enabled.discard("cloudtasks"), "cloudtasks", "infra/deploy"),
    "no database": (
        "database",
        gone("firestore", "s/landfall"),
        "no Firestore database",
        "deploy",
    ),
    "Datastore mode": (
        "database",
        resource("firestore", DATABASE, type="DATASTORE_MODE"),
        "Datastore mode",
        "another database",
    ),
    "account off": (
        "accounts",
        resource(
            "iam",
            f"projects/{PROJECT}/serviceAccounts/{TARGET.account('landfall-api')}",
            disabled=True,
        ),
        "service account landfall-api: it is disabled",
        "infra/deploy",
    ),
    "Enterprise": (
        "database",
        resource("firestore", DATABASE, databaseEdition="ENTERPRISE"),
        "Enterprise edition",
        "another database",
    ),
    "unprotected": (
        "database",
        resource("firestore", DATABASE, deleteProtectionState="DELETE_PROTECTION_DISABLED"),
        "deleteProtectionState",
        "infra/deploy",
    ),
    "index missing": ("indexes", _index_missing, "is missing", "infra/deploy"),
    "field indexed": ("fields and TTL", _indexed, "updated_at", "infra/deploy"),
    "expiry off": ("fields and TTL", _expiry_off, "pages.expires_at", "infra/deploy"),
    "no rules": (
        "security rules",
        gone("firebaserules", "e/landfall"),
        "rules",
        "deploy",
    ),
    "secret off": ("secrets", _disabled_secret, "has no value", "--airtable-api-key-file FILE"),
    "function gone": ("functions", gone("run", "-watchdog"), "watchdog is not deployed", "deploy"),
    "function fails": ("functions", _failing_revision, "score: it is not ready: it", "deploy"),
    "two versions": ("version", _two_versions, "run several versions", "infra/deploy"),
    "open by the project": (
        "callers",
        _inherited,
        "everybody has roles/run.invoker in the project",
        "infra/deploy",
    ),
    "open by a click": (
        "callers",
        _public,
        "api is open to everybody: its check of callers is off",
        "infra/deploy",
    ),
    "forged token": ("forged token", _takes_forged, "forged token is let in (200)", "infra/deploy"),
    "open to all": ("callers", _open_to_all, "fetch is open to everybody", "infra/deploy"),
    "queue paused": (
        "queue",
        resource("cloudtasks", TARGET.queue, state="PAUSED"),
        "the queue is paused",
        "gcloud tasks queues resume landfall",
    ),
    "queue gone": ("queue", gone("cloudtasks", "/landfall"), "there is no queue", "deploy"),
    "job paused": (
        "jobs",
        resource("cloudscheduler", JOB, state="PAUSED"),
        "landfall-watchdog is paused",
        "gcloud scheduler jobs resume",
    ),
    "job refused": (
        "jobs",
        resource("cloudscheduler", JOB, status={"code": 7}),
        "the last call of landfall-watchdog failed with code 7",
        "infra/deploy",
    ),
    "no alert": ("alerts", gone("logging", "landfall_ticks"), "metric landfall_ticks", "deploy"),
    "never ticked": ("ticks", gone("firestore", "/scheduler"), "scheduler never ticked", "checks"),
    "ticked long ago": (
        "ticks",
        lambda apis: ticked(apis, "watchdog", TICK_MISSING + 60),
        "the watchdog ticked 24",
        "checks of jobs",
    ),
    "newer document": ("documents", _newer_document, "runs/m-1 is newer", "deploy the version of"),
    "unhealthy": ("health", _refused("api", 503), "503", "log of the api"),
    "Airtable refuses": ("Airtable key", _refused("airtable"), "refuses the key", "key-file"),
}


@pytest.mark.parametrize(("name", "damage", "observed", "fix"), BROKEN.values(), ids=BROKEN)
def test_a_fault_is_named_with_its_fix(apis, name, damage, observed, fix):
    """One thing at a time; before the damage the same check says ok."""
    before = look(apis, name)
    assert before.status == "ok", before
    damage(apis)
    result = look(apis, name)
    assert result.status == "wrong"
    assert observed in result.observed
    assert fix in result.fix


WAITING: dict[str, tuple[str, Callable[[GoogleApis], None], str]] = {
    "index building": ("indexes", _index_building, "is being built"),
    "expiry being made": ("fields and TTL", _expiry_being_made, "pages.expires_at is being made"),
}


@pytest.mark.parametrize(("name", "delay", "observed"), WAITING.values(), ids=WAITING)
def test_what_firestore_is_making_is_waited_for(apis, name, delay, observed):
    """It is not wrong: nobody has to do anything."""
    assert look(apis, name).status == "ok"
    delay(apis)
    result = look(apis, name)
    assert result.status == "waiting"
    assert observed in result.observed
    assert result.fix.startswith("nothing to do")


EFFECTS: dict[str, Callable[[GoogleApis], None]] = {
    "ticks": gone("firestore", "/scheduler"),
    "health": _refused("api", 503),
    "jobs": resource("cloudscheduler", JOB, status={"code": 13}),
}


@pytest.mark.parametrize(("name", "damage"), EFFECTS.items(), ids=EFFECTS)
def test_what_lacks_an_index_waits_for_it(apis, name, damage):
    """Ticks answer 500 until their indexes are built, and are wrong only when they are."""
    damage(apis)
    assert look(apis, name).status == "wrong"
    _index_building(apis)
    assert look(apis, name).status == "waiting"


def test_a_key_that_one_may_not_read_is_not_wrong(apis, console):
    """The pipeline has no access to secrets: the result is unknown, not wrong."""
    console.recorder.refuses = lambda request: request.path.endswith(":access")
    try:
        result = look(apis, "Airtable key")
    finally:
        console.recorder.refuses = None
    assert result.status == "unknown"
    assert "roles/secretmanager.secretAccessor on landfall-airtable-api-key" in result.fix


def test_no_key_is_needed(apis):
    """Scans may use no model, or read no base."""
    assert look(apis, "model key").status == "ok"
    for api, name in [*apis.resources]:
        if "/landfall-airtable-api-key" in name:
            del apis.resources[api, name]
    assert look(apis, "secrets").status == "ok"
    assert look(apis, "Airtable key").observed == "no key: no scan reads a base"


def test_a_models_key_is_tried_where_there_is_one(apis):
    """It is tried at the address that score has; a refused one is wrong."""
    name = f"projects/{PROJECT}/secrets/landfall-openai-api-key/versions/1"
    apis.put("secretmanager", name, {"name": name, "state": "ENABLED"})
    apis.payloads[name] = "sk-recorded"
    apis.outside["openai"] = (200, {"data": []})
    assert look(apis, "model key").status == "ok"
    _refused("openai")(apis)
    result = look(apis, "model key")
    assert (result.status, result.observed) == ("wrong", "the model API refuses the key (401)")
    _refused("openai", 500)(apis)
    assert look(apis, "model key").status == "unknown"


def test_the_rules_of_a_shared_database_are_not_judged(apis):
    """They are those of others, who alone know what is right."""
    _shared(apis)
    assert look(apis, "security rules").status == "unknown"
    assert look(apis, "database").observed.endswith("shared with orders")


def test_a_person_whom_the_api_refuses_is_unknown(apis):
    """The result is unknown: the api may be healthy."""
    _refused("api", 403)(apis)
    assert look(apis, "health").status == "unknown"


@pytest.mark.parametrize("name", ["forged token", "health"])
def test_an_api_that_never_served_has_no_url(apis, name):
    """Its first revision failed, which the check of functions says."""
    service = apis.named("run", f"namespaces/{PROJECT}/services/landfall-api")
    del service["status"]["url"]
    result = look(apis, name)
    assert result.status == "unknown"
    assert "never served" in result.observed


def answered(seconds_ago: float, waited: float = 0.1) -> HttpResponse:
    """Return an answer of somebody whose clock was behind by some seconds when it arrived."""
    moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    headers = {"date": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    return HttpResponse(200, headers, b"", waited)


@pytest.mark.parametrize("seconds", [60, -60])
def test_a_clock_that_is_off_is_wrong(seconds):
    """Ahead or behind: tokens are valid only for those who agree on the time."""
    result = api_keys.clock(answered(seconds))
    assert result.status == "wrong"
    assert re.fullmatch(r"this machine's clock is (59|60|61) s off", result.observed)
    assert api_keys.clock(HttpResponse(200, {}, b"", 0.1)).status == "unknown"


def test_a_slow_answer_is_no_wrong_clock():
    """It was dated at its start, and arrived ten seconds later."""
    assert api_keys.clock(answered(10, waited=10)).status == "ok"


def test_a_network_that_is_down_makes_everything_unknown(apis, monkeypatch):
    """Neither a traceback nor an ok."""
    monkeypatch.setenv("CLOUDSDK_PROXY_PORT", "9")
    assert {look(apis, name).status for name in ("APIs", "queue", "ticks")} == {"unknown"}


@pytest.mark.usefixtures("apis")
def test_a_healthy_installation_is_reported_as_healthy(console):
    """Exit 0; the whole command changes nothing and shows no key."""
    done = console.run("doctor", "--as", PIPELINE)
    assert (done.status, done.errors) == (0, "")
    assert done.mutating == []
    assert done.output == "All is well: 21 checks passed.\n"
    assert "patRecorded" not in done.output


def test_alerts_that_nobody_gets_are_a_choice(apis, console):
    """As after the deployment of the README, which names nobody: all is well, and it is said."""
    for key in [key for key in apis.resources if "/notificationChannels/" in key[1]]:
        del apis.resources[key]
    for (_, name), policy in apis.resources.items():
        if "/alertPolicies/" in name:
            policy["notificationChannels"] = []
    done = console.run("doctor", "--as", PIPELINE)
    assert (done.status, done.errors) == (0, "")
    first, *others = done.output.splitlines()
    assert first == "All is well: 21 checks passed."
    assert [" ".join(it.split()) for it in others] == [
        "ok alerts in place, but sent to nobody",
        "-> run infra/deploy --alert-email EMAIL",
    ]
    (alerts,) = [
        it
        for it in json.loads(console.run("doctor", "--as", PIPELINE, "--json").output)["checks"]
        if it["name"] == "alerts"
    ]
    assert (alerts["status"], alerts["fix"]) == ("ok", "run infra/deploy --alert-email EMAIL")


def test_a_program_reads_the_results_as_json(apis, console):
    """All checks, and the worst of them; nothing else is printed."""
    well = json.loads(console.run("doctor", "--as", PIPELINE, "--json").output)
    assert (well["status"], len(well["checks"])) == ("ok", 21)
    _index_building(apis)
    waits = console.run("doctor", "--as", PIPELINE, "--json")
    found = json.loads(waits.output)
    assert (waits.status, found["status"]) == (0, "waiting")
    (index,) = [it for it in found["checks"] if it["name"] == "indexes"]
    assert index["status"] == "waiting"


def test_what_is_wrong_is_the_exit_status(apis, console):
    """Exit 1, and 2 if nothing could be checked."""
    resource("cloudtasks", TARGET.queue, state="PAUSED")(apis)
    assert console.run("doctor", "--as", PIPELINE).status == 1
    apis.resources.clear()
    assert console.run("doctor").status == 2
