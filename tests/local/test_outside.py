"""The one way out, against a server that misbehaves on real sockets: over at the deadline."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiodns
import httpx
import pytest

from infra.local.faults import Fault, FaultKind, Framing
from infra.local.processes import free_port
from infra.local.wire import Request, Response, WireServer
from landfall.deadlines import Deadline
from landfall.outside import (
    BrokenAnswerError,
    Outside,
    OutsideError,
    OutsideTimeoutError,
    UnreachableError,
)
from tests.local.leftovers import nothing_left
from tests.local.peers import NameServer
from tests.waiting import until

BODY = b'{"records": [1, 2, 3]}' * 10
GIGABYTE = 2**30
MEGABYTE = 2**20
SECONDS = 0.6
LATE = 0.5
"""Seconds after its deadline by which a call must have ended."""


@asynccontextmanager
async def answering(response: Response) -> AsyncIterator[WireServer]:
    """A server that gives this answer to every request."""

    async def handler(_: Request) -> Response:
        return response

    async with WireServer(handler) as server:
        yield server


@asynccontextmanager
async def opened(resolver: aiodns.DNSResolver | None = None) -> AsyncIterator[Outside]:
    outside = Outside(resolver=resolver)
    try:
        yield outside
    finally:
        await outside.close()


async def failure(
    url: str,
    seconds: float = SECONDS,
    max_bytes: int = MEGABYTE,
    resolver: aiodns.DNSResolver | None = None,
) -> OutsideError:
    """The error of a GET, which must come in time."""
    async with opened(resolver) as outside:
        deadline = Deadline.after(seconds)
        with pytest.raises(OutsideError) as caught:
            async with asyncio.timeout(seconds + 5):
                await outside.send("GET", url, deadline=deadline, max_bytes=max_bytes)
        assert deadline.remaining() > -LATE
    return caught.value


async def met(fault: Fault, seconds: float = SECONDS) -> type[OutsideError]:
    """What comes of a GET that meets this fault; nothing of it is left behind."""
    async with nothing_left(), answering(Response(200, {}, BODY, fault)) as server:
        return type(await failure(server.url, seconds))


HANGING = {
    "silent": Fault(FaultKind.SILENT),
    "headers drip": Fault(FaultKind.DRIP_HEADERS),
    "body drips": Fault(FaultKind.DRIP_BODY),
    "body drips to the close": Fault(FaultKind.DRIP_BODY, framing=Framing.CLOSE),
    "body drips in chunks": Fault(FaultKind.DRIP_BODY, framing=Framing.CHUNKED),
    "gzip drips": Fault(FaultKind.DRIP_BODY, gzip=True),
    "gzip drips in chunks": Fault(FaultKind.DRIP_BODY, framing=Framing.CHUNKED, gzip=True),
    "bytes come fast, and for ever": Fault(FaultKind.DRIP_BODY, interval=0.005),
    "body stalls": Fault(FaultKind.STALL_BODY),
    "body stalls in chunks": Fault(FaultKind.STALL_BODY, framing=Framing.CHUNKED),
}


@pytest.mark.parametrize("fault", HANGING.values(), ids=HANGING)
async def test_a_server_that_hangs_ends_at_the_deadline(fault):
    """However much life it shows in between: the moment is absolute."""
    assert await met(fault) is OutsideTimeoutError


BROKEN = {
    "cut": Fault(FaultKind.CUT_BODY),
    "cut in chunks": Fault(FaultKind.CUT_BODY, framing=Framing.CHUNKED),
    "gzip cut": Fault(FaultKind.CUT_BODY, gzip=True),
    "a gigabyte that was announced": Fault(FaultKind.FLOOD, size=GIGABYTE),
    "a gigabyte in chunks": Fault(FaultKind.FLOOD, size=GIGABYTE, framing=Framing.CHUNKED),
    "a gigabyte to the close": Fault(FaultKind.FLOOD, size=GIGABYTE, framing=Framing.CLOSE),
    "a gigabyte in a megabyte of gzip": Fault(FaultKind.FLOOD, size=GIGABYTE, gzip=True),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_a_broken_or_endless_answer_is_no_answer(fault):
    """It is given up as soon as that is known, long before the deadline."""
    assert await met(fault, seconds=60) is BrokenAnswerError


async def test_a_reset_is_no_connection():
    """Nothing had been answered."""
    assert await met(Fault(FaultKind.RESET), seconds=60) is UnreachableError


async def test_nobody_listens():
    """Refused at once: there is no waiting for the deadline."""
    async with nothing_left():
        error = await failure(f"http://127.0.0.1:{free_port()}", seconds=60)
    assert type(error) is UnreachableError


async def test_a_server_that_does_not_take_connections():
    """Its backlog is full: the wait for a connection is within the deadline too."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(address)
        error = await failure(f"http://127.0.0.1:{address[1]}")
        for client in waiting:
            client.close()
    assert type(error) is OutsideTimeoutError


@asynccontextmanager
async def name_server(code: int | None) -> AsyncIterator[aiodns.DNSResolver]:
    """A resolver whose name server answers each query with this code, or never."""
    async with NameServer(code) as names:
        yield aiodns.DNSResolver(
            nameservers=["127.0.0.1"], udp_port=names.port, timeout=10, tries=1
        )


