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
from landfall.deadlines import TICK, TICK_MISSING

OURS = f'resource.type="cloud_run_revision" AND resource.labels.service_name=~"^{NAME}-"'


@dataclass(frozen=True)
class LogMetric:
    """A count of log lines with a message, and for which `where` holds."""

    name: str
    message: str
    description: str
    where: str = ""
    label: str | None = None
    """Field of the line whose values are counted separately."""

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

METRICS = (TICKS, ENDED_IN_ERROR, RESCUES, BUDGET_SPENT, BUGS)

MAX_RESCUES = 10
"""Rescues an hour. A single one finds a lost task; many mean that a service is failing."""


def wanted_metric(metric: LogMetric) -> dict[str, Any]:
    """Return a metric in the form of Cloud Logging."""
    parts = (OURS, f'jsonPayload.message="{metric.message}"', metric.where)
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
    f"No tick of this function completed for {TICK_MISSING:g} s. Without the scheduler no run is "
    "started; without the watchdog no lost step is recovered. Runs wait; none is lost.\n\n"
    "**What to do**: run `infra/doctor --project PROJECT --region REGION`; it names the cause."
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
    """Return a condition: no tick for as long as makes `/health` fail."""
    metric = f'metric.type="{TICKS.type}" AND resource.type="cloud_run_revision"'
    return {
        "conditionAbsent": {
            "filter": f'{metric} AND metric.label.function="{function}"',
            "duration": f"{TICK_MISSING:g}s",
            "aggregations": [_summed(TICK)],
        }
    }


def _more_than(metric: LogMetric, limit: int, seconds: int) -> dict[str, Any]:
    return {
        "conditionThreshold": {
            "filter": f'metric.type="{metric.type}" AND resource.type="cloud_run_revision"',
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
