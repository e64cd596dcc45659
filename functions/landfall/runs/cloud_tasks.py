"""Cloud Tasks: delivers a task to the function that works on its step.

Its library takes 30 ms of a cold start, so it is imported for the first task of a process: most
ticks enqueue none.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as google_errors

from landfall import logs
from landfall.deadlines import LADDER, Ladder
from landfall.net.grpc import open_channel
from landfall.runs.commit import Clock
from landfall.runs.tasks import QueueError, Task

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksAsyncClient, CreateTaskRequest

MAX_ATTEMPTS = 3
"""Attempts to create a task in one call. The watchdog makes further ones from the outbox."""

BACKOFF = 0.5
"""Seconds: the delay before attempt n+1 is drawn from 0 to n times this."""

# After these the task may exist; its name makes another attempt safe.
_AMBIGUOUS = (
    google_errors.DeadlineExceeded,
    google_errors.ServiceUnavailable,
    google_errors.InternalServerError,
    google_errors.Unknown,
    google_errors.Aborted,
)


@dataclass(frozen=True)
class Delivery:
    """The full name of the queue, a URL for each step, and the identity of the queue to them."""

    queue: str
    urls: Mapping[str, str]
    service_account: str
    audience: str


class CloudTasksQueue:
    """A `TaskQueue` over the asynchronous Cloud Tasks client, opened for the first task."""

    def __init__(
        self,
        open_client: "Callable[[], CloudTasksAsyncClient]",
        delivery: Delivery,
        ladder: Ladder,
        random: Random,
        clock: Clock,
    ) -> None:
        self._open_client = open_client
        self._delivery = delivery
        self._ladder = ladder
        self._random = random
        self._clock = clock

    @cached_property
    def _client(self) -> "CloudTasksAsyncClient":
        return self._open_client()

    async def enqueue(self, task: Task) -> None:
        """Have the task delivered at its time. A task of this name that exists is success.

        Raises `QueueError`, within `ladder.request` seconds.
        """
        try:
            async with asyncio.timeout(self._ladder.request):
                await self._create(self._request(task))
        except (TimeoutError, google_errors.GoogleAPIError) as error:
            raise QueueError(f"Cloud Tasks did not take {task.name}: {error!r}") from error
        logs.info("enqueued", run_id=task.run_id, step_id=task.step_id, task=task.name)

    async def _create(self, request: "CreateTaskRequest") -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                await self._client.create_task(request, retry=None, timeout=self._ladder.connect)
            except google_errors.AlreadyExists:
                return
            except _AMBIGUOUS:
                if attempt == MAX_ATTEMPTS:
                    raise
                await asyncio.sleep(self._random.uniform(0, BACKOFF * attempt))
            else:
                return

    def _request(self, task: Task) -> "CreateTaskRequest":
        from google.cloud import tasks_v2

        delivery = self._delivery
        http = tasks_v2.HttpRequest(
            http_method=tasks_v2.HttpMethod.POST,
            url=delivery.urls[task.step_id],
            headers={"Content-Type": "application/json"},
            body=json.dumps(task.body).encode(),
            oidc_token=tasks_v2.OidcToken(
                service_account_email=delivery.service_account, audience=delivery.audience
            ),
        )
        fields: dict[str, Any] = {
            "name": f"{delivery.queue}/tasks/{task.name}",
            "http_request": http,
            "dispatch_deadline": timedelta(seconds=self._ladder.dispatch),
        }
        if task.at > self._clock():
            fields["schedule_time"] = task.at
        return tasks_v2.CreateTaskRequest(parent=delivery.queue, task=tasks_v2.Task(fields))


def cloud_tasks_client(
    emulator: str | None, connect: float = LADDER.connect
) -> "CloudTasksAsyncClient":
    """Open a client; on a plain channel to `emulator` ("host:port") when that is given."""
    from google.cloud.tasks_v2 import CloudTasksAsyncClient
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport

    channel = open_channel(CloudTasksGrpcAsyncIOTransport, emulator, connect)
    transport = CloudTasksGrpcAsyncIOTransport(channel=channel)
    return CloudTasksAsyncClient(transport=transport)
