"""A project that was deployed once, and for each test file a recorder that begins with it."""

import copy
import fcntl
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.google_apis import Asked, GoogleApis
from tests.deploy.installing import ALERTED, Console, Done, Interrupted
from tests.deploy.recorder import Recorder, recording


@dataclass(frozen=True)
class Deployment:
    """What deploy made, what it asked for on the way, and its last run."""

    apis: GoogleApis
    requests: list[Asked]
    kills: list[tuple[str, str]]
    last: Done


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Deployment:
    """A deployment that was interrupted at every kind of change; once for all processes of tests.

    It takes a minute of gcloud.
    """
    base = tmp_path_factory.getbasetemp()
    kept = (base if worker_id == "master" else base.parent) / "deployment"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(pickle.dumps(_deployed(tmp_path_factory.mktemp("deploying"))))
    loaded = pickle.loads(kept.read_bytes())  # noqa: S301  # our own
    assert isinstance(loaded, Deployment)
    return loaded


def _deployed(folder: Path) -> Deployment:
    with recording(Recorder()) as recorder:
        console = Console(recorder, folder)
        interrupted = Interrupted(console)
        told = [*console.first_time(), "--alert-email", ALERTED]
        last = interrupted.run("deploy", "--patience", "0", *told)
        return Deployment(recorder.apis, recorder.requests, interrupted.kills, last)


@pytest.fixture(scope="module")
def console(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A shell before the deployed project; what its tests change is theirs."""
    with recording(Recorder(copy.deepcopy(deployment.apis))) as recorder:
        yield Console(recorder, tmp_path_factory.mktemp("console"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Console]:
    """A shell before a project in which nothing is."""
    with recording(Recorder()) as recorder:
        yield Console(recorder, tmp_path)
