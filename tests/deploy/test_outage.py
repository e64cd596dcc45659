"""Google answers 503 in the middle of a deployment."""

import time

import pytest

from tests.deploy.google_apis import PROJECT, ApiError
from tests.deploy.installing import REGION


def _slower_queue(console):
    queue = f"projects/{PROJECT}/locations/{REGION}/queues/landfall"
    console.recorder.apis.named("cloudtasks", queue)["rateLimits"]["maxConcurrentDispatches"] = 1


def _indexed(console):
    name = "databases/landfall/collectionGroups/runs/fields/updated_at"
    del console.recorder.apis.resources["firestore", f"projects/{PROJECT}/{name}"]


# one change by gcloud, which retries for half a minute, and one by a request of ours
OUTAGES = {"gcloud": ("cloudtasks", _slower_queue), "ours": ("firestore", _indexed)}


@pytest.mark.parametrize(("api", "change"), OUTAGES.values(), ids=OUTAGES)
def test_after_an_outage_deploy_goes_on_where_it_stopped(console, api, change):
    """Exit 1, with advice; after the outage, one request completes the deployment."""
    change(console)
    console.recorder.refuses = lambda request: request.api == api and request.is_mutating
    stopped = console.deploy()
    console.recorder.refuses = None
    assert stopped.status == 1
    assert "Then run the same command again" in stopped.errors
    assert [it.api for it in console.deploy().mutating] == [api]


def test_an_api_that_is_enabled_late_hides_nothing(console):
    """Its resources are there although it says for a moment that it is not enabled."""
    said = "artifactregistry API has not been used in project demo-project before"
    late = ApiError(403, "PERMISSION_DENIED", said, "SERVICE_DISABLED")
    answers = [late]
    console.recorder.denies = lambda request: (
        answers.pop() if answers and request.path.endswith("/repositories/landfall") else None
    )
    done = console.run("deploy", "--patience", "60")
    console.recorder.denies = None
    assert (done.status, done.errors, done.mutating, answers) == (0, "", [], [])
    assert "Source bucket and image repository: not ready yet" in done.output


def test_an_outage_that_passes_is_waited_out(console):
    """The command retries for as long as its patience."""
    _indexed(console)
    until = time.monotonic() + 3
    console.recorder.refuses = lambda request: request.is_mutating and time.monotonic() < until
    done = console.run("deploy", "--patience", "60")
    console.recorder.refuses = None
    assert (done.status, done.errors) == (0, "")
    assert console.deploy().mutating == []
