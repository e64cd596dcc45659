"""The HTTP client against a server that misbehaves on real sockets: it ends at the deadline."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiodns
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from infra.local.processes import free_port
from infra.local.wire.faults import Fault, FaultKind
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import WireServer
from landfall.deadlines import Deadline
from landfall.net.errors import (
    ExchangeError,
    ExchangeTimeoutError,
    ForbiddenAddressError,
    InvalidResponseError,
    ResponseTooLargeError,
    UnreachableError,
    UnsendableError,
)
from landfall.net.http import HttpClient
from tests.local.hostile import (
    BROKEN,
    ENDLESS,
    GIGABYTE,
    HANGING,
    LATE,
    NO_SUCH_NAME,
    SECONDS,
    answering,
    name_server,
)
from tests.local.leftovers import nothing_left
from tests.local.peers import plain_server
from tests.waiting import until

BODY = b'{"records": [1, 2, 3]}' * 10
MEGABYTE = 2**20


@asynccontextmanager
async def opened(resolver: aiodns.DNSResolver | None = None) -> AsyncIterator[HttpClient]:
    http = HttpClient(resolver=resolver)
    try:
        yield http
    finally:
        await http.close()


async def failure(
    url: str,
    seconds: float = SECONDS,
    max_bytes: int = MEGABYTE,
    resolver: aiodns.DNSResolver | None = None,
) -> ExchangeError:
    """The error of a GET, which must come in time."""
    async with opened(resolver) as http:
        deadline = Deadline.after(seconds)
        with pytest.raises(ExchangeError) as caught:
            async with asyncio.timeout(seconds + 5):
                await http.send("GET", url, deadline=deadline, max_bytes=max_bytes)
        assert deadline.remaining() > -LATE
    return caught.value


async def met(fault: Fault, seconds: float = SECONDS) -> type[ExchangeError]:
    """The error of a GET that meets this fault; it leaves nothing behind."""
    async with nothing_left(), answering(WireResponse(200, {}, BODY, fault)) as server:
        return type(await failure(server.url, seconds))


@pytest.mark.parametrize("fault", HANGING.values(), ids=HANGING)
async def test_a_server_that_hangs_ends_at_the_deadline(fault):
    """However much life it shows in between: the moment is absolute."""
    assert await met(fault) is ExchangeTimeoutError


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_a_broken_answer_is_no_answer(fault):
    """It is given up as soon as that is known, long before the deadline."""
    assert await met(fault, seconds=60) is InvalidResponseError


@pytest.mark.parametrize("fault", ENDLESS.values(), ids=ENDLESS)
async def test_an_endless_answer_is_no_answer(fault):
    """It is given up at the limit, not at the deadline."""
    assert await met(fault, seconds=60) is ResponseTooLargeError


async def test_a_reset_is_no_connection():
    """Nothing had been answered."""
    assert await met(Fault(FaultKind.RESET), seconds=60) is UnreachableError


async def test_nobody_listens():
    """Refused at once: there is no waiting for the deadline."""
    async with nothing_left():
        error = await failure(f"http://127.0.0.1:{free_port()}", seconds=60)
    assert type(error) is UnreachableError


@contextlib.contextmanager
def full() -> Iterator[str]:
    """The URL of a server that does not take connections: its backlog is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"
        for client in waiting:
            client.close()


async def test_a_server_that_does_not_take_connections():
    """The wait for a connection is within the deadline too."""
    with full() as url:
        assert type(await failure(url)) is ExchangeTimeoutError


async def test_a_connection_has_a_limit_of_its_own():
    """The rest of the time is for somebody else who may answer."""
    deadline = Deadline.after(60)
    http = HttpClient(connect=0.2)
    with full() as url, pytest.raises(ExchangeTimeoutError):
        await http.send("GET", url, deadline=deadline)
    await http.close()
    assert deadline.remaining() > 58


async def test_a_name_that_takes_long_to_resolve():
    """The call is over at its deadline, and nothing of it goes on."""
    async with nothing_left(), name_server(lambda *_: None) as resolver:
        error = await failure("http://slow.example/", resolver=resolver)
    assert type(error) is ExchangeTimeoutError


async def test_a_name_that_does_not_exist():
    """No address, no connection."""
    async with name_server(lambda *_: NO_SUCH_NAME) as resolver:
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
    assert type(error) is InvalidResponseError


