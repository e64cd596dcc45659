"""The wanted deployment, without a cloud: numbers, names and lists against those of the code."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.cloud.clients.error_advice import TRANSIENT, advice
from infra.cloud.clients.gcloud import MAX_MESSAGE, Gcloud, GcloudError, failure_message
from infra.cloud.clients.rest import GoogleClient, GoogleError, endpoint
from infra.cloud.deploy import parser
from infra.cloud.resources import alerts, database, sizes
from infra.cloud.resources.change import GcloudCommand
from infra.cloud.resources.differences import differences
from infra.cloud.resources.environment import VariableUnknownError, environment, secrets_of
from infra.cloud.resources.installation import DeployOptions, Installation
from infra.cloud.resources.policies import canonical, policy_change
from infra.cloud.resources.source import version
from infra.cloud.resources.target import CALLER, GCLOUD_AUDIENCE, DeployTarget, secret
from landfall.deadlines import LADDER, TICK, TICK_MISSING
from landfall.process.config import ALL_FUNCTIONS, FUNCTIONS, VARIABLES, WINDOW, load_config

ROOT = Path(__file__).parents[2]
TARGET = DeployTarget("demo-project", "123456789012", "europe-west1")
ANN = "user:ann@people.example"


def test_a_function_ends_before_who_waits_for_it_hangs_up():
    """Function < dispatch < lease < stale, in what is deployed as in the ladder."""
    attempt, seconds = sizes.tick_deadline(LADDER), sizes.function_seconds(LADDER)
    assert (seconds, attempt) == (LADDER.function, f"{LADDER.dispatch:g}s")
    assert LADDER.step < seconds < float(attempt[:-1]) < LADDER.lease < LADDER.stale


def test_deliveries_of_a_task_end_while_the_watchdog_still_counts():
    """The queue drops a task that nobody takes long before its run is over."""
    retry = sizes.RETRY_CONFIG
    assert float(str(retry["maxRetryDuration"]).removesuffix("s")) < LADDER.run
    assert float(str(retry["maxBackoff"]).removesuffix("s")) < TICK


def test_what_runs_at_once_has_an_instance_to_run_in():
    """The queue dispatches no more than fetch and score can each take."""
    for function in ("fetch", "score"):
        size = sizes.SIZES[function]
        assert size.concurrency * size.max_instances >= sizes.MAX_CONCURRENT_DISPATCHES


def test_all_instances_fit_into_the_quota_of_a_new_project():
    """Else the busiest hour fails for want of CPUs, or a first deployment is refused."""
    most = sum(float(it.cpu) * it.max_instances for it in sizes.SIZES.values())
    assert most <= sizes.QUOTA_VCPU


@pytest.mark.parametrize(
    "said",
    [
        "Quota exceeded for total allowable CPU per project per region.",
        "quota metric 'run.googleapis.com/cpu_allocation' limit 'CpuAllocPerProjectRegion'",
        "spec.template: max instances must be set to 10 or fewer in order to set the CPU",
        # the next lines name the quota, and the line of the error does not
        "annotations[autoscaling.knative.dev/maxScale]: Max instances must be set to 5 or fewer to "
        "set the requested total CPU.",
    ],
)
def test_a_quota_that_is_too_small_is_explained(said):
    """The message of Google names no page and no file."""
    assert "quotas?service=run.googleapis.com" in advice(said)


@pytest.mark.parametrize(
    "said",
    [
        "The user is forbidden from accessing the bucket [demo-landfall-source]. Please check your "
        'organization\'s policy or if the user has the "serviceusage.services.use" permission.',
        "PERMISSION_DENIED: caller does not have permission to act as service account "
        "projects/demo/serviceAccounts/109700000000000000000",
        "INVALID_ARGUMENT: could not resolve source: googleapi: Error 403: landfall-image@demo "
        "does not have storage.objects.get access to the Google Cloud Storage object.",
    ],
)
def test_a_build_waits_for_access_that_was_just_granted(said):
    """The words are of gcloud for the bucket, and of Cloud Build for accounts and objects."""
    assert TRANSIENT.search(said)


@pytest.mark.parametrize(
    "said",
    [
        "INTERNAL: Internal error encountered.",
        "UNAVAILABLE: The service is currently unavailable.",
        "HTTPError 502: <html>Bad Gateway</html>",
        "GET https://run.googleapis.com/v1/x: 503 UNAVAILABLE it is down",
        "GET https://run.googleapis.com/v1/x: HTTP 502 <title>Error 502 (Server Error)!!1</title>",
        "HttpError accessing <https://x>: response: <{'status': '503', 'content-length': '0'}>",
        "googleapi: Error 503: We encountered an internal error., backendError",
        "503 Server Error: Service Unavailable for url: https://x",
        "generic::unavailable: the build service is not available",
    ],
)
def test_an_outage_of_google_is_known_by_its_words(said):
    """It is tried again, and the advice is to wait."""
    assert TRANSIENT.search(said)
    assert "Google has an outage" in advice(said)


@pytest.mark.parametrize(
    "said",
    [
        "INVALID_ARGUMENT: pageSize must be at most 500",
        "INVALID_ARGUMENT: the timeout must be between 1 and 504 seconds, got 1500",
        "projects/502/locations/x: FAILED_PRECONDITION: the key is of project 503",
        "INVALID_ARGUMENT: ingress must be INGRESS_TRAFFIC_INTERNAL_ONLY or all",
        "ALREADY_EXISTS: 500 of 500 services exist",
        "a header has a form that cannot be sent",
    ],
)
def test_a_number_is_no_outage(said):
    """What stays as it is, is shown at once, and nobody is told to wait for it."""
    assert not TRANSIENT.search(said)
    assert "outage" not in advice(said)


def test_a_request_that_nobody_answers_is_tried_again(monkeypatch):
    """A connection may break in the minutes of a deployment; the advice is about the network."""
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "http://127.0.0.1:9/")
    with pytest.raises(GoogleError) as caught:
        GoogleClient("token", "demo-project").get("run", "v1/x")
    assert TRANSIENT.search(str(caught.value))
    assert "check the network" in advice(str(caught.value))


def test_an_error_of_gcloud_is_kept_to_its_end():
    """With where its logs are, without the progress before it, and not for pages."""
    lines = [
        "Creating archive...",
        "Logs are available at [ https://logs ].",
        "ERROR: (gcloud.x) no",
    ]
    said = failure_message(["x"], "\n".join([*lines, "", "  allowed: 20000"]))
    assert said == (
        "`gcloud x` failed: Logs are available at [ https://logs ]. ERROR: (gcloud.x) no "
        "allowed: 20000"
    )
    assert failure_message(["x"], "one\ntwo\nthree\nfour").endswith("failed: two three four")
    assert len(failure_message(["x"], f"ERROR: {'long ' * 10_000}")) < MAX_MESSAGE + 30


def test_sizes_are_those_of_every_function():
    """Score alone has a process to itself: SQLite's memory limit is per process."""
    assert set(sizes.SIZES) == set(ALL_FUNCTIONS)
    assert [name for name, size in sizes.SIZES.items() if size.concurrency == 1] == ["score"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_with_what_it_is_given(function):
    """The code accepts the environment that is deployed, together with its secrets."""
    given = environment(TARGET, function, [ANN], {})
    keys = dict.fromkeys(secrets_of(function), "x")
    config = load_config(function, given | keys)
    assert config.checked_by_cloud_run
    assert config.audiences[0] == TARGET.audience
    assert not [name for name in given if VARIABLES.get(name) and VARIABLES[name].secret]


def test_the_window_starts_with_what_it_is_given():
    """It knows its audience at IAP, and no caller: a token of Cloud Run opens nothing there."""
    assert secrets_of(WINDOW) == []
    config = load_config(WINDOW, environment(TARGET, WINDOW, [ANN], {}))
    assert config.iap_audience == (
        "/projects/123456789012/locations/europe-west1/services/landfall-window"
    )
    assert not any(config.callers)
    assert not config.checked_by_cloud_run


def test_each_function_lets_in_its_own_caller():
    """Scheduler's account, Tasks' account, or the people; never two of them."""
    callers = {
        function: load_config(
            function,
            environment(TARGET, function, [ANN], {}) | dict.fromkeys(secrets_of(function), "x"),
        ).callers
        for function in FUNCTIONS
    }
    assert callers.pop("api") == ("ann@people.example",)
    assert callers == {name: (TARGET.account(CALLER[name]),) for name in callers}


def test_only_the_api_takes_the_tokens_of_people():
    """The audience of `gcloud auth print-identity-token` is gcloud itself, for every receiver."""
    takes = {
        function: GCLOUD_AUDIENCE in environment(TARGET, function, [ANN], {})["LANDFALL_AUDIENCE"]
        for function in FUNCTIONS
    }
    assert [function for function, people in takes.items() if people] == ["api"]
    service = ["serviceAccount:robot@demo-project.iam.gserviceaccount.com"]
    assert GCLOUD_AUDIENCE not in environment(TARGET, "api", service, {})["LANDFALL_AUDIENCE"]


def test_a_secret_has_a_name_and_readers():
    """Every variable that is marked as a secret has readers; no other environment refers to it."""
    marked = [name for name, it in VARIABLES.items() if it.secret]
    read = {name for function in FUNCTIONS for name in secrets_of(function)}
    assert read == set(marked)
    assert len({secret(name) for name in marked}) == len(marked)


def test_a_needed_variable_that_nobody_knows_stops_the_deployment(monkeypatch):
    """A new one in the code is found here, not by a function that cannot start."""
    new = {**VARIABLES, "LANDFALL_NEW": VARIABLES["LANDFALL_QUEUE"]}
    monkeypatch.setattr("infra.cloud.resources.environment.VARIABLES", new)
    with pytest.raises(VariableUnknownError, match="--set LANDFALL_NEW=VALUE"):
        environment(TARGET, "api", [ANN], {})
    assert environment(TARGET, "api", [ANN], {"LANDFALL_NEW": "1"})["LANDFALL_NEW"] == "1"


@pytest.mark.parametrize("member", ["allUsers", "group:all@x.example", "domain:x.example", "ann"])
def test_nobody_without_an_address_is_let_in(member, capsys):
    """The api checks addresses; a group would pass Cloud Run's check alone."""
    with pytest.raises(SystemExit):
        parser().parse_args(["--project", "p", "--region", "r", "--invoker", member])
    assert "use user:EMAIL or serviceAccount:EMAIL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("member", "plain"),
    [
        ("USER:Ann@Example.com", "user:ann@example.com"),
        ("serviceaccount:It@Example.com", "serviceAccount:it@example.com"),
        ("user:\N{KELVIN SIGN}im@example.com", "user:\N{KELVIN SIGN}im@example.com"),
    ],
)
def test_the_letter_case_of_a_member_makes_nobody_else_of_it(member, plain):
    """A Kelvin sign in small letters is a `k`, and kim another person."""
    assert canonical(member) == plain


