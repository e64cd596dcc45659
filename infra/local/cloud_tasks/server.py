"""A stand-in for Google Cloud Tasks, which has no emulator: real gRPC in, real HTTP out.

Modelled, because Landfall depends on it: names are refused while the task exists and for
`tombstone_seconds` after; delivery at the schedule time, at least once, with the task's headers,
OIDC token and dispatch deadline (at which it hangs up while the worker may go on); the queue's
retries, backoff, silent drop, rate and concurrency; the slow-down after 429 and 503 (see
`Congestion`); and, on request, the faults that a distributed queue is allowed (see `Faults`).

Not modelled: persistence (a new object is an empty service), permissions, quotas, regions, the slow
ramp-up of an idle queue, Retry-After, the 31 days that a task may live, and production's jitter.
Missing methods return UNIMPLEMENTED, and so do fields that would be ignored otherwise: App Engine
tasks, OAuth tokens, a task's own retry_config and a queue's http_target.
"""

import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

import grpc
from google.cloud import tasks_v2
from google.cloud.tasks_v2 import Queue, RateLimits, RetryConfig, Task
from google.protobuf import empty_pb2

from infra.local.cloud_tasks.attempt import Sender, StoredTask
from infra.local.cloud_tasks.faults import NO_FAULTS, Dice, Faults
from infra.local.cloud_tasks.queue import LocalQueue, Shared, Statistics, TaskExistsError
from infra.local.cloud_tasks.validation import (
    DEFAULT_DEADLINE,
    MIN_DEADLINE,
    RefusedError,
    check_task,
    invalid,
    unimplemented,
)
from infra.local.issuer import Issuer

SERVICE = "google.cloud.tasks.v2.CloudTasks"
MAX_PAGE = 1000

_QUEUE_NAME = re.compile(
    r"projects/[A-Za-z0-9:.-]+/locations/[a-z0-9-]+/queues/[A-Za-z0-9-]{1,100}"
)


