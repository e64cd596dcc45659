"""The HTTP client: each exchange is over at an absolute deadline.

A timeout for each read does not bound a server that sends a byte now and then; an absolute
deadline does. Whatever the server does, `send` has returned or raised at the deadline.

Names are resolved with c-ares, which a deadline can end; `getaddrinfo` would block a thread for as
long as the name server does not answer. The connection then goes to the resolved address, under
the name of the URL.
"""

import contextlib
import functools
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiodns
import httpx

from landfall.deadlines import LADDER, Deadline
from landfall.net.body import Body
from landfall.net.errors import (
    ExchangeTimeoutError,
    ForbiddenAddressError,
    InvalidResponseError,
    UnreachableError,
    UnsendableError,
)

Resolver = aiodns.DNSResolver
"""The resolver of names to addresses."""

MAX_BODY_BYTES = 32 * 2**20
"""Bytes of a response's body; Airtable's pages of 100 records stay far below."""


@functools.cache
def _certificates(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Return the trusted certificates, by these variables; cached because loading takes 30 ms."""
    return httpx.create_ssl_context()


class HttpClient:
    """An HTTP client. After `close` no socket is left.

    It uses no proxy of the environment, stores no cookies, and follows no redirects. Before a
    connection is made, `may_reach(host, port, address)` must allow every address of the host.
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
        max_bytes: int = MAX_BODY_BYTES,
        cut: bool = False,
        before_sending: Callable[[], Awaitable[None]] | None = None,
        wants_body: Callable[[int, httpx.Headers], bool] = lambda *_: True,
    ) -> httpx.Response:
        """Return the complete response, whatever its status. Raises an `ExchangeError`.

        A body of more than `max_bytes` is an error, or with `cut` its beginning is returned.
        `before_sending` is awaited when the connection is open and nothing is sent yet. If
        `wants_body`, given status and headers, returns false, the body is not read and is empty.
        The response's `extensions` have the `address` that answered, the version of `tls` (None
        without TLS), and `wire_bytes`, the size of the body as it was sent.
        """
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL:
            raise UnsendableError("the address is no valid URL") from None
        host = target.raw_host.decode()  # .host is for people: it decodes xn--
        try:
            async with deadline.limit():
                requests = [
                    self._request(method, target, address, headers, content, before_sending)
                    for address in await self._addresses(target, host)
                ]
                for request in requests[:-1]:
                    with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                        return await self._exchange(host, request, max_bytes, cut, wants_body)
                return await self._exchange(host, requests[-1], max_bytes, cut, wants_body)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise ExchangeTimeoutError(f"{host} did not answer in time") from error
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, UnicodeEncodeError):
            # without the cause, which shows the header
            raise UnsendableError(
                f"the request to {host} has an address or a header that HTTP does not allow"
            ) from None
        except httpx.RemoteProtocolError as error:
            raise InvalidResponseError(f"{host} sent an invalid HTTP response: {error}") from error
        except (httpx.HTTPError, aiodns.error.DNSError) as error:
            raise UnreachableError(f"{host} cannot be reached: {error!r}") from error

    async def _addresses(self, target: httpx.URL, host: str) -> Sequence[str]:
        """Return at least one address of the host, the best first; all are allowed."""
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
            addresses = [host]
        except OSError:
            found = await self._resolver.getaddrinfo(host, type=socket.SOCK_STREAM)
            addresses = [node.addr[0].decode() for node in found.nodes]
        usual = 443 if target.scheme == "https" else 80
        port = usual if target.port is None else target.port
        for address in addresses:
            if not self._may_reach(host, port, address):
                raise ForbiddenAddressError(f"{host} has the forbidden address {address}")
        return addresses

    def _request(
        self,
        method: str,
        target: httpx.URL,
        address: str,
        headers: dict[str, str] | None,
        content: bytes | None,
        before_sending: Callable[[], Awaitable[None]] | None,
    ) -> httpx.Request:
        async def trace(event: str, _: object) -> None:
            if before_sending and event == "http11.send_request_headers.started":
                await before_sending()

        sent = httpx.Headers(headers)
        sent["Host"] = target.netloc.decode()
        sent["Accept-Encoding"] = "gzip"
        return httpx.Request(
            method,
            target.copy_with(host=address),
            headers=sent,
            content=content,
            extensions={
                "timeout": self._timeout,
                "sni_hostname": target.raw_host.decode(),
                "trace": trace,
            },
        )

    def _connections_to(self, host: str) -> httpx.AsyncHTTPTransport:
        # One pool for each name: a pool is keyed by address, and its TLS was verified for one name.
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
        cut: bool,
        wants_body: Callable[[int, httpx.Headers], bool],
    ) -> httpx.Response:
        response = await self._connections_to(host).handle_async_request(request)
        try:
            wanted = wants_body(response.status_code, response.headers)
            body = await _body(response, max_bytes, cut=cut) if wanted else b""
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
    """Return the version of TLS of the connection."""
    session = response.extensions["network_stream"].get_extra_info("ssl_object")
    return session.version() if session else None


def retry_after(headers: Mapping[str, str], at_most: float) -> float:
    """Return the seconds that a response asks to wait; 0 unless it has a number of them.

    `at_most` is the longest wait that its vendor may ask for: a longer one is cut to it.
    """
    try:
        return min(at_most, max(0.0, float(headers["Retry-After"])))
    except (KeyError, ValueError):
        return 0.0


# These describe the body as it was sent; ours is decoded and whole.
_FRAMING = {"content-encoding", "content-length", "transfer-encoding"}


async def _body(response: httpx.Response, max_bytes: int, *, cut: bool) -> bytes:
    body = Body(response.headers, max_bytes, cut=cut)
    async for piece in response.aiter_raw():
        body.add(piece)
        if body.full:
            break
    return body.complete()
