"""The place of an installation, and the names of its resources."""

from dataclasses import dataclass

from landfall.process.config import FUNCTIONS, WINDOW

NAME = "landfall"
"""Name of the queue and the repository, and prefix of secrets; a project has one installation."""

DATABASE = NAME
"""Id of the database, unless a person chose another. It is ours alone."""

LABELS = {"app": NAME}

IMAGE_ACCOUNT, PIPELINE_ACCOUNT = f"{NAME}-image", f"{NAME}-deploy"
TEST_ACCOUNT = f"{NAME}-test"
SCHEDULER_ACCOUNT, TASKS_ACCOUNT = f"{NAME}-cloud-scheduler", f"{NAME}-cloud-tasks"

GCLOUD_AUDIENCE = "32555940559.apps.googleusercontent.com"
"""Audience of the tokens of `gcloud auth print-identity-token`; Cloud Run accepts it as well."""


@dataclass(frozen=True)
class DeployTarget:
    """A project and a region, and the names that follow from them.

    `number` is the project's: it gives the addresses of Cloud Run before a service exists.
    """

    project: str
    number: str
    region: str

    @property
    def audience(self) -> str:
        """Return the audience of the tokens of Cloud Scheduler and Cloud Tasks."""
        return f"{NAME}-{self.project}"

    @property
    def queue(self) -> str:
        """Return the full name of the queue."""
        return f"{self.place}/queues/{NAME}"

    @property
    def place(self) -> str:
        """Return the parent of the resources in the region."""
        return f"projects/{self.project}/locations/{self.region}"

    def database(self, id_: str = DATABASE) -> str:
        """Return the full name of a database."""
        return f"projects/{self.project}/databases/{id_}"

    @property
    def bucket(self) -> str:
        """Return the bucket of the sources of builds."""
        return f"{self.project}-{NAME}-source"

    @property
    def repository(self) -> str:
        """Return the repository of the images."""
        return f"{self.region}-docker.pkg.dev/{self.project}/{NAME}"

    def account(self, name: str) -> str:
        """Return the e-mail address of a service account of ours."""
        return f"{name}@{self.project}.iam.gserviceaccount.com"

    @property
    def iap_resource(self) -> str:
        """Return the window as Identity-Aware Proxy names it in its assertions."""
        return f"/projects/{self.number}/locations/{self.region}/services/{service(WINDOW)}"

    @property
    def iap_policy(self) -> str:
        """Return the window as the API of Identity-Aware Proxy names it."""
        return f"projects/{self.number}/iap_web/cloud_run-{self.region}/services/{service(WINDOW)}"

    @property
    def iap_agent(self) -> str:
        """Return the e-mail address of the account as which Identity-Aware Proxy calls services."""
        return f"service-{self.number}@gcp-sa-iap.iam.gserviceaccount.com"

    def url(self, function: str) -> str:
        """Return the URL at which Cloud Run serves a function."""
        return f"https://{service(function)}-{self.number}.{self.region}.run.app"


def service(function: str) -> str:
    """Return the name of a function in Cloud Run, which is also that of its account."""
    return f"{NAME}-{function}"


def secret(variable: str) -> str:
    """Return the name of a variable in Secret Manager."""
    return f"{NAME}-{variable.lower().replace('_', '-')}"


FUNCTION_ACCOUNTS = {function: service(function) for function in FUNCTIONS}

CALLER = {
    "scheduler": SCHEDULER_ACCOUNT,
    "watchdog": SCHEDULER_ACCOUNT,
    "fetch": TASKS_ACCOUNT,
    "score": TASKS_ACCOUNT,
}
"""The only account of ours that calls a function. The api and the window are called by people."""
