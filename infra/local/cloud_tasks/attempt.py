"""One attempt at a task: the HTTP request that Cloud Tasks sends, and its result.

Headers as in https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler. The wording
of X-CloudTasks-TaskRetryReason is not documented: ours is invented.
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
class StoredTask:
    """A task in a queue, with a record of its attempts. Times are seconds since 1970."""

    task: Task
    due: float
    number: int
    attempts: int = 0
    responses: int = 0
    # Responses except 5xx, which do not count as executions.
    executions: int = 0
    first_attempt: float = 0.0
    last_attempt: float = 0.0
    previous_status: int | None = None
    retry_reason: str = ""
    ended: bool = False

    def record_start(self) -> None:
        """Count an attempt that begins now."""
        self.last_attempt = time.time()
        self.first_attempt = self.first_attempt or self.last_attempt
        self.attempts += 1

    def record_failure(self, result: "AttemptResult") -> None:
        """Remember why an attempt failed: the next one carries it in its headers."""
        self.previous_status = result.status
        self.retry_reason = result.reason
        if result.status is not None:
            self.responses += 1
            self.executions += result.status < 500


@dataclass(frozen=True)
class AttemptResult:
    """The HTTP status, or None without a response: deadline passed, connection failed."""

    status: int | None
    reason: str = ""
    at: float = field(default_factory=time.time)

    @property
    def succeeded(self) -> bool:
        """Return whether the status is 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def throttles(self) -> bool:
        """Return whether the whole queue has to slow down."""
        return self.status in (429, 503)


class Sender:
    """A client with a new connection for each attempt: an idle one may close just as it is used."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            timeout=None,  # noqa: S113 - the dispatch deadline is absolute, httpx's are per read
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
        )

    async def send(self, stored: StoredTask, queue_id: str) -> AttemptResult:
        """Send the request; hang up at the dispatch deadline, which the worker may not notice."""
        deadline = stored.task.dispatch_deadline.total_seconds()
        request = self._request(stored, queue_id)
        try:
            async with asyncio.timeout(deadline):
                response = await self._client.send(request)
        except TimeoutError:
            return AttemptResult(None, "Deadline exceeded")
        except httpx.HTTPError as error:
            return AttemptResult(None, f"Connection failed: {type(error).__name__}")
        return AttemptResult(response.status_code, f"HTTP status code {response.status_code}")

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    def _request(self, stored: StoredTask, queue_id: str) -> httpx.Request:
        http = stored.task.http_request
        headers = _passed_on(http) | _task_headers(stored, queue_id) | self._authorization(http)
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


def _task_headers(stored: StoredTask, queue_id: str) -> dict[str, str]:
    headers = {
        "user-agent": "Google-Cloud-Tasks",
        "x-cloudtasks-queuename": queue_id,
        "x-cloudtasks-taskname": stored.task.name.rpartition("/")[2],
        "x-cloudtasks-taskretrycount": str(stored.attempts - 1),
        "x-cloudtasks-taskexecutioncount": str(stored.executions),
        "x-cloudtasks-tasketa": f"{stored.due:.6f}",
    }
    if stored.previous_status is not None:
        headers["x-cloudtasks-taskpreviousresponse"] = str(stored.previous_status)
    if stored.retry_reason:
        headers["x-cloudtasks-taskretryreason"] = stored.retry_reason
    return headers
