"""A store that returns every document in its current schema version, whichever one is stored.

    read ──> an older document is upgraded in memory; a newer one is known to exist, and no more
    write ─> each document gets its schema version and expiry; an update includes the upgrade of
             the document that it was made for

An update needs the version of the document that was read. `_ReadVersion`, the version here, exists
only for a document that could be read; so no other document can be updated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from landfall.store.documents import (
    Delete,
    Document,
    Fields,
    Query,
    SchemaError,
    Store,
    Update,
    Version,
    Write,
)
from landfall.store.retention import RETENTION, Retention
from landfall.store.versions import SCHEMA_VERSIONS, VERSION_FIELD, SchemaVersions, unchanged


@dataclass(frozen=True)
class _ReadVersion:
    """The version of a document that could be read, and the changes of its upgrade."""

    version: Version
    upgrade: Fields = field(compare=False)


@dataclass(frozen=True)
class NewerDocument:
    """A document of a newer schema version: it exists, and `why` has its version and the fix."""

    path: str
    why: str

    @property
    def id(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[1]


Found = Document | NewerDocument


def readable(found: Found) -> Document:
    """Return a document that can be read. Raises `SchemaError` for a newer one."""
    if isinstance(found, NewerDocument):
        raise SchemaError(found.why)
    return found


class VersionedStore:
    """The documents of another store, in their current schema versions.

    `read` and `find` raise `SchemaError` for a newer document. `read_any` and `find_any` are for
    callers that continue without it.
    """

    def __init__(
        self,
        store: Store,
        versions: SchemaVersions = SCHEMA_VERSIONS,
        retention: Retention = RETENTION,
    ) -> None:
        self._store = store
        self._versions = versions
        self._retention = retention

    async def read(self, *paths: str) -> list[Document | None]:
        """Return the documents at these paths, in this order; None for a missing one."""
        return [None if it is None else readable(it) for it in await self.read_any(*paths)]

    async def read_any(self, *paths: str) -> list[Found | None]:
        """Return the documents at these paths, newer ones too, in this order."""
        found = await self._store.read(*paths)
        return [document and self._upgraded(document) for document in found]

    async def find(self, query: Query) -> list[Document]:
        """Return the documents that match a query."""
        return [readable(found) for found in await self.find_any(query)]

    async def find_any(self, query: Query) -> list[Found]:
        """Return the documents that match a query, newer ones too."""
        if query.fields is not None:
            query = replace(query, fields=(*query.fields, VERSION_FIELD))
        found = await self._store.find(query)
        if query.fields is not None:
            found = await self._with_whole(found)
        return [self._upgraded(document) for document in found]

    async def paths(self, query: Query) -> list[str]:
        """Return the paths of the documents that match a query, whatever is in them."""
        found = await self._store.find(replace(query, fields=(VERSION_FIELD,)))
        return [document.path for document in found]

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Apply all the writes or none. Return the new versions, in the same order."""
        versions = await self._store.commit([self._stamped(write) for write in writes])
        return [_ReadVersion(version, {}) for version in versions]

    async def _with_whole(self, found: Sequence[Document]) -> list[Document]:
        """Read the whole document where an upgrade may need fields that the query leaves out."""
        parts = [document.path for document in found if self._needs_whole(document)]
        whole = {it.path: it for it in await self._store.read(*parts) if it}
        existing = [
            document for document in found if document.path not in parts or document.path in whole
        ]
        return [whole.get(document.path, document) for document in existing]

    def _needs_whole(self, document: Document) -> bool:
        try:
            pending = self._versions.pending(document.path, document.data)
        except SchemaError:
            return False
        return any(upgrade is not unchanged for upgrade in pending)

    def _upgraded(self, document: Document) -> Found:
        try:
            changes = self._versions.upgrade(document.path, document.data)
        except SchemaError as error:
            return NewerDocument(document.path, str(error))
        version = _ReadVersion(document.version, changes)
        return Document(document.path, document.data | changes, version)

    def _stamped(self, write: Write) -> Write:
        if isinstance(write, Delete):
            read = write.version
            return Delete(write.path, read.version if isinstance(read, _ReadVersion) else read)
        if not isinstance(write, Update):
            more = self._versions.stamp(write.path) | self._retention.expiry(write.path, write.data)
            return type(write)(write.path, write.data | more)
        if not isinstance(write.version, _ReadVersion):
            raise SchemaError(f"{write.path} is not updated: it was not read before")
        data = write.version.upgrade | write.data
        return Update(write.path, data, write.version.version)