class LocalCloudTasks:
    """The service on one port, with its queues. All of it runs in the event loop that starts it."""

    def __init__(
        self,
        issuer: Issuer,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults = NO_FAULTS,
        tombstone_seconds: float = 3600.0,
        min_deadline: float = MIN_DEADLINE,
    ) -> None:
        """`min_deadline`: seconds; below 15 for tests that cannot wait as long as production."""
        self.statistics = Statistics()
        self._host, self._port = host, port
        self._min_deadline = min_deadline
        self._queues: dict[str, LocalQueue] = {}
        self._task_ids = itertools.count(1)
        self._shared = Shared(Sender(issuer), self.statistics, Dice(faults), tombstone_seconds)
        self._server: Any = None

    @property
    def faults(self) -> Faults:
        """The faults; may be set while the service runs, which restarts the draws from the seed."""
        return self._shared.dice.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._shared.dice = Dice(faults)

    async def start(self) -> str:
        """Start, and return "host:port". Raises `RuntimeError` when the port is in use."""
        # Without the option two servers share one port silently, each with half of the tasks.
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers = grpc.method_handlers_generic_handler(SERVICE, self._handlers())
        self._server.add_generic_rpc_handlers((handlers,))
        port = self._server.add_insecure_port(f"{self._host}:{self._port}")
        await self._server.start()
        self.address = f"{self._host}:{port}"
        return self.address

    async def stop(self) -> None:
        """Cancel every attempt in flight and forget every task, as a crash would."""
        if self._server:
            await self._server.stop(None)
            self._server = None
        queues, self._queues = self._queues, {}
        for queue in queues.values():
            await queue.close()
        await self._shared.sender.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def create_queue(
        self,
        name: str,
        *,
        rate_limits: RateLimits | None = None,
        retry_config: RetryConfig | None = None,
    ) -> Queue:
        """Create a queue by its full path; return it with the defaults filled in."""
        return self._add_queue(Queue(name=name, rate_limits=rate_limits, retry_config=retry_config))

    # --- gRPC

    def _handlers(self) -> dict[str, Any]:
        api = tasks_v2
        return {
            "CreateQueue": _unary(self._create_queue, api.CreateQueueRequest, Queue.serialize),
            "GetQueue": _unary(self._get_queue, api.GetQueueRequest, Queue.serialize),
            "PauseQueue": _unary(self._pause_queue, api.PauseQueueRequest, Queue.serialize),
            "ResumeQueue": _unary(self._resume_queue, api.ResumeQueueRequest, Queue.serialize),
            "PurgeQueue": _unary(self._purge_queue, api.PurgeQueueRequest, Queue.serialize),
            "CreateTask": _unary(self._create_task, api.CreateTaskRequest, Task.serialize),
            "GetTask": _unary(self._get_task, api.GetTaskRequest, Task.serialize),
            "ListTasks": _unary(
                self._list_tasks, api.ListTasksRequest, api.ListTasksResponse.serialize
            ),
            "DeleteTask": _unary(
                self._delete_task, api.DeleteTaskRequest, empty_pb2.Empty.SerializeToString
            ),
        }

    def _create_queue(self, request: tasks_v2.CreateQueueRequest) -> Queue:
        if not request.queue.name.startswith(f"{request.parent}/queues/"):
            raise invalid("Queue.name must be below the request's parent.")
        return self._add_queue(request.queue)

    def _get_queue(self, request: tasks_v2.GetQueueRequest) -> Queue:
        return self._queue(request.name).queue

    def _pause_queue(self, request: tasks_v2.PauseQueueRequest) -> Queue:
        self._queue(request.name).pause()
        return self._queue(request.name).queue

    def _resume_queue(self, request: tasks_v2.ResumeQueueRequest) -> Queue:
        self._queue(request.name).resume()
        return self._queue(request.name).queue

    def _purge_queue(self, request: tasks_v2.PurgeQueueRequest) -> Queue:
        self._queue(request.name).purge()
        return self._queue(request.name).queue

    def _create_task(self, request: tasks_v2.CreateTaskRequest) -> Task:
        queue, task = self._queue(request.parent), request.task
        check_task(request.parent, task, self._min_deadline)
        self._fill_in(request.parent, task)
        try:
            stored = queue.add(task)
        except TaskExistsError as known:
            raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, str(known)) from None
        self._lose_response()
        return _as_shown(stored, request.response_view)

    def _get_task(self, request: tasks_v2.GetTaskRequest) -> Task:
        return _as_shown(self._task(request.name), request.response_view)

    def _list_tasks(self, request: tasks_v2.ListTasksRequest) -> tasks_v2.ListTasksResponse:
        size = min(request.page_size or MAX_PAGE, MAX_PAGE)
        left = self._queue(request.parent).listed(after=int(request.page_token or 0))
        page = list(itertools.islice(left, size))
        return tasks_v2.ListTasksResponse(
            tasks=[_as_shown(stored, request.response_view) for stored in page],
            next_page_token=str(page[-1].number) if next(left, None) else "",
        )

    def _delete_task(self, request: tasks_v2.DeleteTaskRequest) -> empty_pb2.Empty:
        self._queue_of(request.name).delete(self._task(request.name).task.name)
        return empty_pb2.Empty()

    # --- shared by the methods

    def _add_queue(self, queue: Queue) -> Queue:
        if not _QUEUE_NAME.fullmatch(queue.name):
            raise invalid(f"Queue.name is malformed: {queue.name!r}")
        if "http_target" in queue:
            raise unimplemented("Queue.http_target")
        if queue.name in self._queues:
            raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, "Queue already exists")
        self._queues[queue.name] = LocalQueue(queue, self._shared)
        return self._queues[queue.name].queue

    def _queue(self, name: str) -> LocalQueue:
        if name not in self._queues:
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "Queue does not exist.")
        return self._queues[name]

    def _queue_of(self, task_name: str) -> LocalQueue:
        return self._queue(task_name.partition("/tasks/")[0])

    def _task(self, task_name: str) -> StoredTask:
        queue = self._queue_of(task_name)
        stored = queue.get(task_name)
        if stored is None:
            ended = "no longer exists, though a task with this name existed recently"
            problem = ended if queue.is_remembered(task_name) else "does not exist"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, f"The task {problem}.")
        return stored

    def _fill_in(self, parent: str, task: Task) -> None:
        """Fill in the defaults of a task. Generated task ids are numbers of about 20 digits."""
        now = datetime.now(UTC)
        task_id = f"{int(now.timestamp())}{next(self._task_ids):010d}"
        task.name = task.name or f"{parent}/tasks/{task_id}"
        task.create_time = now.replace(microsecond=0)
        task.schedule_time = task.schedule_time or now
        task.dispatch_deadline = task.dispatch_deadline or DEFAULT_DEADLINE

    def _lose_response(self) -> None:
        dice = self._shared.dice
        if not dice.hits("lose_create_response"):
            return
        self.statistics.unanswered += 1
        code = grpc.StatusCode[dice.create_error()]
        raise RefusedError(code, "The task was stored; the response was lost.")


def _unary(
    method: Callable[[Any], Any], request: Any, serialize: Callable[[Any], bytes]
) -> grpc.RpcMethodHandler:
    async def call(message: Any, context: Any) -> Any:
        try:
            return method(message)
        except RefusedError as refused:
            await context.abort(refused.code, refused.message)

    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=request.deserialize, response_serializer=serialize
    )


def _as_shown(stored: StoredTask, view: Task.View) -> Task:
    """Return the task as the service shows it: without its body, except in the full view."""
    task = Task(stored.task)
    task.dispatch_count, task.response_count = stored.attempts, stored.responses
    task.schedule_time = datetime.fromtimestamp(stored.due, UTC)
    if stored.attempts:
        task.first_attempt.dispatch_time = datetime.fromtimestamp(stored.first_attempt, UTC)
        task.last_attempt.dispatch_time = datetime.fromtimestamp(stored.last_attempt, UTC)
    full = view == Task.View.FULL
    task.view = Task.View.FULL if full else Task.View.BASIC  # type: ignore[assignment]  # proto-plus enums look like int
    if not full:
        task.http_request.body = b""
    return task
