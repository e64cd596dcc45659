"""The local Cloud Tasks, over Google's own client on one side and a real HTTP worker on the other.

Seconds are short here: back-offs of 50 ms and dispatch deadlines below production's 15 s.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.auth import jwt
from google.cloud.tasks_v2 import (
    CloudTasksAsyncClient,
    CloudTasksClient,
    HttpMethod,
    HttpRequest,
    OidcToken,
    Queue,
    RateLimits,
    RetryConfig,
    Task,
)
from google.cloud.tasks_v2.services.cloud_tasks.transports import (
    CloudTasksGrpcAsyncIOTransport,
    CloudTasksGrpcTransport,
)

from infra.local.cloud_tasks.faults import Faults
from infra.local.cloud_tasks.queue_settings import backoff, exhausted
from infra.local.cloud_tasks.server import LocalCloudTasks
from infra.local.issuer import Issuer
from infra.local.processes import free_port

PARENT = "projects/p/locations/europe-west1"
QUEUE = f"{PARENT}/queues/scans"
EMAIL = "tasks@p.iam.gserviceaccount.com"
QUICK = RetryConfig(
    max_attempts=-1, min_backoff=timedelta(seconds=0.05), max_backoff=timedelta(seconds=0.1)
)


async def until(condition, seconds=10.0):
    """Wait for a condition; fail at the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other code
            await asyncio.sleep(0.005)


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Worker:
    """A worker that returns `statuses` in turn, then 200. It is busy while `gate` is closed."""

    def __init__(self):
        self.requests, self.statuses = [], []
        self.busy = self.busiest = self.finished = self.hung_up = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._conversations = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.gate.set()
        await asyncio.gather(*self._conversations)
        await self._server.wait_closed()

    @property
    def bodies(self):
        return [request.body.decode() for request in self.requests]

    async def _converse(self, reader, writer):
        self._conversations.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append(await _read(reader))
            status = self.statuses.pop(0) if self.statuses else 200
            await self._work()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
            await writer.drain()
            self.hung_up += reader.at_eof()
        writer.close()

    async def _work(self):
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await self.gate.wait()
        self.busy -= 1
        self.finished += 1


async def _read(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (h.partition(": ") for h in head[1:-2])}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body, time.time())


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture
async def worker():
    async with Worker() as worker:
        yield worker


@pytest.fixture
async def server(issuer):
    async with LocalCloudTasks(issuer, min_deadline=0.1) as server:
        yield server


@contextlib.asynccontextmanager
async def client_of(address):
    async with grpc.aio.insecure_channel(address) as channel:
        yield CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))


@pytest.fixture
async def client(server):
    async with client_of(server.address) as client:
        yield client


@pytest.fixture
async def create(client, worker):
    """Create a task in the queue of the test, and the queue if it does not exist."""

    async def create(task_id=None, *, body="", headers=None, oidc=None, paused=False, **fields):
        with contextlib.suppress(exceptions.AlreadyExists):
            await client.create_queue(parent=PARENT, queue=Queue(name=QUEUE, retry_config=QUICK))
        if paused:
            await client.pause_queue(name=QUEUE)
        http = HttpRequest(
            url=worker.url + "/fetch", body=body.encode(), headers=headers, oidc_token=oidc
        )
        name = task_id and f"{QUEUE}/tasks/{task_id}"
        return await client.create_task(
            parent=QUEUE, task=Task(name=name, http_request=http, **fields)
        )

    return create


def seconds_ahead(seconds):
    return datetime.now(UTC) + timedelta(seconds=seconds)


