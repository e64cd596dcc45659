"""The APIs of the project that Landfall uses."""

from infra.cloud.resources.change import ResourceChange, gcloud
from infra.cloud.resources.installation import Installation

APIS = (
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtasks.googleapis.com",
    "firebaserules.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
)


def missing(it: Installation) -> list[str]:
    """Those that are not enabled."""
    found = it.google.list_all(
        "serviceusage",
        f"v1/projects/{it.target.project}/services",
        "services",
        filter="state:ENABLED",
        pageSize="200",
    )
    enabled = {api["name"].rpartition("/")[2] for api in found}
    return [api for api in APIS if api not in enabled]


def changes(it: Installation) -> list[ResourceChange]:
    """Enable what is missing. What is enabled besides is not ours to switch off."""
    lacking = missing(it)
    if not lacking:
        return []
    return [
        ResourceChange(
            "create", f"APIs {', '.join(lacking)}", [gcloud("services", "enable", *lacking)]
        )
    ]
