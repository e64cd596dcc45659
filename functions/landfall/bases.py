"""Airtable: reads a base through pyairtable, at the pace that Airtable allows.

pyairtable is synchronous and its timeouts do not bound an answer, so it runs in threads of this
reader's own and its session's adapter hands every exchange to `Outside` on the event loop:

    page() ── thread: pyairtable ── adapter ──> event loop: Pacer, Outside ──> Airtable

The exchange ends at its deadline, which ends the thread's wait; a cancelled page() ends it too.
"""

import asyncio
import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

import httpx
import pyairtable
import requests
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse

from landfall import logs
from landfall.deadlines import LADDER, Deadline
from landfall.outside import (
    BrokenAnswerError,
    Outside,
    OutsideError,
    OutsideTimeoutError,
    UnreachableError,
)
from landfall.reasons import Reason, StepError
from landfall.records import OffsetExpiredError, RecordPage

T = TypeVar("T")

PAGE_SIZE = 100
"""Records of a page: the most that Airtable gives."""

INTERVAL = 1 / (5 * 0.95)
"""Seconds between the starts of two requests to a base: 5 % below Airtable's 5 a second. At 2 %
below, jitter on the way already drew a 429, which costs the lock-out."""

LOCKOUT = 30.0
"""Seconds for which Airtable answers 429 once the limit was passed."""

_EXPIRED = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"

_REASONS = {
    401: Reason.BASE_UNAUTHORIZED,
    403: Reason.BASE_FORBIDDEN,
    404: Reason.BASE_NOT_FOUND,
    429: Reason.BASE_RATE_LIMITED,
}


class Pacer:
    """Spaces requests evenly. `turn` returns when the next may start."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for a place in the row; places are given in the order of the calls."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + self._interval
        await asyncio.sleep(mine - now)


class _Call:
    """One call of pyairtable: its deadline, and the exchange that is under way for it."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.over = False
        self.exchange: Future[httpx.Response] | None = None

    def cancel(self) -> None:
        """End the exchange, and let no other begin."""
        self.over = True
        if self.exchange:
            self.exchange.cancel()


_current: ContextVar[_Call] = ContextVar("pyairtable_call")


