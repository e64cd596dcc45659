"""Our edges over gRPC, as a function has them, to whatever is at an address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from landfall.deadlines import LADDER, Ladder
from landfall.runs.cloud_tasks import CloudTasksQueue, Delivery, cloud_tasks_client
from landfall.runs.commit import Clock
from landfall.store.firestore import FirestoreStore, firestore_client
from landfall.store.server_clock import ServerClock

QUEUE = "projects/p/locations/l/queues/q"
SHORT = replace(LADDER, request=1.2, connect=0.5)


@asynccontextmanager
async def store_at(
    address: str, project: str = "nowhere", ladder: Ladder = SHORT
) -> AsyncIterator[FirestoreStore]:
    """Our store over the client of the Firestore at this address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", address)
        client = firestore_client(project, ladder.connect)
    yield FirestoreStore(client, ladder.request)
    await client._firestore_api.transport.close()


@asynccontextmanager
async def queue_at(
    address: str, url: str = "http://127.0.0.1:9/", clock: Clock | None = None
) -> AsyncIterator[CloudTasksQueue]:
    """Our queue over the client of the Cloud Tasks at this address."""
    client = cloud_tasks_client(address, SHORT.connect)
    delivery = Delivery(QUEUE, {"fetch": url, "score": url}, "tasks@example.org", "audience")
    yield CloudTasksQueue(lambda: client, delivery, SHORT, Random(1), clock or ServerClock())
    await client.transport.close()
