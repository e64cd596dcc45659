"""A stand-in for the Firestore emulator, where none can be had: `python -m infra.local.firestore`.

It speaks the three calls of gRPC that the store uses, keeps documents in memory, and passes the
store's own tests (tests/emulator/test_store.py). It has no rules, transactions or listeners.
"""

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    CommitResponse,
    RunQueryRequest,
    RunQueryResponse,
    WriteResult,
)
from google.protobuf.message import DecodeError

from infra.local.firestore.stored_documents import RefusedByStandInError, StoredDocuments

SERVICE = "google.firestore.v1.Firestore"

MAX_MESSAGE = 64 * 2**20
"""Bytes of a request, which is refused by its own checks before."""


class FirestoreStandIn:
    """The calls of Firestore that the store uses."""

    def __init__(self) -> None:
        self._documents = StoredDocuments()

    async def batch_get(self, request: Any) -> AsyncIterator[Any]:
        """Return each document, or that it is missing."""
        answer, now = BatchGetDocumentsResponse.pb(), self._documents.now()
        for name in request.documents:
            found = self._documents.get(name)
            if found is None:
                yield answer(missing=name, read_time=now)
            else:
                yield answer(found=found, read_time=now)

    async def run_query(self, request: Any) -> AsyncIterator[Any]:
        """Return what a query finds, and at least when it was asked."""
        answer, now = RunQueryResponse.pb(), self._documents.now()
        found = list(self._documents.query(request.parent, request.structured_query))
        for document in found:
            yield answer(document=document, read_time=now)
        if not found:
            yield answer(read_time=now)

    async def commit(self, request: Any) -> Any:
        """Apply writes, all or none."""
        moment, times = self._documents.commit(request.writes)
        result = WriteResult.pb()
        results = [result(update_time=it) for it in times]
        return CommitResponse.pb()(write_results=results, commit_time=moment)

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """Return the handlers of gRPC, by the name of the call."""
        return {
            "BatchGetDocuments": _stream(
                self.batch_get, BatchGetDocumentsRequest, BatchGetDocumentsResponse
            ),
            "RunQuery": _stream(self.run_query, RunQueryRequest, RunQueryResponse),
            "Commit": _unary(self.commit, CommitRequest, CommitResponse),
        }


def _stream(method: Callable[[Any], Any], request: Any, response: Any) -> grpc.RpcMethodHandler:
    async def call(message: bytes, context: Any) -> Any:
        async with _refusing(context):
            async for answer in method(request.pb().FromString(message)):
                yield answer

    return grpc.unary_stream_rpc_method_handler(
        call, response_serializer=response.pb().SerializeToString
    )


def _unary(method: Callable[[Any], Any], request: Any, response: Any) -> grpc.RpcMethodHandler:
    async def call(message: bytes, context: Any) -> Any:
        async with _refusing(context):
            return await method(request.pb().FromString(message))

    return grpc.unary_unary_rpc_method_handler(
        call, response_serializer=response.pb().SerializeToString
    )


@asynccontextmanager
async def _refusing(context: Any) -> AsyncIterator[None]:
    """End a call with the status of what was refused. Requests are parsed inside of it."""
    try:
        yield
    except RefusedByStandInError as error:
        await context.abort(error.status, str(error))
    except DecodeError as error:  # more maps in maps than a message can have
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


async def serve(port: int) -> None:
    """Serve on a port of the loopback until SIGTERM or SIGINT."""
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", MAX_MESSAGE)]
    server = grpc.aio.server(options=options)
    handlers = FirestoreStandIn().handlers()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    try:
        server.add_insecure_port(f"127.0.0.1:{port}")
    except RuntimeError as error:
        raise SystemExit(f"port {port} is in use: {error}") from error
    await server.start()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    await over.wait()
    await server.stop(None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(parser.parse_args().port))