class TestDelivery:
    async def test_a_task_is_one_request(self, create, worker, server):
        """Method, path, headers and body arrive unchanged."""
        await create(body='{"run_id": "r"}', headers={"Content-Type": "application/json"})
        await until(lambda: server.statistics.succeeded)
        (request,) = worker.requests
        assert (request.method, request.path, request.body) == (
            "POST",
            "/fetch",
            b'{"run_id": "r"}',
        )
        assert request.headers["content-type"] == "application/json"

    async def test_the_blocking_client_works_too(self, server, worker):
        """The functions use the synchronous client and its gRPC transport."""
        server.create_queue(QUEUE)

        def create():
            with grpc.insecure_channel(server.address) as channel:
                client = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
                return client.create_task(
                    parent=QUEUE, task=Task(http_request=HttpRequest(url=worker.url))
                )

        task = await asyncio.to_thread(create)
        assert task.name.startswith(f"{QUEUE}/tasks/")
        await until(lambda: worker.requests)

    async def test_the_task_is_in_the_headers(self, create, worker):
        """Headers name queue, task, attempt and time; a task cannot forge them."""
        at = seconds_ahead(0.1)
        forged = {"X-CloudTasks-TaskRetryCount": "7", "User-Agent": "me", "Host": "elsewhere"}
        await create("step-1", schedule_time=at, headers=forged)
        await until(lambda: worker.requests)
        headers = worker.requests[0].headers
        assert headers["x-cloudtasks-queuename"] == "scans"
        assert headers["x-cloudtasks-taskname"] == "step-1"
        assert headers["x-cloudtasks-taskretrycount"] == "0"
        assert headers["x-cloudtasks-taskexecutioncount"] == "0"
        assert float(headers["x-cloudtasks-tasketa"]) == pytest.approx(at.timestamp(), abs=1e-5)
        assert headers["user-agent"] == "Google-Cloud-Tasks"
        assert "x-cloudtasks-taskpreviousresponse" not in headers
        assert headers["host"] != "elsewhere"

    async def test_a_scheduled_task_waits(self, create, worker):
        """No task is sent before its time, and tasks that are due do not wait behind it."""
        at = seconds_ahead(0.8)
        await create(body="later", schedule_time=at)
        await create(body="now")
        await until(lambda: len(worker.requests) == 2)
        assert worker.bodies == ["now", "later"]
        assert worker.requests[1].at >= at.timestamp()

    async def test_a_redirect_is_a_failure(self, create, worker, server):
        """Only 2xx is success; a Location is not followed."""
        worker.statuses = [302, 204]
        await create()
        await until(lambda: server.statistics.succeeded)
        assert (server.statistics.failed, len(worker.requests)) == (1, 2)


class TestIdentity:
    async def test_the_token_verifies(self, create, worker, issuer):
        """The worker can verify the caller with the certificates alone."""
        await create(oidc=OidcToken(service_account_email=EMAIL, audience="https://fetch"))
        await until(lambda: worker.requests)
        token = worker.requests[0].headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, issuer.certificates(), audience="https://fetch")
        assert (claims["email"], claims["email_verified"]) == (EMAIL, True)
        with pytest.raises(auth_exceptions.InvalidValue, match="audience"):
            jwt.decode(token, issuer.certificates(), audience="https://score")

    async def test_the_audience_is_the_url_by_default(self, create, worker, issuer):
        """The default is the one documented for OidcToken.audience."""
        await create(oidc=OidcToken(service_account_email=EMAIL))
        await until(lambda: worker.requests)
        token = worker.requests[0].headers["authorization"].removeprefix("Bearer ")
        url = worker.url + "/fetch"
        assert jwt.decode(token, issuer.certificates(), audience=url)["aud"] == url

    async def test_no_token_unless_asked_for(self, create, worker):
        """A task without oidc_token arrives without Authorization."""
        await create()
        await until(lambda: worker.requests)
        assert "authorization" not in worker.requests[0].headers


