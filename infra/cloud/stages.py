"""The stages of a deployment, in their order: each needs the stages before it."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.cloud.resources import accounts, alerts, apis, database, delivery, functions, image, keys
from infra.cloud.resources.change import ResourceChange
from infra.cloud.resources.installation import Installation

FindChanges = Callable[[Installation], list[ResourceChange]]
"""Finds the changes that a part of an installation needs."""


@dataclass(frozen=True)
class ChangeStage:
    """Changes that are made together: concurrently, or one after another."""

    name: str
    find_changes: FindChanges
    sequential: bool = False


STAGES = (
    ChangeStage("APIs", apis.changes),
    ChangeStage("Service accounts", accounts.changes),
    ChangeStage("Database", database.changes),
    # Firestore accepts one change of a database's indexes at a time
    ChangeStage("Indexes", database.index_changes, sequential=True),
    ChangeStage("Field indexes and TTL policies", database.field_changes, sequential=True),
    ChangeStage("Security rules", database.rule_changes),
    ChangeStage("Secrets", keys.changes),
    ChangeStage("Queue", delivery.queue_changes),
    ChangeStage("Source bucket and image repository", image.storage_changes),
    # the project's policy is a single document
    ChangeStage("Project roles", accounts.role_changes, sequential=True),
    ChangeStage("Users of service accounts", accounts.user_changes),
    ChangeStage("Readers of secrets", keys.policy_changes),
    ChangeStage("Callers of the queue", delivery.queue_policy_changes),
    ChangeStage("Access of builds", image.build_access_changes),
    ChangeStage("Image", image.build_changes),
    ChangeStage("Callers of existing functions", functions.existing_caller_changes),
    ChangeStage("Functions", functions.changes),
    ChangeStage("Callers of functions", functions.caller_changes),
    ChangeStage("Jobs", delivery.job_changes),
    ChangeStage("Metrics", alerts.metric_changes),
    ChangeStage("Alert channel", alerts.channel_changes),
    ChangeStage("Alerts", alerts.policy_changes, sequential=True),
)