async def test_a_redirect_is_an_answer_and_is_not_followed():
    """The caller judges its target."""
    loop = Fault(FaultKind.REDIRECT_LOOP)
    async with answering(WireResponse(fault=loop)) as server, opened() as http:
        answer = await http.send("GET", f"{server.url}/x", deadline=Deadline.after(60))
    assert (answer.status_code, answer.headers["location"]) == (302, "/x")
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("status", [200, 204, 401, 429, 500, 503])
async def test_any_status_is_an_answer(status):
    """The caller judges that too; headers and body are as they were sent."""
    body = b"" if status == 204 else BODY
    sent = WireResponse(status, {"Retry-After": "7", "Content-Type": "text/plain"}, body)
    async with answering(sent) as server, opened() as http:
        answer = await http.send("GET", server.url, deadline=Deadline.after(60))
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["retry-after"] == "7"


async def test_a_compressed_answer_is_given_decoded():
    """Its headers no longer speak of the compression, so nobody decodes it again."""
    sent = WireResponse(200, {"Content-Encoding": "gzip"}, gzip.compress(BODY))
    async with answering(sent) as server, opened() as http:
        answer = await http.send("GET", server.url, deadline=Deadline.after(60))
    assert answer.content == BODY
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(BODY))


async def test_a_bomb_is_unpacked_no_further_than_the_limit():
    """64 MiB in one piece of 64 KiB: at no time is there more of it than a limit."""
    bomb = WireResponse(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(64 * MEGABYTE)))
    async with answering(bomb) as server:
        tracemalloc.start()
        try:
            error = await failure(server.url, seconds=60)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert type(error) is ResponseTooLargeError
    assert peak < 4 * MEGABYTE


CODINGS = ["gzip, gzip", "gzip, gzip, gzip, gzip", "identity, gzip", "deflate", "br", "zstd", "x"]


@pytest.mark.parametrize("coding", CODINGS)
async def test_one_gzip_is_all_that_is_unpacked(coding):
    """Nothing else was asked for; gzip within gzip would multiply."""
    async with answering(WireResponse(200, {"Content-Encoding": coding}, BODY)) as server:
        error = await failure(server.url, seconds=60)
    assert type(error) is InvalidResponseError
    assert repr(coding) in str(error)


async def test_gzip_that_unpacks_to_nothing_is_limited_too():
    """Empty blocks for ever would otherwise be read until the deadline."""
    empty = bytes.fromhex("000000ffff")  # a stored block without content, RFC 1951
    body = gzip.compress(b"", 0)[:10] + empty * MEGABYTE
    async with answering(WireResponse(200, {"Content-Encoding": "gzip"}, body)) as server:
        assert type(await failure(server.url, seconds=60)) is ResponseTooLargeError


async def test_what_is_no_gzip_is_broken():
    """Though it says so."""
    async with answering(WireResponse(200, {"Content-Encoding": "gzip"}, BODY)) as server:
        assert type(await failure(server.url, seconds=60)) is InvalidResponseError


@pytest.mark.parametrize("padding", [b"", b"\0\0\0", gzip.compress(BODY, mtime=0)])
async def test_what_follows_the_end_of_gzip_is_ignored(padding):
    """As browsers do."""
    sent = WireResponse(200, {"Content-Encoding": "x-gzip"}, gzip.compress(BODY) + padding)
    async with answering(sent) as server, opened() as http:
        answer = await http.send("GET", server.url, deadline=Deadline.after(60))
    assert answer.content == BODY
    assert answer.extensions["wire_bytes"] == len(sent.body)


async def test_an_empty_body_may_call_itself_gzip():
    """Servers say so of a 204, or of a length of 0."""
    sent = WireResponse(200, {"Content-Encoding": "gzip"})
    async with answering(sent) as server, opened() as http:
        answer = await http.send("GET", server.url, deadline=Deadline.after(60))
    assert answer.content == b""


async def test_gzip_is_what_is_asked_for():
    """Whatever codings the caller's library would take; and each header goes out once."""
    seen: list[WireRequest] = []

    async def handler(request: WireRequest) -> WireResponse:
        seen.append(request)
        return WireResponse()

    headers = {"accept-encoding": "br, zstd", "host": "elsewhere.example"}
    async with WireServer(handler) as server, opened() as http:
        await http.send("GET", server.url, deadline=Deadline.after(60), headers=headers)
    assert seen[0].headers["accept-encoding"] == "gzip"
    assert seen[0].headers["host"] == server.url.removeprefix("http://")


