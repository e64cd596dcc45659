"""The client of Airtable: reads a base and writes to it through pyairtable, at the allowed rate.

pyairtable is synchronous and its timeouts do not bound a response, so it runs in threads of this
client, and its session's adapter hands every exchange to `HttpClient` on the event loop:

    page() ── thread: pyairtable ── adapter ──> event loop: Pacer, HttpClient ──> Airtable

The exchange ends at its deadline, which ends the thread's wait; cancelling page() ends it too.

pyairtable writes requests and reads no answers: its copies of one take six times as many bytes, in
as many threads as have an answer. On the event loop, one answer at a time becomes objects.
"""

import asyncio
import io
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import replace
from typing import Any

import httpx
import pyairtable
import requests
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse

from landfall import logs
from landfall.airtable import pacer
from landfall.airtable.answers import record_page, schema_of
from landfall.airtable.pacer import PacedRequest, Pacer
from landfall.airtable.protocols import (
    MAX_PAGE_BYTES,
    PAGE_SIZE,
    OffsetExpiredError,
    PageTooLargeError,
    RecordPage,
)
from landfall.airtable.schema import TableSchema
from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.net.errors import (
    ExchangeError,
    ExchangeTimeoutError,
    InvalidResponseError,
    ResponseTooLargeError,
    UnreachableError,
    UnsendableError,
)
from landfall.net.http import HttpClient, retry_after
from landfall.process.redaction import Redactor
from landfall.reasons import Reason, StepError
from landfall.store.documents import Fields
from landfall.store.metering import count_airtable_request

LOCKOUT = 30.0
"""Seconds for which Airtable answers 429 once the rate limit was exceeded."""

MAX_WAIT = 300.0
"""Seconds that an answer may ask to wait: ten lock-outs. A base that asks for a day, by a fault or
by a proxy, is tried again after this."""

MAX_MESSAGE = 500
"""Characters of a message about an error, which has Airtable's own."""

MAX_ANSWER_BYTES = 16 * 2**20
"""Bytes of any other answer than a page: a schema of 50,000 fields, or ten rows that were written
with all their cells."""

_UNSENDABLE = (
    "AIRTABLE_API_KEY or AIRTABLE_ENDPOINT_URL has a form that no request can have: set it again"
)

_QUOTA_SPENT = "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
"""Type of a 429 that no wait of seconds cures: the calls of a month are used up."""

_EXPIRED_OFFSET = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"

_REASON_OF_STATUS = {
    401: Reason.BASE_UNAUTHORIZED,
    403: Reason.BASE_FORBIDDEN,
    404: Reason.BASE_NOT_FOUND,
    429: Reason.BASE_RATE_LIMITED,
}


class _Call:
    """A call of pyairtable: its limits, the exchange in flight for it, and the answer's bytes."""

    def __init__(self, deadline: Deadline, max_bytes: int) -> None:
        self.deadline = deadline
        self.max_bytes = max_bytes
        self.answer = b""
        self.bytes = 0
        self.over = False
        self.exchange: Future[None] | None = None

    def cancel(self) -> None:
        """Cancel the exchange, and prevent another."""
        self.over = True
        if self.exchange:
            self.exchange.cancel()


_current: ContextVar[_Call] = ContextVar("pyairtable_call")


