"""Changes of an installation: a description, and the commands that make the change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from infra.cloud.clients.gcloud import Gcloud
from infra.cloud.clients.rest import GoogleClient, GoogleError

Verb = Literal["create", "update", "delete"]


@dataclass(frozen=True)
class Tools:
    """Clients that make changes."""

    gcloud: Gcloud
    google: GoogleClient


class ChangeCommand(Protocol):
    """A command that makes a change, and can be shown first."""

    def run(self, tools: Tools) -> None:
        """Run the command. Raises `GcloudError`, `GoogleError`."""
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class GcloudCommand:
    """A gcloud command, with the files that it reads. A secret goes to its standard input."""

    arguments: Sequence[str]
    files: Mapping[str, Any] = field(default_factory=dict)
    secret: str | None = field(default=None, repr=False)

    def run(self, tools: Tools) -> None:
        """Run the command."""
        tools.gcloud.run(self.arguments, self.files, self.secret)

    def __str__(self) -> str:
        """Return the command as a person would type it."""
        return "gcloud " + " ".join(f"'{it}'" if " " in it else it for it in self.arguments)


@dataclass(frozen=True)
class RestCommand:
    """A request to an API that gcloud has no command for."""

    method: str
    api: str
    path: str
    body: Any = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def run(self, tools: Tools) -> None:
        """Send the request."""
        tools.google.send(self.method, self.api, self.path, self.body, self.parameters)

    def __str__(self) -> str:
        """Return the first line of the request."""
        return f"{self.method} {self.api}.googleapis.com/{self.path}"


@dataclass(frozen=True)
class Awaited:
    """Waits until a resource that was just made can be read: until then, others do not find it."""

    api: str
    path: str

    def run(self, tools: Tools) -> None:
        """Read the resource. Raises `GoogleError`, which is tried again, while it is absent."""
        if tools.google.get(self.api, self.path) is None:
            raise GoogleError(f"{self.path} cannot be read yet: try again")

    def __str__(self) -> str:
        """Return the first line of the request."""
        return f"GET {self.api}.googleapis.com/{self.path}"


@dataclass(frozen=True)
class ResourceChange:
    """A resource to create, update or delete."""

    verb: Verb
    what: str
    commands: Sequence[ChangeCommand]
    why: Sequence[str] = ()
    """Differences that an update removes, a line each."""


def gcloud(*arguments: str, **files: Any) -> GcloudCommand:
    """Return a gcloud command; a file `policy` is `policy.json` among the arguments."""
    return GcloudCommand(arguments, {f"{name}.json": content for name, content in files.items()})


def verb_for(existing: object) -> Verb:
    """Return `update` for an existing resource, otherwise `create`."""
    return "update" if existing else "create"