class TestNames:
    async def test_a_name_is_taken_while_the_task_exists(self, create, server):
        """A repeated create is refused: ALREADY_EXISTS means that the task exists."""
        await create("t", schedule_time=seconds_ahead(60))
        with pytest.raises(exceptions.AlreadyExists):
            await create("t")
        assert (server.statistics.created, server.statistics.duplicates_refused) == (1, 1)

    async def test_a_name_is_remembered_after_success(self, create, server, worker):
        """A finished task leaves a tombstone."""
        await create("t")
        await until(lambda: server.statistics.succeeded)
        with pytest.raises(exceptions.AlreadyExists, match="too recently"):
            await create("t")
        assert len(worker.requests) == 1

    async def test_a_name_is_remembered_after_deletion(self, create, client, worker):
        """A deleted task is never sent, and leaves a tombstone as well."""
        task = await create("t", paused=True)
        await client.delete_task(name=task.name)
        with pytest.raises(exceptions.AlreadyExists):
            await create("t")
        with pytest.raises(exceptions.NotFound, match="existed recently"):
            await client.get_task(name=task.name)
        await client.resume_queue(name=QUEUE)
        await create(body="next")
        await until(lambda: worker.requests)
        assert worker.bodies == ["next"]

    async def test_a_tombstone_crumbles(self, issuer, worker):
        """After `tombstone_seconds` the name is free."""
        async with LocalCloudTasks(issuer, tombstone_seconds=0.2) as server:
            server.create_queue(QUEUE)
            async with client_of(server.address) as client:
                task = Task(name=f"{QUEUE}/tasks/t", http_request=HttpRequest(url=worker.url))
                await client.create_task(parent=QUEUE, task=task)
                await until(lambda: server.statistics.succeeded)
                await asyncio.sleep(0.25)
                await client.create_task(parent=QUEUE, task=task)
                await until(lambda: len(worker.requests) == 2)
                assert server.statistics.created == 2

    async def test_unnamed_tasks_get_names_of_their_own(self, create):
        """Generated names are distinct and below the queue."""
        first, second = await create(), await create()
        assert first.name != second.name
        assert first.name.startswith(f"{QUEUE}/tasks/")


HTTP = HttpRequest(url="http://127.0.0.1:9/")
BAD_TASKS = {
    "body over 100 KB": Task(http_request=HttpRequest(url=HTTP.url, body=b"x" * 102_401)),
    "body with GET": Task(
        http_request=HttpRequest(url=HTTP.url, body=b"x", http_method=HttpMethod.GET)
    ),
    "deadline below 15 s": Task(http_request=HTTP, dispatch_deadline=timedelta(seconds=14.9)),
    "deadline over 30 min": Task(http_request=HTTP, dispatch_deadline=timedelta(seconds=1801)),
    "name of another queue": Task(http_request=HTTP, name=f"{PARENT}/queues/other/tasks/t"),
    "only the task's id": Task(http_request=HTTP, name="t"),
    "illegal character": Task(http_request=HTTP, name=f"{QUEUE}/tasks/a.b"),
    "name over 500": Task(http_request=HTTP, name=f"{QUEUE}/tasks/{'a' * 501}"),
    "over 30 days ahead": Task(http_request=HTTP, schedule_time=seconds_ahead(31 * 86_400)),
    "no url": Task(http_request=HttpRequest(body=b"x")),
    "no request": Task(),
    "url without a scheme": Task(http_request=HttpRequest(url="127.0.0.1/fetch")),
}