async def test_a_body_that_is_not_wanted_is_not_read():
    """A gigabyte is left where it is; status and headers are the answer."""
    flood = WireResponse(404, {"X-Kind": "film"}, fault=Fault(FaultKind.FLOOD, size=GIGABYTE))
    async with nothing_left(), answering(flood) as server, opened() as http:
        answer = await http.send(
            "GET",
            server.url,
            deadline=Deadline.after(60),
            wants_body=lambda status, headers: (status, headers["x-kind"]) != (404, "film"),
        )
    assert (answer.status_code, answer.content) == (404, b"")


async def test_no_cookie_is_stored():
    """A cookie that one response sets is not sent with the next request."""
    seen: list[WireRequest] = []

    async def handler(request: WireRequest) -> WireResponse:
        seen.append(request)
        return WireResponse(200, {"Set-Cookie": "visitor=1; Path=/"})

    async with WireServer(handler) as server, opened() as http:
        for _ in range(2):
            await http.send("GET", server.url, deadline=Deadline.after(60))
    assert ["cookie" in request.headers for request in seen] == [False, False]


async def test_every_address_is_judged_and_only_judged_ones_are_connected_to():
    """The name changes its address between two calls: each call is judged by its own."""
    addresses = iter(["127.0.0.1", "127.0.0.2"])
    judged: list[str] = []

    def may_reach(host: str, port: int, address: str) -> bool:
        judged.append(f"{host} {address}:{port}")
        return address == "127.0.0.1"

    def lookup(_: str, version: int) -> list[str]:
        return [next(addresses)] if version == 4 else []

    async with answering(WireResponse()) as server, name_server(lookup) as resolver:
        port = server.url.rsplit(":", 1)[1]
        http = HttpClient(resolver=resolver, may_reach=may_reach)
        url = f"http://rebind.example:{port}/"
        answer = await http.send("GET", url, deadline=Deadline.after(60))
        with pytest.raises(ForbiddenAddressError, match=r"127\.0\.0\.2"):
            await http.send("GET", url, deadline=Deadline.after(60))
        await http.close()
    assert answer.extensions["address"] == "127.0.0.1"
    assert judged == [f"rebind.example 127.0.0.{n}:{port}" for n in (1, 2)]
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("addresses", [["127.0.0.1", "10.0.0.1"], ["127.0.0.1", "fd00::1"]])
async def test_one_address_that_may_not_be_reached_is_enough(addresses):
    """A and AAAA are both asked for; nothing is sent to the good one either."""

    def lookup(_: str, version: int) -> list[str]:
        return [a for a in addresses if (":" in a) == (version == 6)]

    async with answering(WireResponse()) as server, name_server(lookup) as resolver:
        http = HttpClient(resolver=resolver, may_reach=lambda _, __, a: a == "127.0.0.1")
        url = f"http://two.example:{server.url.rsplit(':', 1)[1]}/"
        with pytest.raises(ForbiddenAddressError):
            await http.send("GET", url, deadline=Deadline.after(60))
        await http.close()
    assert not server.exchanges


@pytest.mark.parametrize(("url", "port"), [("http://a.example/", 80), ("https://a.example/", 443)])
async def test_the_port_that_is_judged_is_the_schemes(url, port):
    """It is used if the URL has none."""
    judged: list[int] = []

    def may_reach(_: str, port: int, __: str) -> bool:
        judged.append(port)
        return False

    async with name_server(lambda _, v: ["127.0.0.1"] if v == 4 else []) as resolver:
        http = HttpClient(resolver=resolver, may_reach=may_reach)
        with pytest.raises(ForbiddenAddressError):
            await http.send("GET", url, deadline=Deadline.after(60))
        await http.close()
    assert judged == [port]


