"""The window's door: Identity-Aware Proxy (IAP), and the people whom it lets in.

IAP signs people in before a request arrives, and calls the service as an agent of its own, which
alone may. Its commands of gcloud are in the beta component, so REST is used.
"""

from collections.abc import Mapping
from typing import Any

from infra.cloud.resources.apis import IAP
from infra.cloud.resources.change import ChangeCommand, ResourceChange, RestCommand
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.policies import EVERYBODY, bindings_of, exact_policy
from infra.cloud.resources.target import DeployTarget, service
from landfall.process.config import WINDOW

ACCESSOR = "roles/iap.httpsResourceAccessor"

INVOKER = "roles/run.invoker"

VISITOR = r"(?:user|group):[^@\s,]+@[^@\s,]+|domain:[^@\s,:/]+\.[^@\s,:/]+"
"""Members that may be named for the window."""


def agent_changes(it: Installation) -> list[ResourceChange]:
    """Create the agent of IAP in the project, until it may call the window."""
    agent = f"serviceAccount:{it.target.iap_agent}"
    if not it.has_window or agent in bindings_of(it.service_policy(WINDOW)).get(INVOKER, []):
        return []
    path = f"v1beta1/projects/{it.target.project}/services/{IAP}:generateServiceIdentity"
    create = RestCommand("POST", "serviceusage", path)
    return [ResourceChange("create", f"agent of {IAP}, {it.target.iap_agent}", [create])]


def policy(it: Installation) -> dict[str, Any] | None:
    """Return the policy of IAP for the window, or None if there is none."""
    return it.policy("iap", f"v1/{it.target.iap_policy}", "POST")


def visitors(existing: dict[str, Any] | None) -> list[str]:
    """Return the members that IAP lets in by a policy, those under a condition included."""
    bindings = (existing or {}).get("bindings", [])
    return sorted({one for it in bindings if it["role"] == ACCESSOR for one in it["members"]})


def people_changes(it: Installation) -> list[ResourceChange]:
    """Set the people as given. Without any given, withdraw access from everybody alone."""
    if not it.has_window:
        return []
    existing = policy(it)
    people = it.options.window
    if people is None:
        present = visitors(existing)
        if not EVERYBODY.intersection(present):
            return []
        people = [one for one in present if one not in EVERYBODY]
    return _set(it, existing, sorted(set(people)))


def withdrawals(it: Installation) -> list[ResourceChange]:
    """Withdraw all people's access to the window."""
    if not it.has_window or not visitors(existing := policy(it)):
        return []
    (change,) = _set(it, existing, [])
    return [ResourceChange("delete", change.what, change.commands)]


def _set(
    it: Installation, existing: dict[str, Any] | None, people: list[str]
) -> list[ResourceChange]:
    def set_policy(content: dict[str, Any]) -> ChangeCommand:
        path = f"v1/{it.target.iap_policy}:setIamPolicy"
        return RestCommand("POST", "iap", path, {"policy": content})

    return exact_policy("people of the window", set_policy, existing, {ACCESSOR: people})


def is_of_iap(headers: Mapping[str, str]) -> bool:
    """Return whether IAP itself made an answer, by its headers with names in lower case."""
    return headers.get("x-goog-iap-generated-response") == "true"


def lacks_client(it: Installation) -> bool:
    """Return whether IAP cannot sign people in, for want of an OAuth client.

    Google has one of its own for the projects of an organisation only. Raises `GoogleError`.
    """
    project = it.get("cloudresourcemanager", f"v1/projects/{it.target.project}") or {}
    if project.get("parent"):
        return False
    settings = it.get("iap", f"v1/{it.target.iap_policy}:iapSettings") or {}
    return not settings.get("accessSettings", {}).get("oauthSettings", {}).get("clientId")


def clicks(target: DeployTarget) -> dict[str, list[str]]:
    """Return what a person clicks where Google has no OAuth client, and the command after it."""
    console, project = "https://console.cloud.google.com/auth", f"?project={target.project}"
    client = "{client_id: CLIENT_ID, client_secret: CLIENT_SECRET}"
    return {
        "Let people sign in to the window; a project without an organisation needs two clicks. "
        "The first: app name Landfall, audience External, then `Publish app` under Audience": [
            f"{console}/overview{project}"
        ],
        "The second: type Web application, name Landfall. Its redirect URI has the client's own "
        "id, so create it first, then open it and add the URI": [
            f"{console}/clients/create{project}",
            "https://iap.googleapis.com/v1/oauth/clientIds/CLIENT_ID:handleRedirect",
        ],
        "Then give the client's id and secret to Identity-Aware Proxy": [
            f"echo 'access_settings: {{oauth_settings: {client}}}' >iap.yaml",
            f"gcloud iap settings set iap.yaml --project={target.project} --resource-type=cloud-run"
            f" --region={target.region} --service={service(WINDOW)}",
            "rm iap.yaml",
        ],
    }
