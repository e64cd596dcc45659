"""Firestore's edge, against servers that misbehave: a call ends in time, and in `StoreError`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from landfall.store.documents import ConflictError, IndexMissingError, Put, Query, StoreError
from landfall.store.firestore import FirestoreStore
from tests.local.clients import SHORT, store_at
from tests.local.leftovers import nothing_left
from tests.local.peers import PEERS, grpc_server

LATE = 0.5
"""Seconds after its timeout by which a call must have ended."""

CALLS: dict[str, Callable[[FirestoreStore], Awaitable[Any]]] = {
    "read": lambda store: store.read("things/a"),
    "find": lambda store: store.find(Query("things")),
    "commit": lambda store: store.commit([Put("things/a", {})]),
}
CONFLICTS = {
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
}


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
async def test_every_refusal_is_an_error_of_the_store(name):
    """Each code that gRPC has; a commit that wrote nothing because of others is a conflict."""
    codes = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
    left = list(codes)

    async def refuse(_: str, context: Any) -> AsyncIterator[bytes]:
        await context.abort(left.pop(0), "no")
        yield b""

    async with grpc_server(refuse) as address, store_at(address) as store:
        for code in codes:
            lost = name == "commit" and code in CONFLICTS
            with pytest.raises(ConflictError if lost else StoreError):
                await CALLS[name](store)
    assert not left


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("The query requires an index. You can create it here: https://...", IndexMissingError),
        ("The query requires a COLLECTION_GROUP_ASC index for ...", IndexMissingError),
        ("The index of this query is currently building and cannot be used yet", IndexMissingError),
        ("The Cloud Firestore API is not available for this database", StoreError),
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
