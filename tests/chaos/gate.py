"""Between Firestore's emulator and all of its clients: what lets a test restart it under them.

    functions, campaign ──> gate (a port that stays) ──> emulator (this one, then the next)

To restart is to reset every connection, to refuse new ones, to carry the documents over in an
export, and to kill the process. The export keeps all of them exactly, but not when each was
written: every version is another one afterwards, and every commit that was decided on before
conflicts. Nothing that was answered is lost.
"""

import asyncio
import contextlib
import os
import signal
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from infra.local.emulator import emulator_command
from infra.local.environment import PROJECT
from infra.local.processes import Process, free_port
from infra.local.stack import ROOT, Stack
from tests.waiting import until

READY = 30.0
"""Seconds that the emulator may take until it answers; usually 3."""

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: what is closed is reset."""


class Gate:
    """Passes connections on to a port of this machine while it is open."""

    def __init__(self) -> None:
        self.port = free_port()
        self._behind: str | None = None
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        """For the clients: host:port."""
        return f"127.0.0.1:{self.port}"

    async def open(self, behind: str) -> None:
        """Let connections through to that host:port."""
        self._behind = behind
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

    async def shut(self) -> None:
        """Reset every connection, and refuse new ones."""
        self._behind = None
        if self._server:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """Reset every connection: what was asked may be done, and nobody is told."""
        for writer in self._ends:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._known(writer), contextlib.suppress(OSError):
            if self._behind is None:
                return  # it came while the gate was being shut
            reader_behind, writer_behind = await asyncio.open_connection(*self._behind.split(":"))
            with self._known(writer_behind):
                await asyncio.gather(_pump(reader, writer_behind), _pump(reader_behind, writer))

    @contextlib.contextmanager
    def _known(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._ends.add(writer)
        try:
            yield
        finally:
            self._ends.discard(writer)
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def shut_at_the_end() -> AsyncIterator[Gate]:
    """A gate that is shut at first, too."""
    gate = Gate()
    try:
        yield gate
    finally:
        await gate.shut()


async def restart_firestore(stack: Stack, gate: Gate, seconds: float) -> None:
    """The emulator ends and another begins, with the same documents; away for so long."""
    loop = asyncio.get_running_loop()
    back = loop.time() + seconds
    await gate.shut()
    old = stack.processes["firestore"]
    address = stack.addresses.firestore
    with tempfile.TemporaryDirectory(prefix="landfall-export-") as folder:
        export = await _export(address, Path(folder))
        group = os.getpgid(old.pid)
        os.kill(old.pid, signal.SIGKILL)
        await old.stop()
        command = emulator_command(int(address.partition(":")[2]), ROOT / "infra/firestore.rules")
        command.append(f"--seed_from_export={export}")
        stack.processes["firestore"] = await Process.start(
            "firestore", command, old.log, os.environ, group
        )
        async with httpx.AsyncClient(trust_env=False) as client:
            await until(lambda: _answers(client, address), READY)
    await asyncio.sleep(back - loop.time())
    await gate.open(address)


async def _export(address: str, folder: Path) -> Path:
    """Write all documents there; the file that says what there is."""
    asked = {"database": f"projects/{PROJECT}/databases/(default)", "export_directory": str(folder)}
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        url = f"http://{address}/emulator/v1/projects/{PROJECT}:export"
        (await client.post(url, json=asked)).raise_for_status()
    return _made_in(folder)


def _made_in(folder: Path) -> Path:
    (export,) = folder.glob("*/*.overall_export_metadata")
    return export


async def _answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(f"http://{address}/")).is_success
    except httpx.HTTPError:
        return False
