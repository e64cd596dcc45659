"""What may be at the other end of a gRPC channel, on loopback: most of it misbehaves (`PEERS`)."""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self

import grpc.aio
from google.cloud.firestore_v1.types import BatchGetDocumentsResponse, Document, RunQueryResponse

from infra.local.processes import free_port

BLOCK = 64 * 1024
"""Bytes a read."""

Answer = Callable[[str, grpc.aio.ServicerContext], AsyncIterator[bytes]]
"""Gives the messages of an answer to a method like "RunQuery". One message answers a unary call."""


@asynccontextmanager
async def _accepting(serve: Callable[[socket.socket], Awaitable[None]]) -> AsyncIterator[str]:
    """Give each connection to `serve`, one after the other; yield host:port.

    asyncio's Server leaves behind a connection that it accepts while it closes.
    """
    loop = asyncio.get_running_loop()

    async def accept() -> None:
        while True:
            client, _ = await loop.sock_accept(listener)
            await serve(client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        accepting = asyncio.create_task(accept())
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)


@asynccontextmanager
async def plain_server(says: bytes = b"", *, hangs_up: bool = False) -> AsyncIterator[str]:
    """A server that accepts, says this, and then nothing more. host:port"""
    clients: list[socket.socket] = []

    async def serve(client: socket.socket) -> None:
        clients.append(client)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(client, says)
        if hangs_up:
            client.close()

    async with _accepting(serve) as address:
        yield address
    for client in clients:
        client.close()


class _Service(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def service(self, details: Any) -> Any:
        method = details.method.rsplit("/", 1)[1]

        async def respond(_: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
            async for message in self._answer(method, context):
                yield message

        return grpc.unary_stream_rpc_method_handler(respond)


@asynccontextmanager
async def grpc_server(answer: Answer, port: int = 0) -> AsyncIterator[str]:
    """A real gRPC server that answers every method in this way. host:port"""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Service(answer),))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


Lookup = Callable[[str, int], Sequence[str] | int | None]
"""(name, IP version) to addresses, to a code of RFC 1035, or to None: there is never an answer."""


def _this_machine(_: str, version: int) -> Sequence[str]:
    return ["127.0.0.1"] if version == 4 else []


