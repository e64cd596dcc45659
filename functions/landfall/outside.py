"""The one way out: an HTTP exchange that is over at an absolute deadline.

A timeout for each read does not bound a server that sends a byte now and then; a moment on the
clock does. Whatever the other side does, `send` has returned or raised at the deadline.

Names are resolved with c-ares, which a deadline can end; `getaddrinfo` would hold on to a thread
for as long as the name server pleases. The connection then goes to the address that was found,
under the name that was asked for.
"""

import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence

import aiodns
import httpx

from landfall.deadlines import LADDER, Deadline

MAX_BYTES = 32 * 2**20
"""Bytes of an answer's body that are read; Airtable's pages of 100 records stay far below."""


class OutsideError(Exception):
    """An exchange did not end in a complete answer."""


class OutsideTimeoutError(OutsideError):
    """The answer was not complete at the deadline."""


class UnreachableError(OutsideError):
    """There was no connection, or it broke before an answer began."""


class BrokenAnswerError(OutsideError):
    """The answer is cut off, is not HTTP, or is larger than the limit."""


class Outside:
    """An HTTP client. Close it, and no socket is left. Proxies of the environment are not used."""

    def __init__(
        self, connect: float = LADDER.connect, resolver: aiodns.DNSResolver | None = None
    ) -> None:
        timeout = httpx.Timeout(None, connect=connect)
        self._client = httpx.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            verify=httpx.create_ssl_context(),  # this one does look at SSL_CERT_FILE
        )
        self._resolver = resolver or aiodns.DNSResolver()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
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
    ) -> httpx.Response:
        """The complete answer, whatever its status. Raises an `OutsideError`.

        `before_sending` is awaited once the connection is open, with nothing sent yet.
        """
        asked = httpx.URL(url)
        host = asked.host
        try:
            async with deadline.limit():
                requests = [
                    self._request(method, asked, address, headers, content, before_sending)
                    for address in await self._addresses(host)
                ]
                for request in requests[:-1]:
                    with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                        return await self._exchange(request, max_bytes)
                return await self._exchange(requests[-1], max_bytes)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise OutsideTimeoutError(f"{host} did not answer in time") from error
        except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
            raise BrokenAnswerError(f"{host} answered brokenly: {error}") from error
        except (httpx.HTTPError, aiodns.error.DNSError) as error:
            raise UnreachableError(f"{host} cannot be reached: {error!r}") from error

    async def _addresses(self, host: str) -> Sequence[str]:
        """At least one address of the host, the best first."""
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        except OSError:
            found = await self._resolver.getaddrinfo(host, type=socket.SOCK_STREAM)
            return [node.addr[0].decode() for node in found.nodes]
        return [host]

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

        return self._client.build_request(
            method,
            asked.copy_with(host=address),
            headers={**(headers or {}), "Host": asked.netloc.decode()},
            content=content,
            extensions={"sni_hostname": asked.host, "trace": trace},
        )

    async def _exchange(self, request: httpx.Request, max_bytes: int) -> httpx.Response:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > max_bytes:
                    raise BrokenAnswerError(f"it sent more than {max_bytes} bytes")
        finally:
            await response.aclose()
        headers = [(k, v) for k, v in response.headers.items() if k not in _FRAMING]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body))


# They describe the body as it was sent; ours is decoded and whole.
_FRAMING = {"content-encoding", "content-length", "transfer-encoding"}
