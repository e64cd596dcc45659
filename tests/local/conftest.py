"""What the tests of our edges over gRPC share."""

from collections.abc import AsyncIterator

import grpc.aio
import pytest


@pytest.fixture
async def grpc_awake() -> AsyncIterator[None]:
    """grpc.aio has a thread and two sockets of its own, while there is any channel."""
    async with grpc.aio.insecure_channel("127.0.0.1:9"):
        yield