class TestRefusals:
    @pytest.mark.parametrize("task", BAD_TASKS.values(), ids=BAD_TASKS)
    async def test_a_bad_task_is_refused(self, issuer, task):
        """The status is INVALID_ARGUMENT, as in production; nothing is stored."""
        async with LocalCloudTasks(issuer) as server:
            server.create_queue(QUEUE)
            async with client_of(server.address) as client:
                with pytest.raises(exceptions.InvalidArgument):
                    await client.create_task(parent=QUEUE, task=task)
            assert server.statistics.created == 0

    async def test_the_limits_themselves_are_allowed(self, client, create):
        """A task may have 100 KB, 500 characters, 30 minutes and almost 30 days."""
        await create(
            "a" * 500,
            body="x" * 102_400,
            dispatch_deadline=timedelta(minutes=30),
            schedule_time=seconds_ahead(30 * 86_400 - 60),
        )
        assert len([task async for task in await client.list_tasks(parent=QUEUE)]) == 1

    async def test_an_unknown_queue_is_not_found(self, client):
        """A typo in the queue's name is loud."""
        with pytest.raises(exceptions.NotFound):
            await client.create_task(parent=QUEUE, task=Task(http_request=HTTP))

    async def test_what_is_not_modelled_says_so(self, client, create):
        """A missing method, or a field that would be ignored, is UNIMPLEMENTED."""
        await create()
        with pytest.raises(exceptions.MethodNotImplemented):
            await client.delete_queue(name=QUEUE)
        with pytest.raises(exceptions.MethodNotImplemented, match="retry_config"):
            await create(retry_config=RetryConfig(max_attempts=2))


class TestDeadline:
    async def test_the_connection_is_hung_up_while_the_worker_goes_on(self, create, server, worker):
        """At the dispatch deadline the attempt fails, and its retry overlaps the zombie."""
        worker.gate.clear()
        started = time.time()
        await create(dispatch_deadline=timedelta(seconds=0.2))
        await until(lambda: worker.busy >= 2)
        assert worker.finished == 0
        second = worker.requests[1]
        assert second.at - started >= 0.2
        assert second.headers["x-cloudtasks-taskretryreason"] == "Deadline exceeded"
        assert "x-cloudtasks-taskpreviousresponse" not in second.headers
        worker.gate.set()
        await until(lambda: server.statistics.succeeded and worker.finished >= 2)
        assert worker.hung_up >= 1

    async def test_the_deadline_is_ten_minutes_by_default(self, create):
        """The default is production's for HTTP tasks."""
        task = await create(schedule_time=seconds_ahead(60))
        assert task.dispatch_deadline == timedelta(minutes=10)


class TestRetries:
    async def test_retries_are_distinguishable(self, create, worker):
        """RetryCount counts attempts, ExecutionCount responses except 5xx."""
        worker.statuses = [500, 404]
        await create("t")
        await until(lambda: len(worker.requests) == 3)
        of = lambda name: [r.headers.get(f"x-cloudtasks-{name}") for r in worker.requests]  # noqa: E731
        assert of("taskretrycount") == ["0", "1", "2"]
        assert of("taskexecutioncount") == ["0", "0", "1"]
        assert of("taskpreviousresponse") == [None, "500", "404"]
        assert of("taskretryreason")[2] == "HTTP status code 404"

    async def test_a_retry_comes_after_the_back_off(self, server, create, worker):
        """A retry waits at least min_backoff, doubled from one retry to the next."""
        retry = RetryConfig(min_backoff=timedelta(seconds=0.1), max_backoff=timedelta(seconds=1))
        server.create_queue(QUEUE, retry_config=retry)
        worker.statuses = [500, 500]
        await create()
        await until(lambda: len(worker.requests) == 3)
        first, second, third = (request.at for request in worker.requests)
        assert second - first >= 0.1
        assert third - second >= 0.2

    def test_the_back_off_is_the_documented_one(self):
        """The delays are those of the example in RetryConfig.max_doublings."""
        config = RetryConfig(
            min_backoff=timedelta(seconds=10), max_backoff=timedelta(seconds=300), max_doublings=3
        )
        waits = [backoff(config, retry) for retry in range(1, 9)]
        assert waits == [10, 20, 40, 80, 160, 240, 300, 300]

    @pytest.mark.parametrize(
        ("max_attempts", "max_seconds", "attempts", "seconds", "given_up"),
        [
            (3, 0, 2, 999, False),
            (3, 0, 3, 0, True),
            (-1, 10, 999, 9, False),
            (-1, 10, 1, 10, True),
            (3, 10, 3, 9, False),
            (3, 10, 2, 10, False),
            (3, 10, 3, 10, True),
            (-1, 0, 9999, 9999, False),
        ],
    )
    def test_a_task_is_given_up_only_when_every_limit_is_reached(
        self, max_attempts, max_seconds, attempts, seconds, given_up
    ):
        """max_attempts and max_retry_duration must both be reached; one alone decides alone."""
        config = RetryConfig(
            max_attempts=max_attempts, max_retry_duration=timedelta(seconds=max_seconds)
        )
        assert exhausted(config, attempts, seconds) is given_up

    async def test_an_exhausted_task_is_dropped_silently(self, server, create, client, worker):
        """Only the statistics show it."""
        retry = RetryConfig(max_attempts=2, min_backoff=timedelta(seconds=0.05))
        server.create_queue(QUEUE, retry_config=retry)
        worker.statuses = [500, 500]
        task = await create("t")
        await until(lambda: server.statistics.dropped)
        assert (server.statistics.failed, server.statistics.succeeded) == (2, 0)
        with pytest.raises(exceptions.NotFound):
            await client.get_task(name=task.name)

    async def test_both_limits_keep_a_task_alive_longer(self, server, create, worker):
        """After max_attempts a task is repeated until the duration has passed."""
        retry = replace_retry(QUICK, max_attempts=1, max_retry_duration=timedelta(seconds=0.8))
        server.create_queue(QUEUE, retry_config=retry)
        worker.statuses = [500] * 100
        started = time.time()
        await create()
        await until(lambda: server.statistics.dropped)
        assert len(worker.requests) > 1
        assert time.time() - started >= 0.8

    async def test_a_worker_that_is_down_is_tried_again(self, client, server):
        """A refused connection is a failed attempt like any other."""
        server.create_queue(QUEUE, retry_config=QUICK)
        nobody = HttpRequest(url=f"http://127.0.0.1:{free_port()}")
        await client.create_task(parent=QUEUE, task=Task(http_request=nobody))
        await until(lambda: server.statistics.failed >= 2)
        assert server.statistics.succeeded == 0


