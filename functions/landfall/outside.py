"""The one way out: an HTTP exchange that is over at an absolute deadline.

A timeout for each read does not bound a server that sends a byte now and then; a moment on the
clock does. Whatever the other side does, `send` has returned or raised at the deadline.
"""

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
    """An HTTP client. Close it, and no socket is left."""

    def __init__(self) -> None:
        timeout = httpx.Timeout(None, connect=LADDER.connect)
        self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> httpx.Response:
        """The complete answer, whatever its status. Raises an `OutsideError`."""
        request = self._client.build_request(method, url, headers=headers, content=content)
        try:
            async with deadline.limit():
                return await self._exchange(request, max_bytes)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise OutsideTimeoutError(f"{request.url.host} did not answer in time") from error
        except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
            raise BrokenAnswerError(f"{request.url.host} answered brokenly: {error}") from error
        except httpx.HTTPError as error:
            raise UnreachableError(f"{request.url.host} cannot be reached: {error!r}") from error

    async def _exchange(self, request: httpx.Request, max_bytes: int) -> httpx.Response:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > max_bytes:
                    raise BrokenAnswerError(f"{request.url.host} sent more than {max_bytes} bytes")
        finally:
            await response.aclose()
        headers = [(k, v) for k, v in response.headers.items() if k not in _FRAMING]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body))


# They describe the body as it was sent; ours is decoded and whole.
_FRAMING = {"content-encoding", "content-length", "transfer-encoding"}
