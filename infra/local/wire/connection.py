"""One client's end of a connection to a stand-in."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Bytes a read or a flooded block.
BLOCK = 64 * 1024


@dataclass(frozen=True)
class Peer:
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
