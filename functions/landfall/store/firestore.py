"""The document store on Firestore, which holds all state."""

from collections.abc import Sequence
from typing import Any

from google.api_core import exceptions as google_errors
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport

from landfall.deadlines import LADDER
from landfall.net.grpc import open_channel
from landfall.store.documents import (
    ConflictError,
    Create,
    Document,
    IndexMissingError,
    Meter,
    Query,
    StoreError,
    Update,
    Version,
    Write,
)
from landfall.store.metering import charge

# A commit that ends in one of these wrote nothing. Firestore reports contention as Aborted.
_CONFLICTS = (
    google_errors.AlreadyExists,
    google_errors.FailedPrecondition,
    google_errors.NotFound,
    google_errors.Aborted,
)

_DIRECTIONS = {"asc": firestore.Query.ASCENDING, "desc": firestore.Query.DESCENDING}


class FirestoreStore:
    """A `Store` on the asynchronous Firestore client.

    Every call ends within `timeout` seconds: gRPC deadlines are absolute, and the client's own
    retries, which last 60 to 300 s, are off. Raises `ConflictError` and `StoreError`.
    """

    def __init__(self, client: firestore.AsyncClient, timeout: float = LADDER.request) -> None:
        self._client = client
        self._timeout = timeout
        self.meter = Meter()

    async def read(self, *paths: str) -> list[Document | None]:
        """Return the documents at these paths, in this order; None for a missing one."""
        references = [self._client.document(path) for path in paths]
        found: dict[str, Document] = {}
        try:
            async for snapshot in self._client.get_all(
                references, retry=None, timeout=self._timeout
            ):
                if snapshot.exists:
                    document = _document(snapshot)
                    found[document.path] = document
        except google_errors.GoogleAPIError as error:
            raise StoreError(f"a read of Firestore failed: {error}") from error
        charge(self.meter, reads=len(paths))
        return [found.get(path) for path in paths]

    async def find(self, query: Query) -> list[Document]:
        """Return the documents that match a query."""
        try:
            snapshots = [
                _document(snapshot)
                async for snapshot in self._build(query).stream(retry=None, timeout=self._timeout)
            ]
        except google_errors.FailedPrecondition as error:
            raise _query_failed(query, error) from error
        except google_errors.GoogleAPIError as error:
            raise StoreError(f"a query of Firestore failed: {error}") from error
        # an empty result is billed as one read
        charge(self.meter, reads=max(1, len(snapshots)))
        return snapshots

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Apply all the writes or none. Return the new versions, in the same order."""
        batch = self._client.batch()
        for write in writes:
            self._add(batch, write)
        try:
            results = await batch.commit(retry=None, timeout=self._timeout)
        except _CONFLICTS as error:
            raise ConflictError(str(error)) from error
        except google_errors.GoogleAPIError as error:
            raise StoreError(f"a commit to Firestore failed: {error}") from error
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


def _query_failed(query: Query, error: google_errors.FailedPrecondition) -> StoreError:
    if "index" not in str(error):
        return StoreError(f"a query of Firestore failed: {error}")
    return IndexMissingError(f"a query of {query.collection} needs an index: {error}")


def _document(snapshot: Any) -> Document:
    return Document(snapshot.reference.path, snapshot.to_dict(), snapshot.update_time)


def firestore_client(project: str, connect: float = LADDER.connect) -> firestore.AsyncClient:
    """Return the client on a channel with our options, which its constructor does not accept.

    Like any such client it connects to `FIRESTORE_EMULATOR_HOST`, if that is set.
    """
    # the credentials are the channel's
    client = firestore.AsyncClient(project, AnonymousCredentials())  # type: ignore[no-untyped-call]
    channel = open_channel(FirestoreGrpcAsyncIOTransport, client._emulator_host, connect)
    transport = FirestoreGrpcAsyncIOTransport(channel=channel)
    client._firestore_api_internal = FirestoreAsyncClient(transport=transport)
    return client
