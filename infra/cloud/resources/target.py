"""Where Landfall is installed, and what everything of it is called there."""

from dataclasses import dataclass

from landfall.process.config import FUNCTIONS

NAME = "landfall"
"""The queue, the repository and the secrets' prefix; a project holds one installation."""

LABELS = {"app": NAME}

IMAGE_ACCOUNT, PIPELINE_ACCOUNT = f"{NAME}-image", f"{NAME}-deploy"
SCHEDULER_ACCOUNT, TASKS_ACCOUNT = f"{NAME}-cloud-scheduler", f"{NAME}-cloud-tasks"

GCLOUD_AUDIENCE = "32555940559.apps.googleusercontent.com"
"""What `gcloud auth print-identity-token` names in a person's token; Cloud Run takes it as well."""


@dataclass(frozen=True)
class DeployTarget:
    """A project and a region, and the names that follow from them.

    `number` is the project's: with it, Cloud Run's addresses are known before anything is there.
    """

    project: str
    number: str
    region: str

    @property
    def audience(self) -> str:
        """What the tokens of Cloud Scheduler and Cloud Tasks name."""
        return f"{NAME}-{self.project}"

    @property
    def queue(self) -> str:
        """The queue's full name."""
        return f"{self.place}/queues/{NAME}"

    @property
    def place(self) -> str:
        """The parent of what is in the region."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def database(self) -> str:
        """The database's full name."""
        return f"projects/{self.project}/databases/(default)"

    @property
    def bucket(self) -> str:
        """Where sources wait for their build."""
        return f"{self.project}-{NAME}-source"

    @property
    def repository(self) -> str:
        """Where the images are."""
        return f"{self.region}-docker.pkg.dev/{self.project}/{NAME}"

    def account(self, name: str) -> str:
        """The e-mail address of a service account of ours."""
        return f"{name}@{self.project}.iam.gserviceaccount.com"

    def url(self, function: str) -> str:
        """Where Cloud Run serves a function."""
        return f"https://{service(function)}-{self.number}.{self.region}.run.app"


def service(function: str) -> str:
    """What a function is called in Cloud Run; its own account has the same name."""
    return f"{NAME}-{function}"


def secret(variable: str) -> str:
    """What a variable is called in Secret Manager."""
    return f"{NAME}-{variable.lower().replace('_', '-')}"


FUNCTION_ACCOUNTS = {function: service(function) for function in FUNCTIONS}

CALLER = {
    "scheduler": SCHEDULER_ACCOUNT,
    "watchdog": SCHEDULER_ACCOUNT,
    "fetch": TASKS_ACCOUNT,
    "score": TASKS_ACCOUNT,
}
"""The one account that calls a function. The api is called by people."""
