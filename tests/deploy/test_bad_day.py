"""A bad day: everything that Google does to a first deployment, in the order in which it comes.

Each fault is one of Google's own messages. It passes, and the deployment goes on; or it stays, and
the message says the next step.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable

from infra.cloud.resources.target import DeployTarget
from tests.deploy.google_apis import NUMBER, PROJECT, ApiError, ApiRequest
from tests.deploy.installing import REGION, Console

TARGET = DeployTarget(PROJECT, NUMBER, REGION)
LATE_KEY = (
    "Revision 'landfall-fetch-00001-abc' is not ready and cannot serve traffic. Permission denied "
    "on secret: projects/1/secrets/landfall-airtable-api-key/versions/1 for Revision service "
    "account landfall-fetch@demo-project.iam.gserviceaccount.com."
)
OTHERS_FIRST = {"type": "FIRESTORE_NATIVE", "locationId": "nam5", "databaseEdition": "STANDARD"}


class Passing:
    """Errors that each hit the first requests of a kind, and pass."""

    def __init__(self, *faults: tuple[str, str, str, ApiError]) -> None:
        self._faults = {fault[:3]: fault[3] for fault in faults}
        self.left = dict(self._faults)

    def __call__(self, request: ApiRequest) -> ApiError | None:
        for api, method, part in self.left:
            if (api, method) == (request.api, request.method) and part in request.path:
                return self.left.pop((api, method, part))
        return None


def denied(message: str) -> ApiError:
    """Return Google's refusal."""
    return ApiError(403, "PERMISSION_DENIED", message)


def faults() -> Passing:
    """Return what hits the day: access that has not arrived, an outage, contended indexes."""
    account = "landfall-cloud-tasks@demo-project.iam.gserviceaccount.com"
    return Passing(
        ("firestore", "GET", "/locations", ApiError(503, "UNAVAILABLE", "The service is down.")),
        (
            *("iam", "POST", ":setIamPolicy"),
            ApiError(400, "INVALID_ARGUMENT", f"Service account {account} does not exist."),
        ),
        (
            *("firestore", "POST", "/indexes"),
            ApiError(409, "ABORTED", "Too much contention on these documents. Please try again."),
        ),
        (
            *("cloudbuild", "POST", "/builds"),
            denied(
                "landfall-image@demo-project.iam.gserviceaccount.com does not have "
                "storage.objects.get access to the Google Cloud Storage object."
            ),
        ),
        (
            *("cloudscheduler", "POST", "/jobs"),
            denied(
                "Permission 'iam.serviceAccounts.actAs' denied on service account "
                "landfall-cloud-scheduler@demo-project.iam.gserviceaccount.com (or it may not "
                "exist)."
            ),
        ),
        (
            *("monitoring", "POST", "/alertPolicies"),
            ApiError(404, "NOT_FOUND", "Cannot find metric that matches type = landfall_ticks"),
        ),
    )


def test_a_bad_day_ends_well(fresh: Console) -> None:
    """A foreign database, a region without builds, late access, outages, a revision that fails,
    and an interruption: the commands that the messages name bring it to its end."""
    apis, recorder = fresh.recorder.apis, fresh.recorder
    others = f"projects/{PROJECT}/databases/(default)"
    apis.put("firestore", others, {"name": others, **OTHERS_FIRST})
    order = f"{others}/documents/orders/1"
    apis.put("firestore", order, {"name": order, "fields": {}})
    apis.regions["cloudtasks"] = ["us-central1"]
    unfit = fresh.run("deploy", *fresh.first_time())
    assert unfit.status == 1
    assert f"region {REGION} lacks Cloud Tasks" in unfit.errors
    assert "Regions with everything that Landfall needs: us-central1" in unfit.errors
    assert ("firestore", TARGET.database()) not in apis.resources

    apis.regions.clear()
    apis.unbuildable.add(REGION)
    apis.builds.append(
        {"status": "FAILURE", "failureInfo": {"type": "FETCH_SOURCE_FAILED", "detail": "403"}}
    )
    recorder.denies = passing = faults()
    apis.fails = [LATE_KEY]
    interrupted = fresh.start("deploy", *fresh.first_time())
    recorder.loses = killing(interrupted, "run")
    output, _ = interrupted.communicate(timeout=300)
    recorder.loses = None
    assert interrupted.returncode < 0
    assert "not ready yet, trying for 420 s" in output
    assert f"Google lets no new project build in {REGION}" in output

    done = fresh.run("deploy", *fresh.first_time())
    assert (done.status, done.errors) == (0, ""), done.output
    assert passing.left == {}
    assert apis.fails == []
    assert "Changes made: " in done.output
    assert fresh.deploy().mutating == []
    untouched = [it for _, it in apis.resources.items() if it.get("name") == others]
    assert untouched == [{"name": others, **OTHERS_FIRST}]


