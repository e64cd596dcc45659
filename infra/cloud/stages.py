"""The stages of a deployment, in their order: each needs the stages before it."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.cloud.resources import (
    accounts,
    alerts,
    apis,
    database,
    delivery,
    functions,
    image,
    keys,
    regions,
    window,
)
from infra.cloud.resources.change import ResourceChange
from infra.cloud.resources.installation import Installation

FindChanges = Callable[[Installation], list[ResourceChange]]
"""Finds the changes that a part of an installation needs."""


@dataclass(frozen=True)
class ChangeStage:
    """Changes that are made together: concurrently, or one after another.

    Those of a `slow` stage wait longer for what Google has not made ready.
    """

    name: str
    find_changes: FindChanges
    sequential: bool = False
    slow: bool = False


STAGES = (
    ChangeStage("APIs", apis.changes),
    ChangeStage("Enabled APIs", apis.expect),
    ChangeStage("Region", regions.check),
    # first what others are granted access to, then the access: it takes minutes to arrive
    ChangeStage("Service accounts", accounts.changes),
    ChangeStage("Source bucket and image repository", image.storage_changes),
    ChangeStage("Secrets", keys.changes),
    # the project's policy is a single document
    ChangeStage("Project roles", accounts.role_changes, sequential=True),
    ChangeStage("Users of service accounts", accounts.user_changes),
    ChangeStage("Access of builds", image.build_access_changes),
    ChangeStage("Readers of secrets", keys.policy_changes),
    ChangeStage("Database", database.changes),
    ChangeStage("Backups", database.backup_changes),
    # Firestore accepts one change of a database's indexes at a time
    ChangeStage("Indexes", database.index_changes, sequential=True),
    ChangeStage("Field indexes and TTL policies", database.field_changes, sequential=True),
    ChangeStage("Security rules", database.rule_changes),
    ChangeStage("Queue", delivery.queue_changes),
    ChangeStage("Callers of the queue", delivery.queue_policy_changes),
    ChangeStage("Image", image.build_changes),
    # before anything is granted to it
    ChangeStage("Agent of Identity-Aware Proxy", window.agent_changes),
    ChangeStage("Callers of existing functions", functions.existing_caller_changes),
    ChangeStage("Functions", functions.changes),
    ChangeStage("Callers of functions", functions.caller_changes),
    ChangeStage("People of the window", window.people_changes),
    ChangeStage("Jobs", delivery.job_changes),
    ChangeStage("Metrics", alerts.metric_changes),
    ChangeStage("Alert channel", alerts.channel_changes),
    # a metric may be used some ten minutes after it was made
    ChangeStage("Alerts", alerts.policy_changes, sequential=True, slow=True),
)
