"""Serve a function: check the caller, call its use case within the budget, answer.

Here, and only here, errors become answers: an error of the tree in `reasons` has a status and code
of its own; any other is answered 500, and its traceback is logged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from landfall import logs
from landfall.entry.allowances import TooManyRequestsError, bucket_of
from landfall.entry.app import App, app_of
from landfall.entry.manners import in_json, made_safe, problem_body
from landfall.process import garbage
from landfall.process.config import WINDOW, ConfigError
from landfall.process.redaction import OURS
from landfall.reasons import BadRequestError, LandfallError

if TYPE_CHECKING:
    from landfall.access.roles import Rank

garbage.collect_rarely()

Answer = tuple[int, Any]
"""A status, and either a value that is written as JSON or a complete response."""


@dataclass(frozen=True)
class Call:
    """A request, and the e-mail address of its caller."""

    request: Request
    caller: str

    async def body(self, max_bytes: int) -> bytes:
        """Return the body of the request. Raises `BadRequestError` for a longer one.

        A longer one is received to its end, because a caller who is cut off reads no answer; but
        no more than `max_bytes` of it stay in memory.
        """
        parts, size = [], 0
        async for part in self.request.stream():
            size += len(part)
            if size <= max_bytes:
                parts.append(part)
        if size > max_bytes:
            raise BadRequestError(f"the body has {size:,} bytes; send at most {max_bytes:,}")
        return b"".join(parts)

    async def check_role(self, app: App, needed: "Rank") -> None:
        """Check, before anything is done, that the caller has a role.

        Raises `RoleNeededError`, `RolesUnavailableError`.
        """
        from landfall.access.known_people import read_people

        (await read_people(app.runs.store)).check(self.caller, needed)


Handle = Callable[[App, Call], Awaitable[Answer]]

IAP_ASSERTION = "x-goog-iap-jwt-assertion"
"""The header with the assertion of Identity-Aware Proxy. Its other headers are not signed, so none
of them is read."""

HANDLERS = {
    "scheduler": "landfall.entry.ticks:tick_scheduler",
    "watchdog": "landfall.entry.ticks:tick_watchdog",
    "fetch": "landfall.entry.work:fetch",
    "score": "landfall.entry.work:score",
    "api": "landfall.entry.routes:answer",
    "window": "landfall.entry.pages:answer",
}
"""The handler of each function, imported when it is first called."""


async def serve(function: str, request: Request) -> Response:
    """Answer a request to one of the functions."""
    with logs.fields(function=function, trace=request.headers.get("x-cloud-trace-context")):
        status, content = await _guarded(function, request)
        logs.info("answered", method=request.method, path=request.url.path, status=status)
    if function == WINDOW:
        from landfall.window.browser_answers import present

        response = present(request.headers, status, content)
    else:
        whole = isinstance(content, Response)
        response = made_safe(content) if whole else in_json(request, status, content)
    if remainder := getattr(request.state, "remainder", None):
        response.headers.update(remainder.headers)
    # no connection stays open: the server closes an idle one after 2 s, and one that Cloud Run had
    # frozen for longer it closes as it wakes up, with the request in it that woke it up
    response.headers["connection"] = "close"
    return response


async def _guarded(function: str, request: Request) -> Answer:
    try:
        app = app_of(function)
    except ConfigError as error:
        logs.error("not configured", error=str(error))
        if asks_for_health(request):  # there are no callers yet who could be checked
            return 503, {"status": "not configured", "problems": error.problems}
        return problem(error)
    try:
        async with asyncio.timeout(app.config.ladder.answer):
            caller = await _caller(app, request)
            _take_allowance(app, request, caller)
            return await _handler(function)(app, Call(request, caller))
    except TimeoutError:
        logs.error("out of time")
        return refused(500, "out_of_time", "no answer within the budget of an invocation")
    except LandfallError as error:
        if error.status >= 500:
            logs.error(error.code.replace("_", " "), error=str(error))
        return problem(error)
    except ClientDisconnect:
        # in the middle of the request, so nothing was done; nobody reads the answer
        logs.warning("hung up on")
        return refused(400, "bad_request", "the request was not sent to its end")
    except Exception as error:
        logs.error("bug", traceback=app.redactor.traceback(error))
        return refused(500, "internal_error", "a bug in Landfall; its log has the traceback")


def _handler(function: str) -> Handle:
    module, name = HANDLERS[function].split(":")
    handle: Handle = getattr(import_module(module), name)
    return handle


async def _caller(app: App, request: Request) -> str:
    if app.config.function == WINDOW:
        return await app.visitors.check(*request.headers.getlist(IAP_ASSERTION))
    # of two tokens, Cloud Run checks that of the first header, and forwards the other as it is
    first, other = (request.headers.getlist(f"{it}authorization") for it in ("x-serverless-", ""))
    return await app.callers.check(*(first or other))


def _take_allowance(app: App, request: Request, caller: str) -> None:
    """Count a request of a caller. Raises `TooManyRequestsError`."""
    if app.allowances is None:
        return
    if bucket := bucket_of(app.config.function, request, caller):
        request.state.remainder = remainder = app.allowances.take(bucket)
        if remainder.wait:
            raise TooManyRequestsError(
                f"you may make {remainder.a_minute} requests a minute, and {remainder.burst} at "
                f"once; go on in {ceil(remainder.wait)} s, as `Retry-After` says"
            )


def asks_for_health(request: Request) -> bool:
    """Return whether a request is `GET /health`."""
    return (request.method, request.url.path) == ("GET", "/health")


def problem(error: LandfallError) -> Answer:
    """Return the answer to a request that met an error of the tree."""
    return refused(error.status, error.code, error.answer or str(error))


def refused(status: int, code: str, message: str) -> Answer:
    """Return the answer to a request that is refused."""
    return status, problem_body(status, code, OURS.text(message))
