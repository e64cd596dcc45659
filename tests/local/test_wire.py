"""The wire server: correct HTTP without a fault, and exactly the requested fault with one."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from infra.local.wire.faults import Fault, FaultKind, FaultPlan, FaultRule, Framing
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import MAX_EXCHANGES, WireServer

# A context without certificates: loading them for every client would cost more than the tests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
BODY = b'{"records": [1, 2, 3]}'


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=5, trust_env=False, verify=NO_TLS) as client:
        yield client


def serving(fault: Fault | None = None, body: bytes = BODY) -> WireServer:
    async def handler(_: WireRequest) -> WireResponse:
        return WireResponse(200, {"Content-Type": "application/json"}, body, fault)

    return WireServer(handler)


async def connect(
    server: WireServer, sent: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = httpx.URL(server.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(sent)
    return reader, writer


async def until(check: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110  # nothing sets an Event when a server has noticed
            await asyncio.sleep(0.01)


async def test_a_request_arrives_with_all_its_parts(client: httpx.AsyncClient) -> None:
    """Repeated parameters keep their order, and an encoded slash does not split a segment."""
    seen: list[WireRequest] = []

    async def handler(request: WireRequest) -> WireResponse:
        seen.append(request)
        return WireResponse.json({"ok": True}, 201)

    async with WireServer(handler) as server:
        answer = await client.post(f"{server.url}/v0/a%2Fb%20c?f[]=1&f[]=2", json={"n": 1})
    assert (answer.status_code, answer.json()) == (201, {"ok": True})
    assert (seen[0].segments, seen[0].query["f[]"]) == (("v0", "a/b c"), ["1", "2"])
    assert (seen[0].headers["content-type"], seen[0].json()) == ("application/json", {"n": 1})


async def test_a_connection_stays_open() -> None:
    """A second request on the same connection is answered."""
    async with serving() as server:
        reader, writer = await connect(server)
        await reader.readuntil(BODY)
        writer.write(b"GET /again HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(BODY)
        writer.close()
    assert [exchange.path for exchange in server.exchanges] == ["/", "/again"]


async def test_head_is_answered_without_a_body(client: httpx.AsyncClient) -> None:
    """A HEAD request gets status and headers only, and the connection stays usable."""
    async with serving() as server:
        assert (await client.head(server.url)).content == b""
        assert (await client.get(server.url)).content == BODY


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01 hello\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
async def test_what_is_not_http_1_is_answered_400(sent: bytes) -> None:
    """A client that does not speak it gets status 400, is disconnected, and made no request.

    A gRPC channel whose server is gone reconnects to the port, which may be another's by then.
    """
    async with serving() as server:
        reader, writer = await connect(server, sent)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        assert not server.exchanges
        writer.close()


async def test_a_bug_in_the_handler_is_a_500_in_the_log(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A failing stand-in is loud, and goes on serving."""

    async def handler(_: WireRequest) -> WireResponse:
        raise KeyError("bug")

    async with WireServer(handler) as server:
        assert (await client.get(server.url)).status_code == 500
        assert (await client.get(server.url)).status_code == 500
    assert "KeyError: 'bug'" in caplog.text


async def test_every_request_is_recorded(client: httpx.AsyncClient) -> None:
    """The record has time, request and status; its length is bounded."""
    async with serving() as server:
        before = time.monotonic()
        await client.post(server.url + "/a%20b")
    (exchange,) = server.exchanges
    assert (exchange.method, exchange.path, exchange.status) == ("POST", "/a b", 200)
    assert before <= exchange.started <= time.monotonic()
    assert server.exchanges.maxlen == MAX_EXCHANGES


async def test_silent_reads_the_request_and_never_answers(client: httpx.AsyncClient) -> None:
    """The connection is accepted, so only the client's own limit ends the wait."""
    async with serving(Fault(FaultKind.SILENT)) as server:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url, timeout=0.3)
    assert [exchange.status for exchange in server.exchanges] == [None]


@pytest.mark.parametrize("kind", [FaultKind.DRIP_HEADERS, FaultKind.DRIP_BODY])
async def test_a_drip_outlives_a_read_timeout(client: httpx.AsyncClient, kind: FaultKind) -> None:
    """Each byte arrives within the read timeout of 0.3 s, so only an absolute deadline ends it."""
    async with serving(Fault(kind, interval=0.05)) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.9):
                await client.get(server.url, timeout=0.3)


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("framing", Framing)
async def test_a_dripped_body_is_complete(
    client: httpx.AsyncClient, framing: Framing, gzip: bool
) -> None:
    """In every framing the drip ends, and the whole body arrives."""
    fault = Fault(FaultKind.DRIP_BODY, interval=0.001, framing=framing, gzip=gzip)
    async with serving(fault) as server:
        answer = await client.get(server.url)
    assert (answer.content, "content-length" in answer.headers) == (BODY, framing == "length")


async def test_dripped_headers_are_complete(client: httpx.AsyncClient) -> None:
    """A client that waits long enough gets the whole response."""
    async with serving(Fault(FaultKind.DRIP_HEADERS, interval=0.001)) as server:
        assert (await client.get(server.url)).content == BODY


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
async def test_a_cut_body_breaks_the_answer(client: httpx.AsyncClient, framing: Framing) -> None:
    """After half of the body and a close, the client sees that the response is incomplete."""
    async with serving(Fault(FaultKind.CUT_BODY, framing=framing)) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url)


