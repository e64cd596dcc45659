"""Fixtures of the tests of our edges over gRPC, and of those of reviews."""

from collections.abc import AsyncIterator

import grpc.aio
import pytest

from landfall.airtable import pacer as airtable_pacer
from tests.fakes.elements import Elements, by_the_rules, elements_server
from tests.fakes.models import FakeModel


@pytest.fixture(scope="session", autouse=True)
def _grpc_engine(grpc_engine: None) -> None:
    """Keep gRPC's engine also for tests that have channels of their own."""


@pytest.fixture
async def grpc_awake() -> AsyncIterator[None]:
    """Hold a channel: while there is any, grpc.aio has a thread and two sockets of its own."""
    async with grpc.aio.insecure_channel("127.0.0.1:9"):
        yield


@pytest.fixture
async def elements(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Elements]:
    """Return four elements after a run, with suggestions."""
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)
    async with elements_server() as server:
        found = Elements(server, FakeModel(by_the_rules).open)
        await found.run()
        yield found
