"""A small HTTP/1.1 server for local stand-ins, which can misbehave below HTTP on request.

h11 parses requests and frames well-behaved responses, with keep-alive; `wire.damage` sends those
with a fault. The server listens on a free port of 127.0.0.1.

Not modelled: TLS, HTTP/2, pipelining (a second request waits in the buffer), `Expect`, trailers.
"""

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import h11

from infra.local.wire.connection import BLOCK, Peer
from infra.local.wire.damage import apply_answer_fault, misbehave
from infra.local.wire.faults import FaultKind
from infra.local.wire.messages import Exchange, WireRequest, WireResponse

_log = logging.getLogger(__name__)

# Bytes. Airtable accepts URLs of 16,000 characters; with the headers that exceeds h11's default.
MAX_HEAD = 64 * 1024
# Exchanges recorded for assertions: a listing of a million records is 10,000 of them.
MAX_EXCHANGES = 10_000

Handler = Callable[[WireRequest], Awaitable[WireResponse]]


class WireServer:
    """A server of `handler` at `url`, between `__aenter__` and `__aexit__`.

    An exception of the handler is a bug: it is logged with its traceback, and the status is 500.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self.exchanges: deque[Exchange] = deque(maxlen=MAX_EXCHANGES)
        self.url = ""

    async def __aenter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._track(asyncio.create_task(self._accept(self._listener)), self._listener)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End every connection at once, also those of clients that hang. May be called twice."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _track(self, task: asyncio.Task[None], owned: socket.socket) -> None:
        """Track the task; close its socket even if the task is cancelled before its first line."""

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            owned.close()
            if not task.cancelled() and (error := task.exception()):
                _log.error("a connection ended with a bug", exc_info=error)

        self._tasks.add(task)
        task.add_done_callback(ended)

    async def _accept(self, listener: socket.socket) -> None:
        # An accept loop of our own: asyncio's Server has no list of its connections, and logs an
        # error for a connection that is accepted while the Server closes.
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            self._track(asyncio.create_task(self._serve(client)), client)

    async def _serve(self, client: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        peer = Peer(reader, writer)
        try:
            with suppress(ConnectionError):
                await self._converse(peer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _converse(self, peer: "Peer") -> None:
        protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            while request := await _read_request(protocol, peer.reader):
                response = await self._answer(request)
                if response.fault is not None:
                    return await misbehave(peer, response, response.fault)
                await _send(protocol, peer, request, response)
                if {protocol.our_state, protocol.their_state} != {h11.DONE}:
                    return None
                protocol.start_next_cycle()
        except h11.RemoteProtocolError as error:
            _log.info("not HTTP: %s", error)
            await peer.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    async def _answer(self, request: WireRequest) -> WireResponse:
        exchange = Exchange(time.monotonic(), request.method, unquote(request.path))
        self.exchanges.append(exchange)
        try:
            response = await self._handler(request)
        except Exception:
            _log.exception("the handler failed on %s %s", request.method, request.path)
            response = WireResponse.json({"error": "the stand-in has a bug; see its log"}, 500)
        exchange.fault = response.fault.kind if response.fault else None
        response = apply_answer_fault(request, response)
        unanswered = exchange.fault in (FaultKind.SILENT, FaultKind.RESET)
        exchange.status = None if unanswered else response.status
        return response


async def _read_request(
    protocol: h11.Connection, reader: asyncio.StreamReader
) -> WireRequest | None:
    """Return a request, or None if the client has closed. Raises `h11.RemoteProtocolError`."""
    head = await _next_event(protocol, reader)
    if not isinstance(head, h11.Request):
        return None
    if not head.http_version.startswith(b"1."):  # h11 takes the preface of HTTP/2 for a request
        raise h11.RemoteProtocolError(f"HTTP/{head.http_version.decode()}")
    body = bytearray()
    while isinstance(event := await _next_event(protocol, reader), h11.Data):
        body += event.data
    target = head.target.decode("ascii")
    parts = urlsplit(target)
    return WireRequest(
        method=head.method.decode("ascii"),
        path=parts.path,
        query=parse_qs(parts.query, keep_blank_values=True),
        headers={name.decode(): value.decode("latin-1") for name, value in head.headers},
        body=bytes(body),
        target=target,
    )


async def _next_event(protocol: h11.Connection, reader: asyncio.StreamReader) -> Any:
    while (event := protocol.next_event()) is h11.NEED_DATA:
        protocol.receive_data(await reader.read(BLOCK))
    return event


async def _send(
    protocol: h11.Connection, peer: "Peer", request: WireRequest, response: WireResponse
) -> None:
    bodiless = request.method == "HEAD" or response.status in (204, 304)
    body = b"" if bodiless else response.body
    headers = list(response.headers.items())
    if not bodiless:
        headers.append(("Content-Length", str(len(body))))
    sent = [
        protocol.send(h11.Response(status_code=response.status, headers=headers)),
        protocol.send(h11.Data(data=body)),
        protocol.send(h11.EndOfMessage()),
    ]
    await peer.send(b"".join(part for part in sent if part))
