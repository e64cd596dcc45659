"""Firestore's edge, against servers that misbehave: a call ends in time, and in `StoreError`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from landfall.store.documents import (
    ConflictError,
    Create,
    IndexMissingError,
    Put,
    Query,
    StoreError,
    StoreRefusedError,
    Update,
)
from landfall.store.firestore import FirestoreStore
from tests.local.clients import SHORT, store_at
from tests.local.leftovers import nothing_left
from tests.local.peers import PEERS, good, grpc_server

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LATE = 0.5
"""Seconds after its timeout by which a call must have ended."""

CALLS: dict[str, Callable[[FirestoreStore], Awaitable[Any]]] = {
    "read": lambda store: store.read("things/a"),
    "find": lambda store: store.find(Query("things")),
    "put": lambda store: store.commit([Put("things/a", {})]),
    "create": lambda store: store.commit([Create("things/a", {})]),
    "update": lambda store: store.commit([Update("things/a", {"n": 1}, NOW)]),
}
LOST = {
    "put": {grpc.StatusCode.ABORTED},
    "create": {grpc.StatusCode.ABORTED, grpc.StatusCode.ALREADY_EXISTS},
    "update": {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
    },
}
"""The statuses by which a call loses to another writer."""

REFUSED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
}
"""The statuses, of all other calls, that trying again does not change."""


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
@pytest.mark.usefixtures("grpc_awake")
async def test_a_call_ends_at_its_timeout(peer, call):
    """Whatever is at the other end, in the first call and in the next; nothing of it is left."""
    loop = asyncio.get_running_loop()
    async with nothing_left(), peer() as address, store_at(address) as store:
        for _ in range(2):
            began = loop.time()
            with pytest.raises(StoreError):
                await call(store)
            assert loop.time() - began < SHORT.request + LATE


@pytest.mark.parametrize("name", CALLS)
async def test_every_status_is_what_it_means(name):
    """A race that was lost, a refusal for good, or an outage: each code that gRPC has."""
    codes = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
    sent: set[grpc.StatusCode] = set()

    async def refuse(_: str, context: Any) -> AsyncIterator[bytes]:
        sent.add(code)
        await context.abort(code, "no")
        yield b""

    async with grpc_server(refuse) as address, store_at(address) as store:
        for code in codes:
            with pytest.raises((StoreError, ConflictError)) as raised:
                await CALLS[name](store)
            lost, refused = code in LOST.get(name, ()), code in REFUSED
            meant = ConflictError if lost else StoreRefusedError if refused else StoreError
            assert (code, raised.type) == (code, meant)
    assert sent == set(codes)


READS = {name: CALLS[name] for name in ("read", "find")}


class Refusing:
    """Answers the first `times` calls with UNAVAILABLE after a document, and the others well."""

    def __init__(self, times: int, seconds: float = 0.0) -> None:
        self.times = times
        self.seconds = seconds
        self.calls = 0

    async def __call__(self, method: str, context: Any) -> AsyncIterator[bytes]:
        self.calls += 1
        async for message in good(method, context):
            yield message
        if self.calls <= self.times:
            await asyncio.sleep(self.seconds)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")


@pytest.mark.parametrize("call", READS.values(), ids=READS)
async def test_a_read_whose_connection_broke_is_sent_once_more(call, capsys):
    """As the first call after a while without a CPU; both are counted, and the log has a line."""
    refusing = Refusing(times=1)
    async with grpc_server(refusing) as address, store_at(address) as store:
        assert await call(store)
        assert (refusing.calls, store.meter.reads) == (2, 2)
        assert '"message": "read again"' in capsys.readouterr().out
        assert await call(store)
        assert (refusing.calls, store.meter.reads) == (3, 3)


@pytest.mark.parametrize("call", READS.values(), ids=READS)
async def test_a_read_is_sent_no_third_time(call):
    """An outage is the step's to wait for."""
    refusing = Refusing(times=2)
    async with grpc_server(refusing) as address, store_at(address) as store:
        with pytest.raises(StoreError, match="reset by peer"):
            await call(store)
    assert refusing.calls == 2


@pytest.mark.parametrize("call", READS.values(), ids=READS)
async def test_a_read_that_is_sent_once_more_ends_at_the_same_deadline(call):
    """Of 1.2 s, the second call has what the first one left, which is too little here."""
    loop = asyncio.get_running_loop()
    refusing = Refusing(times=2, seconds=SHORT.request * 0.75)
    async with grpc_server(refusing) as address, store_at(address) as store:
        began = loop.time()
        with pytest.raises(StoreError, match="Deadline Exceeded"):
            await call(store)
        assert loop.time() - began < SHORT.request + LATE
    assert refusing.calls == 2


@pytest.mark.parametrize("name", ["put", "create", "update"])
async def test_a_commit_is_never_sent_once_more(name):
    """It may have happened."""
    refusing = Refusing(times=1)
    async with grpc_server(refusing) as address, store_at(address) as store:
        with pytest.raises(StoreError):
            await CALLS[name](store)
    assert refusing.calls == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("The query requires an index. You can create it here: https://...", IndexMissingError),
        ("The query requires a COLLECTION_GROUP_ASC index for ...", IndexMissingError),
        ("The index of this query is currently building and cannot be used yet", IndexMissingError),
        ("The Cloud Firestore API is not available for this database", StoreRefusedError),
    ],
)
async def test_a_query_without_its_index_says_so(said, error):
    """It is no outage: trying again mends nothing."""

    async def refuse(_: str, context: Any) -> AsyncIterator[bytes]:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, said)
        yield b""

    async with grpc_server(refuse) as address, store_at(address) as store:
        with pytest.raises(StoreError) as raised:
            await store.find(Query("things"))
    assert raised.type is error
    assert said in str(raised.value)
