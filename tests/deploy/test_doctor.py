"""infra/doctor: an installation that is well, and each thing of it broken in turn."""

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.cloud import keys_answering
from infra.cloud.asking import Answer
from infra.cloud.changes import Tools
from infra.cloud.checks import Cloud
from infra.cloud.gcloud import Gcloud
from infra.cloud.google import Google
from infra.cloud.installation import Installation, Wishes
from infra.cloud.target import Target
from infra.cloud.verdicts import Said, looked_at
from landfall.deadlines import TICK_MISSING
from landfall.store.versions import DOCUMENT_KINDS
from tests.deploy.google_apis import NUMBER, PROJECT, GoogleApis
from tests.deploy.installing import REGION, Console
from tests.deploy.recorder import TOKEN

TARGET = Target(PROJECT, NUMBER, REGION)
DOCUMENTS = f"{TARGET.database}/documents"
PIPELINE = TARGET.account("landfall-deploy")


def well(apis: GoogleApis) -> GoogleApis:
    """Indexes are built, expiry is active, both have ticked, and everybody answers."""
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
    """The scheduler or the watchdog ticked so long ago."""
    moment = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    document(apis, f"system/{name}", last_tick_at={"timestampValue": moment})


def document(apis: GoogleApis, path: str, **fields: Any) -> None:
    """A document of Firestore, as its REST API has it."""
    name = f"{DOCUMENTS}/{path}"
    apis.put("firestore", name, {"name": name, "fields": fields})


@pytest.fixture
def apis(console: Console, deployment, monkeypatch) -> GoogleApis:
    """A project that is well; what a test breaks is broken for it alone."""
    for name, value in console.environment.items():
        if name.startswith("CLOUDSDK"):
            monkeypatch.setenv(name, value)
    console.recorder.apis = well(copy.deepcopy(deployment.apis))
    services = [it for (api, _), it in console.recorder.apis.resources.items() if api == "run"]
    for service in services:  # as `--set` would have it
        variables = service["spec"]["template"]["spec"]["containers"][0]["env"]
        variables.append({"name": "AIRTABLE_ENDPOINT_URL", "value": "http://airtable.fake"})
        variables.append({"name": "OPENAI_BASE_URL", "value": "http://openai.fake/v1"})
    return console.recorder.apis


def look(apis: GoogleApis, name: str) -> Said:
    """What one check says."""
    image = apis.named("run", f"namespaces/{PROJECT}/services/landfall-api")
    wanted = image["spec"]["template"]["spec"]["containers"][0]["image"]
    tools = Tools(Gcloud(PROJECT), Google(TOKEN, PROJECT))
    it = Installation(TARGET, tools.google, Wishes(), wanted)
    (check,) = [check for check in Cloud(it, tools, PIPELINE).checks() if check.name == name]
    return looked_at(check)


def resource(api: str, name: str, **fields: Any) -> Callable[[GoogleApis], None]:
    """A resource has other fields."""
    return lambda apis: apis.named(api, name).update(fields)


def gone(api: str, ending: str) -> Callable[[GoogleApis], None]:
    """A resource is not there any more."""

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


TTL = f"{TARGET.database}/collectionGroups/pages/fields/expires_at"


def _expiry_off(apis: GoogleApis) -> None:
    del apis.named("firestore", TTL)["ttlConfig"]


def _expiry_being_made(apis: GoogleApis) -> None:
    apis.named("firestore", TTL)["ttlConfig"]["state"] = "CREATING"


def _clock_ahead(apis: GoogleApis) -> None:
    apis.ahead = 65.0  # a date is in whole seconds, and its answer takes a while


def _open_to_all(apis: GoogleApis) -> None:
    policy = apis.policies["run", f"{TARGET.place}/services/landfall-fetch"]
    policy["bindings"][0]["members"].append("allUsers")


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
    "no database": ("database", gone("firestore", "(default)"), "no Firestore database", "deploy"),
    "Datastore mode": (
        "database",
        resource("firestore", TARGET.database, type="DATASTORE_MODE"),
        "Datastore mode",
        "without a database",
    ),
    "unprotected": (
        "database",
        resource("firestore", TARGET.database, deleteProtectionState="DELETE_PROTECTION_DISABLED"),
        "deleteProtectionState",
        "infra/deploy",
    ),
    "index missing": ("indexes", _index_missing, "is missing", "infra/deploy for what is missing"),
    "index building": ("indexes", _index_building, "is creating", "ready in minutes"),
    "field indexed": ("fields and expiry", _indexed, "updated_at", "infra/deploy"),
    "expiry off": ("fields and expiry", _expiry_off, "pages.expires_at", "infra/deploy"),
    "expiry being made": (
        "fields and expiry",
        _expiry_being_made,
        "expiry of pages.expires_at is creating",
        "active in minutes",
    ),
    "no rules": ("security rules", gone("firebaserules", "cloud.firestore"), "rules", "deploy"),
    "secret off": ("secrets", _disabled_secret, "has no value", "--airtable-api-key-file FILE"),
    "function gone": ("functions", gone("run", "-watchdog"), "watchdog is not there", "deploy"),
    "function fails": ("functions", _failing_revision, "score is not ready: it did not", "deploy"),
    "two versions": ("version", _two_versions, "of several versions", "infra/deploy"),
    "open to all": ("callers", _open_to_all, "fetch is open to everybody", "infra/deploy"),
    "queue paused": (
        "queue",
        resource("cloudtasks", TARGET.queue, state="PAUSED"),
        "it is paused",
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
    "newer document": ("documents", _newer_document, "runs/m-1 is newer", "deploy the Landfall"),
    "unhealthy": ("health", _refused("api", 503), "503", "as it says"),
    "Airtable refuses": ("Airtable's key", _refused("airtable"), "refuses the key", "key-file"),
}