async def test_a_cut_body_without_length_looks_complete(client: httpx.AsyncClient) -> None:
    """With close framing nothing on the wire shows that half is missing."""
    async with serving(Fault(FaultKind.CUT_BODY, framing=Framing.CLOSE)) as server:
        assert (await client.get(server.url)).content == BODY[: len(BODY) // 2]


async def test_a_stalled_body_stays_open() -> None:
    """Half of the body arrives, then neither a byte nor a close."""
    async with serving(Fault(FaultKind.STALL_BODY)) as server:
        reader, writer = await connect(server)
        await reader.readuntil(BODY[: len(BODY) // 2])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        writer.close()


async def test_reset_is_a_tcp_reset() -> None:
    """The client gets ECONNRESET, not an orderly end."""
    async with serving(Fault(FaultKind.RESET)) as server:
        reader, writer = await connect(server)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_status_replaces_the_answer(client: httpx.AsyncClient) -> None:
    """Any status, with its own headers and body."""
    fault = Fault(FaultKind.STATUS, status=503, headers={"Retry-After": "2"}, body=b"busy")
    async with serving(fault) as server:
        answer = await client.get(server.url)
    assert (answer.status_code, answer.headers["retry-after"], answer.text) == (503, "2", "busy")


@pytest.mark.parametrize("body", [b"", b"1", b"[]", BODY])
async def test_malformed_json_is_complete_but_not_json(
    client: httpx.AsyncClient, body: bytes
) -> None:
    """HTTP is fine and the status is 200; only parsing fails."""
    async with serving(Fault(FaultKind.MALFORMED_JSON), body) as server:
        answer = await client.get(server.url)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()


async def test_a_redirect_loop_never_arrives(client: httpx.AsyncClient) -> None:
    """The target redirects to itself until the client gives up."""
    async with serving(Fault(FaultKind.REDIRECT_LOOP)) as server:
        with pytest.raises(httpx.TooManyRedirects):
            await client.get(server.url + "/a?b=1", follow_redirects=True)
    assert {exchange.status for exchange in server.exchanges} == {302}


@pytest.mark.parametrize("framing", Framing)
async def test_a_flood_is_as_large_as_asked(client: httpx.AsyncClient, framing: Framing) -> None:
    """The body has `size` bytes, in any framing."""
    fault = Fault(FaultKind.FLOOD, size=1_000_001, framing=framing)
    async with serving(fault) as server:
        assert len((await client.get(server.url)).content) == 1_000_001


async def test_a_compressed_flood_is_a_bomb(client: httpx.AsyncClient) -> None:
    """Some kilobytes on the wire become megabytes at the client."""
    async with serving(Fault(FaultKind.FLOOD, size=4_000_000, gzip=True)) as server:
        answer = await client.get(server.url)
    assert len(answer.content) == 4_000_000
    assert answer.num_bytes_downloaded < 40_000


@pytest.mark.parametrize("kind", [FaultKind.SILENT, FaultKind.STALL_BODY, FaultKind.FLOOD])
async def test_stop_leaves_nothing_behind(kind: FaultKind) -> None:
    """With a client that hangs and does not read, stop() ends every task and closes the port."""
    before = asyncio.all_tasks()
    async with serving(Fault(kind)) as server:
        _, writer = await connect(server)
        await until(lambda: len(server.exchanges) == 1)
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await connect(server)
    writer.close()


async def test_a_client_that_leaves_frees_its_connection() -> None:
    """Faults without an end end with their client, not only with the server."""
    before = len(asyncio.all_tasks())
    async with serving(Fault(FaultKind.DRIP_BODY, interval=0.01), BODY * 1000) as server:
        _, writer = await connect(server)
        await until(lambda: len(server.exchanges) == 1)
        writer.close()
        await until(lambda: len(asyncio.all_tasks()) == before + 1)
        assert [exchange.fault for exchange in server.exchanges] == [FaultKind.DRIP_BODY]


def test_a_fault_can_be_read_from_json() -> None:
    """JSON describes a fault completely."""
    data = {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "body": {"a": 1}}
    expected = Fault(FaultKind.STATUS, status=429, headers={"Retry-After": "1"}, body=b'{"a": 1}')
    assert Fault.from_dict(data) == expected


@pytest.mark.parametrize(
    "data", [{"kind": "nonsense"}, {"kind": "silent", "framing": "x"}, {"kind": "silent", "x": 1}]
)
def test_a_misspelt_fault_is_refused(data: dict[str, object]) -> None:
    """A fault plan that would do nothing is refused."""
    with pytest.raises((ValueError, TypeError)):
        Fault.from_dict(data)


def test_a_rule_fires_after_some_and_then_so_often() -> None:
    """`after` requests pass, the next `times` get the fault, the rest pass."""
    plan = FaultPlan([FaultRule(Fault(FaultKind.SILENT), path="/x$", after=1, times=2)])
    plan.pick("GET", "/other")
    assert [plan.pick("GET", "/x") is not None for _ in range(5)] == [0, 1, 1, 0, 0]


def test_a_probability_is_seeded() -> None:
    """The same rules on a fresh plan hit the same requests."""
    rule = FaultRule.from_dict(
        {"fault": {"kind": "reset"}, "times": None, "probability": 0.3, "seed": 7}
    )
    first, second = FaultPlan([rule]), FaultPlan([rule])
    hits = [first.pick("GET", "/") is not None for _ in range(300)]
    assert hits == [second.pick("GET", "/") is not None for _ in range(300)]
    assert 50 < sum(hits) < 130


def test_the_first_rule_that_fires_decides() -> None:
    """Rules are tried in order; a spent one lets the next have the request."""
    silent, reset = Fault(FaultKind.SILENT), Fault(FaultKind.RESET)
    plan = FaultPlan([FaultRule(silent, method="PATCH"), FaultRule(reset, times=None)])
    assert [plan.pick(method, "/") for method in ("GET", "PATCH", "PATCH")] == [
        reset,
        silent,
        reset,
    ]
