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


class NewerDocument(Document):
    """A document of a newer schema version. To access its data, or to update it, raises
    `SchemaError`.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, {}, why)

    def __getattribute__(self, name: str) -> object:
        """Return any attribute but the data."""
        if name == "data":
            raise SchemaError(self.why)
        return super().__getattribute__(name)

    @property
    def why(self) -> str:
        """The version of the document, and the fix."""
        return str(self.version)

    def __repr__(self) -> str:
        """Return the reason, without the data."""
        return f"NewerDocument({self.why!r})"


class VersionedStore:
    """The documents of another store, in their current schema versions."""

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
        found = await self._store.read(*paths)
        return [document and self._upgraded(document) for document in found]

    async def find(self, query: Query) -> list[Document]:
        """Return the documents that match a query."""
        if query.fields is not None:
            query = replace(query, fields=(*query.fields, VERSION_FIELD))
        found = await self._store.find(query)
        if query.fields is not None:
            found = await self._with_whole(found)
        return [self._upgraded(document) for document in found]

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Apply all the writes or none. Return the new versions, in the same order."""
        versions = await self._store.commit([self._stamped(write) for write in writes])
        return [_ReadVersion(version, {}) for version in versions]

    async def _with_whole(self, found: Sequence[Document]) -> list[Document]:
        """Read the whole document where an upgrade may need fields that the query leaves out."""
        parts = [document.path for document in found if self._needs_whole(document)]
        whole = {it.path: it for it in await self._store.read(*parts) if it} if parts else {}
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

    def _upgraded(self, document: Document) -> Document:
        try:
            changes = self._versions.upgrade(document.path, document.data)
        except SchemaError as error:
            return NewerDocument(document.path, str(error))
        version = _ReadVersion(document.version, changes)
        return Document(document.path, document.data | changes, version)

    def _stamped(self, write: Write) -> Write:
        if not isinstance(write, Update):
            more = self._versions.stamp(write.path) | self._retention.expiry(write.path, write.data)
            return type(write)(write.path, write.data | more)
        if not isinstance(write.version, _ReadVersion):
            why = write.version if isinstance(write.version, str) else "it was not read before"
            raise SchemaError(f"{write.path} is not updated: {why}")
        data = write.version.upgrade | write.data
        return Update(write.path, data, write.version.version)
