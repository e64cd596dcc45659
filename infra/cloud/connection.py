"""The connection of a command: gcloud, its login, and the project."""

import re
from functools import partial

from infra.cloud.clients.gcloud import Gcloud, GcloudError
from infra.cloud.clients.rest import GoogleClient, GoogleError
from infra.cloud.resources.change import Tools
from infra.cloud.resources.target import DeployTarget
from landfall.process.redaction import OURS


class CannotStartError(Exception):
    """Nothing was checked or changed; the message names what is missing."""


def connect(project: str, region: str) -> tuple[DeployTarget, Tools]:
    """Connect with gcloud's login. Raises `CannotStartError`, `GcloudMissingError`."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", project):
        raise CannotStartError(f"{project!r} is not a project id: use the id, not the name")
    gcloud = Gcloud(project)
    try:
        google = GoogleClient(_token(gcloud), project, partial(_token, gcloud))
        found = google.get("cloudresourcemanager", f"v1/projects/{project}")
    except (GcloudError, GoogleError) as error:
        raise CannotStartError(str(error)) from error
    if found is None:
        raise CannotStartError(f"project {project} does not exist, or you have no access to it")
    return DeployTarget(project, str(found["projectNumber"]), region), Tools(gcloud, google)


def _token(gcloud: Gcloud) -> str:
    """Return an access token, which no output shows from now on. Raises `GcloudError`."""
    token = gcloud.run(["auth", "print-access-token"]).strip()
    OURS.add(token)
    return token
