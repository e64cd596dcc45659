"""A build of Cloud Build: its region, and why it failed."""

import re
from dataclasses import dataclass

from infra.cloud.clients.error_advice import BUILDS_RESTRICTED
from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.resources.change import GcloudCommand, Tools
from infra.cloud.resources.target import DeployTarget

ANYWHERE = "global"
"""The region of builds that every project may use."""


@dataclass(frozen=True)
class SubmitBuild:
    """Submits a build in the region, or where Google does not let the project build there, in any.

    An error has what Cloud Build says about the failure: gcloud says only that there was one.
    """

    submit: GcloudCommand
    target: DeployTarget

    def run(self, tools: Tools) -> None:
        """Build. Raises `GcloudError`."""
        try:
            self._run(tools, self.target.region)
        except GcloudError as error:
            if not BUILDS_RESTRICTED.search(str(error)):
                raise
            region = self.target.region
            print(f"    Google lets no new project build in {region}: building in {ANYWHERE}")
            self._run(tools, ANYWHERE)

    def _run(self, tools: Tools, region: str) -> None:
        arguments = [*self.submit.arguments, f"--region={region}"]
        try:
            tools.gcloud.run(arguments, self.submit.files)
        except GcloudError as error:
            raise GcloudError(f"{error}{self._failure(tools, region, str(error))}") from error

    def _failure(self, tools: Tools, region: str, message: str) -> str:
        found = re.search(r"build (\S+) completed with status", message)
        if not found:
            return ""
        path = f"v1/projects/{self.target.project}/locations/{region}/builds/{found[1]}"
        try:
            build = tools.google.get("cloudbuild", path) or {}
        except GoogleError:
            return ""
        info = build.get("failureInfo", {})
        said = (info.get("type", ""), info.get("detail", ""), build.get("statusDetail", ""))
        return f" ({': '.join(filter(None, said))})" if any(said) else ""

    def __str__(self) -> str:
        """Return the command as a person would type it."""
        return f"{self.submit} --region={self.target.region}"
