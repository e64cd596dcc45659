"""The Google APIs that Landfall uses."""

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


IAP = "iap.googleapis.com"
"""The API of Identity-Aware Proxy, which only an installation with a window uses."""


def missing(it: Installation) -> list[str]:
    """List the APIs that are not enabled."""
    found = it.google.list_all(
        "serviceusage",
        f"v1/projects/{it.target.project}/services",
        "services",
        filter="state:ENABLED",
        pageSize="200",
    )
    enabled = {api["name"].rpartition("/")[2] for api in found}
    wanted = (*APIS, IAP) if it.has_window else APIS
    return [api for api in wanted if api not in enabled]


def changes(it: Installation) -> list[ResourceChange]:
    """Enable the missing APIs. Other APIs of the project are left as they are."""
    absent = missing(it)
    if not absent:
        return []
    return [
        ResourceChange(
            "create", f"APIs {', '.join(absent)}", [gcloud("services", "enable", *absent)]
        )
    ]


def expect(it: Installation) -> list[ResourceChange]:
    """Take an API that still says that it is not enabled for a late one; change nothing.

    A dry run has enabled none.
    """
    it.google.apis_enabled = not it.is_dry_run
    return []
