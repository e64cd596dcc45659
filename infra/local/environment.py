"""The addresses of a local stack, and the environment that points the functions at them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from infra.cloud.resources.sizes import function_seconds
from infra.local.cloud_tasks.server import LocalCloudTasks
from infra.local.iap import AUDIENCE as IAP_AUDIENCE
from infra.local.iap import LocalIap
from infra.local.issuer import ISSUER, Issuer
from infra.local.vendors import Vendors
from landfall.deadlines import LADDER
from landfall.process.config import FUNCTIONS
from landfall.site.urls import host_of

PROJECT = "landfall-local"
QUEUE = f"projects/{PROJECT}/locations/local/queues/landfall"

# In production each function admits only its own caller; here the developer may call them all.
DEVELOPER = "developer@landfall.local"
SCHEDULER_ACCOUNT = "cloud-scheduler@landfall.local"
TASKS_ACCOUNT = "cloud-tasks@landfall.local"
AUDIENCE = "https://landfall.local"

CALLERS = {
    "scheduler": SCHEDULER_ACCOUNT,
    "watchdog": SCHEDULER_ACCOUNT,
    "fetch": TASKS_ACCOUNT,
    "score": TASKS_ACCOUNT,
    "api": DEVELOPER,
}

TOKEN_SECONDS = 24 * 3600.0
"""Lifetime of the developer's token."""


@dataclass(frozen=True)
class Addresses:
    """URLs, hosts, and a bearer token that every function accepts, as `--serve` prints them."""

    api: str
    scheduler: str
    fetch: str
    score: str
    watchdog: str
    window: str
    airtable: str
    openai: str
    firestore: str
    tasks: str
    project: str
    token: str


def addresses_of(
    ports: Mapping[str, int],
    tasks: LocalCloudTasks,
    vendors: Vendors,
    issuer: Issuer,
    iap: LocalIap,
) -> Addresses:
    """Return where everything listens, and a token of the developer."""
    urls = {name: f"http://127.0.0.1:{ports[name]}" for name in FUNCTIONS}
    return Addresses(
        **urls,
        window=iap.url,
        airtable=vendors.airtable.endpoint,
        openai=vendors.openai.base_url,
        firestore=f"127.0.0.1:{ports['firestore']}",
        tasks=tasks.address,
        project=PROJECT,
        token=issuer.token(DEVELOPER, AUDIENCE, lifetime=TOKEN_SECONDS),
    )


def shared_environment(
    addresses: Addresses, vendors: Vendors, certificates: str, iap: LocalIap
) -> dict[str, str]:
    """Return the variables that all functions share."""
    return {
        "GOOGLE_CLOUD_PROJECT": addresses.project,
        "FIRESTORE_EMULATOR_HOST": addresses.firestore,
        "CLOUD_TASKS_EMULATOR_HOST": addresses.tasks,
        "AIRTABLE_ENDPOINT_URL": vendors.airtable.endpoint,
        "AIRTABLE_API_KEY": vendors.airtable.api_key,
        "OPENAI_BASE_URL": vendors.openai.base_url,
        "OPENAI_API_KEY": vendors.openai.api_key,
        "LANDFALL_MODEL": vendors.openai.model,
        "LANDFALL_SITES_ALLOWED": ",".join(host_of(site.url) for site in vendors.sites.values()),
        "LANDFALL_QUEUE": QUEUE,
        "LANDFALL_FETCH_URL": addresses.fetch,
        "LANDFALL_SCORE_URL": addresses.score,
        "LANDFALL_TASKS_ACCOUNT": TASKS_ACCOUNT,
        "LANDFALL_AUDIENCE": AUDIENCE,
        "LANDFALL_TOKEN_ISSUER": ISSUER,
        "LANDFALL_CERTIFICATES_URL": certificates,
        "CLOUD_RUN_TIMEOUT_SECONDS": str(function_seconds(LADDER)),  # as Cloud Run tells each
        "LANDFALL_REQUESTS_A_MINUTE": "60000",  # tests and benchmarks make that many
        "LANDFALL_IAP_AUDIENCE": IAP_AUDIENCE,
        "LANDFALL_IAP_KEYS_URL": iap.keys_url,
    }


def environment_of(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return a process's variables: a person's, without those for other clouds, and ours."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN_PREFIXES)
    }
    callers = ",".join([CALLERS.get(name, DEVELOPER), DEVELOPER])
    loopback = {"NO_PROXY": "127.0.0.1,localhost", "LANDFALL_CALLERS": callers}
    return {**inherited, **loopback, **environment}


_FOREIGN_PREFIXES = (
    "GOOGLE_",
    "GCLOUD_",
    "CLOUDSDK_",
    "FUNCTION_",
    "LANDFALL_",
    "AIRTABLE_",
    "OPENAI_",
    "PORT",
)
