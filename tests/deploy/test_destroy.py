"""infra/destroy: it asks, keeps the data unless it is told, and goes on where it was killed."""

import copy
from collections.abc import Iterator

import pytest

from tests.deploy.conftest import Deployment
from tests.deploy.google_apis import PROJECT
from tests.deploy.installing import Console, Interrupted
from tests.deploy.recorder import Recorder, recording

KEPT = {"firestore", "firebaserules", "secretmanager", "cloudtasks"}
"""The data, and what stands around them."""

NOT_OURS = {"cloudresourcemanager", "cloudbuild"}
"""The project itself, and the history of its builds, which nobody can delete."""


@pytest.fixture
def whole(deployment: Deployment, tmp_path) -> Iterator[Console]:
    """A shell before the deployed project, for one test."""
    with recording(Recorder(copy.deepcopy(deployment.apis))) as recorder:
        yield Console(recorder, tmp_path)


def left(console: Console) -> set[str]:
    """The APIs of which something is there."""
    return {api for api, _ in console.recorder.apis.resources}


def roles(console: Console) -> list[object]:
    """Who may do what in the project."""
    policy = console.recorder.apis.policies["cloudresourcemanager", f"projects/{PROJECT}"]
    bindings: list[object] = policy["bindings"]
    return bindings


def test_without_yes_and_nobody_to_ask_nothing_is_done(whole):
    """It shows what would go, data not among it."""
    done = whole.run("destroy")
    assert (done.status, done.mutating) == (2, [])
    assert "There is no terminal to confirm in: pass --yes." in done.output
    assert "- function landfall-fetch" in done.output
    assert "Firestore database" not in done.output


@pytest.mark.parametrize("typed", ["yes", "y", "", f"{PROJECT}s"])
def test_whoever_does_not_type_the_project_deletes_nothing(console, typed):
    """A habit of saying yes is no answer."""
    done = console.typing("destroy", "--delete-data", typed=typed)
    assert (done.status, done.mutating) == (2, [])
    assert "To delete EVERYTHING above, including all data, type the project id:" in done.output
    assert "Nothing was changed." in done.output


def test_whoever_types_the_project_is_obeyed(whole):
    """What deploy made is gone; the data stay. A second destroy finds nothing."""
    done = whole.typing("destroy", typed=PROJECT)
    assert done.status == 0, done.output
    assert left(whole) == NOT_OURS | KEPT
    assert roles(whole) == []
    again = whole.run("destroy", "--yes")
    assert (again.status, again.mutating) == (0, [])
    assert "Nothing to delete." in again.output


def test_it_takes_the_data_when_it_is_told(whole):
    """Deletion protection is taken off first."""
    assert whole.run("destroy", "--yes", "--delete-data").status == 0
    assert left(whole) == NOT_OURS


def test_it_comes_to_its_end_wherever_it_is_killed(whole):
    """Killed before or after each kind of change: the next one takes what is left."""
    interrupted = Interrupted(whole)
    last = interrupted.run("destroy", "--yes", "--delete-data")
    assert (last.status, last.errors) == (0, "")
    assert {api for api, _ in interrupted.kills} == {
        *("cloudscheduler", "run", "monitoring", "logging", "cloudresourcemanager", "iam"),
        *("artifactregistry", "storage", "secretmanager", "cloudtasks", "firebaserules"),
        "firestore",
    }
    assert left(whole) - {"firebaserules"} == NOT_OURS
    assert roles(whole) == []


def test_what_is_down_can_be_put_up_again(whole):
    """With what was kept: nothing but the address of who may call has to be told."""
    assert whole.run("destroy", "--yes").status == 0
    done = whole.deploy(*whole.first_time()[:2])
    assert (done.status, done.errors) == (0, "")
    assert whole.deploy().mutating == []
