"""The queue of Cloud Tasks, and the two jobs of Cloud Scheduler."""

from typing import Any

from infra.cloud.resources.change import (
    Awaited,
    ChangeCommand,
    GcloudCommand,
    ResourceChange,
    gcloud,
    verb_for,
)
from infra.cloud.resources.differences import differences
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.policies import policy_change
from infra.cloud.resources.sizes import RATE_LIMITS, RETRY_CONFIG, TICK_SCHEDULE, tick_deadline
from infra.cloud.resources.target import NAME, SCHEDULER_ACCOUNT, service

TICK_FUNCTIONS = ("scheduler", "watchdog")

QUEUE_FLAGS = {
    "maxDispatchesPerSecond": "--max-dispatches-per-second",
    "maxConcurrentDispatches": "--max-concurrent-dispatches",
    "maxAttempts": "--max-attempts",
    "maxRetryDuration": "--max-retry-duration",
    "minBackoff": "--min-backoff",
    "maxBackoff": "--max-backoff",
    "maxDoublings": "--max-doublings",
}


def existing_queue(it: Installation) -> dict[str, Any] | None:
    """Return the queue, or None if there is none."""
    return it.get("cloudtasks", f"v2/{it.target.queue}")


def queue_changes(it: Installation) -> list[ResourceChange]:
    """Create or update the queue, with its rates and retries."""
    existing = existing_queue(it)
    wanted = {"rateLimits": RATE_LIMITS, "retryConfig": RETRY_CONFIG}
    why = differences(wanted, existing or {})
    if not why:
        return []
    verb = verb_for(existing)
    flags = [f"{QUEUE_FLAGS[name]}={value}" for name, value in (RATE_LIMITS | RETRY_CONFIG).items()]
    location = f"--location={it.target.region}"
    command = gcloud("tasks", "queues", verb, NAME, location, *flags)
    commands: list[ChangeCommand] = [command, Awaited("cloudtasks", f"v2/{it.target.queue}")]
    return [ResourceChange(verb, f"queue {NAME}", commands, why if existing else ())]


def queue_policy_changes(it: Installation) -> list[ResourceChange]:
    """Let every function create tasks in the queue, and nobody else."""
    command = ["tasks", "queues", "set-iam-policy", NAME, "policy.json"]
    functions = [f"serviceAccount:{it.target.account(a)}" for a in it.function_accounts]
    return policy_change(
        f"callers of queue {NAME}",
        [*command, f"--location={it.target.region}"],
        it.policy("cloudtasks", f"v2/{it.target.queue}", "POST"),
        {"roles/cloudtasks.enqueuer": functions},
    )


def existing_jobs(it: Installation) -> dict[str, dict[str, Any]]:
    """Return the existing jobs by the function that they call."""
    listed = it.google.list_all("cloudscheduler", f"v1/{it.target.place}/jobs", "jobs")
    found = {job["name"].rpartition("/")[2]: job for job in listed}
    return {name: found[service(name)] for name in TICK_FUNCTIONS if service(name) in found}


def wanted_job(it: Installation, function: str) -> dict[str, Any]:
    """Return a job in the form of Cloud Scheduler: every minute, with a token of its account."""
    return {
        "schedule": TICK_SCHEDULE,
        "timeZone": "Etc/UTC",
        "attemptDeadline": tick_deadline(it.ladder),
        "httpTarget": {
            "uri": f"{it.target.url(function)}/",
            "httpMethod": "POST",
            "oidcToken": {
                "serviceAccountEmail": it.target.account(SCHEDULER_ACCOUNT),
                "audience": it.target.audience,
            },
        },
        "retryConfig": {"retryCount": 0},  # the next tick makes up for a failed one
    }


def job_changes(it: Installation) -> list[ResourceChange]:
    """Create or update the two jobs."""
    existing = existing_jobs(it)
    found = []
    for function in TICK_FUNCTIONS:
        wanted = wanted_job(it, function)
        why = differences(wanted, existing.get(function, {}))
        if existing.get(function, {}).get("state") == "UPDATE_FAILED":
            why.append("its last update failed")
        if why:
            verb = verb_for(function in existing)
            command = _job_command(it, verb, function, wanted)
            why = why if function in existing else []
            found.append(
                ResourceChange(verb, f"job {service(function)}, every minute", [command], why)
            )
    return found


def _job_command(
    it: Installation, verb: str, function: str, wanted: dict[str, Any]
) -> GcloudCommand:
    target, token = wanted["httpTarget"], wanted["httpTarget"]["oidcToken"]
    return gcloud(
        *("scheduler", "jobs", verb, "http", service(function), f"--location={it.target.region}"),
        *(f"--schedule={wanted['schedule']}", f"--time-zone={wanted['timeZone']}"),
        *(f"--uri={target['uri']}", f"--http-method={target['httpMethod'].lower()}"),
        f"--oidc-service-account-email={token['serviceAccountEmail']}",
        f"--oidc-token-audience={token['audience']}",
        f"--attempt-deadline={wanted['attemptDeadline']}",
        f"--max-retry-attempts={wanted['retryConfig']['retryCount']}",
    )