def test_metrics_count_lines_that_the_code_logs():
    """A message that nobody logs would be an alert that never fires."""
    written = {
        node.args[0].value
        for path in (ROOT / "functions").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _is_log(node.func)
        if isinstance(node.args[0], ast.Constant)
    }
    assert {metric.message for metric in alerts.METRICS} - {""} <= written


def _is_log(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "logs"
        and function.attr in ("info", "warning", "error")
    )


def test_a_missing_tick_is_missed_after_google_could_count_it():
    """Ten minutes may pass until a line is counted: an earlier alert would be a false one.

    The lines about a silent function are as many as ticks; those of a first deployment are few.
    """
    absent = alerts._absent("watchdog")["conditionAbsent"]
    assert float(absent["duration"].removesuffix("s")) >= 600 + TICK_MISSING
    lines = (alerts.SILENCE - TICK_MISSING) / TICK
    assert TICK_MISSING / TICK < alerts.SILENT_TICKS < lines


def test_each_way_to_be_silent_has_an_alert():
    """Never ticked, ticked no more, never called: a count of lines needs no tick to begin with."""
    it = Installation(TARGET, NoChannels(), DeployOptions())
    conditions = {
        policy["conditions"][0]["conditionThreshold"]["filter"]
        for policy in alerts.wanted_policies(it)
        if "conditionThreshold" in policy["conditions"][0]
    }
    for metric in (alerts.SILENT, alerts.JOB_ERRORS):
        assert f'metric.type="{metric.type}" AND resource.type="{metric.resource}"' in conditions
    assert alerts.JOB_ERRORS.resource == "cloud_scheduler_job"


