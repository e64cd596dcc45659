"""Fixtures that folders of tests share: a world in memory, and a Firestore emulator a process.

gRPC and Firestore are imported by the fixtures that need them: a unit test waits for neither.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.local.emulator import emulator_command
from infra.local.processes import free_port
from tests.fakes.world import World
from tests.waiting import listening

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

    from landfall.store.firestore import FirestoreStore

ROOT = Path(__file__).parents[1]


def pytest_sessionfinish() -> None:
    """Save the measured lines: at its exit a process may wait for gRPC until it is killed."""
    if (coverage := sys.modules.get("coverage")) and (current := coverage.Coverage.current()):
        current.save()


@pytest.fixture(scope="session")
def grpc_engine() -> None:
    """Keep gRPC's engine for tests that have channels of their own."""
    _keep_grpc_engine()


@pytest.fixture(scope="session")
def emulator_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Firestore emulator; yield host:port. The tests fail if it cannot start."""
    _keep_grpc_engine()
    port = free_port()
    log = tmp_path_factory.mktemp("emulator") / "log"
    command = emulator_command(port, ROOT / "infra/firestore.rules")
    with listening(command, port, log) as address:
        yield address


@pytest.fixture
async def firestore_client(
    emulator_host: str, monkeypatch: pytest.MonkeyPatch
) -> "AsyncIterator[AsyncClient]":
    """Yield a client of an empty database of its own."""
    from landfall.store import firestore

    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", emulator_host)
    client = firestore.firestore_client(f"test-{secrets.token_hex(6)}")
    yield client
    # AsyncClient.close is the synchronous client's, and leaves the channel open
    await client._firestore_api.transport.close()


@pytest.fixture
def firestore_store(firestore_client: "AsyncClient") -> "FirestoreStore":
    """Return the real store over an empty database of its own."""
    from landfall.store.firestore import FirestoreStore

    return FirestoreStore(firestore_client)


@pytest.fixture
def world() -> World:
    """Return Landfall over the store in memory, with a clock and a queue that the test moves."""
    return World()


def _keep_grpc_engine() -> None:
    """Start gRPC's engine for the life of the process, as in a function.

    By itself it would end with the last channel of each test, and that end waits without a bound.
    """
    import grpc.aio

    async def start() -> None:
        grpc.aio.init_grpc_aio()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(start())
