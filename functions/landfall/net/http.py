"""The one way out: an HTTP exchange that is over at an absolute deadline.

A timeout for each read does not bound a server that sends a byte now and then; a moment on the
clock does. Whatever the other side does, `send` has returned or raised at the deadline.

Names are resolved with c-ares, which a deadline can end; `getaddrinfo` would hold on to a thread
for as long as the name server pleases. The connection then goes to the address that was found,
under the name that was asked for.

Compressed answers are decoded here, piece by piece and no further than the limit: a library's
decoder makes 64 MiB of 64 KiB before anyone can count, and more of gzip within gzip.
"""

import contextlib
import functools
import os
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiodns
import httpx

from landfall.deadlines import LADDER, Deadline

Resolver = aiodns.DNSResolver
"""What finds the addresses of a name."""

MAX_BYTES = 32 * 2**20
"""Bytes of an answer's body that are read; Airtable's pages of 100 records stay far below."""

WAIT_MOST = 24 * 3600.0
"""Seconds that a Retry-After may ask for; what is beyond is no number to plan with."""


class OutsideError(Exception):
    """An exchange did not end in a complete answer."""


class OutsideTimeoutError(OutsideError):
    """The answer was not complete at the deadline."""


class UnreachableError(OutsideError):
    """There was no connection, or it broke before an answer began."""


class BrokenAnswerError(OutsideError):
    """The answer is cut off, is not HTTP, is in no coding that was asked for, or is too large."""


class TooLargeError(BrokenAnswerError):
    """The answer is larger than the limit."""


class ForbiddenAddressError(OutsideError):
    """The host has an address that `may_reach` does not allow. Nothing was connected to."""


