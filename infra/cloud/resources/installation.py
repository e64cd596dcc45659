"""An installation: its options, and the state of its resources in the project."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from infra.cloud.clients.rest import GoogleClient, GoogleError
from infra.cloud.resources.environment import secrets_of
from infra.cloud.resources.policies import bindings_of
from infra.cloud.resources.target import DATABASE, PIPELINE_ACCOUNT, DeployTarget, secret, service
from landfall.deadlines import Ladder
from landfall.process.config import ALL_FUNCTIONS, FUNCTIONS, VARIABLES, WINDOW
from landfall.process.redaction import OURS

PEOPLE = ("user:", "serviceAccount:")
"""Prefixes of members that may call the api, by an e-mail address, which functions check."""


DATABASE_VARIABLE = "LANDFALL_DATABASE"


@dataclass(frozen=True)
class DeployOptions:
    """Options of a deployment. None leaves a value as it is; `secrets` and `values` are added."""

    invokers: Sequence[str] | None = None
    window: Sequence[str] | None = None
    alert_email: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    values: Mapping[str, str] = field(default_factory=dict)
    pipeline: bool = False
    share_database: bool = False
    backup: str | None = None


class Installation:
    """A target, the options for it, and access to the state of its resources.

    With `dry_run` nothing changes, and the options count as if they had been applied.
    """

    def __init__(
        self,
        target: DeployTarget,
        google: GoogleClient,
        options: DeployOptions,
        image: str = "",
        dry_run: bool = False,
    ) -> None:
        self.target = target
        self.google = google
        self.options = options
        self.image = image
        self.is_dry_run = dry_run

    def get(self, api: str, path: str, **parameters: str) -> dict[str, Any] | None:
        """Return the resource at a path, or None if there is none."""
        return self.google.get(api, path, **parameters)

    def policy(self, api: str, path: str, method: str = "GET") -> dict[str, Any] | None:
        """Return the IAM policy of the resource at a path, or None if there is none."""
        try:
            return self.google.send(method, api, f"{path}:getIamPolicy")
        except GoogleError as error:
            if self.google.is_absence(error):
                return None
            raise

    @cached_property
    def services(self) -> dict[str, dict[str, Any]]:
        """Return our services by name, as they were at the first call."""
        path = f"apis/serving.knative.dev/v1/namespaces/{self.target.project}/services"
        listed = self.get(f"{self.target.region}-run", path) or {}
        ours = {service(function) for function in ALL_FUNCTIONS}
        found = {it["metadata"]["name"]: it for it in listed.get("items", [])}
        return {name: it for name, it in found.items() if name in ours}

    @property
    def has_window(self) -> bool:
        """Return whether there is a window: people were named for it, or it is deployed."""
        return self.options.window is not None or service(WINDOW) in self.services

    @property
    def functions(self) -> tuple[str, ...]:
        """Return the functions: the five, and the window if there is one."""
        return ALL_FUNCTIONS if self.has_window else FUNCTIONS

    @property
    def function_accounts(self) -> list[str]:
        """Return the accounts of the functions."""
        return [service(function) for function in self.functions]

    def service_policy(self, function: str) -> dict[str, Any] | None:
        """Return the IAM policy of a function."""
        return self.policy("run", f"v1/{self.target.place}/services/{service(function)}")

    def accounts(self) -> dict[str, bool]:
        """Return the e-mail addresses of the project's service accounts; false for disabled."""
        path = f"v1/projects/{self.target.project}/serviceAccounts"
        found = self.google.list_all("iam", path, "accounts", pageSize="100")
        return {it["email"]: not it.get("disabled", False) for it in found}

    def project_policy(self) -> dict[str, Any] | None:
        """Return the IAM policy of the project."""
        path = f"v1/projects/{self.target.project}"
        return self.policy("cloudresourcemanager", path, "POST")

    @cached_property
    def invokers(self) -> list[str]:
        """Return the members that may call the api, as given or as deployed; never everybody."""
        people = self.options.invokers
        if people is None:
            policy = bindings_of(self.service_policy("api"))
            people = policy.get("roles/run.invoker", [])
        pipeline = f"serviceAccount:{self.target.account(PIPELINE_ACCOUNT)}"
        ours = [pipeline] if self.has_pipeline else []
        return sorted({it for it in [*people, *ours] if it.startswith(PEOPLE)})

    @cached_property
    def has_pipeline(self) -> bool:
        """Return whether Cloud Build deploys too, as given or as deployed."""
        return self.options.pipeline or self.target.account(PIPELINE_ACCOUNT) in self.accounts()

    def values(self, function: str) -> dict[str, str]:
        """Return the variables whose value a person chose, now or earlier."""
        existing = self.services.get(service(function), {})
        chosen = {
            name: value for name, value in _environment(existing).items() if name in VARIABLES
        }
        return chosen | dict(self.options.values) | {DATABASE_VARIABLE: self.database_id}

    @cached_property
    def database_id(self) -> str:
        """Return the id of the database: as given, as deployed, or else the one of our own."""
        return self.options.values.get(DATABASE_VARIABLE) or self.deployed_database or DATABASE

    @cached_property
    def deployed_database(self) -> str | None:
        """Return the id of the database that the functions use, or None if there are none."""
        default = VARIABLES[DATABASE_VARIABLE].default
        uses = [_environment(it).get(DATABASE_VARIABLE, default) for it in self.services.values()]
        return uses[0] if uses else None

    @property
    def database(self) -> str:
        """Return the full name of the database."""
        return self.target.database(self.database_id)

    @property
    def ladder(self) -> Ladder:
        """Return the deadlines: those of the code, with a person's changes."""
        return Ladder.parse(self.values("fetch").get("LANDFALL_DEADLINES", ""))

    def secret_version(self, variable: str) -> str | None:
        """Return the version of a secret that functions should use, or None if there is none."""
        numbers = self._versions(variable)
        if self.is_dry_run and variable in self.options.secrets:
            return str(max(numbers, default=0) + 1)
        return self._newest(numbers)

    def secret_value(self, variable: str) -> str | None:
        """Return the newest value of a secret, or None if there is none.

        Raises `GoogleError` without permission to read it.
        """
        version = self._newest(self._versions(variable))
        if version is None:
            return None
        path = f"v1/projects/{self.target.project}/secrets/{secret(variable)}/versions/{version}"
        found = self.google.send("GET", "secretmanager", f"{path}:access")
        value = base64.b64decode(found["payload"]["data"]).decode(errors="replace")
        OURS.add(value)
        return value

    def _versions(self, variable: str) -> dict[int, str]:
        """Return the versions of a secret, with the state of each."""
        path = f"v1/projects/{self.target.project}/secrets/{secret(variable)}/versions"
        versions = self.google.list_all("secretmanager", path, "versions")
        return {int(it["name"].rpartition("/")[2]): it["state"] for it in versions}

    def _newest(self, numbers: Mapping[int, str]) -> str | None:
        enabled = [number for number, state in numbers.items() if state == "ENABLED"]
        return str(max(enabled)) if enabled else None

    def secrets(self) -> list[str]:
        """Return the variables that are stored as secrets."""
        return sorted({name for function in FUNCTIONS for name in secrets_of(function)})


def _environment(existing: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a service that are not secrets."""
    template = existing.get("spec", {}).get("template", {}).get("spec", {})
    containers = template.get("containers") or [{}]
    return {it["name"]: it["value"] for it in containers[0].get("env", []) if it.get("value")}
