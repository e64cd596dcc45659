"""Changes of an installation: what each is, in words, and the command that makes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from infra.cloud.clients.gcloud import Gcloud
from infra.cloud.clients.rest import GoogleClient

Verb = Literal["create", "update", "delete"]


@dataclass(frozen=True)
class Tools:
    """What changes are made with."""

    gcloud: Gcloud
    google: GoogleClient


class ChangeCommand(Protocol):
    """Makes a change; shown before it does."""

    def run(self, tools: Tools) -> None:
        """Make it. Raises `GcloudError`, `GoogleError`."""
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class GcloudCommand:
    """A gcloud command, with the files it reads. A secret goes to its standard input."""

    arguments: Sequence[str]
    files: Mapping[str, Any] = field(default_factory=dict)
    secret: str | None = field(default=None, repr=False)

    def run(self, tools: Tools) -> None:
        """Run it."""
        tools.gcloud.run(self.arguments, self.files, self.secret)

    def __str__(self) -> str:
        """As one could type it."""
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
        """Send it."""
        tools.google.send(self.method, self.api, self.path, self.body, self.parameters)

    def __str__(self) -> str:
        """The request's first line."""
        return f"{self.method} {self.api}.googleapis.com/{self.path}"


@dataclass(frozen=True)
class ResourceChange:
    """One thing that is to be made, changed or taken away."""

    verb: Verb
    what: str
    commands: Sequence[ChangeCommand]
    why: Sequence[str] = ()
    """For an update: what differs, a line each."""


def gcloud(*arguments: str, **files: Any) -> GcloudCommand:
    """A gcloud command; a file `policy` is `policy.json` among the arguments."""
    return GcloudCommand(arguments, {f"{name}.json": content for name, content in files.items()})


def verb_for(existing: object) -> Verb:
    """What is not there is created; what is, updated."""
    return "update" if existing else "create"