def replace_retry(config, **fields):
    changed = RetryConfig(config)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


class TestLimits:
    async def test_no_more_than_the_rate_after_the_burst(self, server, create, worker):
        """A token bucket admits 10 at once, then 10 a second."""
        server.create_queue(QUEUE, rate_limits=RateLimits(max_dispatches_per_second=10))
        started = time.monotonic()
        for _ in range(15):
            await create()
        await until(lambda: len(worker.requests) == 15)
        assert time.monotonic() - started >= 0.5

    async def test_no_more_at_once_than_allowed(self, server, create, worker):
        """The next attempt starts when one ends."""
        server.create_queue(QUEUE, rate_limits=RateLimits(max_concurrent_dispatches=2))
        worker.gate.clear()
        for _ in range(5):
            await create()
        await until(lambda: worker.busy == 2)
        assert server.statistics.in_flight == 2
        worker.gate.set()
        await until(lambda: server.statistics.succeeded == 5)
        assert worker.busiest == 2

    @pytest.mark.parametrize("status", [429, 503])
    async def test_congestion_slows_the_whole_queue(self, create, server, worker, status):
        """After a 429 or 503 the tasks behind it wait too."""
        worker.statuses = [status]
        await create(body="refused")
        await until(lambda: server.statistics.failed)
        refused_at = worker.requests[0].at
        await create(body="innocent")
        await until(lambda: server.statistics.succeeded == 2)
        assert min(request.at for request in worker.requests[1:]) - refused_at >= 0.25

    async def test_a_plain_error_slows_only_its_task(self, create, server, worker):
        """500 is no congestion: other tasks overtake the failed one."""
        server.create_queue(QUEUE, retry_config=RetryConfig(min_backoff=timedelta(seconds=1)))
        worker.statuses = [500]
        await create(body="failed")
        await until(lambda: server.statistics.failed)
        await create(body="other")
        await until(lambda: server.statistics.succeeded == 2)
        assert worker.bodies == ["failed", "other", "failed"]


