"""One attempt at a task: the HTTP request Cloud Tasks sends, and what came of it.

Headers as in https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler. The wording
of X-CloudTasks-TaskRetryReason is not documented; it is ours.
"""

import asyncio
import time
from dataclasses import dataclass, field

import httpx
from google.cloud.tasks_v2 import HttpMethod, HttpRequest, Task

from infra.local.issuer import Issuer

# "ignored or replaced" in google.cloud.tasks_v2.HttpRequest.headers; X-CloudTasks-* is set by us.
_OWN_HEADERS = ("host", "content-length", "user-agent")
_OWN_PREFIXES = ("x-google-", "x-appengine-", "x-cloudtasks-")


@dataclass(eq=False, slots=True)
class Entry:
    """A task in a queue, with what its attempts left behind. Times are seconds since 1970."""

    task: Task
    due: float
    number: int
    attempts: int = 0
    responses: int = 0
    # Responses that were not 5xx: those do not count as executions.
    executions: int = 0
    first_attempt: float = 0.0
    last_attempt: float = 0.0
    previous_status: int | None = None
    retry_reason: str = ""
    ended: bool = False

    def started(self) -> None:
        self.last_attempt = time.time()
        self.first_attempt = self.first_attempt or self.last_attempt
        self.attempts += 1

    def failed(self, answer: "Answer") -> None:
        self.previous_status = answer.status
        self.retry_reason = answer.reason
        if answer.status is not None:
            self.responses += 1
            self.executions += answer.status < 500


@dataclass(frozen=True)
class Answer:
    """`status` is None when no answer came: the deadline passed or the connection failed."""

    status: int | None
    reason: str = ""
    at: float = field(default_factory=time.time)

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def throttles(self) -> bool:
        return self.status in (429, 503)


class Sender:
    """Sends attempts. A new connection each: a kept one can close under a request's feet."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            timeout=None,  # noqa: S113 - the dispatch deadline is absolute, httpx's are per read
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
        )

    async def send(self, entry: Entry, queue_id: str) -> Answer:
        """Ends at the dispatch deadline by hanging up; the worker may not notice."""
        deadline = entry.task.dispatch_deadline.total_seconds()
        request = self._request(entry, queue_id)
        try:
            async with asyncio.timeout(deadline):
                response = await self._client.send(request)
        except TimeoutError:
            return Answer(None, "Deadline exceeded")
        except httpx.HTTPError as error:
            return Answer(None, f"Connection failed: {type(error).__name__}")
        return Answer(response.status_code, f"HTTP status code {response.status_code}")

    async def close(self) -> None:
        await self._client.aclose()

    def _request(self, entry: Entry, queue_id: str) -> httpx.Request:
        http = entry.task.http_request
        headers = _passed_on(http) | _task_headers(entry, queue_id) | self._authorization(http)
        return self._client.build_request(
            _method(http), http.url, content=http.body, headers=headers
        )

    def _authorization(self, http: HttpRequest) -> dict[str, str]:
        if "oidc_token" not in http:
            return {}
        wanted = http.oidc_token
        token = self._issuer.token(wanted.service_account_email, wanted.audience or http.url)
        return {"authorization": f"Bearer {token}"}


def _method(http: HttpRequest) -> str:
    name: str = HttpMethod(http.http_method or HttpMethod.POST).name
    return name


def _passed_on(http: HttpRequest) -> dict[str, str]:
    headers = {name.lower(): value for name, value in http.headers.items()}
    return {
        name: value
        for name, value in headers.items()
        if name not in _OWN_HEADERS and not name.startswith(_OWN_PREFIXES)
    }


def _task_headers(entry: Entry, queue_id: str) -> dict[str, str]:
    headers = {
        "user-agent": "Google-Cloud-Tasks",
        "x-cloudtasks-queuename": queue_id,
        "x-cloudtasks-taskname": entry.task.name.rpartition("/")[2],
        "x-cloudtasks-taskretrycount": str(entry.attempts - 1),
        "x-cloudtasks-taskexecutioncount": str(entry.executions),
        "x-cloudtasks-tasketa": f"{entry.due:.6f}",
    }
    if entry.previous_status is not None:
        headers["x-cloudtasks-taskpreviousresponse"] = str(entry.previous_status)
    if entry.retry_reason:
        headers["x-cloudtasks-taskretryreason"] = entry.retry_reason
    return headers
