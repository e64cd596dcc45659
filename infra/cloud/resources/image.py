"""The image: built once, by Cloud Build with Google's buildpacks, and run by all five functions.

Deploying five functions from source would build five times. They share their source, and differ in
the name of the function to start, which is an environment variable. So one image is built, and its
tag is the hash of its source: an existing image is not built again.
"""

import json
import shlex
from typing import Any

from infra.cloud.clients.gcloud import Gcloud
from infra.cloud.resources import source
from infra.cloud.resources.build import SubmitBuild
from infra.cloud.resources.change import ResourceChange, gcloud
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.policies import policy_change
from infra.cloud.resources.target import IMAGE_ACCOUNT, NAME, TEST_ACCOUNT

PYTHON = "3.11"
"""The version that the tests run on."""

BUILDER = "gcr.io/buildpacks/builder:google-22"
"""Google's buildpacks. `infra/docs/operate.md` says how to pin it, and `PACK`, by a digest."""

PACK = "gcr.io/k8s-skaffold/pack"
"""The program that runs them."""

KEEP_IMAGES = 10
"""Images to retain for rolling back."""

KEEP_SOURCES = 7
"""Days to retain an uploaded source."""

BUILD_ENVIRONMENT = {
    "GOOGLE_FUNCTION_TARGET": "api",  # each function overrides this when it starts
    "GOOGLE_FUNCTION_SOURCE": "functions/main.py",
    "GOOGLE_FUNCTION_SIGNATURE_TYPE": "http",
    "GOOGLE_PYTHON_VERSION": f"{PYTHON}.x",
}

SBOM = "infra/sbom.json"
"""The list of packages in the image, as CycloneDX 1.6."""

SBOM_TOOL = "cyclonedx-bom"

SBOM_COMMAND = [
    *("cyclonedx-py", "requirements", "infra/hashes.txt"),
    *("--spec-version=1.6", "--output-reproducible", f"--output-file={SBOM}"),
]

CLEANUP = [
    {"name": "keep", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": KEEP_IMAGES}},
    {
        "name": "delete",
        "action": {"type": "Delete"},
        "condition": {"tagState": "any", "olderThan": "30d"},
    },
]


def recipe(image: str, account: str) -> dict[str, Any]:
    """Return the build of Cloud Build that makes an image."""
    variables = [f"--env={name}={value}" for name, value in BUILD_ENVIRONMENT.items()]
    install = f"pip install --quiet --constraint=infra/constraints.txt {SBOM_TOOL}"
    sbom = {  # beside the source, so that the next step packs it with it
        "id": "sbom",
        "name": f"python:{PYTHON}-bookworm",
        "entrypoint": "bash",
        "args": ["-ceu", f"{install}; {shlex.join(SBOM_COMMAND)}"],
    }
    pack = {
        "id": "pack",
        "name": PACK,
        "entrypoint": "pack",
        "args": [
            *("build", image, f"--builder={BUILDER}"),
            *("--network=cloudbuild", *variables),
        ],
    }
    return {
        "steps": [sbom, pack],
        "images": [image],
        "serviceAccount": account,
        "options": {"logging": "CLOUD_LOGGING_ONLY"},
        "timeout": "1200s",
    }


RECIPE = json.dumps(recipe("IMAGE", "ACCOUNT"))
"""Recipe of every image: a change of it changes their tags, as a change of the source does."""


def source_version(gcloud: Gcloud) -> str:
    """Return the image tag of this checkout. Raises `GcloudError`."""
    return source.version(source.files(gcloud), RECIPE)


def storage_changes(it: Installation) -> list[ResourceChange]:
    """Create the bucket of sources and the repository of images."""
    found, target = [], it.target
    if it.get("storage", f"storage/v1/b/{target.bucket}") is None:
        rules = {"rule": [{"action": {"type": "Delete"}, "condition": {"age": KEEP_SOURCES}}]}
        create = gcloud(
            *("storage", "buckets", "create", f"gs://{target.bucket}"),
            *(f"--location={target.region}", "--uniform-bucket-level-access"),
            *("--public-access-prevention", "--soft-delete-duration=0"),
            "--lifecycle-file=lifecycle.json",
            lifecycle=rules,
        )
        found.append(ResourceChange("create", f"bucket {target.bucket}", [create]))
    location = f"--location={target.region}"
    repository = it.get("artifactregistry", f"v1/{target.place}/repositories/{NAME}")
    clean = gcloud(
        *("artifacts", "repositories", "set-cleanup-policies", NAME, location),
        *("--policy=cleanup.json", "--no-dry-run"),
        cleanup=CLEANUP,
    )
    if repository is None:
        create = gcloud(
            *("artifacts", "repositories", "create", NAME, location),
            *("--repository-format=docker", "--description=Landfall's functions"),
        )
        found.append(ResourceChange("create", f"repository {NAME}", [create, clean]))
    elif set(repository.get("cleanupPolicies", {})) != {policy["name"] for policy in CLEANUP}:
        found.append(ResourceChange("update", f"cleanup policy of repository {NAME}", [clean]))
    return found


def build_access_changes(it: Installation) -> list[ResourceChange]:
    """Let the account of builds write images, and it and that of tests read sources."""
    target, builder = it.target, f"serviceAccount:{it.target.account(IMAGE_ACCOUNT)}"
    path = f"v1/{target.place}/repositories/{NAME}"
    command = ["artifacts", "repositories", "set-iam-policy", NAME, "policy.json"]
    found = policy_change(
        f"writers of repository {NAME}",
        [*command, f"--location={target.region}"],
        it.policy("artifactregistry", path),
        {"roles/artifactregistry.writer": [builder]},
    )
    role = "roles/storage.objectViewer"
    policy = it.get("storage", f"storage/v1/b/{target.bucket}/iam") or {}
    tester = f"serviceAccount:{it.target.account(TEST_ACCOUNT)}"
    granted = {
        member
        for binding in policy.get("bindings", [])
        for member in binding["members"]
        if binding["role"] == role
    }
    added = [
        gcloud(
            *("storage", "buckets", "add-iam-policy-binding", f"gs://{target.bucket}"),
            *(f"--member={reader}", f"--role={role}"),
        )
        for reader in [builder, *([tester] if it.has_pipeline else [])]
        if reader not in granted
    ]
    if added:
        found.append(ResourceChange("create", f"readers of bucket {target.bucket}", added))
    return found


def build_changes(it: Installation) -> list[ResourceChange]:
    """Build the image, unless there is one of this source."""
    target, tag = it.target, it.image.rpartition(":")[2]
    path = f"v1/{target.place}/repositories/{NAME}/packages/{NAME}/tags/{tag}"
    if it.get("artifactregistry", path):
        return []
    account = f"projects/{target.project}/serviceAccounts/{target.account(IMAGE_ACCOUNT)}"
    submit = gcloud(
        *("builds", "submit", str(source.ROOT), "--config=build.json"),
        f"--gcs-source-staging-dir=gs://{target.bucket}/source",
        "--suppress-logs",
        build=recipe(it.image, account),
    )
    build = SubmitBuild(submit, target)
    return [ResourceChange("create", f"image {it.image} (about three minutes)", [build])]