class NameServer:
    """Knows every name as 127.0.0.1, unless it is told otherwise.

    `code`: of its answers (3 is NXDOMAIN, RFC 1035); None: it answers nothing. May be changed.
    `lookup`: what it knows, as long as its code is 0.
    """

    def __init__(self, code: int | None = 0, lookup: Lookup = _this_machine) -> None:
        self.code = code
        self.lookup = lookup
        self.port = 0

    async def __aenter__(self) -> Self:
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Names(self), local_addr=("127.0.0.1", 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def target(self, port: int) -> str:
        """What gRPC takes for this port of a host that this server alone knows."""
        return f"dns://127.0.0.1:{self.port}/slow.example:{port}"


_VERSIONS = {1: 4, 28: 6}
"""Query types A and AAAA."""


class _Names(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        name, at = [], 12
        while length := data[at]:
            name.append(data[at + 1 : at + 1 + length].decode())
            at += 1 + length
        question = data[12 : at + 5]
        (kind,) = struct.unpack(">H", question[-4:-2])
        known = self._server.code
        found = self._server.lookup(".".join(name), _VERSIONS[kind]) if known == 0 else known
        if found is None:
            return
        code, addresses = (found, []) if isinstance(found, int) else (0, found)
        head = struct.pack(">HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
        packed = [ipaddress.ip_address(address).packed for address in addresses]
        # the name of the question, its type, IN, for no second
        records = [struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(raw)) + raw for raw in packed]
        self._transport.sendto(data[:2] + head + question + b"".join(records), peer)


class Line:
    """Passes bytes on between its `address` and a server, until it is held, or refuses.

    `connections`: how many were made through it.
    """

    def __init__(self, server: str) -> None:
        self._host, self._port = server.split(":")
        self._passes = asyncio.Event()
        self._passes.set()
        self._refuses = False
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.address = ""

    async def __aenter__(self) -> Self:
        self._accepting = _accepting(self._serve)
        self.address = await self._accepting.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._accepting.__aexit__(None, None, None)
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hold(self) -> None:
        """Take connections and what they send, and pass nothing on, until `release`."""
        self._passes.clear()

    def refuse(self) -> None:
        """End the connections of now, and every new one at once, until `release`."""
        self._refuses = True
        self.cut()

    def release(self) -> None:
        """Pass on again, and first what was held."""
        self._refuses = False
        self._passes.set()

    def lose(self) -> None:
        """Nothing passes any more on the connections of now, which stay open. New ones are good."""
        self.hold()
        self._passes = asyncio.Event()
        self._passes.set()

    def cut(self) -> None:
        """End the connections of now."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def _serve(self, client: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        self.connections += 1
        if self._refuses:
            writer.transport.abort()
            return
        self._ends.append(writer)
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            self._ends.append(far_writer)
            for pair in (reader, far_writer), (far_reader, writer):
                task = asyncio.create_task(self._pass_on(*pair, self._passes))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(BLOCK):
                await passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


_FOUND = Document(name="projects/nowhere/databases/(default)/documents/things/a")
_DOCUMENTS: dict[str, bytes] = {
    "BatchGetDocuments": BatchGetDocumentsResponse.serialize(
        BatchGetDocumentsResponse(found=_FOUND)
    ),
    "RunQuery": RunQueryResponse.serialize(RunQueryResponse(document=_FOUND)),
}


def _message(method: str) -> bytes:
    """A good message of a method's answer: a document, or what Google leaves empty."""
    return _DOCUMENTS.get(method, b"")


async def good(method: str, _: Any) -> AsyncIterator[bytes]:
    """A whole answer."""
    yield _message(method)


async def nothing(_: str, __: Any) -> AsyncIterator[bytes]:
    """HTTP/2 is spoken, and the call never answered."""
    await asyncio.Event().wait()
    yield b""


async def half(method: str, context: Any) -> AsyncIterator[bytes]:
    """A document of several, or the head of an answer that is one message; then nothing."""
    await context.send_initial_metadata(())
    if method in _DOCUMENTS:
        yield _message(method)
    await asyncio.Event().wait()


async def drops(method: str, _: Any) -> AsyncIterator[bytes]:
    """A message now and then, for ever."""
    while True:
        yield _message(method)
        await asyncio.sleep(0.05)


@asynccontextmanager
async def _breaking_off() -> AsyncIterator[str]:
    """The connection ends in the middle of an answer."""

    async def answer(_: str, context: Any) -> AsyncIterator[bytes]:
        await context.send_initial_metadata(())
        line.cut()
        await asyncio.Event().wait()
        yield b""

    async with grpc_server(answer) as address, Line(address) as line:
        yield line.address


@asynccontextmanager
async def _named(code: int | None) -> AsyncIterator[str]:
    """A host whose name server answers with this code, or never."""
    async with NameServer(code) as names:
        yield names.target(443)


@asynccontextmanager
async def _nobody() -> AsyncIterator[str]:
    yield f"127.0.0.1:{free_port()}"


PEERS: dict[str, Callable[[], AbstractAsyncContextManager[str]]] = {
    "accepts and says nothing": plain_server,
    "speaks HTTP/2 and says nothing": lambda: grpc_server(nothing),
    "says half": lambda: grpc_server(half),
    "goes on for ever": lambda: grpc_server(drops),
    "breaks off": _breaking_off,
    "hangs up": lambda: plain_server(hangs_up=True),
    "speaks something else": lambda: plain_server(b"220 mail.example ESMTP\r\n"),
    "is not there": _nobody,
    "has a name that is never resolved": lambda: _named(None),
    "has a name that does not exist": lambda: _named(3),
}
"""Each is no answer, or none in time."""
