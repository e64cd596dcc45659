"""The secrets: their values are in Secret Manager, and in no other resource."""

from infra.cloud.clients.rest import GoogleError
from infra.cloud.resources.change import GcloudCommand, ResourceChange, gcloud, verb_for
from infra.cloud.resources.environment import secrets_of
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.policies import policy_change
from infra.cloud.resources.target import LABELS, secret, service
from landfall.process.config import FUNCTIONS, VARIABLES


def existing(it: Installation) -> set[str]:
    """Return the variables that have a secret, even one without a value."""
    path = f"v1/projects/{it.target.project}/secrets"
    found = it.google.list_all("secretmanager", path, "secrets", pageSize="100")
    names = {one["name"].rpartition("/")[2] for one in found}
    return {name for name in it.secrets() if secret(name) in names}


def missing(it: Installation) -> list[str]:
    """Return the variables to prompt for: no value is given or stored."""
    return [
        name
        for name in it.secrets()
        if VARIABLES[name].asked
        and name not in it.options.secrets
        and it.secret_version(name) is None
    ]


def without_value(it: Installation) -> list[str]:
    """Return the existing secrets without an enabled version."""
    return [name for name in sorted(existing(it)) if it.secret_version(name) is None]


def new_values(it: Installation) -> dict[str, str]:
    """Return the given values that are not stored yet, or cannot be compared without permission."""
    return {name: value for name, value in it.options.secrets.items() if not _is_there(it, name)}


def _is_there(it: Installation, name: str) -> bool:
    try:
        return it.secret_value(name) == it.options.secrets[name]
    except GoogleError:
        return False


def changes(it: Installation) -> list[ResourceChange]:
    """Create the missing secrets, and add the new values."""
    found, present = [], existing(it)
    for name in it.secrets():
        value, id_ = it.options.secrets.get(name), secret(name)
        if value is None:
            continue
        commands = [GcloudCommand(["secrets", "versions", "add", id_, "--data-file=-"], {}, value)]
        if name not in present:
            labels = ",".join(f"{key}={text}" for key, text in LABELS.items())
            commands.insert(
                0,
                gcloud(
                    "secrets", "create", id_, "--replication-policy=automatic", f"--labels={labels}"
                ),
            )
        verb = verb_for(name in present)
        found.append(ResourceChange(verb, f"secret {id_}", commands))
    return found


def policy_changes(it: Installation) -> list[ResourceChange]:
    """Let the functions that use a secret read it, and no other account of ours."""
    found = []
    for name in sorted(existing(it) | set(it.options.secrets)):
        readers = [
            f"serviceAccount:{it.target.account(service(function))}"
            for function in FUNCTIONS
            if name in secrets_of(function)
        ]
        command = ["secrets", "set-iam-policy", secret(name), "policy.json"]
        path = f"v1/projects/{it.target.project}/secrets/{secret(name)}"
        found += policy_change(
            f"readers of secret {secret(name)}",
            command,
            it.policy("secretmanager", path),
            {"roles/secretmanager.secretAccessor": readers},
        )
    return found