@pytest.mark.parametrize(("name", "damage", "saw", "mend"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_named_with_how_to_mend_it(apis, name, damage, saw, mend):
    """One thing at a time; before it is broken the same check says ok."""
    before = look(apis, name)
    assert before.verdict == "ok", before
    damage(apis)
    said = look(apis, name)
    assert said.verdict == "wrong"
    assert saw in said.saw
    assert mend in said.mend


def test_who_may_not_read_a_key_is_told_that_and_nothing_is_wrong(apis, console):
    """The pipeline has no access to secrets: that is unknown, not wrong."""
    console.recorder.refuses = lambda request: request.path.endswith(":access")
    try:
        said = look(apis, "Airtable's key")
    finally:
        console.recorder.refuses = None
    assert said.verdict == "unknown"
    assert "roles/secretmanager.secretAccessor on landfall-airtable-api-key" in said.mend


def test_no_key_is_needed(apis):
    """Where no scan asks a model, or none reads a base."""
    assert look(apis, "the model's key").verdict == "ok"
    for api, name in [*apis.resources]:
        if "/landfall-airtable-api-key" in name:
            del apis.resources[api, name]
    assert look(apis, "secrets").verdict == "ok"
    assert look(apis, "Airtable's key").saw == "there is none: no scan reads a base"


def test_a_models_key_is_tried_where_there_is_one(apis):
    """At the address that score has; one that is refused is wrong."""
    name = f"projects/{PROJECT}/secrets/landfall-openai-api-key/versions/1"
    apis.put("secretmanager", name, {"name": name, "state": "ENABLED"})
    apis.payloads[name] = "sk-recorded"
    apis.outside["openai"] = (200, {"data": []})
    assert look(apis, "the model's key").verdict == "ok"
    _refused("openai")(apis)
    said = look(apis, "the model's key")
    assert (said.verdict, said.saw) == ("wrong", "The model's service refuses the key (401)")
    _refused("openai", 500)(apis)
    assert look(apis, "the model's key").verdict == "unknown"


def test_a_person_whom_the_api_does_not_know_is_told_so(apis):
    """It may be well all the same."""
    _refused("api", 403)(apis)
    assert look(apis, "health").verdict == "unknown"


def answered(seconds_ago: float, waited: float = 0.1) -> Answer:
    """An answer of somebody whose clock was so many seconds behind when it came."""
    moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    headers = {"date": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    return Answer(200, headers, b"", waited)


@pytest.mark.parametrize("seconds", [60, -60])
def test_a_clock_that_is_off_is_wrong(seconds):
    """Ahead or behind; tokens are good for whoever agrees on the time."""
    said = keys_answering.clock(answered(seconds))
    assert said.verdict == "wrong"
    assert re.fullmatch(r"this machine's clock is (59|60|61) s off", said.saw)
    assert keys_answering.clock(Answer(200, {}, b"", 0.1)).verdict == "unknown"


def test_a_slow_answer_is_no_wrong_clock():
    """It was dated when it was made, and came ten seconds later."""
    assert keys_answering.clock(answered(10, waited=10)).verdict == "ok"


def test_a_network_that_is_down_makes_everything_unknown(apis, monkeypatch):
    """Not a traceback, and not an ok."""
    monkeypatch.setenv("CLOUDSDK_PROXY_PORT", "9")
    assert {look(apis, name).verdict for name in ("APIs", "queue", "ticks")} == {"unknown"}


@pytest.mark.usefixtures("apis")
def test_an_installation_that_is_well_is_said_to_be(console):
    """Exit 0; the whole command changes nothing and shows no key."""
    done = console.run("doctor", "--as", PIPELINE)
    assert (done.status, done.errors) == (0, "")
    assert done.mutating == []
    assert "0 wrong, 0 unknown, of 18" in done.output
    assert "patRecorded" not in done.output


def test_what_is_wrong_is_the_exit_status(apis, console):
    """1, and 2 when nothing could be looked at."""
    resource("cloudtasks", TARGET.queue, state="PAUSED")(apis)
    assert console.run("doctor", "--as", PIPELINE).status == 1
    apis.resources.clear()
    assert console.run("doctor").status == 2