class NoChannels(GoogleClient):
    """A project in which nobody is told of alerts."""

    def __init__(self) -> None:
        super().__init__("", TARGET.project)

    def list_all(self, *_: str, **__: str) -> list[dict[str, Any]]:
        return []


def test_the_index_file_is_read_whole():
    """Every entry becomes an index or the settings of a field, each once."""
    composites, fields = database.wanted_composites(), database.wanted_fields()
    assert len(set(composites)) == len(composites) == len(database.FILE["indexes"])
    assert len(fields) == len(database.FILE["fieldOverrides"])


SAME = [
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 0, "b": "0", "c": "false"}, {}),
    ({"a": '["x"]'}, {"a": '[ "x" ]'}),
    ([{"name": "x", "v": 1}, {"name": "y"}], [{"name": "y"}, {"name": "x", "v": 1}]),
    ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2], "c": 3}}),
]


@pytest.mark.parametrize(("wanted", "existing"), SAME)
def test_what_google_adds_is_no_difference(wanted, existing):
    """Defaults, the order of named items, and spaces in JSON do not count."""
    assert differences(wanted, existing) == []


DIFFERENT = [
    ({"a": 1}, {"a": 2}, ["a: 2 -> 1"]),
    ({"a": {"b": 1}}, {}, ["a.b: nothing -> 1"]),
    ({"a": [1]}, {"a": [1, 2]}, ["a: [1, 2] -> [1]"]),
    ([{"name": "x", "v": 1}], [{"name": "x", "v": 2}], ["[x].v: 2 -> 1"]),
    (
        {"env": [{"name": "x", "v": 1}, {"name": "y"}]},
        {"env": [{"name": "y"}]},
        ["env[x].v: nothing -> 1"],
    ),
    (
        {"env": [{"name": "y"}]},
        {"env": [{"name": "x", "v": 1}, {"name": "y"}]},
        ['env[x]: {"v": 1} -> nothing'],
    ),
]