class TestQueues:
    async def test_a_paused_queue_keeps_its_tasks(self, create, client, worker):
        """Tasks can be added during a pause, and are sent after it."""
        await create(body="waiting", paused=True)
        assert (await client.get_queue(name=QUEUE)).state == Queue.State.PAUSED
        await asyncio.sleep(0.1)
        assert not worker.requests
        assert (await client.resume_queue(name=QUEUE)).state == Queue.State.RUNNING
        await until(lambda: worker.bodies == ["waiting"])

    async def test_purging_forgets_every_task(self, create, client, worker):
        """Waiting tasks are never sent."""
        await create(paused=True)
        await client.purge_queue(name=QUEUE)
        assert [task async for task in await client.list_tasks(parent=QUEUE)] == []
        await client.resume_queue(name=QUEUE)
        await create(body="next")
        await until(lambda: worker.requests)
        assert worker.bodies == ["next"]

    async def test_defaults_are_filled_in(self, client, server):
        """Defaults are those that `gcloud tasks queues describe` shows."""
        server.create_queue(QUEUE)
        queue = await client.get_queue(name=QUEUE)
        assert queue.rate_limits.max_dispatches_per_second == 500
        assert queue.rate_limits.max_concurrent_dispatches == 1000
        assert queue.retry_config.max_attempts == 100
        assert queue.retry_config.max_doublings == 16

    async def test_a_queue_exists_once(self, create, client):
        """Creating a queue again is refused."""
        await create()
        with pytest.raises(exceptions.AlreadyExists):
            await client.create_queue(parent=PARENT, queue=Queue(name=QUEUE))

    async def test_tasks_are_listed_in_pages(self, create, client):
        """Every task is listed once, for any size of a page."""
        for number in range(5):
            await create(f"t{number}", schedule_time=seconds_ahead(60))
        pages = await client.list_tasks(request={"parent": QUEUE, "page_size": 2})
        names = [task.name.rpartition("/")[2] async for task in pages]
        assert names == ["t0", "t1", "t2", "t3", "t4"]

    async def test_a_body_is_shown_only_on_request(self, create, client):
        """BASIC is the default view."""
        task = await create("t", body="secret", schedule_time=seconds_ahead(60))
        full = await client.get_task(request={"name": task.name, "response_view": Task.View.FULL})
        assert (task.http_request.body, full.http_request.body) == (b"", b"secret")

    async def test_a_task_tells_its_attempts(self, create, client, server, worker):
        """dispatch_count counts attempts, response_count responses."""
        server.create_queue(QUEUE, retry_config=RetryConfig(min_backoff=timedelta(seconds=60)))
        worker.statuses = [500]
        task = await create("t")
        await until(lambda: server.statistics.failed)
        task = await client.get_task(name=task.name)
        assert (task.dispatch_count, task.response_count) == (1, 1)
        assert task.schedule_time.timestamp() > time.time() + 30


