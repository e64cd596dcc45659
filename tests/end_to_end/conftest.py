"""The whole of Landfall, real processes on real sockets, once for all tests of a test process."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.local.samples.catalogue import catalogue
from infra.local.samples.flights import flights
from infra.local.samples.school.base import school
from infra.local.stack import Stack, StackOptions, running
from tests.end_to_end.acting import people

SMALL, SMALL_KEY = people("appPeople00000001", 250)
SLOW, _ = people("appPeople00000002", 2_000)

# Nobody ticks but the tests. The limit is above Airtable's 5 a second: that we keep it is tested
# elsewhere, and here a stall of the machine must not end in a lock-out of 30 s.
OPTIONS = StackOptions(
    bases=(school()[0], flights(), catalogue(), SMALL, SLOW),
    tick_seconds=None,
    stand_in={"requests_per_second": 8},
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack() -> AsyncIterator[Stack]:
    """A running stack. Where it cannot start, the tests fail."""
    async with running(OPTIONS) as started:
        yield started


@pytest.fixture(scope="session", autouse=True)
def _grpc_engine(grpc_engine: None) -> None:
    """Keep gRPC's engine also for tests that start a stack of their own."""
