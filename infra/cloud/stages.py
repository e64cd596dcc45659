"""What there is, in the order in which it can be made: each stage needs those before it."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.cloud.resources import accounts, alerts, apis, database, delivery, functions, image, keys
from infra.cloud.resources.change import Change
from infra.cloud.resources.installation import Installation

Look = Callable[[Installation], list[Change]]
"""Looks at what is there, and says what is to be changed."""


@dataclass(frozen=True)
class Stage:
    """Changes that are made together: side by side, or one after another."""

    name: str
    look: Look
    in_turn: bool = False


STAGES = (
    Stage("APIs", apis.changes),
    Stage("Service accounts", accounts.changes),
    Stage("Database", database.changes),
    # Firestore takes one change of a database's indexes at a time
    Stage("Indexes", database.index_changes, in_turn=True),
    Stage("Field indexes and TTL policies", database.field_changes, in_turn=True),
    Stage("Security rules", database.rule_changes),
    Stage("Secrets", keys.changes),
    Stage("Queue", delivery.queue_changes),
    Stage("Source bucket and image repository", image.place_changes),
    # the project's policy is one document
    Stage("Project roles", accounts.role_changes, in_turn=True),
    Stage("Users of service accounts", accounts.user_changes),
    Stage("Readers of secrets", keys.policy_changes),
    Stage("Callers of the queue", delivery.queue_policy_changes),
    Stage("Access of builds", image.access_changes),
    Stage("Image", image.build_changes),
    Stage("Functions", functions.changes),
    Stage("Callers of functions", functions.caller_changes),
    Stage("Jobs", delivery.job_changes),
    Stage("Metrics", alerts.metric_changes),
    Stage("Alert channel", alerts.channel_changes),
    Stage("Alerts", alerts.policy_changes, in_turn=True),
)
