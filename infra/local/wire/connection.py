"""A connection of a client to a stand-in."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Bytes of a read, or of a block of a flood.
BLOCK = 64 * 1024


@dataclass(frozen=True)
class Peer:
    """The client at the other end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send data. Raises `ConnectionError` once the client has closed."""
        self.writer.write(data)
        await self.writer.drain()

    async def drip(self, pieces: Iterator[bytes], interval: float) -> None:
        """Send the pieces, and pause after each."""
        for piece in pieces:
            await self.send(piece)
            await asyncio.sleep(interval)

    async def until_gone(self) -> None:
        """Send nothing more; return when the client closes."""
        while await self.reader.read(BLOCK):
            pass

    def reset(self) -> None:
        """Close the connection with TCP RST."""
        # Linger on, for 0 s: close() then sends RST and discards unsent data.
        linger = struct.pack("ii", 1, 0)
        client = self.writer.get_extra_info("socket")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()
