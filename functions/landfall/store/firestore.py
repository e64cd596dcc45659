"""The document store on Firestore, which holds all state."""

import functools
from collections.abc import AsyncIterable, Callable, Sequence
from typing import Any

from google.api_core import exceptions as google_errors
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport
from google.protobuf.message import DecodeError

from landfall import logs
from landfall.deadlines import LADDER, Deadline
from landfall.net.grpc import open_channel
from landfall.store.documents import (
    ConflictError,
    Create,
    Delete,
    Document,
    IndexMissingError,
    Meter,
    Query,
    StoreError,
    StoreRefusedError,
    Update,
    Version,
    Write,
)
from landfall.store.limits import unusable_fields, unusable_path, unusable_query
from landfall.store.metering import charge
from landfall.store.server_clock import ServerClock

_REFUSED = (
    google_errors.InvalidArgument,
    google_errors.OutOfRange,
    google_errors.FailedPrecondition,
    google_errors.NotFound,
    google_errors.AlreadyExists,
    google_errors.PermissionDenied,
    google_errors.Unauthenticated,
    google_errors.MethodNotImplemented,
)
"""Statuses of gRPC that mean the same tomorrow. All others (no answer, a broken connection, a spent
quota) may pass."""

_UNSENDABLE = (ValueError, TypeError, DecodeError)
"""Errors of the client about values that have no form in a message: half a surrogate pair, numbers
beyond 64 bits, empty names, too many levels."""

_NAMED = 5
"""Documents that a message names, of a commit that was refused as a whole."""

_QUOTED = 200
"""Characters of Firestore's own message that ours has."""

_DIRECTIONS = {"asc": firestore.Query.ASCENDING, "desc": firestore.Query.DESCENDING}


