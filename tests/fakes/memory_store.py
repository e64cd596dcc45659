"""A `Store` in memory. It passes the same tests as the Firestore store (tests/emulator)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from types import NoneType
from typing import Any, overload

from landfall.store.documents import (
    ConflictError,
    Create,
    Document,
    Fields,
    Meter,
    Query,
    StoreError,
    Update,
    Version,
    Write,
)
from landfall.store.metering import charge


class MemoryStore:
    """Documents by path. Nothing awaits in here, so every call is atomic."""

    def __init__(self) -> None:
        self.meter = Meter()
        self._documents: dict[str, Document] = {}
        self._collections: dict[str, dict[str, Document]] = {}
        self._versions = count(1)

    async def read(self, *paths: str) -> list[Document | None]:
        """Return the documents at these paths, in this order; None for a missing one."""
        charge(self.meter, reads=len(paths))
        return [_copied(self._documents.get(path)) for path in paths]

    async def find(self, query: Query) -> list[Document]:
        """Return the documents that match a query."""
        found = [document for document in self._candidates(query) if _selects(query, document)]
        if query.order:
            name, direction = query.order
            # as in Firestore, equal ones come in the order of their ids, in the same direction
            found.sort(key=lambda it: (it.data[name], it.path), reverse=direction == "desc")
        else:
            found.sort(key=lambda document: document.path)
        found = [_narrowed(query, document) for document in found[: query.limit]]
        charge(self.meter, reads=max(1, len(found)))
        return [_copied(document) for document in found]

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Apply all the writes or none. Return the new versions, in the same order."""
        for write in writes:
            self._check(write)
        plain = [_plain(write.data) for write in writes]
        charge(self.meter, writes=len(writes), commits=1)
        return [self._apply(write, data) for write, data in zip(writes, plain, strict=True)]

    def _candidates(self, query: Query) -> Iterator[Document]:
        """The documents of the collection, or of every collection of that name."""
        for collection, documents in self._collections.items():
            name = collection.rsplit("/", 1)[-1] if query.group else collection
            if name == query.collection:
                yield from documents.values()

    def get(self, path: str) -> Document | None:
        """One document, for a test that looks."""
        return self._documents.get(path)

    def all(self, collection: str) -> list[Document]:
        """The documents of a collection by id, for a test that looks."""
        found = self._collections.get(collection, {})
        return [found[path] for path in sorted(found)]

    def whole(self) -> dict[str, Document]:
        """Every document by its path, for a test that looks."""
        return {path: self._documents[path] for path in sorted(self._documents)}

    def delete(self, path: str) -> None:
        """Take a document away, as its lifetime or a person would."""
        del self._documents[path]
        del self._collections[path.rsplit("/", 1)[0]][path]

    def would_conflict(self, writes: Sequence[Write]) -> bool:
        """Return whether a commit of these writes would be refused."""
        try:
            for write in writes:
                self._check(write)
        except ConflictError:
            return True
        return False

    def _check(self, write: Write) -> None:
        there = self._documents.get(write.path)
        if isinstance(write, Update):
            if there is None or there.version != write.version:
                raise ConflictError(f"{write.path} has another version")
        elif there and isinstance(write, Create):
            raise ConflictError(f"{write.path} is there already")

    def _apply(self, write: Write, data: Fields) -> Version:
        there = self._documents.get(write.path)
        if there and isinstance(write, Update):
            data = there.data | data
        # as in Firestore, a write that changes nothing leaves the version as it is
        if there is None or there.data != data:
            there = self._documents[write.path] = Document(write.path, data, next(self._versions))
            collection = write.path.rsplit("/", 1)[0]
            self._collections.setdefault(collection, {})[write.path] = there
        return there.version


@overload
def _copied(document: Document) -> Document: ...
@overload
def _copied(document: None) -> None: ...
def _copied(document: Document | None) -> Document | None:
    """A copy that shares nothing with the store: a reader may change what it was given."""
    return document and Document(document.path, _plain(document.data), document.version)


_SCALARS = frozenset({str, int, float, bool, NoneType, bytes, datetime})


def _plain(value: Any) -> Any:
    """Ten times as fast as `copy.deepcopy`, for the kinds of values that documents have."""
    if isinstance(value, dict):
        plain = {**value}
        for name, item in value.items():
            if type(item) not in _SCALARS:
                plain[name] = _plain(item)
        return plain
    if isinstance(value, list | tuple):
        return [item if type(item) in _SCALARS else _plain_item(item) for item in value]
    return value


def _plain_item(item: Any) -> Any:
    if isinstance(item, list | tuple):
        raise StoreError("an array cannot hold an array")
    return _plain(item)


def _selects(query: Query, document: Document) -> bool:
    if query.after is not None and document.id <= query.after:
        return False
    # as in Firestore, a document without the field is in no order by it
    if query.order and query.order[0] not in document.data:
        return False
    return all(_matches(document.data, *condition) for condition in query.where)


def _matches(data: dict[str, Any], name: str, operator: str, value: Any) -> bool:
    if name not in data:
        return False
    match operator:
        case "==":
            return bool(data[name] == value)
        case "in":
            return data[name] in value
        case "<=":  # only values of the same type are compared
            return data[name] is not None and bool(data[name] <= value)
        case ">":
            return data[name] is not None and bool(data[name] > value)
        case _:
            raise NotImplementedError(operator)


def _narrowed(query: Query, document: Document) -> Document:
    if query.fields is None:
        return document
    data = {name: document.data[name] for name in query.fields if name in document.data}
    return Document(document.path, data, document.version)
