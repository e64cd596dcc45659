"""The functions: services of Cloud Run, each of which starts one function of the image."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from infra.cloud.resources.change import ResourceChange, Tools, verb_for
from infra.cloud.resources.differences import differences
from infra.cloud.resources.environment import environment, members, secrets_of
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.policies import policy_change
from infra.cloud.resources.sizes import SIZES, function_seconds
from infra.cloud.resources.target import LABELS, secret, service
from landfall.process.config import WINDOW

RUN = "run.googleapis.com"

NONCE = "client.knative.dev/nonce"
"""Label by which gcloud itself makes a template a new one."""

FROM_OUTSIDE = ("api", WINDOW)
"""Functions that can be reached from outside the project."""

BEHIND_IAP = f"{RUN}/iap-enabled"
"""Annotation that puts Identity-Aware Proxy before a service. Without it nobody is signed in, and
Cloud Run refuses everybody."""

UNCHECKED = f"{RUN}/invoker-iam-disabled"
"""Annotation of a service that everybody may call, whatever its policy."""


def wanted(it: Installation, function: str) -> dict[str, Any]:
    """Return a service in the form of Cloud Run. The window is behind Identity-Aware Proxy."""
    size, target = SIZES[function], it.target
    container = {
        "image": it.image,
        "env": [*_plain(it, function), *_secret(it, function)],
        "resources": {"limits": {"cpu": size.cpu, "memory": size.memory}},
    }
    scaling = {
        "autoscaling.knative.dev/maxScale": str(size.max_instances),
        "autoscaling.knative.dev/minScale": str(size.min_instances),
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": service(function),
            "labels": dict(LABELS),
            "annotations": {
                f"{RUN}/ingress": "all" if function in FROM_OUTSIDE else "internal",
                **_door(it, function),
                # a click on "Allow public access" sets it: everybody's requests arrive
                UNCHECKED: "false",
            },
        },
        "spec": {
            "template": {
                "metadata": {"annotations": {**scaling, f"{RUN}/startup-cpu-boost": "true"}},
                "spec": {
                    "serviceAccountName": target.account(service(function)),
                    "containerConcurrency": size.concurrency,
                    "timeoutSeconds": function_seconds(it.ladder),
                    "containers": [container],
                },
            },
            "traffic": [{"latestRevision": True, "percent": 100}],
        },
    }


def _door(it: Installation, function: str) -> dict[str, str]:
    """Return the annotations that say whom Cloud Run lets in: people by IAP, others by a token."""
    if function == WINDOW:
        return {BEHIND_IAP: "true"}
    return {f"{RUN}/custom-audiences": json.dumps([it.target.audience])}


def _plain(it: Installation, function: str) -> list[dict[str, Any]]:
    given = environment(it.target, function, it.invokers, it.values(function))
    both = {"FUNCTION_TARGET": function, "FUNCTION_SOURCE": "functions/main.py"} | given
    return [{"name": name, "value": value} for name, value in both.items()]


def _secret(it: Installation, function: str) -> list[dict[str, Any]]:
    """Refer to a version of each secret: with "latest", two instances could have different keys."""
    found = []
    for name in secrets_of(function):
        version = it.secret_version(name)
        if version:
            key = {"name": secret(name), "key": version}
            found.append({"name": name, "valueFrom": {"secretKeyRef": key}})
    return found


@dataclass(frozen=True)
class ReplaceService:
    """Replaces a service, each time by a new revision.

    Cloud Run makes no revision of a template that it has already: one that failed, for a key that
    could not be read yet, would remain what it is.
    """

    wanted: Mapping[str, Any]
    region: str

    def run(self, tools: Tools) -> None:
        """Replace the service, and wait until it is ready."""
        service_ = copy.deepcopy(dict(self.wanted))
        service_["spec"]["template"]["metadata"]["labels"] = {NONCE: token_hex(5)}
        tools.gcloud.run(self._arguments, {"service.json": service_})

    @property
    def _arguments(self) -> list[str]:
        return ["run", "services", "replace", "service.json", self.region]

    def __str__(self) -> str:
        """Return the command as a person would type it."""
        return f"gcloud {' '.join(self._arguments)}"


def is_unchecked(existing: Mapping[str, Any]) -> bool:
    """Return whether Cloud Run lets everybody call a service, whatever its policy."""
    annotations = existing.get("metadata", {}).get("annotations", {})
    return str(annotations.get(UNCHECKED, "false")).lower() == "true"


def fault(existing: Mapping[str, Any]) -> str:
    """Return why the newest revision of a service does not serve, or an empty text if it does."""
    status = existing.get("status", {})
    created, ready = (status.get(f"latest{it}RevisionName") for it in ("Created", "Ready"))
    for condition in status.get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] != "True":
            return f"it is not ready: {condition.get('message') or condition['status']}"
    return "" if created == ready else f"{created} is not ready, and {ready or 'nothing'} serves"


def changes(it: Installation) -> list[ResourceChange]:
    """Create or update the functions. One whose newest revision does not serve gets another."""
    found = []
    for function in it.functions:
        name, want = service(function), wanted(it, function)
        existing = it.services.get(name)
        why = differences(want, existing or {})
        if existing and (reason := fault(existing)):
            why.append(reason)
        if not why:
            continue
        command = ReplaceService(want, f"--region={it.target.region}")
        verb = verb_for(existing)
        found.append(
            ResourceChange(verb, f"function {function}", [command], why if existing else ())
        )
    return found


def existing_caller_changes(it: Installation) -> list[ResourceChange]:
    """Set the callers of the functions that exist, before a new version of them needs it."""
    return caller_changes(it, [one for one in it.functions if service(one) in it.services])


def caller_changes(
    it: Installation, functions: Sequence[str] | None = None
) -> list[ResourceChange]:
    """Set the callers of each function: its one account, or for the api the people. Nobody else.

    A function may read its own service: it asks whether Cloud Run checks the callers. The window
    need not: it checks the signatures of its visitors' assertions.
    """
    found = []
    for function in it.functions if functions is None else functions:
        name = service(function)
        own = f"serviceAccount:{it.target.account(name)}"
        command = ["run", "services", "set-iam-policy", name, "policy.json"]
        found += policy_change(
            f"callers of function {function}",
            [*command, f"--region={it.target.region}"],
            it.service_policy(function),
            {
                "roles/run.invoker": members(it.target, function, it.invokers),
                "roles/run.viewer": [] if function == WINDOW else [own],
            },
        )
    return found