class _LoopAdapter(HTTPAdapter):
    """Sends what requests has prepared through the event loop, and waits in its own thread."""

    def __init__(self, start: Callable[[requests.PreparedRequest], Future[httpx.Response]]) -> None:
        super().__init__()
        self._start = start

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The complete answer. Raises an `OutsideError`."""
        answer = self._start(request).result()
        raw = HTTPResponse(
            body=io.BytesIO(answer.content),
            headers=dict(answer.headers),
            status=answer.status_code,
            preload_content=False,
        )
        return self.build_response(request, raw)


class AirtableReader:
    """A `BaseReader` over pyairtable. Make it on the event loop that uses it, and close it."""

    def __init__(self, base_id: str, api_key: str, endpoint: str) -> None:
        self.requests = 0
        self._base_id = base_id
        self._loop = asyncio.get_running_loop()
        self._outside = Outside()
        self._pacer = Pacer(INTERVAL)
        self._threads = ThreadPoolExecutor(thread_name_prefix="pyairtable")
        self._api = pyairtable.Api(api_key, endpoint_url=endpoint, retry_strategy=None)
        for scheme in ("https://", "http://"):
            self._api.session.mount(scheme, _LoopAdapter(self._start))

    async def schema(self, deadline: Deadline) -> Mapping[str, Sequence[str]]:
        """The names of the fields of each table."""
        base = self._api.base(self._base_id)
        schema = await self._call(lambda: base.schema(force=True), deadline)
        return {table.name: [field.name for field in table.fields] for table in schema.tables}

    async def page(
        self, table: str, fields: Sequence[str], offset: str | None, deadline: Deadline
    ) -> RecordPage:
        """The next page of a listing. Raises `OffsetExpiredError`."""
        urls = self._api.table(self._base_id, table).urls
        options: dict[str, Any] = {"page_size": PAGE_SIZE, "fields": list(fields)}
        if offset:
            options["offset"] = offset
        answer = await self._call(
            lambda: self._api.request(
                "get", urls.records, fallback=("post", urls.records_post), options=options
            ),
            deadline,
        )
        if not isinstance(answer, dict) or not isinstance(answer.get("records"), list):
            raise StepError(Reason.BASE_MALFORMED, f"a page of table {table!r} has no records list")
        return RecordPage(answer["records"], answer.get("offset"))

    async def close(self) -> None:
        """Let go of every connection and thread. No call is under way by then."""
        self._threads.shutdown(wait=False)
        await self._outside.close()

    async def _call(self, work: Callable[[], T], deadline: Deadline) -> T:
        call = _Call(deadline)
        context = copy_context()
        context.run(_current.set, call)
        thread = self._loop.run_in_executor(self._threads, context.run, work)
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            call.cancel()
            await asyncio.wait([thread])
            thread.exception()
            raise
        except requests.HTTPError as error:
            raise _refusal(error.response) from error
        except OutsideError as error:
            raise StepError(_OUTSIDE_REASONS[type(error)], f"Airtable: {error}") from error
        except ValueError as error:  # not JSON, or not a schema
            raise StepError(Reason.BASE_MALFORMED, f"Airtable: {error}") from error

    def _start(self, request: requests.PreparedRequest) -> Future[httpx.Response]:
        call = _current.get()
        exchange = asyncio.run_coroutine_threadsafe(self._exchange(request, call), self._loop)
        call.exchange = exchange
        if call.over:
            exchange.cancel()
        return exchange

    async def _exchange(self, request: requests.PreparedRequest, call: _Call) -> httpx.Response:
        try:
            async with call.deadline.limit():
                await self._pacer.turn()
        except TimeoutError:
            raise OutsideTimeoutError("no turn came up before the deadline") from None
        self.requests += 1
        started = self._loop.time()
        status: int | str = "failed"
        try:
            answer = await self._outside.send(
                str(request.method),
                str(request.url),
                deadline=call.deadline.sooner(LADDER.request),
                headers=dict(request.headers),
                content=_body(request),
            )
            status = answer.status_code
            return answer
        finally:
            seconds = round(self._loop.time() - started, 3)
            logs.info("called", vendor="airtable", status=status, seconds=seconds)


_OUTSIDE_REASONS = {
    OutsideTimeoutError: Reason.BASE_TIMEOUT,
    UnreachableError: Reason.BASE_UNREACHABLE,
    BrokenAnswerError: Reason.BASE_MALFORMED,
}


def _body(request: requests.PreparedRequest) -> bytes | None:
    return request.body.encode() if isinstance(request.body, str) else request.body


def _refusal(response: requests.Response) -> Exception:
    kind, message = _airtable_error(response)
    if response.status_code == 422 and kind == _EXPIRED:
        return OffsetExpiredError(message)
    reason = _REASONS.get(
        response.status_code,
        Reason.BASE_UNAVAILABLE if response.status_code >= 500 else Reason.BASE_REJECTED,
    )
    retry_after = _retry_after(response)
    if reason == Reason.BASE_RATE_LIMITED:
        retry_after = max(retry_after, LOCKOUT)
    text = f"Airtable answered {response.status_code} {kind}: {message}".rstrip(": ")
    return StepError(reason, text, retry_after=retry_after)


def _airtable_error(response: requests.Response) -> tuple[str, str]:
    """(type, message) of an error answer: {"error": {"type", "message"}} or {"error": type}."""
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return "", response.text[:200]
    if isinstance(error, dict):
        return str(error.get("type", "")), str(error.get("message", ""))
    return str(error), ""


def _retry_after(response: requests.Response) -> float:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return 0.0
