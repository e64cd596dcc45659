"""A channel after an outage: the first success comes soon after the other end is back."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import grpc.aio
import pytest

from infra.local.processes import free_port
from landfall.net import grpc as net_grpc
from landfall.net.grpc import MAX_RECONNECT_BACKOFF
from landfall.runs.cloud_tasks import cloud_tasks_client
from landfall.runs.tasks import QueueError, Task
from landfall.store.documents import StoreError
from landfall.store.firestore import firestore_client
from tests.local.clients import SHORT, queue_at, store_at
from tests.local.peers import Line, good, grpc_server, plain_server

TASK = Task("m-1", "fetch", attempt=0, dispatch=1, at=datetime(2026, 1, 1, tzinfo=UTC))
Call = Callable[[], Awaitable[object]]


@asynccontextmanager
async def firestore(address: str) -> AsyncIterator[Call]:
    """A call to the Firestore there."""
    async with store_at(address) as store:
        yield lambda: store.read("things/a")


@asynccontextmanager
async def cloud_tasks(address: str) -> AsyncIterator[Call]:
    """A call to the Cloud Tasks there."""
    async with queue_at(address) as queue:
        yield lambda: queue.enqueue(TASK)


both = pytest.mark.parametrize("client", [firestore, cloud_tasks])


async def first_success(call: Call) -> float:
    """Seconds that the calls, one after another, go on to fail."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        try:
            await call()
        except (StoreError, QueueError):
            await asyncio.sleep(0.05)
        else:
            return loop.time() - began


async def failing(call: Call, seconds: float) -> None:
    """Call for so long, again and again, without a success."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await first_success(call)


@both
async def test_a_server_that_was_stopped_is_back(client):
    """Started again on its port, it is found at the next attempt to connect."""
    port = free_port()
    async with client(f"127.0.0.1:{port}") as call:
        async with grpc_server(good, port):
            await call()
        # gRPC's own attempts would be 1.6, 2.6, 4.1 and 6.6 s apart by then
        await failing(call, 11)
        async with grpc_server(good, port):
            seconds = await first_success(call)
    assert seconds < MAX_RECONNECT_BACKOFF * 1.2 + 0.5


@both
async def test_a_server_that_took_connections_and_was_silent_is_back(client):
    """An attempt to connect that hangs is given up, and the next one is good."""
    async with grpc_server(good) as server, Line(server) as line:
        line.hold()
        async with client(line.address) as call:
            await failing(call, 2)
            line.lose()
            seconds = await first_success(call)
    assert seconds < SHORT.connect + MAX_RECONNECT_BACKOFF * 1.2 + 0.5


@both
async def test_a_dead_connection_is_noticed(client, monkeypatch):
    """Nothing passes any more, and nobody says so; a new connection would be good."""
    monkeypatch.setattr(net_grpc, "KEEPALIVE", 1.0)
    async with grpc_server(good) as server, Line(server) as line, client(line.address) as call:
        await call()
        await asyncio.sleep(0.5)  # gRPC's own pings, which follow an answer, are over
        line.lose()
        seconds = await first_success(call)
    # the ping may be due between two calls, and then waits its time once more
    assert seconds < 2 * net_grpc.KEEPALIVE + SHORT.connect + SHORT.request
    assert line.connections == 2


async def test_a_host_that_vanished_is_noticed():
    """The kernel ends a connection when what was sent on it is not acknowledged in time."""
    async with grpc_server(good) as server, firestore(server) as call:
        await call()
        assert _user_timeouts(server) == [SHORT.connect * 1000]


def _user_timeouts(server: str) -> list[int]:
    """TCP_USER_TIMEOUT, in ms, of each connection of this process to a server."""
    found = []
    for number in Path("/proc/self/fd").iterdir():
        if not number.is_socket():
            continue  # a copy of the end of a pipe would keep its reader waiting for ever
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(number.name))) as there:
            if there.getpeername()[1:2] == (int(server.split(":")[1]),):
                found.append(there.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
    return found


async def test_channels_to_google_are_the_same(monkeypatch, tmp_path):
    """Results of the local ones hold for them, because only the options matter."""
    account = {name: "x" for name in ("client_id", "client_secret", "refresh_token")}
    (tmp_path / "account.json").write_text(json.dumps(account | {"type": "authorized_user"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    opened: dict[str, dict[str, int]] = {}
    secure, insecure = grpc.aio.secure_channel, grpc.aio.insecure_channel

    def noted_secure(target, credentials, options, **more):
        opened[target] = dict(options)
        return secure(target, credentials, options=options, **more)

    def noted_insecure(target, options):
        opened[target] = dict(options)
        return insecure(target, options)

    monkeypatch.setattr(grpc.aio, "secure_channel", noted_secure)
    monkeypatch.setattr(grpc.aio, "insecure_channel", noted_insecure)
    clients = [cloud_tasks_client(None), cloud_tasks_client("127.0.0.1:9")]
    for client in clients:
        await client.transport.close()
    await firestore_client("p")._firestore_api.transport.close()
    local = opened.pop("127.0.0.1:9")
    assert local["grpc.max_reconnect_backoff_ms"] == MAX_RECONNECT_BACKOFF * 1000
    assert opened == {"firestore.googleapis.com": local, "cloudtasks.googleapis.com": local}


async def test_calls_that_hang_do_not_make_threads():
    """gRPC's own threads are not Python's: the kernel knows how many there are."""
    counts: list[int] = []
    async with plain_server() as address:
        for _ in range(40):
            async with store_at(address) as store:
                asking = [asyncio.create_task(store.read("things/a")) for _ in range(3)]
                await asyncio.wait(asking, timeout=0.05)
                for task in asking:
                    task.cancel()
                await asyncio.wait(asking)
            counts.append(_threads())
    assert counts[-1] < counts[0] + 10, "of 120 calls"


def _threads() -> int:
    return len([*Path("/proc/self/task").iterdir()])