@asynccontextmanager
async def secure(names: list[str], folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """A port that answers over TLS as these names, and the certificate that says so."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    trusted, both = folder / "trusted.pem", folder / "both.pem"
    trusted.write_bytes(pem)
    both.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], trusted


async def test_a_certificate_counts_for_its_name_only(tmp_path, monkeypatch):
    """A connection that is open to the same address is no way around the check."""
    async with (
        secure(["a.example", "xn--fa-hia.example"], tmp_path) as (port, trusted),
        name_server(lambda _, version: ["127.0.0.1"] if version == 4 else []) as resolver,
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        async with opened(resolver) as http:
            for host in ("a.example", "faß.example"):
                url = f"https://{host}:{port}/"
                answer = await http.send("GET", url, deadline=Deadline.after(60))
                assert answer.status_code == 200
            url = f"https://b.example:{port}/"
            with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
                await http.send("GET", url, deadline=Deadline.after(60))


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
async def test_the_limit_is_exact(size, fits):
    """`max_bytes` bytes are an answer, one more is none."""
    async with answering(WireResponse(200, {}, b"x" * size)) as server, opened() as http:
        sending = http.send("GET", server.url, deadline=Deadline.after(60), max_bytes=1000)
        if fits:
            assert len((await sending).content) == size
        else:
            with pytest.raises(InvalidResponseError, match="larger than 1000 bytes"):
                await sending


async def test_after_the_deadline_nothing_is_sent():
    """A call without time left does not reach the server."""
    async with answering(WireResponse()) as server:
        error = await failure(server.url, seconds=-0.1)
    assert type(error) is ExchangeTimeoutError
    assert not server.exchanges


async def test_a_cancelled_call_leaves_nothing():
    """Whoever waits may go: the connection goes with him."""
    silent = WireResponse(fault=Fault(FaultKind.SILENT))
    async with nothing_left(), answering(silent) as server, opened() as http:
        sending = asyncio.create_task(http.send("GET", server.url, deadline=Deadline.after(60)))

        async def arrived() -> bool:
            return bool(server.exchanges)

        await until(arrived, seconds=10)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def test_a_client_goes_on_after_a_failure():
    """Many calls that hang, side by side, do not take the connections from those that follow."""
    faults = [Fault(FaultKind.SILENT)] * 30

    async def handler(_: WireRequest) -> WireResponse:
        return WireResponse(200, {}, BODY, faults.pop() if faults else None)

    async with nothing_left(), WireServer(handler) as server, opened() as http:
        deadline = Deadline.after(SECONDS)
        hung = [http.send("GET", server.url, deadline=deadline) for _ in range(30)]
        ended = await asyncio.gather(*hung, return_exceptions=True)
        assert {type(error) for error in ended} == {ExchangeTimeoutError}
        answer = await http.send("GET", server.url, deadline=Deadline.after(60))
    assert answer.content == BODY


async def test_an_answer_that_is_given_up_does_not_hold_its_connection():
    """A client that lives on has no socket of it."""
    flood = WireResponse(fault=Fault(FaultKind.FLOOD, size=GIGABYTE))
    async with answering(flood) as server, opened() as http, nothing_left():
        sending = http.send("GET", server.url, deadline=Deadline.after(60), max_bytes=MEGABYTE)
        with pytest.raises(InvalidResponseError):
            await sending


async def test_a_request_is_sent_as_it_was_given():
    """Method, headers and body, and no more than that of the caller's secrets in an error."""
    seen: list[WireRequest] = []

    async def handler(request: WireRequest) -> WireResponse:
        seen.append(request)
        return WireResponse(fault=Fault(FaultKind.RESET))

    async with WireServer(handler) as server, opened() as http:
        sending = http.send(
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


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("http://SERVER/", "hidden \n"),
        ("http://SERVER/", "hid\r\nden"),
        ("http://SERVER/", "hidden\u2014"),
        ("http://SERVER/", "hidden\x00"),
        ("http://SERVER/hid\x00den", "x"),
        ("ftp://SERVER/hidden", "x"),
    ],
)
async def test_what_cannot_be_sent_is_not_the_networks_fault(url, header):
    """Nothing is sent, and the error says neither the address nor the header: it may be a key."""
    headers = {"Authorization": f"Bearer {header}"}
    async with opened() as http, plain_server(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        with pytest.raises(UnsendableError) as caught:
            await http.send(
                "GET", url.replace("SERVER", server), deadline=Deadline.after(60), headers=headers
            )
    assert "hid" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_every_error_is_an_exchange_error():
    """One class catches all of them."""
    kinds = [
        UnsendableError,
        ExchangeTimeoutError,
        UnreachableError,
        InvalidResponseError,
        ResponseTooLargeError,
        ForbiddenAddressError,
    ]
    assert all(issubclass(kind, ExchangeError) for kind in kinds)
    assert not any(issubclass(kind, httpx.HTTPError) for kind in kinds)
