"""A project that was deployed once, and for each test file a recorder that starts from it."""

import copy
import fcntl
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.google_apis import ApiRequest, GoogleApis
from tests.deploy.installing import (
    ALERTED,
    CommandResult,
    Console,
    InterruptedCommand,
    opened,
    serving,
)


@dataclass(frozen=True)
class Deployment:
    """Result of a deployment: its resources, its requests, its interruptions and its last run."""

    apis: GoogleApis
    requests: list[ApiRequest]
    kills: list[tuple[str, str]]
    last: CommandResult


@pytest.fixture(scope="session")
def gcloud() -> Iterator[Path]:
    """Serve gcloud's commands, which would take a second each to start; return the socket."""
    with serving() as socket:
        yield socket


@pytest.fixture(scope="session")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, gcloud: Path
) -> Deployment:
    """Deploy once for all test processes, interrupted at every kind of change."""
    base = tmp_path_factory.getbasetemp()
    stored = (base if worker_id == "master" else base.parent) / "deployment"
    with stored.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stored.exists():
            folder = tmp_path_factory.mktemp("deploying")
            stored.write_bytes(pickle.dumps(_deployed(folder, gcloud)))
    loaded = pickle.loads(stored.read_bytes())  # noqa: S301  # our own
    assert isinstance(loaded, Deployment)
    return loaded


def _deployed(folder: Path, gcloud: Path) -> Deployment:
    with opened(GoogleApis(), folder, gcloud) as console:
        interrupted = InterruptedCommand(console)
        options = [*console.first_time(), "--alert-email", ALERTED]
        last = interrupted.run("deploy", "--patience", "0", *options)
        recorder = console.recorder
        return Deployment(recorder.apis, recorder.requests, interrupted.kills, last)


@pytest.fixture(scope="module")
def console(
    deployment: Deployment, tmp_path_factory: pytest.TempPathFactory, gcloud: Path
) -> Iterator[Console]:
    """A shell with the deployed project; its changes are visible to its test file alone."""
    apis = copy.deepcopy(deployment.apis)
    with opened(apis, tmp_path_factory.mktemp("console"), gcloud) as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path, gcloud: Path) -> Iterator[Console]:
    """A shell with an empty project."""
    with opened(GoogleApis(), tmp_path, gcloud) as found:
        yield found
