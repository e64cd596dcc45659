"""Service accounts: one for each function, two for callers, one for builds."""

from infra.cloud.resources.change import ResourceChange, gcloud
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.policies import policy_change, project_roles
from infra.cloud.resources.target import (
    FUNCTION_ACCOUNTS,
    IMAGE_ACCOUNT,
    PIPELINE_ACCOUNT,
    SCHEDULER_ACCOUNT,
    TASKS_ACCOUNT,
    TEST_ACCOUNT,
    service,
)
from landfall.process.config import WINDOW

ACCOUNTS = {
    SCHEDULER_ACCOUNT: "Cloud Scheduler calls scheduler and watchdog as this account",
    TASKS_ACCOUNT: "Cloud Tasks calls fetch and score as this account",
    IMAGE_ACCOUNT: "Cloud Build builds the image as this account",
    **{
        name: f"The function {function} runs as this account"
        for function, name in FUNCTION_ACCOUNTS.items()
    },
}

PIPELINE_ACCOUNTS = {
    PIPELINE_ACCOUNT: "cloudbuild.yaml runs as this account",
    TEST_ACCOUNT: "The tests of cloudbuild.yaml run as this account, which may change nothing",
}

WINDOW_ACCOUNTS = {service(WINDOW): f"The function {WINDOW} runs as this account"}

ALL_ACCOUNTS = (*ACCOUNTS, *PIPELINE_ACCOUNTS, *WINDOW_ACCOUNTS)

PIPELINE_ROLES = (
    "roles/artifactregistry.reader",
    "roles/cloudbuild.builds.editor",
    "roles/cloudscheduler.admin",
    "roles/cloudtasks.queueAdmin",
    "roles/datastore.indexAdmin",
    "roles/firebaserules.admin",
    "roles/iam.securityReviewer",
    "roles/logging.configWriter",
    "roles/logging.logWriter",
    "roles/monitoring.alertPolicyEditor",
    "roles/run.developer",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.objectUser",
    "roles/viewer",
)
"""Enough to deploy code, indexes and sizes. Access and secrets are changed by people alone."""


def wanted(it: Installation) -> dict[str, str]:
    """Return the accounts, with the purpose of each."""
    pipeline = PIPELINE_ACCOUNTS if it.has_pipeline else {}
    return ACCOUNTS | pipeline | (WINDOW_ACCOUNTS if it.has_window else {})


def changes(it: Installation) -> list[ResourceChange]:
    """Create the missing accounts, and enable those that are disabled."""
    existing = it.accounts()
    disabled = [
        ResourceChange(
            "update",
            f"service account {name}",
            [gcloud("iam", "service-accounts", "enable", it.target.account(name))],
            ["it is disabled"],
        )
        for name in wanted(it)
        if not existing.get(it.target.account(name), True)
    ]
    return disabled + [
        ResourceChange(
            "create",
            f"service account {name}",
            [
                gcloud(
                    *("iam", "service-accounts", "create", name),
                    *(f"--display-name=Landfall: {name}", f"--description={what}"),
                )
            ],
        )
        for name, what in wanted(it).items()
        if it.target.account(name) not in existing
    ]


def role_changes(it: Installation) -> list[ResourceChange]:
    """Grant roles in the project, one after another: its policy is a single document."""
    roles = [(_member(it, name), "roles/datastore.user") for name in it.function_accounts]
    roles.append((_member(it, IMAGE_ACCOUNT), "roles/logging.logWriter"))
    if it.has_pipeline:
        roles += [(_member(it, PIPELINE_ACCOUNT), role) for role in PIPELINE_ROLES]
        roles.append((_member(it, TEST_ACCOUNT), "roles/logging.logWriter"))
    return project_roles(it.target.project, it.project_policy(), roles)


def user_changes(it: Installation) -> list[ResourceChange]:
    """Set the users of accounts: functions create tasks that run as the tasks' account."""
    found = []
    functions = [_member(it, name) for name in it.function_accounts]
    users = {TASKS_ACCOUNT: functions}
    if it.has_pipeline:
        pipeline = [_member(it, PIPELINE_ACCOUNT)]
        others = [*it.function_accounts, SCHEDULER_ACCOUNT, IMAGE_ACCOUNT, TEST_ACCOUNT]
        users = {TASKS_ACCOUNT: [*functions, *pipeline]} | {name: pipeline for name in others}
        users[PIPELINE_ACCOUNT] = pipeline
    for name, members in users.items():
        email = it.target.account(name)
        bindings = {"roles/iam.serviceAccountUser": members}
        if name == PIPELINE_ACCOUNT:  # its smoke test calls the api as itself
            bindings = {"roles/iam.serviceAccountOpenIdTokenCreator": members}
        command = ["iam", "service-accounts", "set-iam-policy", email, "policy.json"]
        policy = it.policy("iam", f"v1/projects/-/serviceAccounts/{email}", "POST")
        found += policy_change(f"users of service account {name}", command, policy, bindings)
    return found


def _member(it: Installation, name: str) -> str:
    return f"serviceAccount:{it.target.account(name)}"