@functools.cache
def _certificates(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Whom to believe; it reads these variables. Once a process: loading them takes 30 ms."""
    return httpx.create_ssl_context()


class Outside:
    """An HTTP client. Close it, and no socket is left.

    Proxies of the environment are not used, no cookie is kept, no redirect is followed.
    `may_reach(host, port, address)` is asked about every address of a host before anything is
    connected to.
    """

    def __init__(
        self,
        connect: float = LADDER.connect,
        resolver: Resolver | None = None,
        may_reach: Callable[[str, int, str], bool] = lambda *_: True,
    ) -> None:
        self._timeout = httpx.Timeout(None, connect=connect).as_dict()
        self._certificates = _certificates(*map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")))
        self._connections: dict[str, httpx.AsyncHTTPTransport] = {}
        self._resolver = resolver or Resolver()
        self._may_reach = may_reach

    async def close(self) -> None:
        """Close every connection."""
        for connections in self._connections.values():
            await connections.aclose()
        await self._resolver.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int = MAX_BYTES,
        before_sending: Callable[[], Awaitable[None]] | None = None,
        wants_body: Callable[[int, httpx.Headers], bool] = lambda *_: True,
    ) -> httpx.Response:
        """The complete answer, whatever its status. Raises an `OutsideError`.

        `before_sending` is awaited once the connection is open, with nothing sent yet.
        `wants_body` sees status and headers; when it says no, the body is left and is empty.
        In the answer's `extensions` are the `address` that answered, the version of `tls` (None
        without it), and `wire_bytes`: those of the body as it was sent.
        """
        asked = httpx.URL(url)
        host = asked.raw_host.decode()  # .host is for people: it shows xn-- as what it stands for
        try:
            async with deadline.limit():
                requests = [
                    self._request(method, asked, address, headers, content, before_sending)
                    for address in await self._addresses(asked, host)
                ]
                for request in requests[:-1]:
                    with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                        return await self._exchange(host, request, max_bytes, wants_body)
                return await self._exchange(host, requests[-1], max_bytes, wants_body)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise OutsideTimeoutError(f"{host} did not answer in time") from error
        except httpx.RemoteProtocolError as error:
            raise BrokenAnswerError(f"{host} answered brokenly: {error}") from error
        except (httpx.HTTPError, aiodns.error.DNSError) as error:
            raise UnreachableError(f"{host} cannot be reached: {error!r}") from error

    async def _addresses(self, asked: httpx.URL, host: str) -> Sequence[str]:
        """At least one address of the host, the best first; each may be reached."""
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
            addresses = [host]
        except OSError:
            found = await self._resolver.getaddrinfo(host, type=socket.SOCK_STREAM)
            addresses = [node.addr[0].decode() for node in found.nodes]
        usual = 443 if asked.scheme == "https" else 80
        port = usual if asked.port is None else asked.port
        for address in addresses:
            if not self._may_reach(host, port, address):
                raise ForbiddenAddressError(f"{host} is at {address}, which is not allowed")
        return addresses

    def _request(
        self,
        method: str,
        asked: httpx.URL,
        address: str,
        headers: dict[str, str] | None,
        content: bytes | None,
        before_sending: Callable[[], Awaitable[None]] | None,
    ) -> httpx.Request:
        async def trace(event: str, _: object) -> None:
            if before_sending and event == "http11.send_request_headers.started":
                await before_sending()

        sent = httpx.Headers(headers)
        sent["Host"] = asked.netloc.decode()
        sent["Accept-Encoding"] = "gzip"
        return httpx.Request(
            method,
            asked.copy_with(host=address),
            headers=sent,
            content=content,
            extensions={
                "timeout": self._timeout,
                "sni_hostname": asked.raw_host.decode(),
                "trace": trace,
            },
        )

    def _connections_to(self, host: str) -> httpx.AsyncHTTPTransport:
        # A pool for each name: it goes by addresses, and TLS was checked for the first name only.
        if host not in self._connections:
            self._connections[host] = httpx.AsyncHTTPTransport(
                verify=self._certificates, trust_env=False
            )
        return self._connections[host]

    async def _exchange(
        self,
        host: str,
        request: httpx.Request,
        max_bytes: int,
        wants_body: Callable[[int, httpx.Headers], bool],
    ) -> httpx.Response:
        response = await self._connections_to(host).handle_async_request(request)
        try:
            wanted = wants_body(response.status_code, response.headers)
            body = await _body(response, max_bytes) if wanted else b""
        finally:
            await response.aclose()
        headers = [(k, v) for k, v in response.headers.multi_items() if k not in _FRAMING]
        return httpx.Response(
            response.status_code,
            headers=headers,
            content=body,
            extensions={
                "address": request.url.raw_host.decode(),
                "tls": _tls(response),
                "wire_bytes": response.num_bytes_downloaded,
            },
        )


def _tls(response: httpx.Response) -> str | None:
    """The version of TLS that it came by."""
    session = response.extensions["network_stream"].get_extra_info("ssl_object")
    return session.version() if session else None


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that an answer asks to wait; 0 where it names no number of them."""
    try:
        return min(WAIT_MOST, max(0.0, float(headers["Retry-After"])))
    except (KeyError, ValueError):
        return 0.0


# They describe the body as it was sent; ours is decoded and whole.
_FRAMING = {"content-encoding", "content-length", "transfer-encoding"}


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    """The decoded body. Neither it nor what was sent for it is larger than the limit."""
    unpacker = _unpacker(response.headers)
    body = bytearray()
    async for piece in response.aiter_raw():
        # one byte more than there is room for shows that it is too much
        room = max_bytes - len(body) + 1
        body += _unpacked(unpacker, piece, room) if unpacker else piece
        if max(len(body), response.num_bytes_downloaded) > max_bytes:
            raise TooLargeError(f"it sent more than {max_bytes} bytes")
    if unpacker and not unpacker.eof and response.num_bytes_downloaded:
        raise BrokenAnswerError("its gzip is cut off")
    return bytes(body)


def _unpacker(headers: Mapping[str, str]) -> "zlib._Decompress | None":
    match headers.get("content-encoding", "").strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        case other:
            raise BrokenAnswerError(f"it is coded as {other[:100]!r}, and gzip was asked for")


def _unpacked(unpacker: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    if unpacker.eof:
        return b""  # padding after the end, which browsers ignore too
    try:
        return unpacker.decompress(piece, most)
    except zlib.error as error:
        raise BrokenAnswerError(f"its gzip is broken: {error}") from error
