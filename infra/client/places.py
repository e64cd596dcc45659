"""The place of an installation: its api, and a token for it, which no output shows.

A local stack leaves both in a file. In a project, gcloud knows the URL and makes the token.
"""

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from infra.client.errors import UnreachableError, UsageError
from infra.client.running_stacks import running_stacks
from infra.cloud.clients.gcloud import Gcloud, GcloudError, GcloudMissingError
from infra.cloud.resources.target import service
from landfall.process.redaction import OURS

NO_STACK = (
    "No local stack runs here. Start one with `infra/local/run --serve` in another terminal, "
    "or name a project with --project."
)

ACCOUNT = re.compile(r"[A-Za-z0-9._+-]{1,100}@[A-Za-z0-9.-]{1,100}")
PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


@dataclass(frozen=True)
class Place:
    """An installation. `renew` makes a new token; one of Google is good for an hour."""

    name: str
    api: str
    renew: Callable[[], str]


def find_place(options: argparse.Namespace) -> Place:
    """Find the api that the options name. Raises `UsageError`, `UnreachableError`."""
    if options.project is None:
        if options.region or options.as_account:
            raise UsageError("--region and --as are for a project: name it with --project.")
        return _local(options.stack)
    if options.stack is not None:
        raise UsageError("Give --stack or --project, not both.")
    if not PROJECT.fullmatch(options.project):
        raise UsageError(
            f"--project: {options.project!r} is no project id: use the id, not the name."
        )
    if options.as_account and not ACCOUNT.fullmatch(options.as_account):
        raise UsageError("--as: give the e-mail address of a service account.")
    try:
        return _cloud(Gcloud(options.project), options)
    except (GcloudError, GcloudMissingError) as error:
        raise UnreachableError(f"{error} Log in with `gcloud auth login`.") from error


def _local(name: str | None) -> Place:
    stacks = running_stacks()
    fitting = [stack for stack in stacks if name in (None, stack.name)]
    if not fitting and stacks:
        names = ", ".join(stack.name for stack in stacks)
        raise UsageError(f"No stack {name!r} runs here; these do: {names}.")
    if not fitting:
        raise UnreachableError(NO_STACK)
    stack = fitting[0]
    OURS.add(stack.token)
    return Place(f"local stack {stack.name}", stack.api, lambda: stack.token)


def _cloud(gcloud: Gcloud, options: argparse.Namespace) -> Place:
    url = _url(gcloud, options)
    command = ["auth", "print-identity-token"]
    if options.as_account:
        command += [
            f"--impersonate-service-account={options.as_account}",
            f"--audiences={url}",
            "--include-email",
        ]

    def renew() -> str:
        token = gcloud.run(command).strip()
        OURS.add(token)
        return token

    return Place(f"project {options.project}", url, renew)


def _url(gcloud: Gcloud, options: argparse.Namespace) -> str:
    """Return the URL of the api of a project. Raises `GcloudError`, `UnreachableError`."""
    name = service("api")
    command = ["run", "services", "list", f"--filter=metadata.name={name}", "--format=json"]
    command += [f"--region={options.region}"] if options.region else []
    found = json.loads(gcloud.run(command) or "[]")
    urls = {
        str(it["metadata"]["labels"]["cloud.googleapis.com/location"]): it["status"]["url"]
        for it in found
        if it.get("status", {}).get("url")
    }
    if not urls:
        raise UnreachableError(
            f"Project {options.project} has no function {name}: run infra/deploy, or name another "
            "project or region."
        )
    if len(urls) > 1:
        raise UsageError(
            f"{name} is in several regions: name one with --region: {', '.join(urls)}."
        )
    (url,) = urls.values()
    return str(url)