async def test_a_name_that_takes_long_to_resolve():
    """The call is over at its deadline, and nothing of it goes on."""
    async with nothing_left(), name_server(None) as resolver:
        error = await failure("http://slow.example/", resolver=resolver)
    assert type(error) is OutsideTimeoutError


async def test_a_name_that_does_not_exist():
    """No address, no connection."""
    async with name_server(3) as resolver:  # NXDOMAIN, RFC 1035
        error = await failure("http://none.example/", resolver=resolver)
    assert type(error) is UnreachableError


async def test_what_is_not_http_is_broken():
    """Somebody else answers on that port."""

    async def banner(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(banner, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(f"http://127.0.0.1:{port}", seconds=60)
    assert type(error) is BrokenAnswerError


async def test_a_redirect_is_an_answer_and_is_not_followed():
    """Where it leads is for the caller to judge."""
    loop = Fault(FaultKind.REDIRECT_LOOP)
    async with answering(Response(fault=loop)) as server, opened() as outside:
        answer = await outside.send("GET", f"{server.url}/x", deadline=Deadline.after(60))
    assert (answer.status_code, answer.headers["location"]) == (302, "/x")
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("status", [200, 204, 401, 429, 500, 503])
async def test_any_status_is_an_answer(status):
    """The caller judges that too; headers and body are as they were sent."""
    body = b"" if status == 204 else BODY
    sent = Response(status, {"Retry-After": "7", "Content-Type": "text/plain"}, body)
    async with answering(sent) as server, opened() as outside:
        answer = await outside.send("GET", server.url, deadline=Deadline.after(60))
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["retry-after"] == "7"


async def test_a_compressed_answer_is_given_decoded():
    """Its headers no longer speak of the compression, so nobody decodes it again."""
    sent = Response(200, {"Content-Encoding": "gzip"}, gzip.compress(BODY))
    async with answering(sent) as server, opened() as outside:
        answer = await outside.send("GET", server.url, deadline=Deadline.after(60))
    assert answer.content == BODY
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(BODY))


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
async def test_the_limit_is_exact(size, fits):
    """`max_bytes` bytes are an answer, one more is none."""
    async with answering(Response(200, {}, b"x" * size)) as server, opened() as outside:
        sending = outside.send("GET", server.url, deadline=Deadline.after(60), max_bytes=1000)
        if fits:
            assert len((await sending).content) == size
        else:
            with pytest.raises(BrokenAnswerError, match="more than 1000 bytes"):
                await sending


async def test_after_the_deadline_nothing_is_sent():
    """A call without time left does not reach the server."""
    async with answering(Response()) as server:
        error = await failure(server.url, seconds=-0.1)
    assert type(error) is OutsideTimeoutError
    assert not server.exchanges


async def test_a_cancelled_call_leaves_nothing():
    """Whoever waits may go: the connection goes with him."""
    silent = Response(fault=Fault(FaultKind.SILENT))
    async with nothing_left(), answering(silent) as server, opened() as outside:
        sending = asyncio.create_task(outside.send("GET", server.url, deadline=Deadline.after(60)))

        async def arrived() -> bool:
            return bool(server.exchanges)

        await until(arrived, seconds=10)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def test_a_client_goes_on_after_a_failure():
    """Many calls that hang, side by side, do not take the connections from those that follow."""
    faults = [Fault(FaultKind.SILENT)] * 30

    async def handler(_: Request) -> Response:
        return Response(200, {}, BODY, faults.pop() if faults else None)

    async with nothing_left(), WireServer(handler) as server, opened() as outside:
        deadline = Deadline.after(SECONDS)
        hung = [outside.send("GET", server.url, deadline=deadline) for _ in range(30)]
        ended = await asyncio.gather(*hung, return_exceptions=True)
        assert {type(error) for error in ended} == {OutsideTimeoutError}
        answer = await outside.send("GET", server.url, deadline=Deadline.after(60))
    assert answer.content == BODY


async def test_an_answer_that_is_given_up_does_not_hold_its_connection():
    """A client that lives on has no socket of it."""
    flood = Response(fault=Fault(FaultKind.FLOOD, size=GIGABYTE))
    async with answering(flood) as server, opened() as outside, nothing_left():
        sending = outside.send("GET", server.url, deadline=Deadline.after(60), max_bytes=MEGABYTE)
        with pytest.raises(BrokenAnswerError):
            await sending


async def test_a_request_is_sent_as_it_was_given():
    """Method, headers and body, and no more than that of the caller's secrets in an error."""
    seen: list[Request] = []

    async def handler(request: Request) -> Response:
        seen.append(request)
        return Response(fault=Fault(FaultKind.RESET))

    async with WireServer(handler) as server, opened() as outside:
        sending = outside.send(
            "POST",
            f"{server.url}/v0/x?token=hidden",
            deadline=Deadline.after(60),
            headers={"Authorization": "Bearer secret"},
            content=b"{}",
        )
        with pytest.raises(UnreachableError) as caught:
            await sending
    assert (seen[0].method, seen[0].body) == ("POST", b"{}")
    assert seen[0].headers["authorization"] == "Bearer secret"
    assert "hidden" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_every_error_is_an_outside_error():
    """Who does not care which it was catches one class."""
    kinds = [OutsideTimeoutError, UnreachableError, BrokenAnswerError]
    assert all(issubclass(kind, OutsideError) for kind in kinds)
    assert not any(issubclass(kind, httpx.HTTPError) for kind in kinds)
