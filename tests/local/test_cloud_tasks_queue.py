"""Tasks through the real Cloud Tasks client: to the local queue, and to one that misbehaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from google.api_core.exceptions import AlreadyExists, NotFound, ServiceUnavailable
from google.cloud.tasks_v2 import CreateTaskRequest

from infra.local.cloud_tasks.faults import Faults
from infra.local.cloud_tasks.server import LocalCloudTasks
from infra.local.issuer import Issuer
from landfall.runs.cloud_tasks import MAX_ATTEMPTS, CloudTasksQueue, Delivery
from landfall.runs.tasks import QueueError, Task
from landfall.store.server_clock import ServerClock
from tests.local.clients import QUEUE, SHORT, queue_at
from tests.local.leftovers import nothing_left
from tests.local.peers import PEERS
from tests.waiting import until

TASK = Task("m-1", "fetch", attempt=0, dispatch=1, at=datetime(2026, 1, 1, tzinfo=UTC))
LATE = 0.5


@asynccontextmanager
async def a_service(**settings: object) -> AsyncIterator[LocalCloudTasks]:
    async with LocalCloudTasks(Issuer(), **settings) as service:  # type: ignore[arg-type]
        service.create_queue(QUEUE)
        yield service


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


@pytest.mark.parametrize("ahead", [-600, 0, 600])
async def test_a_task_waits_by_the_clock_of_the_store(ahead):
    """A machine that is ahead would take a later task for a due one."""
    now = datetime.now(UTC)
    clock = ServerClock(lambda: now + timedelta(seconds=ahead))
    clock.correct(clock.local(), now)
    later = replace(TASK, at=now + timedelta(seconds=120))
    async with a_service() as service, queue_at(service.address, clock=clock) as queue:
        assert queue._request(later).task.schedule_time == later.at
        assert "schedule_time" not in queue._request(replace(TASK, at=now)).task


class Client:
    """Answers the creation of tasks with these errors, and then well."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls: list[tuple[CreateTaskRequest, dict[str, Any]]] = []

    async def create_task(self, request: CreateTaskRequest, **how: Any) -> None:
        self.calls.append((request, how))
        if self.errors:
            raise self.errors.pop(0)

    async def enqueue(self, url: str = "http://127.0.0.1:9/") -> None:
        delivery = Delivery(QUEUE, {"fetch": url}, "tasks@example.org", "audience")
        queue = CloudTasksQueue(lambda: self, delivery, SHORT, Random(1), ServerClock())  # type: ignore[arg-type, return-value]
        await queue.enqueue(TASK)


async def test_a_task_is_what_cloud_tasks_needs_to_deliver_it():
    """To the step's address, as us, and for as long as a function may take."""
    client = Client()
    await client.enqueue("https://fetch.example.org/")
    ((request, how),) = client.calls
    assert how == {"retry": None, "timeout": SHORT.connect}
    assert request.parent == QUEUE
    task = request.task
    assert task.name == f"{QUEUE}/tasks/{TASK.name}"
    assert task.dispatch_deadline == timedelta(seconds=SHORT.dispatch)
    http = task.http_request
    assert (http.http_method.name, http.url) == ("POST", "https://fetch.example.org/")
    assert dict(http.headers) == {"Content-Type": "application/json"}
    identity = http.oidc_token
    assert (identity.service_account_email, identity.audience) == ("tasks@example.org", "audience")


DOWN = ServiceUnavailable("down")


@pytest.mark.parametrize(
    ("errors", "calls", "taken"),
    [
        ([], 1, True),
        ([DOWN] * (MAX_ATTEMPTS - 1), MAX_ATTEMPTS, True),
        ([DOWN] * MAX_ATTEMPTS, MAX_ATTEMPTS, False),
        ([DOWN, AlreadyExists("it is there")], 2, True),
        ([NotFound("no such queue")], 1, False),
    ],
)
async def test_what_may_have_been_created_is_asked_for_again(monkeypatch, errors, calls, taken):
    """A few times; a refusal is one."""
    monkeypatch.setattr("landfall.runs.cloud_tasks.BACKOFF", 0.0)
    client = Client(*errors)
    with contextlib.nullcontext() if taken else pytest.raises(QueueError, match="did not take"):
        await client.enqueue()
    assert len(client.calls) == calls


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


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
@pytest.mark.usefixtures("grpc_awake")
async def test_a_queue_that_cannot_be_reached(peer):
    """The call ends at its deadline, whatever is there; the step waits for the watchdog."""
    async with nothing_left(), peer() as address:
        error = await refused_in_time(address)
    assert "Cloud Tasks did not take" in str(error)


async def test_a_queue_that_does_not_exist():
    """A wrong name is no reason to ask again."""
    async with LocalCloudTasks(Issuer()) as service:
        error = await refused_in_time(service.address)
    assert "NotFound" in str(error)
