"""The secrets: their values are in Secret Manager, and in nothing else that is made here."""

from infra.cloud.clients.rest import GoogleError
from infra.cloud.resources.change import GcloudCommand, ResourceChange, gcloud, verb_for
from infra.cloud.resources.environment import secrets_of
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.policies import policy_change
from infra.cloud.resources.target import FUNCTION_ACCOUNTS, LABELS, secret
from landfall.process.config import FUNCTIONS, VARIABLES


def existing(it: Installation) -> set[str]:
    """The variables that have a secret, which may be empty yet."""
    path = f"v1/projects/{it.target.project}/secrets"
    found = it.google.list_all("secretmanager", path, "secrets", pageSize="100")
    names = {one["name"].rpartition("/")[2] for one in found}
    return {name for name in it.secrets() if secret(name) in names}


def missing(it: Installation) -> list[str]:
    """What who deploys is asked for: nobody has given it now, and it has no value yet."""
    return [
        name
        for name in it.secrets()
        if VARIABLES[name].asked
        and name not in it.options.secrets
        and it.secret_version(name) is None
    ]


def without_value(it: Installation) -> list[str]:
    """The secrets that are there with no version that may be read."""
    return [name for name in sorted(existing(it)) if it.secret_version(name) is None]


def new_values(it: Installation) -> dict[str, str]:
    """The values that a person has given and that are not there yet, as far as one may look."""
    return {name: value for name, value in it.options.secrets.items() if not _is_there(it, name)}


def _is_there(it: Installation, name: str) -> bool:
    try:
        return it.secret_value(name) == it.options.secrets[name]
    except GoogleError:
        return False


def changes(it: Installation) -> list[ResourceChange]:
    """Secrets that are not there, and the new values that a person has given."""
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
    """A secret is read by the functions that use it, and by no other account of ours."""
    found = []
    for name in sorted(existing(it) | set(it.options.secrets)):
        readers = [
            f"serviceAccount:{it.target.account(FUNCTION_ACCOUNTS[function])}"
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
