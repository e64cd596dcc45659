"""Log-based metrics, and the alerts on them.

A metric counts lines that the functions log (`landfall.logs`); an alert policy watches it. Policies
and the channel use REST: gcloud has commands for them only in its alpha and beta components.
"""

from dataclasses import dataclass
from typing import Any

from infra.cloud.resources.change import ResourceChange, RestCommand, gcloud, verb_for
from infra.cloud.resources.differences import differences
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.target import LABELS, NAME
from landfall.deadlines import TICK

REVISION, JOB = "cloud_run_revision", "cloud_scheduler_job"
"""Resources that log: our functions, and the jobs of Cloud Scheduler."""

OURS = {
    REVISION: f'resource.type="{REVISION}" AND resource.labels.service_name=~"^{NAME}-"',
    JOB: f'resource.type="{JOB}" AND resource.labels.job_id=~"^{NAME}-"',
}
"""Filters of the lines that are ours."""

SILENCE = 900.0
"""Seconds after which an alert reports a missing tick: Google counts a line in a metric up to ten
minutes after it was logged. `/health` and `infra/doctor` report it after `TICK_MISSING`."""

SILENT_TICKS = 10
"""Ticks in `SILENCE` with the other function silent. The first ticks of an installation find that,
and it passes."""

FAILED_CALLS = 5
"""Calls of a job that failed within `SILENCE`. A single one is made up for by the next."""


@dataclass(frozen=True)
class LogMetric:
    """A count of log lines with a message (if there is one), for which `where` holds."""

    name: str
    message: str
    description: str
    where: str = ""
    label: str | None = None
    """Field of the line whose values are counted separately."""
    resource: str = REVISION
    """Kind of the resource that logs the line."""

    @property
    def type(self) -> str:
        """Return the type of the metric in Cloud Monitoring."""
        return f"logging.googleapis.com/user/{self.name}"


TICKS = LogMetric(
    f"{NAME}_ticks",
    "answered",
    "Ticks that completed.",
    'jsonPayload.function=("scheduler" OR "watchdog") AND jsonPayload.status=200',
    label="function",
)
ENDED_IN_ERROR = LogMetric(
    f"{NAME}_runs_ended_in_error",
    "moved",
    "Runs that ended in an error or timed out.",
    'jsonPayload.new=("error" OR "timed_out")',
    label="new",
)
RESCUES = LogMetric(
    f"{NAME}_rescues",
    "rescued",
    "Steps that the watchdog recovered from a lost task or a dead worker.",
    label="did",
)
BUDGET_SPENT = LogMetric(
    f"{NAME}_budget_spent",
    "asked",
    "Times that a scan had spent its budget for the language model.",
    'jsonPayload.spent=~"."',
)
BUGS = LogMetric(f"{NAME}_bugs", "bug", "Bugs of Landfall itself.")

SILENT = LogMetric(
    f"{NAME}_silent",
    "silent",
    "Ticks of the scheduler or the watchdog in which the other one was silent.",
    label="silent",
)
OPEN = LogMetric(
    f"{NAME}_open",
    "open to everybody",
    "Functions that found that Cloud Run does not check their callers.",
)
JOB_ERRORS = LogMetric(
    f"{NAME}_job_errors",
    "",
    "Calls of Cloud Scheduler that failed.",
    "severity>=ERROR",
    resource=JOB,
)

METRICS = (TICKS, SILENT, JOB_ERRORS, OPEN, ENDED_IN_ERROR, RESCUES, BUDGET_SPENT, BUGS)

MAX_RESCUES = 10
"""Rescues an hour. A single one finds a lost task; many mean that a service is failing."""


def wanted_metric(metric: LogMetric) -> dict[str, Any]:
    """Return a metric in the form of Cloud Logging."""
    message = f'jsonPayload.message="{metric.message}"' if metric.message else ""
    parts = (OURS[metric.resource], message, metric.where)
    labels = [{"key": metric.label, "valueType": "STRING"}] if metric.label else []
    wanted: dict[str, Any] = {
        "name": metric.name,
        "description": metric.description,
        "filter": " AND ".join(part for part in parts if part),
        "metricDescriptor": {"metricKind": "DELTA", "valueType": "INT64", "labels": labels},
    }
    if metric.label:
        wanted["labelExtractors"] = {metric.label: f"EXTRACT(jsonPayload.{metric.label})"}
    return wanted


def metric_changes(it: Installation) -> list[ResourceChange]:
    """Create or update the metrics."""
    listed = it.google.list_all("logging", f"v2/projects/{it.target.project}/metrics", "metrics")
    existing = {metric["name"]: metric for metric in listed}
    found = []
    for metric in METRICS:
        wanted = wanted_metric(metric)
        why = differences(wanted, existing.get(metric.name, {}))
        if why:
            verb = verb_for(metric.name in existing)
            command = gcloud(
                *("logging", "metrics", verb, metric.name, "--config-from-file=metric.json"),
                metric=wanted,
            )
            why = why if metric.name in existing else []
            found.append(ResourceChange(verb, f"metric {metric.name}", [command], why))
    return found


def existing_channels(it: Installation) -> list[dict[str, Any]]:
    """Return our notification channels: one, or none."""
    return _ours(it, "notificationChannels")


def channel_changes(it: Installation) -> list[ResourceChange]:
    """Create or update the e-mail channel, if an address was given."""
    if not it.options.alert_email:
        return []
    wanted = {
        "type": "email",
        "displayName": "Landfall's alerts",
        "labels": {"email_address": it.options.alert_email},
        "userLabels": dict(LABELS),
        "enabled": True,
    }
    what = f"e-mail channel for alerts, {it.options.alert_email}"
    parent = f"v3/projects/{it.target.project}/notificationChannels"
    existing = existing_channels(it)
    if not existing:
        return [ResourceChange("create", what, [RestCommand("POST", "monitoring", parent, wanted)])]
    why = differences(wanted, existing[0])
    change = RestCommand("PATCH", "monitoring", f"v3/{existing[0]['name']}", wanted)
    return [ResourceChange("update", what, [change], why)] if why else []


