"""A restart of Firestore, as its clients see it."""

import asyncio
import os
import subprocess
import sys

import pytest
from google.cloud.firestore import AsyncClient

from infra.local.stack import ROOT, StackOptions, running
from landfall.store.documents import ConflictError, Create, Query, StoreError, Update
from landfall.store.firestore import FirestoreStore
from tests.chaos.campaign import SUSPENDED
from tests.chaos.gate import restart_firestore, shut_at_the_end
from tests.waiting import until

AWAY = 5.0
ALL = Query("runs")


async def test_a_restart_keeps_the_documents_and_no_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Clients are cut off at once, refused, and then find all; what they had decided conflicts."""
    async with shut_at_the_end() as gate, running(StackOptions(tick_seconds=None)) as stack:
        await gate.open(stack.addresses.firestore)
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", gate.address)
        client = AsyncClient(project=stack.addresses.project)
        store = FirestoreStore(client, 30.0)
        paths = [f"runs/r{number}" for number in range(50)]
        await store.commit([Create(path, {"path": path, "part": b"\x00\xff"}) for path in paths])
        before = await store.find(ALL)
        old = stack.processes["firestore"].pid

        restart = asyncio.create_task(restart_firestore(stack, gate, AWAY))
        await asyncio.sleep(0)
        with pytest.raises(StoreError):
            await store.find(ALL)
        assert not restart.done()
        await restart
        with pytest.raises(ProcessLookupError):
            os.kill(old, 0)

        after = await until(lambda: _found(store), 20)
        assert [run.data for run in after] == [run.data for run in before]
        with pytest.raises(ConflictError):
            await store.commit([Update(paths[0], {"path": ""}, before[0].version)])
        await store.commit([Update(paths[0], {"path": ""}, after[0].version)])
        await client._firestore_api.transport.close()


async def _found(store: FirestoreStore):
    """A client connects again by its own back-off."""
    try:
        return await store.find(ALL)
    except StoreError:
        return None


async def test_a_cut_resets_connections_and_lets_new_ones_in() -> None:
    """What was on its way may have arrived: nobody is told."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, shut_at_the_end() as gate:
        await gate.open(f"{host}:{port}")
        for number in (1, 2):
            reader, writer = await asyncio.open_connection(*gate.address.split(":"))
            writer.write(b"commit\n")
            async with asyncio.timeout(10):
                while len(heard) < number:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.01)
            gate.cut()
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()


def test_each_process_has_a_clock_of_its_own() -> None:
    """Ahead or behind by minutes; where ticks refuse to work by such a clock, by seconds."""
    script = (
        "from datetime import UTC, datetime; from landfall.store.server_clock import ServerClock; "
        "print((ServerClock().local() - datetime.now(UTC)).total_seconds())"
    )
    path = os.pathsep.join([str(SUSPENDED), str(ROOT / "functions")])
    environment = {**os.environ, "PYTHONPATH": path, "SUSPENDED": "/nowhere", "MOST_AHEAD": "600"}

    def ahead(*arguments: str) -> float:
        command = [sys.executable, "-c", script, *arguments]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(said.stdout)

    workers = [ahead("--target", "fetch") for _ in range(4)]
    assert len({round(seconds) for seconds in workers}) > 1
    assert max(map(abs, workers)) > 10
    assert abs(ahead("--target", "watchdog")) <= 4.1
