"""A store in which every document is of the current version, whatever is stored.

    read ──> an older one is upgraded in memory; of a newer one it is told only that it is there
    write ─> each document says its version, and when it expires; an update carries the upgrade of
             what it is made on

An update is guarded by the version of the document that was read, and here that is one which only
a document has that was understood: of one that was not, no update can be made.
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
from landfall.store.retention import KEEPING, Keeping
from landfall.store.versions import FIELD, SCHEMAS, Schemas, unchanged


@dataclass(frozen=True)
class _Understood:
    """The version of a document that was read here, and what its upgrade changed."""

    version: Version
    upgrade: Fields = field(compare=False)


class NewerDocument(Document):
    """A document that this Landfall cannot read. It is there; whoever wants to know more of it,
    or to update it, gets a `SchemaError`.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, {}, why)

    def __getattribute__(self, name: str) -> object:
        """Everything but its data."""
        if name == "data":
            raise SchemaError(self.why)
        return super().__getattribute__(name)

    @property
    def why(self) -> str:
        """Which version it is of, and what to do."""
        return str(self.version)

    def __repr__(self) -> str:
        """Without its data."""
        return f"NewerDocument({self.why!r})"


class VersionedStore:
    """The documents of another store, in their current versions."""

    def __init__(
        self, store: Store, schemas: Schemas = SCHEMAS, keeping: Keeping = KEEPING
    ) -> None:
        self._store = store
        self._schemas = schemas
        self._keeping = keeping

    async def read(self, *paths: str) -> list[Document | None]:
        """The documents at these paths, in this order; None where there is none."""
        found = await self._store.read(*paths)
        return [document and self._understood(document) for document in found]

    async def find(self, query: Query) -> list[Document]:
        """The documents that a query selects."""
        if query.fields is not None:
            query = replace(query, fields=(*query.fields, FIELD))
        found = await self._store.find(query)
        if query.fields is not None:
            found = await self._completed(found)
        return [self._understood(document) for document in found]

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Make all the writes or none; the new versions, in the same order."""
        versions = await self._store.commit([self._stamped(write) for write in writes])
        return [_Understood(version, {}) for version in versions]

    async def _completed(self, found: Sequence[Document]) -> list[Document]:
        """With all fields where an upgrade may need others than those that were asked for."""
        parts = [document.path for document in found if self._needs_whole(document)]
        whole = {it.path: it for it in await self._store.read(*parts) if it} if parts else {}
        kept = [
            document for document in found if document.path not in parts or document.path in whole
        ]
        return [whole.get(document.path, document) for document in kept]

    def _needs_whole(self, document: Document) -> bool:
        try:
            pending = self._schemas.pending(document.path, document.data)
        except SchemaError:
            return False
        return any(upgrade is not unchanged for upgrade in pending)

    def _understood(self, document: Document) -> Document:
        try:
            changes = self._schemas.upgrade(document.path, document.data)
        except SchemaError as error:
            return NewerDocument(document.path, str(error))
        version = _Understood(document.version, changes)
        return Document(document.path, document.data | changes, version)

    def _stamped(self, write: Write) -> Write:
        if not isinstance(write, Update):
            more = self._schemas.stamp(write.path) | self._keeping.expiry(write.path, write.data)
            return type(write)(write.path, write.data | more)
        if not isinstance(write.version, _Understood):
            why = write.version if isinstance(write.version, str) else "it was not read here"
            raise SchemaError(f"{write.path} is not updated: {why}")
        data = write.version.upgrade | write.data
        return Update(write.path, data, write.version.version)
