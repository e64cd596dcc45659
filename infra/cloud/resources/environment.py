"""What each function is told: its environment, and which secrets it may read."""

from collections.abc import Callable, Mapping, Sequence

from infra.cloud.resources.target import CALLER, GCLOUD_AUDIENCE, TASKS_ACCOUNT, DeployTarget
from landfall.process.config import CLOUD_RUN, FUNCTIONS, VARIABLES, load_config


class VariableUnknownError(Exception):
    """A function needs a variable that the deployment knows no value of."""


def secrets_of(function: str) -> list[str]:
    """The variables that a function has from Secret Manager, if they are there."""
    return [name for name, it in VARIABLES.items() if it.secret and function in it.readers]


def environment(
    target: DeployTarget, function: str, invokers: Sequence[str], more: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a function that are no secrets. Raises `VariableUnknownError`.

    `invokers` are IAM members that may call the api; `more` are values of variables that a
    person has chosen.
    """
    people = [GCLOUD_AUDIENCE] if any(it.startswith("user:") for it in invokers) else []
    audiences = [target.audience, *(people if function == "api" else [])]
    known = {
        "GOOGLE_CLOUD_PROJECT": target.project,
        "LANDFALL_QUEUE": target.queue,
        "LANDFALL_FETCH_URL": target.url("fetch"),
        "LANDFALL_SCORE_URL": target.url("score"),
        "LANDFALL_TASKS_ACCOUNT": target.account(TASKS_ACCOUNT),
        "LANDFALL_AUDIENCE": ",".join(audiences),
        "LANDFALL_CALLERS": ",".join(callers(target, function, invokers)),
        "LANDFALL_TOKENS_CHECKED_BY": CLOUD_RUN,
    }
    given = known | {name: value for name, value in more.items() if name not in known}
    lacking = [
        name
        for name, it in VARIABLES.items()
        if function in it.needed_by and not it.secret and not (given.get(name) or it.default)
    ]
    if lacking:
        raise VariableUnknownError(
            f"{function} needs {', '.join(lacking)}: pass --set {lacking[0]}=VALUE"
        )
    return {name: value for name, value in given.items() if value}


def check(
    target: DeployTarget, invokers: Sequence[str], chosen: Callable[[str], Mapping[str, str]]
) -> None:
    """Raise `ConfigError` when a function could not start with what it would be given.

    `chosen` gives the values of a function's variables that a person has chosen. Raises
    `VariableUnknownError` too.
    """
    for function in FUNCTIONS:
        keys = dict.fromkeys(secrets_of(function), "a key")
        load_config(function, environment(target, function, invokers, chosen(function)) | keys)


def callers(target: DeployTarget, function: str, invokers: Sequence[str]) -> list[str]:
    """The e-mail addresses on a function's list."""
    if function in CALLER:
        return [target.account(CALLER[function])]
    return [member.partition(":")[2] for member in invokers]


def members(target: DeployTarget, function: str, invokers: Sequence[str]) -> list[str]:
    """The IAM members that Cloud Run lets through to a function."""
    if function in CALLER:
        return [f"serviceAccount:{target.account(CALLER[function])}"]
    return sorted(invokers)
