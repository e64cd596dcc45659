"""The environment of each function, and the secrets that it may read."""

from collections.abc import Callable, Mapping, Sequence

from infra.cloud.resources.target import (
    CALLER,
    DATABASE,
    GCLOUD_AUDIENCE,
    TASKS_ACCOUNT,
    DeployTarget,
)
from landfall.process.config import CLOUD_RUN, VARIABLES, WINDOW, load_config


class VariableUnknownError(Exception):
    """A function needs a variable whose value is not known."""


def secrets_of(function: str) -> list[str]:
    """Return the variables that a function reads from Secret Manager, where they exist."""
    return [name for name, it in VARIABLES.items() if it.secret and function in it.readers]


def environment(
    target: DeployTarget, function: str, invokers: Sequence[str], chosen: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of a function that are not secrets. Raises `VariableUnknownError`.

    `invokers` are IAM members that may call the api; `chosen` are variables with a value that a
    person chose.
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
        # the assertion of a visitor of the window has a signature, which the window itself checks
        "LANDFALL_TOKENS_CHECKED_BY": "" if function == WINDOW else CLOUD_RUN,
        "LANDFALL_IAP_AUDIENCE": target.iap_resource if function == WINDOW else "",
    }
    kept = {name: value for name, value in chosen.items() if name not in known}
    given = {"LANDFALL_DATABASE": DATABASE} | known | kept
    absent = [
        name
        for name, it in VARIABLES.items()
        if function in it.needed_by and not it.secret and not (given.get(name) or it.default)
    ]
    if absent:
        raise VariableUnknownError(
            f"{function} needs {', '.join(absent)}: pass --set {absent[0]}=VALUE"
        )
    return {name: value for name, value in given.items() if value}


def check(
    target: DeployTarget,
    functions: Sequence[str],
    invokers: Sequence[str],
    chosen: Callable[[str], Mapping[str, str]],
) -> None:
    """Raise `ConfigError` if a function could not start with its environment.

    `chosen` returns the variables of a function with a value that a person chose. Raises
    `VariableUnknownError` too.
    """
    for function in functions:
        keys = dict.fromkeys(secrets_of(function), "a key")
        load_config(function, environment(target, function, invokers, chosen(function)) | keys)


def callers(target: DeployTarget, function: str, invokers: Sequence[str]) -> list[str]:
    """Return the e-mail addresses of a function's callers; the window's are known to IAP alone."""
    if function == WINDOW:
        return []
    if function in CALLER:
        return [target.account(CALLER[function])]
    return [member.partition(":")[2] for member in invokers]


def members(target: DeployTarget, function: str, invokers: Sequence[str]) -> list[str]:
    """Return the IAM members that Cloud Run admits to a function."""
    if function == WINDOW:
        return [f"serviceAccount:{target.iap_agent}"]
    if function in CALLER:
        return [f"serviceAccount:{target.account(CALLER[function])}"]
    return sorted(invokers)
