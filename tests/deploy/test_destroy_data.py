"""infra/destroy with the data: it deletes everything, wherever it is killed."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import Deployment
from tests.deploy.google_apis import PROJECT
from tests.deploy.installing import NOT_OURS, Console, InterruptedCommand, left, opened, roles


@pytest.fixture
def whole(deployment: Deployment, tmp_path: Path, gcloud: Path) -> Iterator[Console]:
    """A shell with the deployed project, for one test."""
    with opened(copy.deepcopy(deployment.apis), tmp_path, gcloud) as console:
        yield console


def test_it_deletes_the_data_on_request(whole):
    """It removes the deletion protection first."""
    assert whole.run("destroy", "--yes", "--delete-data").status == 0
    assert left(whole) == NOT_OURS


def test_a_database_that_others_use_too_remains(whole):
    """Their collections are in it: neither the data nor the rules are deleted."""
    database = f"projects/{PROJECT}/databases/landfall"
    name = f"{database}/documents/orders/1"
    whole.recorder.apis.put("firestore", name, {"name": name, "fields": {}})
    done = whole.run("destroy", "--delete-data", "--dry-run")
    assert done.status == 0
    assert "Database landfall remains: others use it, too (orders)." in done.output
    assert "- queue landfall" in done.output
    assert "- Firestore" not in done.output


def test_it_comes_to_its_end_wherever_it_is_killed(whole):
    """Killed before or after each kind of change: the next run deletes the rest."""
    interrupted = InterruptedCommand(whole)
    last = interrupted.run("destroy", "--yes", "--delete-data")
    assert (last.status, last.errors) == (0, "")
    assert {api for api, _ in interrupted.kills} == {
        *("cloudscheduler", "run", "monitoring", "logging", "cloudresourcemanager", "iam"),
        *("artifactregistry", "storage", "secretmanager", "cloudtasks", "firebaserules"),
        "firestore",
    }
    assert left(whole) - {"firebaserules"} == NOT_OURS
    assert roles(whole) == []
