"""infra/destroy: it asks, retains the data, and a later deployment uses them again."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.conftest import Deployment
from tests.deploy.google_apis import PROJECT, GoogleApis
from tests.deploy.installing import NOT_OURS, CommandResult, Console, left, opened, roles

DATA_APIS = {"firestore", "firebaserules", "secretmanager", "cloudtasks"}
"""APIs of the data, and of the resources around them."""


def test_without_yes_and_nobody_to_ask_nothing_is_done(console):
    """It shows what it would delete; the data are not part of it."""
    done = console.run("destroy")
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


@dataclass(frozen=True)
class TakenDown:
    """A project after infra/destroy, and the result of that command."""

    apis: GoogleApis
    done: CommandResult


@pytest.fixture(scope="module")
def taken_down(
    deployment: Deployment, tmp_path_factory: pytest.TempPathFactory, gcloud: Path
) -> TakenDown:
    """Delete the deployed project by typing its id."""
    apis = copy.deepcopy(deployment.apis)
    with opened(apis, tmp_path_factory.mktemp("destroying"), gcloud) as found:
        return TakenDown(apis, found.typing("destroy", typed=PROJECT))


@pytest.fixture
def down(taken_down: TakenDown, tmp_path: Path, gcloud: Path) -> Iterator[Console]:
    """A shell with a project that was destroyed, for one test."""
    with opened(copy.deepcopy(taken_down.apis), tmp_path, gcloud) as found:
        yield found


def test_whoever_types_the_project_is_obeyed(taken_down, down):
    """The created resources are gone; the data remain. A second destroy finds nothing."""
    assert taken_down.done.status == 0, taken_down.done.output
    assert left(down) == NOT_OURS | DATA_APIS
    assert roles(down) == []
    again = down.run("destroy", "--yes")
    assert (again.status, again.mutating) == (0, [])
    assert "Nothing to delete." in again.output


def test_what_is_down_can_be_put_up_again(down):
    """The data are used again: only the callers of the api have to be named."""
    done = down.deploy(*down.first_time()[:2])
    assert (done.status, done.errors) == (0, "")
    assert down.deploy().mutating == []
