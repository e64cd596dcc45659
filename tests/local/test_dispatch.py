"""Tasks through the real Cloud Tasks client: to the local queue, and to one that misbehaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from infra.local.cloud_tasks import Faults, LocalCloudTasks
from infra.local.identity import Issuer
from infra.local.processes import free_port
from landfall.deadlines import LADDER
from landfall.dispatch import CloudTasksQueue, Delivery, cloud_tasks_client
from landfall.tasks import QueueError, Task
from tests.waiting import until

QUEUE = "projects/p/locations/l/queues/q"
SHORT = replace(LADDER, request=1.2, connect=0.5)
TASK = Task("m-1", "fetch", attempt=0, dispatch=1, at=datetime(2026, 1, 1, tzinfo=UTC))
LATE = 0.5


@asynccontextmanager
async def queue_at(
    address: str, url: str = "http://127.0.0.1:9/"
) -> AsyncIterator[CloudTasksQueue]:
    """Our queue over the client of the service at this address."""
    client = cloud_tasks_client(address)
    delivery = Delivery(QUEUE, {"fetch": url, "score": url}, "tasks@example.org", "audience")
    yield CloudTasksQueue(client, delivery, SHORT, Random(1))
    await client.transport.close()


@asynccontextmanager
async def a_service(**settings: object) -> AsyncIterator[LocalCloudTasks]:
    async with LocalCloudTasks(Issuer(), **settings) as service:  # type: ignore[arg-type]
        service.create_queue(QUEUE)
        yield service


@asynccontextmanager
async def silence() -> AsyncIterator[str]:
    """A server that accepts and says nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for writer in writers:
        writer.close()
    server.close()


async def refused_in_time(address: str) -> QueueError:
    """The error of enqueueing there, which must come in time."""
    loop = asyncio.get_running_loop()
    async with queue_at(address) as queue:
        began = loop.time()
        with pytest.raises(QueueError) as caught:
            await queue.enqueue(TASK)
        assert loop.time() - began < SHORT.request + LATE
    return caught.value


async def test_a_task_that_is_there_already_is_success():
    """Enqueueing twice is enqueueing once."""
    async with a_service() as service, queue_at(service.address) as queue:
        await queue.enqueue(TASK)
        await queue.enqueue(TASK)
        assert (service.statistics.created, service.statistics.duplicates_refused) == (1, 1)


async def test_an_answer_that_was_lost_is_asked_for_again():
    """Whether the task was created is not known; its name makes asking again safe."""
    lossy = Faults(seed=1, lose_create_response=0.6)
    async with a_service(faults=lossy) as service, queue_at(service.address) as queue:
        await queue.enqueue(TASK)
        assert service.statistics.created == 1
        assert service.statistics.unanswered >= 1


async def test_the_worker_gets_ids_and_nothing_else():
    """What can be read from Firestore does not travel."""
    bodies: list[bytes] = []

    async def worker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(worker, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, a_service() as service, queue_at(service.address, url) as queue:
        await queue.enqueue(TASK)

        async def arrived() -> bool:
            return bool(bodies)

        await until(arrived, seconds=10)
    assert bodies == [b'{"run_id": "m-1", "step_id": "fetch", "attempt": 0}']


async def test_a_queue_that_says_nothing():
    """The call ends at its deadline; the step waits for the watchdog."""
    async with silence() as address:
        await refused_in_time(address)


async def test_a_queue_that_is_not_there():
    """Nobody listens."""
    await refused_in_time(f"127.0.0.1:{free_port()}")


async def test_a_queue_that_does_not_exist():
    """A wrong name is no reason to ask again."""
    async with LocalCloudTasks(Issuer()) as service:
        error = await refused_in_time(service.address)
    assert "NotFound" in str(error)