def wanted_policies(it: Installation) -> list[dict[str, Any]]:
    """Return the alert policies in the form of Cloud Monitoring."""
    channels = [channel["name"] for channel in existing_channels(it)]
    conditions = {
        **{
            f"The {function} does not tick": (_absent(function), _TICKS_HELP)
            for function in ("scheduler", "watchdog")
        },
        "A function is silent": (_more_than(SILENT, SILENT_TICKS, SILENCE), _TICKS_HELP),
        "Cloud Scheduler's calls fail": (
            _more_than(JOB_ERRORS, FAILED_CALLS, SILENCE),
            _TICKS_HELP,
        ),
        "A function is open to everybody": (_more_than(OPEN, 0, 300), _OPEN_HELP),
        "A run ended in an error": (_more_than(ENDED_IN_ERROR, 0, 300), _RUN_HELP),
        "The watchdog takes up many steps": (_more_than(RESCUES, MAX_RESCUES, 3600), _RESCUE_HELP),
        "A budget for the model is spent": (_more_than(BUDGET_SPENT, 0, 300), _BUDGET_HELP),
        "Landfall met a bug of its own": (_more_than(BUGS, 0, 300), _BUG_HELP),
    }
    return [
        {
            "displayName": f"Landfall: {name}",
            "userLabels": dict(LABELS),
            "combiner": "OR",
            "enabled": True,
            "conditions": [{"displayName": name, **condition}],
            "notificationChannels": channels,
            "documentation": {"content": text, "mimeType": "text/markdown"},
        }
        for name, (condition, text) in conditions.items()
    ]


_TICKS_HELP = (
    "No tick of the scheduler or of the watchdog completed for a quarter of an hour. Without the "
    "scheduler no run is started; without the watchdog no lost step is recovered. Runs wait; none "
    "is lost.\n\n"
    "**What to do**: run `infra/doctor --project PROJECT --region REGION`; it names the cause."
)
_OPEN_HELP = (
    "Somebody allowed public access to a function: Cloud Run does not check its callers. The "
    "function refuses tokens without a signature meanwhile.\n\n"
    "**What to do**: run `infra/deploy`, which closes it."
)
_RUN_HELP = (
    "A run ended with status `error` or `timed_out`.\n\n"
    "**What to do**: `GET /runs` lists the run; look up its `error.reason` in "
    "`infra/docs/operate.md`."
)
_RESCUE_HELP = (
    "Tasks are lost, or workers die. The watchdog recovers their steps, so runs take longer.\n\n"
    "**What to do**: check in Cloud Tasks that the queue `landfall` is running, and in Cloud Run "
    "that no function runs out of memory."
)
_BUDGET_HELP = (
    "A scan has spent its budget for the language model. Its next run continues where this one "
    "stopped.\n\n**What to do**: nothing, or raise `budget` in the scan."
)
_BUG_HELP = (
    "Landfall met an exception that it does not expect.\n\n"
    "**What to do**: find the line `bug` in the log of the function, and report its traceback."
)


def _absent(function: str) -> dict[str, Any]:
    """Return a condition: no tick for `SILENCE`. It needs one tick before: see `SILENT`."""
    metric = f'metric.type="{TICKS.type}" AND resource.type="{REVISION}"'
    return {
        "conditionAbsent": {
            "filter": f'{metric} AND metric.label.function="{function}"',
            "duration": f"{SILENCE:g}s",
            "aggregations": [_summed(TICK)],
        }
    }


def _more_than(metric: LogMetric, limit: int, seconds: float) -> dict[str, Any]:
    return {
        "conditionThreshold": {
            "filter": f'metric.type="{metric.type}" AND resource.type="{metric.resource}"',
            "comparison": "COMPARISON_GT",
            "thresholdValue": limit,
            "duration": "0s",
            "aggregations": [_summed(seconds)],
        }
    }


def _summed(seconds: float) -> dict[str, Any]:
    return {
        "alignmentPeriod": f"{seconds:g}s",
        "perSeriesAligner": "ALIGN_DELTA",
        "crossSeriesReducer": "REDUCE_SUM",
    }


def existing_policies(it: Installation) -> list[dict[str, Any]]:
    """Return our alert policies."""
    return _ours(it, "alertPolicies")


def policy_changes(it: Installation) -> list[ResourceChange]:
    """Create or update the policies, by name. One that a person disabled stays disabled."""
    existing = {policy["displayName"]: policy for policy in existing_policies(it)}
    parent = f"v3/projects/{it.target.project}/alertPolicies"
    found = []
    for wanted in wanted_policies(it):
        what, policy = f"alert {wanted['displayName']!r}", existing.get(wanted["displayName"])
        if policy is None:
            command = RestCommand("POST", "monitoring", parent, wanted)
            found.append(ResourceChange("create", what, [command]))
            continue
        of_interest = {name: value for name, value in wanted.items() if name != "enabled"}
        why = differences(of_interest, policy)
        if why:
            command = RestCommand("PATCH", "monitoring", f"v3/{policy['name']}", of_interest)
            found.append(ResourceChange("update", what, [command], why))
    return found


def _ours(it: Installation, collection: str) -> list[dict[str, Any]]:
    path = f"v3/projects/{it.target.project}/{collection}"
    mine = f'user_labels.app="{LABELS["app"]}"'
    return it.google.list_all("monitoring", path, collection, filter=mine)
