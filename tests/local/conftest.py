"""Fixtures of the tests of our edges over gRPC."""

from collections.abc import AsyncIterator

import grpc.aio
import pytest


@pytest.fixture(scope="session", autouse=True)
def _grpc_engine(grpc_engine: None) -> None:
    """Keep gRPC's engine also for tests that have channels of their own."""


@pytest.fixture
async def grpc_awake() -> AsyncIterator[None]:
    """Hold a channel: while there is any, grpc.aio has a thread and two sockets of its own."""
    async with grpc.aio.insecure_channel("127.0.0.1:9"):
        yield