def killing(process: "subprocess.Popen[str]", api: str) -> Callable[[ApiRequest], bool]:
    """Return a fault that kills a command after its first change by an API."""

    def kills(request: ApiRequest) -> bool:
        if request.api != api or not request.is_mutating:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return True

    return kills


def test_a_build_that_fails_by_itself_is_not_tried_again(fresh: Console) -> None:
    """A step of the build failed: the message has what Cloud Build says, which gcloud does not."""
    said = {"type": "USER_BUILD_STEP", "detail": "Build step failure: build step 0 failed"}
    fresh.recorder.apis.builds.append({"status": "FAILURE", "failureInfo": said})
    done = fresh.run("deploy", *fresh.first_time())
    assert done.status == 1
    assert "(USER_BUILD_STEP: Build step failure: build step 0 failed)" in done.errors
    assert len([it for it in done.mutating if it.path.endswith("/builds")]) == 1
    assert "Then run the same command again" in done.errors


def test_a_region_is_not_fit_because_an_api_was_enabled_late(fresh: Console) -> None:
    """An API that says now and then that it is not enabled names no regions then."""
    fresh.recorder.apis.regions["cloudtasks"] = ["us-central1"]
    said = "cloudtasks API has not been used in project demo-project before"
    asked: list[ApiRequest] = []

    def flapping(request: ApiRequest) -> ApiError | None:
        if request.api != "cloudtasks" or not request.path.endswith("/locations"):
            return None
        asked.append(request)
        late = ApiError(403, "PERMISSION_DENIED", said, "SERVICE_DISABLED")
        return late if len(asked) % 2 else None

    fresh.recorder.denies = flapping
    done = fresh.run("deploy", *fresh.first_time())
    assert (done.status, len(asked)) == (1, 2)
    assert f"region {REGION} lacks Cloud Tasks. Regions with everything" in done.errors


QUOTA = """spec.template.metadata.annotations[autoscaling.knative.dev/maxScale]: Max instances \
must be set to 5 or fewer to set the requested total CPU.
Consider running your workload in a region with greater capacity, or requesting an increase in \
quota for this region if you are seeing sustained usage near this limit, see \
https://cloud.google.com/run/quotas.

Quota violated:
CpuAllocPerProjectRegion requested: 60000 allowed: 20000
MemAllocPerProjectRegion requested: 257698037760 allowed: 42949672960
"""


def test_a_refusal_is_shown_with_its_numbers_at_once(console: Console) -> None:
    """gcloud prints Google's words over several lines, and the last ones are those that help."""
    refusal = ApiError(400, "INVALID_ARGUMENT", QUOTA)
    console.recorder.denies = lambda request: (
        refusal if request.api == "run" and request.method == "PUT" else None
    )
    done = console.run("deploy", "--set", "AIRTABLE_ENDPOINT_URL=https://airtable.example")
    console.recorder.denies = None
    assert done.status == 1
    assert "CpuAllocPerProjectRegion requested: 60000 allowed: 20000" in done.errors
    assert "MemAllocPerProjectRegion requested: 257698037760 allowed: 42949672960" in done.errors
    assert "quotas?service=run.googleapis.com" in done.errors
    assert "not ready yet" not in done.output


def test_a_region_that_lacks_a_service_is_refused_by_a_dry_run_too(fresh: Console) -> None:
    """Where its APIs are enabled already."""
    fresh.recorder.apis.enabled |= {"cloudscheduler", "run"}
    fresh.recorder.apis.regions["run"] = ["europe-west4"]
    done = fresh.deploy(*fresh.first_time(), "--dry-run")
    assert (done.status, done.mutating) == (1, [])
    assert f"region {REGION} lacks Cloud Run." in done.errors
    assert "What to do: pass one of these regions as --region" in done.errors
