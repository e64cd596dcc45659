"""The validation of tasks, and the errors of the service."""

import re
import time
from datetime import timedelta

import grpc
import httpx
from google.cloud.tasks_v2 import HttpMethod, HttpRequest, Task

# Limits of an HTTP task, in seconds and bytes: https://cloud.google.com/tasks/docs/quotas and
# Task.dispatch_deadline.
MIN_DEADLINE = 15.0
MAX_DEADLINE = 1800.0
DEFAULT_DEADLINE = timedelta(minutes=10)
MAX_SCHEDULE_AHEAD = 30 * 24 * 3600.0
MAX_BODY = 100 * 1024
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")


class RefusedError(Exception):
    """The service's response to a call that it does not carry out: a gRPC status and a message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def invalid(message: str) -> RefusedError:
    """Return the error of an invalid argument."""
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, message)


def unimplemented(what: str) -> RefusedError:
    """Return the error of a field that the service has and the stand-in has not."""
    return RefusedError(grpc.StatusCode.UNIMPLEMENTED, f"{what} is not modelled here")


def check_task(parent: str, task: Task, min_deadline: float) -> None:
    """Raise `RefusedError` for a task that the service would refuse, or this one would ignore."""
    _check_modelled(task)
    if task.name and not _is_below(parent, task.name):
        raise invalid(
            'Task name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/'
            'queues/<QUEUE_ID>/tasks/<TASK_ID>"'
        )
    _check_request(task.http_request)
    _check_times(task, min_deadline)


def _check_modelled(task: Task) -> None:
    if "app_engine_http_request" in task:
        raise unimplemented("Task.app_engine_http_request")
    if "retry_config" in task:
        raise unimplemented("Task.retry_config")
    if "oauth_token" in task.http_request:
        raise unimplemented("HttpRequest.oauth_token")


def _is_below(parent: str, name: str) -> bool:
    queue, _, task_id = name.rpartition("/tasks/")
    return queue == parent and bool(_TASK_ID.fullmatch(task_id))


def _check_request(http: HttpRequest) -> None:
    if not http.url.startswith(("http://", "https://")):
        raise invalid('HttpRequest.url must start with "http://" or "https://".')
    try:
        httpx.URL(http.url)
    except httpx.InvalidURL as problem:
        raise invalid(f"HttpRequest.url is malformed: {problem}") from None
    if len(http.body) > MAX_BODY:
        raise invalid("Task size too large: the body may have 100 KB.")
    carriers = (
        HttpMethod.HTTP_METHOD_UNSPECIFIED,
        HttpMethod.POST,
        HttpMethod.PUT,
        HttpMethod.PATCH,
    )
    if http.body and http.http_method not in carriers:
        raise invalid("HttpRequest.body is allowed only with POST, PUT or PATCH.")


def _check_times(task: Task, min_deadline: float) -> None:
    deadline = (task.dispatch_deadline or DEFAULT_DEADLINE).total_seconds()
    if not min_deadline <= deadline <= MAX_DEADLINE:
        raise invalid("Task.dispatch_deadline must be between [15s, 30m].")
    at = task.schedule_time
    if at and at.timestamp() > time.time() + MAX_SCHEDULE_AHEAD:
        raise invalid("Task.scheduleTime must be no more than 720h in the future.")