class _LoopAdapter(HTTPAdapter):
    """Sends a thread's requests through the event loop, while the thread waits."""

    def __init__(self, start: Callable[[requests.PreparedRequest], Future[None]]) -> None:
        super().__init__()
        self._start = start

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Return an empty response once all of it has arrived. Raises an `ExchangeError`."""
        self._start(request).result()
        raw = HTTPResponse(body=io.BytesIO(b"{}"), status=200, preload_content=False)
        return self.build_response(request, raw)


class AirtableClient:
    """A `BaseReader` and `BaseWriter` over pyairtable. Create it on its event loop and close it."""

    def __init__(self, base_id: str, api_key: str, endpoint: str, ladder: Ladder = LADDER) -> None:
        self.requests = 0
        self._base_id = base_id
        self._loop = asyncio.get_running_loop()
        self._ladder = ladder
        self._http = HttpClient(ladder.connect)
        self._redactor = Redactor([api_key])
        self._pacer = Pacer(pacer.INTERVAL)
        self._threads = ThreadPoolExecutor(thread_name_prefix="pyairtable")
        self._api = pyairtable.Api(api_key, endpoint_url=endpoint, retry_strategy=None)
        for scheme in ("https://", "http://"):
            self._api.session.mount(scheme, _LoopAdapter(self._start))

    async def schema(self, deadline: Deadline) -> Sequence[TableSchema]:
        """Return the tables of the base."""
        url = self._api.base(self._base_id).urls.tables
        return schema_of(await self._call(lambda: self._api.get(url), deadline))

    async def page(
        self,
        table: str,
        fields: Sequence[str],
        offset: str | None,
        deadline: Deadline,
        size: int = PAGE_SIZE,
        max_bytes: int = MAX_PAGE_BYTES,
    ) -> RecordPage:
        """Return the next page of a listing, of at most so many records and bytes.

        Raises `OffsetExpiredError`, `PageTooLargeError`.
        """
        urls = self._api.table(self._base_id, table).urls
        options: dict[str, Any] = {"page_size": size, "fields": list(fields)}
        if offset:
            options["offset"] = offset
        call = _Call(deadline, max_bytes)
        try:
            answer = await self._answer(
                call,
                lambda: self._api.request(
                    "get", urls.records, fallback=("post", urls.records_post), options=options
                ),
            )
        except ResponseTooLargeError as error:
            raise PageTooLargeError(str(error)) from None
        return replace(record_page(answer, table), bytes=call.bytes)

    async def upsert(
        self, table: str, merge_on: str, rows: Sequence[Fields], deadline: Deadline
    ) -> None:
        """Update the record that has a row's value in the field `merge_on`, or create it."""
        url = self._api.table(self._base_id, table).urls.records
        body = {
            "performUpsert": {"fieldsToMergeOn": [merge_on]},
            "records": [{"fields": row} for row in rows],
        }
        await self._write(table, url, body, len(rows), deadline)

    async def update(self, table: str, rows: Mapping[str, Fields], deadline: Deadline) -> None:
        """Set these cells of the records with these ids; None empties a cell."""
        url = self._api.table(self._base_id, table).urls.records
        body = {"records": [{"id": id_, "fields": cells} for id_, cells in rows.items()]}
        await self._write(table, url, body, len(rows), deadline)

    async def _write(
        self, table: str, url: Any, body: Fields, rows: int, deadline: Deadline
    ) -> None:
        answer = await self._call(lambda: self._api.request("patch", url, json=body), deadline)
        written = answer.get("records") if isinstance(answer, dict) else None
        if not isinstance(written, list) or len(written) != rows:
            raise StepError(
                Reason.BASE_MALFORMED,
                f"the response to {rows} rows sent to {table!r} does not have as many",
            )

    async def close(self) -> None:
        """Close every connection and thread. No call may be in flight."""
        self._threads.shutdown(wait=False)
        await self._http.close()

    async def _call(self, work: Callable[[], object], deadline: Deadline) -> Any:
        try:
            return await self._answer(_Call(deadline, MAX_ANSWER_BYTES), work)
        except PageTooLargeError as error:
            raise self._failed(Reason.BASE_MALFORMED, f"Airtable: {error}") from None

    async def _answer(self, call: _Call, work: Callable[[], object]) -> Any:
        """Return the JSON of the answer to a call. Raises `PageTooLargeError`, `StepError`."""
        context = copy_context()
        context.run(_current.set, call)
        thread = self._loop.run_in_executor(self._threads, context.run, work)
        try:
            await asyncio.shield(thread)
            return json.loads(call.answer)
        except asyncio.CancelledError:
            call.cancel()
            await asyncio.wait([thread])
            thread.exception()
            raise
        except ResponseTooLargeError as error:
            raise PageTooLargeError(str(error)) from None
        except ExchangeError as error:
            raise self._failed(_REASON_OF_ERROR[type(error)], f"Airtable: {error}") from error
        except requests.RequestException:
            # without the cause, which shows the header that it does not like: the key
            raise StepError(Reason.BASE_NOT_CONFIGURED, _UNSENDABLE) from None
        except (ValueError, RecursionError) as error:  # not JSON, or nested without end
            raise self._failed(Reason.BASE_MALFORMED, f"Airtable: {error}") from error
        finally:
            # an error has the frames of its way, and with them the answer
            call.answer, call.exchange = b"", None
            del thread

    def _start(self, request: requests.PreparedRequest) -> Future[None]:
        call = _current.get()
        exchange = asyncio.run_coroutine_threadsafe(self._exchange(request, call), self._loop)
        call.exchange = exchange
        if call.over:
            exchange.cancel()
        return exchange

    async def _exchange(self, request: requests.PreparedRequest, call: _Call) -> None:
        started = self._loop.time()
        status: int | str = "failed"
        paced: list[PacedRequest] = []
        try:
            answer = await self._http.send(
                str(request.method),
                str(request.url),
                deadline=call.deadline.sooner(self._ladder.request),
                headers=dict(request.headers),
                content=_body(request),
                max_bytes=call.max_bytes,
                before_sending=lambda: self._wait_for_turn(paced),
            )
            call.answer, call.bytes = answer.content, len(answer.content)
            status = answer.status_code
        finally:
            for one in paced:
                self._pacer.answered(one)
            seconds = round(self._loop.time() - started, 3)
            logs.info("called", vendor="airtable", status=status, seconds=seconds)
        if not answer.is_success:
            raise self._error(answer)

    def _error(self, answer: httpx.Response) -> Exception:
        kind, message = _airtable_error(answer)
        if answer.status_code == 422 and kind == _EXPIRED_OFFSET:
            return OffsetExpiredError(message)
        wait = retry_after(answer.headers, MAX_WAIT)
        spent = answer.status_code == 429 and kind == _QUOTA_SPENT
        reason = Reason.BASE_QUOTA_SPENT if spent else _reason(answer.status_code)
        if reason == Reason.BASE_RATE_LIMITED:
            wait = max(wait, LOCKOUT)
        details = ": ".join(filter(None, [f"{answer.status_code} {kind}".rstrip(), message]))
        return self._failed(reason, f"Airtable answered {details}", wait)

    def _failed(self, reason: Reason, message: str, wait: float = 0.0) -> StepError:
        """Return the error; services quote the key that they refuse, and half of it if one cuts."""
        shown = self._redactor.text(message[: 2 * MAX_MESSAGE])[:MAX_MESSAGE]
        return StepError(reason, shown, retry_after=wait)

    async def _wait_for_turn(self, paced: list[PacedRequest]) -> None:
        # once the connection is open: opening it afterwards would let requests bunch up
        paced.append(await self._pacer.acquire())
        self.requests += 1
        count_airtable_request()


_REASON_OF_ERROR = {
    UnsendableError: Reason.BASE_NOT_CONFIGURED,
    ExchangeTimeoutError: Reason.BASE_TIMEOUT,
    UnreachableError: Reason.BASE_UNREACHABLE,
    InvalidResponseError: Reason.BASE_MALFORMED,
}


def _body(request: requests.PreparedRequest) -> bytes | None:
    return request.body.encode() if isinstance(request.body, str) else request.body


def _reason(status: int) -> Reason:
    if status < 400:
        return Reason.BASE_MALFORMED  # a redirect, which Airtable does not use
    return _REASON_OF_STATUS.get(
        status, Reason.BASE_UNAVAILABLE if status >= 500 else Reason.BASE_REJECTED
    )


def _airtable_error(answer: httpx.Response) -> tuple[str, str]:
    """Return (type, message) of an error response.

    {"error": {"type", "message"}}, {"error": type} or {"errors": [{"error", "message"}]}.
    """
    try:
        content = answer.json()
        error = content["errors"][0] if "errors" in content else content["error"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return "", answer.text
    if isinstance(error, dict):
        return str(error.get("type") or error.get("error", "")), str(error.get("message", ""))
    return str(error), ""
