"""A small HTTP/1.1 server for local stand-ins, which can misbehave below HTTP on request.

Requests are parsed by h11; a well-behaved answer is framed by h11 too, with keep-alive. An
answer that carries a `Fault` is written by hand, because no HTTP library agrees to send half a
body, or one byte every 0.4 s. It listens on 127.0.0.1 only, on a free port.

Not done: TLS, HTTP/2, pipelining (a second request waits in the buffer), `Expect`, trailers.
"""

import asyncio
import gzip
import json
import logging
import socket
import struct
import time
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import h11

from infra.local.wire.faults import ANSWERS, Fault, FaultKind, Framing

_log = logging.getLogger(__name__)

# Bytes. Airtable takes URLs of 16,000 characters, which with its headers is above h11's default.
MAX_HEAD = 64 * 1024
# Bytes a read or a flooded block.
BLOCK = 64 * 1024
# Exchanges kept for assertions: a listing of a million records is 10,000 of them.
MAX_EXCHANGES = 10_000


@dataclass(frozen=True)
class Request:
    """A request as it was on the wire: `path` still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    target: str

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, each decoded on its own: a `%2F` inside a table's name stays there."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    def json(self) -> Any:
        """Raises ValueError when the body is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    """An answer; with a `fault` it arrives damaged in that way, or not at all."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: Fault | None = None

    @classmethod
    def json(cls, data: Any, status: int = 200, fault: Fault | None = None) -> "Response":
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return cls(status, headers, json.dumps(data).encode(), fault)


@dataclass
class Exchange:
    """One request and what became of it, for assertions.

    `started`: time.monotonic() seconds at which the request had been read completely.
    `status`: None while unanswered, and for ever when a fault answered nothing.
    """

    started: float
    method: str
    path: str
    status: int | None = None
    fault: FaultKind | None = None


Handler = Callable[[Request], Awaitable[Response]]


class WireServer:
    """Serves `handler` on `url` between `__aenter__` and `__aexit__`.

    A handler that raises is a bug: it is logged with its traceback and answered 500.
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
        self._keep(asyncio.create_task(self._accept(self._listener)), self._listener)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Ends every connection at once, also of clients that hang. May be called twice."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, task: asyncio.Task[None], owned: socket.socket) -> None:
        """Holds the task; closes its socket even if the task is cancelled before its first line."""

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            owned.close()
            if not task.cancelled() and (error := task.exception()):
                _log.error("a connection ended with a bug", exc_info=error)

        self._tasks.add(task)
        task.add_done_callback(ended)

    async def _accept(self, listener: socket.socket) -> None:
        # An accept loop of our own: asyncio's Server keeps no list of its connections, and a
        # connection that is being accepted while the Server closes is an error in its log.
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            self._keep(asyncio.create_task(self._serve(client)), client)

    async def _serve(self, client: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        peer = _Peer(reader, writer)
        try:
            with suppress(ConnectionError):
                await self._converse(peer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _converse(self, peer: "_Peer") -> None:
        protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            while request := await _read_request(protocol, peer.reader):
                response = await self._answer(request)
                if response.fault is not None:
                    return await _misbehave(peer, response, response.fault)
                await _send(protocol, peer, request, response)
                if {protocol.our_state, protocol.their_state} != {h11.DONE}:
                    return None
                protocol.start_next_cycle()
        except h11.RemoteProtocolError as error:
            _log.info("not HTTP: %s", error)
            await peer.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    async def _answer(self, request: Request) -> Response:
        exchange = Exchange(time.monotonic(), request.method, unquote(request.path))
        self.exchanges.append(exchange)
        try:
            response = await self._handler(request)
        except Exception:
            _log.exception("the handler failed on %s %s", request.method, request.path)
            response = Response.json({"error": "the stand-in has a bug; see its log"}, 500)
        exchange.fault = response.fault.kind if response.fault else None
        response = _with_answer_fault(request, response)
        unanswered = exchange.fault in (FaultKind.SILENT, FaultKind.RESET)
        exchange.status = None if unanswered else response.status
        return response


async def _read_request(protocol: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    """None when the client has closed. Raises h11.RemoteProtocolError for what is not HTTP."""
    head = await _next_event(protocol, reader)
    if not isinstance(head, h11.Request):
        return None
    body = bytearray()
    while isinstance(event := await _next_event(protocol, reader), h11.Data):
        body += event.data
    target = head.target.decode("ascii")
    parts = urlsplit(target)
    return Request(
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
    protocol: h11.Connection, peer: "_Peer", request: Request, response: Response
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


def _with_answer_fault(request: Request, response: Response) -> Response:
    """Carries out the faults that are ordinary answers; leaves the others for the wire."""
    fault = response.fault
    if fault is None or fault.kind not in ANSWERS:
        return response
    if fault.kind is FaultKind.STATUS:
        headers = {"Content-Type": "application/json; charset=utf-8", **fault.headers}
        return Response(fault.status, headers, fault.body)
    if fault.kind is FaultKind.REDIRECT_LOOP:
        return Response(302, {"Location": request.target})
    # "{" before half of any JSON text is never JSON, however short the text.
    return replace(response, body=b"{" + response.body[: len(response.body) // 2], fault=None)


@dataclass(frozen=True)
class _Peer:
    """The client's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Raises ConnectionError once the client has gone."""
        self.writer.write(data)
        await self.writer.drain()

    async def drip(self, pieces: Iterator[bytes], interval: float) -> None:
        for piece in pieces:
            await self.send(piece)
            await asyncio.sleep(interval)

    async def until_gone(self) -> None:
        """Answers nothing more; returns when the client closes."""
        while await self.reader.read(BLOCK):
            pass

    def reset(self) -> None:
        # Linger on, for 0 s: close() then sends RST and throws away what is unsent.
        linger = struct.pack("ii", 1, 0)
        client = self.writer.get_extra_info("socket")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


async def _misbehave(peer: _Peer, response: Response, fault: Fault) -> None:
    """Every one of these uses up its connection."""
    match fault.kind:
        case FaultKind.SILENT:
            await peer.until_gone()
        case FaultKind.RESET:
            peer.reset()
        case FaultKind.FLOOD:
            await _flood(peer, response, fault)
        case FaultKind.DRIP_HEADERS:
            head = _head(response, Fault(fault.kind), len(response.body))
            await peer.drip(_bytewise(head), fault.interval)
            await peer.send(response.body)
        case _:
            await _damaged_body(peer, response, fault)


async def _damaged_body(peer: _Peer, response: Response, fault: Fault) -> None:
    # Less than two bytes cannot be cut in half: two spaces stand in for them.
    body = response.body if len(response.body) > 1 else b"  "
    body = gzip.compress(body) if fault.gzip else body
    await peer.send(_head(response, fault, len(body)))
    if fault.kind is FaultKind.DRIP_BODY:
        pieces = (_framed(fault.framing, piece) for piece in _bytewise(body))
        await peer.drip(pieces, fault.interval)
        await peer.send(_framed(fault.framing, b""))
        return
    await peer.send(_framed(fault.framing, body[: len(body) // 2]))
    if fault.kind is FaultKind.STALL_BODY:
        await peer.until_gone()


async def _flood(peer: _Peer, response: Response, fault: Fault) -> None:
    # The length of a compressed body is not known at the start: such a flood ends with a close.
    framing = Framing.CLOSE if fault.gzip and fault.framing is Framing.LENGTH else fault.framing
    fault = replace(fault, framing=framing)
    await peer.send(_head(response, fault, fault.size))
    packer = zlib.compressobj(wbits=31) if fault.gzip else None
    for block in _spaces(fault.size):
        piece = packer.compress(block) if packer else block
        if piece:
            await peer.send(_framed(fault.framing, piece))
        # drain() returns at once while the client keeps up: others must get their turn.
        await asyncio.sleep(0)
    if packer:
        await peer.send(_framed(fault.framing, packer.flush()))
    await peer.send(_framed(fault.framing, b""))


def _head(response: Response, fault: Fault, length: int) -> bytes:
    status = response.status
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "?"
    headers = {**response.headers, "Connection": "close"}
    if fault.gzip:
        headers["Content-Encoding"] = "gzip"
    if fault.framing is Framing.LENGTH:
        headers["Content-Length"] = str(length)
    if fault.framing is Framing.CHUNKED:
        headers["Transfer-Encoding"] = "chunked"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _framed(framing: Framing, piece: bytes) -> bytes:
    """An empty piece is the end: the last chunk, or nothing."""
    if framing is not Framing.CHUNKED:
        return piece
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


def _bytewise(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def _spaces(size: int) -> Iterator[bytes]:
    return (b" " * min(BLOCK, size - at) for at in range(0, size, BLOCK))