class TestFaults:
    async def test_duplicate_delivers_a_success_again(self, create, server, worker):
        """A second delivery looks like the first, and happens once."""
        server.faults = Faults(duplicate=1.0)
        await create("t", body="twice")
        await until(lambda: server.statistics.succeeded == 2)
        first, second = worker.requests
        eta = "x-cloudtasks-tasketa"
        assert (first.body, first.headers[eta]) == (second.body, second.headers[eta])
        assert second.headers["x-cloudtasks-taskretrycount"] == "0"
        assert server.statistics.redelivered == 1

    async def test_a_failed_duplicate_is_not_repeated(self, create, server, worker):
        """The task has ended; only its duplicate failed."""
        server.faults = Faults(duplicate=1.0)
        worker.statuses = [200, 500]
        await create()
        await until(lambda: server.statistics.failed)
        await asyncio.sleep(0.2)
        assert len(worker.requests) == 2

    async def test_late_delays_a_delivery(self, create, server, worker):
        """A delivery is late by up to late_seconds; the ETA still states when it was due."""
        server.faults = Faults(seed=1, late=1.0, late_seconds=0.5)
        for _ in range(5):
            await create()
        await until(lambda: len(worker.requests) == 5)
        etas = [float(request.headers["x-cloudtasks-tasketa"]) for request in worker.requests]
        delays = [request.at - eta for request, eta in zip(worker.requests, etas, strict=True)]
        assert max(delays) > 0.1

    async def test_drop_loses_a_task_after_accepting_it(self, create, server, worker):
        """The name is remembered nevertheless: creating the task again does not help."""
        server.faults = Faults(drop=1.0)
        await create("lost")
        server.faults = Faults()
        with pytest.raises(exceptions.AlreadyExists):
            await create("lost")
        await create(body="next")
        await until(lambda: worker.requests)
        assert (worker.bodies, server.statistics.lost) == (["next"], 1)

    async def test_shuffle_changes_the_order(self, create, server, worker):
        """Tasks due at one moment arrive in another order than they were created, all of them."""
        server.faults = Faults(shuffle=True)
        created = [f"{number:02}" for number in range(12)]
        at = seconds_ahead(0.1)
        for body in created:
            await create(body=body, schedule_time=at)
        await until(lambda: len(worker.requests) == 12)
        assert sorted(worker.bodies) == created
        assert worker.bodies != created

    async def test_lose_create_response_stores_the_task(self, create, server, worker):
        """An ambiguous create returns an error, but the task exists. Repeating it shows that."""
        server.faults = Faults(lose_create_response=1.0)
        with pytest.raises((exceptions.DeadlineExceeded, exceptions.ServiceUnavailable)):
            await create("t")
        with pytest.raises(exceptions.AlreadyExists):
            await create("t")
        await until(lambda: worker.requests)
        assert server.statistics.unanswered == 1

    async def test_a_seed_repeats_the_faults(self, create, server):
        """The same seed loses the same tasks; another fault does not shift them."""
        lost = []
        for faults in (Faults(seed=3, drop=0.5), Faults(seed=3, drop=0.5, shuffle=True)):
            server.faults = faults
            before = []
            for _ in range(12):
                await create(schedule_time=seconds_ahead(60))
                before.append(server.statistics.lost)
            lost.append([count - before[0] for count in before])
        assert lost[0] == lost[1]
        assert lost[0][-1] > 0


class TestLifetime:
    async def test_stopping_leaves_nothing_behind(self, issuer, worker):
        """Neither a task nor a socket remains, even with an attempt in flight and tasks waiting."""
        worker.gate.clear()
        before = asyncio.all_tasks()
        server = LocalCloudTasks(issuer)
        address = await server.start()
        server.create_queue(QUEUE)
        await _create_two(address, worker.url)
        await until(lambda: worker.busy)
        await server.stop()
        assert server.statistics.in_flight == 0
        assert {
            task for task in asyncio.all_tasks() - before if "Worker" not in repr(task)
        } == set()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address.split(":"))

    async def test_a_restart_is_empty(self, issuer, worker):
        """After a restart on the same port there are no queues and no names."""
        async with LocalCloudTasks(issuer) as first:
            port = int(first.address.rpartition(":")[2])
        async with LocalCloudTasks(issuer, port=port) as second:
            assert second.address == first.address
            with pytest.raises(exceptions.NotFound):
                await _create_two(second.address, worker.url)

    async def test_a_port_is_not_shared(self, server, issuer):
        """Two services on one port would each get half of the tasks."""
        port = int(server.address.rpartition(":")[2])
        with pytest.raises(RuntimeError):
            await LocalCloudTasks(issuer, port=port).start()


async def _create_two(address, url):
    async with client_of(address) as client:
        for at in (seconds_ahead(0), seconds_ahead(60)):
            task = Task(http_request=HttpRequest(url=url), schedule_time=at)
            await client.create_task(parent=QUEUE, task=task)