@pytest.mark.parametrize(("wanted", "existing", "lines"), DIFFERENT)
def test_a_difference_is_one_line(wanted, existing, lines):
    """The line has the place, the present value and the wanted one."""
    assert differences(wanted, existing) == lines


def test_a_policy_is_made_exactly_as_wanted():
    """Other members lose their access, and a newer policy is not overwritten."""
    existing = {
        "etag": "abc=",
        "bindings": [{"role": "roles/run.invoker", "members": ["allUsers", ANN]}],
    }
    (change,) = policy_change("who may call", ["set"], existing, {"roles/run.invoker": [ANN]})
    (command,) = change.commands
    assert isinstance(command, GcloudCommand)
    policy = command.files["policy.json"]
    assert policy == {"etag": "abc=", "bindings": [{"role": "roles/run.invoker", "members": [ANN]}]}
    assert change.why == ["roles/run.invoker: -allUsers"]
    assert policy_change("who may call", ["set"], policy, {"roles/run.invoker": [ANN]}) == []


def test_the_image_is_another_when_its_source_is(tmp_path):
    """The tag depends on contents and names, in any order, and on the recipe."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    tag = version(["a", "b"], "recipe", tmp_path)
    assert version(["b", "a"], "recipe", tmp_path) == tag
    assert version(["a"], "recipe", tmp_path) != tag
    assert version(["a", "b"], "another", tmp_path) != tag
    (tmp_path / "b").write_text("3")
    assert version(["a", "b"], "recipe", tmp_path) != tag


def test_an_api_is_asked_where_gcloud_would_ask(monkeypatch):
    """The same settings of endpoints apply; a region precedes the host."""
    assert endpoint("europe-west1-run") == "https://europe-west1-run.googleapis.com/"
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "http://run.fake/")
    assert endpoint("europe-west1-run") == "http://europe-west1-run.fake/"
    assert endpoint("run") == "http://run.fake/"


def test_a_command_that_fails_says_which_and_why():
    """The message omits flags, which may be long, and standard input always."""
    with pytest.raises(GcloudError) as caught:
        Gcloud("demo-project").run(["no-such-group", "--flag=x"], secret="patSecret")  # noqa: S106
    assert str(caught.value).startswith("`gcloud no-such-group` failed: ERROR:")
    assert "patSecret" not in str(caught.value)


@pytest.mark.parametrize("command", ["deploy", "destroy", "doctor"])
def test_a_person_needs_python_and_gcloud_alone(command):
    """--help needs no package, and runs from the sources as they are."""
    paths = f"{ROOT / 'functions'}:{ROOT}"
    shown = subprocess.run(
        [sys.executable, "-S", "-m", "infra.cloud", command, "--help"],
        env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--project" in shown.stdout


def test_rules_let_in_nobody():
    """The functions' clients are not subject to them."""
    assert "allow read, write: if false" in database.RULES
    assert database.RULES.count("allow") == 1


def test_policies_are_json():
    """Every metric can be sent."""
    assert json.dumps([alerts.wanted_metric(metric) for metric in alerts.METRICS])