class FirestoreStore:
    """A `Store` on the asynchronous Firestore client.

    Every call ends within `timeout` seconds: gRPC deadlines are absolute, and the client's own
    retries, which last 60 to 300 s, are off; a read is repeated once within that time. Raises
    `ConflictError` and `StoreError`, of which a `StoreRefusedError` means that another try changes
    nothing. Every answer to a read or
    commit corrects the `clock`, if one is given.
    """

    def __init__(
        self,
        client: firestore.AsyncClient,
        timeout: float = LADDER.request,
        clock: ServerClock | None = None,
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._clock = clock or ServerClock()
        self.meter = Meter()

    async def read(self, *paths: str) -> list[Document | None]:
        """Return the documents at these paths, in this order; None for a missing one."""
        # what Firestore would refuse to look for cannot be there
        usable = [path for path in paths if not unusable_path(path)]
        if not usable:
            return [None] * len(paths)
        references = [self._client.document(path) for path in usable]
        asked = self._clock.local()
        try:
            snapshots = await self._received(
                functools.partial(self._client.get_all, references, retry=None)
            )
        except google_errors.GoogleAPIError as error:
            raise _failed("a read of", error) from error
        if snapshots and snapshots[0].read_time:
            self._clock.correct(asked, snapshots[0].read_time)
        charge(self.meter, reads=len(paths))
        found = {it.reference.path: _document(it) for it in snapshots if it.exists}
        return [found.get(path) for path in paths]

    async def find(self, query: Query) -> list[Document]:
        """Return the documents that match a query."""
        if unusable_path(f"{query.collection}/any"):
            return []  # as in `read`
        what = f"a query of {query.collection} in"
        try:
            stream = functools.partial(self._build(query).stream, retry=None)
            snapshots = await self._received(stream)
        except google_errors.FailedPrecondition as error:
            if "index" in str(error):
                raise IndexMissingError(f"{what} Firestore needs an index: {error}") from error
            raise _failed(what, error, query) from error
        except google_errors.GoogleAPIError as error:
            raise _failed(what, error, query) from error
        except _UNSENDABLE as error:
            raise _refused(what, error, query) from error
        # an empty result is billed as one read
        charge(self.meter, reads=max(1, len(snapshots)))
        return [_document(snapshot) for snapshot in snapshots]

    async def _received(self, ask: Callable[..., AsyncIterable[Any]]) -> list[Any]:
        """Return the snapshots of a read, which is sent once more where its connection broke.

        The first call after a while without a CPU may be on a connection that the other end has
        given up meanwhile. Only reads can be repeated: a commit may have happened.
        """
        deadline = Deadline.after(self._timeout)
        received: list[Any] = []
        try:
            async for snapshot in ask(timeout=self._timeout):
                received.append(snapshot)  # noqa: PERF401  # those before an error count, too
        except google_errors.ServiceUnavailable as error:
            if (left := deadline.remaining()) <= 0:
                raise
            logs.info("read again", error=str(error)[:_QUOTED])
            charge(self.meter, reads=max(1, len(received)))
            received = [snapshot async for snapshot in ask(timeout=left)]
        return received

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Apply all the writes or none. Return the new versions, in the same order."""
        batch = self._client.batch()
        asked = self._clock.local()
        try:
            for write in writes:
                self._add(batch, write)
            results = await batch.commit(retry=None, timeout=self._timeout)
        except google_errors.GoogleAPIError as error:
            if _is_conflict(error, writes):
                raise ConflictError(str(error)) from error
            raise _failed("a commit to", error, writes) from error
        except _UNSENDABLE as error:
            raise _refused("a commit to", error, writes) from error
        committed: Any = batch.commit_time  # its type knows only a batch that is not committed
        if committed:
            self._clock.correct(asked, committed)
        charge(self.meter, writes=len(writes), commits=1)
        return [result.update_time for result in results]

    def _add(self, batch: Any, write: Write) -> None:
        reference = self._client.document(write.path)
        match write:
            case Create():
                batch.create(reference, write.data)
            case Update():
                option = self._client.write_option(last_update_time=write.version)
                batch.update(reference, write.data, option=option)
            case Delete():
                guarded = write.version is not None
                option = self._client.write_option(last_update_time=write.version)
                batch.delete(reference, option=option if guarded else None)
            case _:
                batch.set(reference, write.data)

    def _build(self, query: Query) -> Any:
        collection = self._client.collection(query.collection)
        built: Any = self._client.collection_group(query.collection) if query.group else collection
        for name, operator, value in query.where:
            built = built.where(filter=FieldFilter(name, operator, value))
        if query.order:
            name, direction = query.order
            built = built.order_by(name, direction=_DIRECTIONS[direction])
        if query.after is not None:
            built = built.order_by("__name__").start_after(
                {"__name__": collection.document(query.after)}
            )
        if query.fields is not None:
            built = built.select(query.fields)
        return built if query.limit is None else built.limit(query.limit)


def _is_conflict(error: google_errors.GoogleAPIError, writes: Sequence[Write]) -> bool:
    """Return whether another writer was faster; without a condition to break, none was.

    Firestore has the same statuses for a database that is missing or of another mode.
    """
    match error:
        case google_errors.Aborted():
            return True
        case google_errors.AlreadyExists():
            return any(isinstance(write, Create) for write in writes)
        case google_errors.FailedPrecondition() | google_errors.NotFound():
            return any(
                isinstance(write, Update)
                or (isinstance(write, Delete) and write.version is not None)
                for write in writes
            )
    return False


def _failed(
    what: str, error: google_errors.GoogleAPIError, asked: Query | Sequence[Write] = ()
) -> StoreError:
    # a message that is too large has the status of a spent quota
    if isinstance(error, _REFUSED) or "message exceeds maximum size" in str(error):
        return _refused(what, error, asked)
    return StoreError(f"{what} Firestore failed: {error}")


def _refused(what: str, error: Exception, asked: Query | Sequence[Write]) -> StoreRefusedError:
    """Return the error with the document and field at fault, as far as they are known."""
    if isinstance(asked, Query):
        fault = unusable_query(asked)
    else:
        faults = (unusable_path(it.path) or unusable_fields(it.path, it.data) for it in asked)
        fault = next(filter(None, faults), ", ".join(it.path for it in asked[:_NAMED]))
    parts = [f"{what} Firestore was refused", fault, str(error)[:_QUOTED]]
    return StoreRefusedError(": ".join(filter(None, parts)))


def _document(snapshot: Any) -> Document:
    return Document(snapshot.reference.path, snapshot.to_dict(), snapshot.update_time)


def firestore_client(
    project: str, connect: float = LADDER.connect, database: str = "(default)"
) -> firestore.AsyncClient:
    """Return the client on a channel with our options, which its constructor does not accept.

    Like any such client it connects to `FIRESTORE_EMULATOR_HOST`, if that is set.
    """
    # the credentials are the channel's
    client = firestore.AsyncClient(project, AnonymousCredentials(), database)  # type: ignore[no-untyped-call]
    channel = open_channel(FirestoreGrpcAsyncIOTransport, client._emulator_host, connect)
    transport = FirestoreGrpcAsyncIOTransport(channel=channel)
    client._firestore_api_internal = FirestoreAsyncClient(transport=transport)
    return client
