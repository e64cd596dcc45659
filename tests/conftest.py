"""What tests share: the Firestore emulator, one for all tests of a process."""

import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc.aio
import pytest
from google.cloud.firestore import AsyncClient

from infra.local.emulator import emulator_command
from infra.local.processes import free_port
from landfall.store import firestore as store_firestore
from landfall.store.firestore import FirestoreStore
from tests.fakes.world import World
from tests.waiting import wait_for_port

ROOT = Path(__file__).parents[1]

# As in a function, gRPC's engine runs for the life of the process. By itself it would end with the
# last channel of each test, and that end waits without a bound.
grpc.aio.init_grpc_aio()


@pytest.fixture(scope="session")
def emulator_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a Firestore emulator. Where it cannot start, the tests fail."""
    port = free_port()
    log = tmp_path_factory.mktemp("emulator") / "log"
    command = emulator_command(port, ROOT / "infra/firestore.rules")
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for_port(port, seconds=60)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
async def firestore_client(
    emulator_host: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncClient]:
    """A client of an empty database of its own."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", emulator_host)
    client = store_firestore.firestore_client(f"test-{secrets.token_hex(6)}")
    yield client
    # AsyncClient.close is the synchronous client's, and leaves the channel open
    await client._firestore_api.transport.close()


@pytest.fixture
def firestore_store(firestore_client: AsyncClient) -> FirestoreStore:
    """The real store over an empty database of its own."""
    return FirestoreStore(firestore_client)


@pytest.fixture
def world() -> World:
    """Landfall over the store in memory, with a clock and a queue that the test moves."""
    return World()
