"""The body of an HTTP response, decoded piece by piece and no further than a limit.

The decoder of a library makes 64 MiB of 64 KiB before anyone can count, and more of gzip within
gzip.
"""

import zlib
from collections.abc import Mapping

from landfall.net.errors import InvalidResponseError, ResponseTooLargeError


class Body:
    """The decoded body. Neither it nor its bytes on the wire exceed `max_bytes`.

    A longer one is too large, or with `cut` it ends there and is `full`. Raises
    `InvalidResponseError` and `ResponseTooLargeError`.
    """

    def __init__(self, headers: Mapping[str, str], max_bytes: int, *, cut: bool = False) -> None:
        self.full = False
        self._decompressor = _decompressor(headers)
        self._max_bytes = max_bytes
        self._cut = cut
        self._decoded = bytearray()
        self._wire_bytes = 0

    def add(self, piece: bytes) -> None:
        """Decode the next piece from the wire."""
        self._wire_bytes += len(piece)
        # one byte more than the limit shows that the body exceeds it
        room = self._max_bytes - len(self._decoded) + 1
        decompressor = self._decompressor
        self._decoded += _decompressed(decompressor, piece, room) if decompressor else piece
        self.full = max(len(self._decoded), self._wire_bytes) > self._max_bytes
        if self.full and not self._cut:
            raise ResponseTooLargeError(f"the response is larger than {self._max_bytes} bytes")

    def complete(self) -> bytes:
        """Return the whole body, or its beginning if it is full."""
        decompressor = self._decompressor
        if decompressor and not decompressor.eof and self._wire_bytes and not self.full:
            raise InvalidResponseError("the gzip data of the response is truncated")
        del self._decoded[self._max_bytes :]
        return bytes(self._decoded)


def _decompressor(headers: Mapping[str, str]) -> "zlib._Decompress | None":
    match headers.get("content-encoding", "").strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        case other:
            raise InvalidResponseError(
                f"the response has the content encoding {other[:100]!r} where gzip was requested"
            )


def _decompressed(decompressor: "zlib._Decompress", piece: bytes, max_bytes: int) -> bytes:
    if decompressor.eof:
        return b""  # padding after the end, which browsers ignore too
    try:
        return decompressor.decompress(piece, max_bytes)
    except zlib.error as error:
        raise InvalidResponseError(f"the gzip data of the response is corrupt: {error}") from error
