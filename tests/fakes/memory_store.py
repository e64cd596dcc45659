"""A `Store` in memory. It passes the same tests as the Firestore store (tests/emulator).

It refuses what Firestore refuses, and also what only production does: too many index entries.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import cache, lru_cache
from itertools import count
from pathlib import Path
from types import NoneType
from typing import Any, overload

from landfall.store.documents import (
    ConflictError,
    Create,
    Delete,
    Document,
    Fields,
    Meter,
    Query,
    StoreRefusedError,
    Update,
    Version,
    Write,
)
from landfall.store.limits import (
    MAX_DEPTH,
    MAX_DOCUMENT_BYTES,
    MAX_ENTRIES,
    document_bytes,
    index_entries,
    unusable_fields,
    unusable_path,
    unusable_query,
)
from landfall.store.metering import charge
from tests.fakes.document_bounds import LARGEST

MAX_COMMIT_BYTES = 4 * 2**20
"""Bytes of a commit, as of the emulator; in production 10 MiB."""

SMALL = MAX_ENTRIES
"""Bytes of a document that has fewer entries and bytes than any limit, however it is made."""

_INDEXES = Path(__file__).parents[2] / "infra/firestore.indexes.json"


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
        if fault := unusable_query(query):
            raise StoreRefusedError(f"a query of {query.collection} in the store: {fault}")
        found = [document for document in self._candidates(query) if _selects(query, document)]
        if query.order:
            name, direction = query.order
            # as in Firestore, equal ones come in the order of their ids, in the same direction
            found.sort(
                key=lambda it: (_rank(it.data[name]), it.data[name], it.path),
                reverse=direction == "desc",
            )
        else:
            found.sort(key=lambda document: document.path)
        found = [_narrowed(query, document) for document in found[: query.limit]]
        charge(self.meter, reads=max(1, len(found)))
        return [_copied(document) for document in found]

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Apply all the writes or none. Return the new versions, in the same order."""
        _check_storable(writes)
        for write in writes:
            self._check(write)
        plain = [_plain(write.data) for write in writes]
        for write, data in zip(writes, plain, strict=True):
            if isinstance(write, Update):
                _check_whole(write.path, self._documents[write.path].data | data)
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
        if isinstance(write, Delete):
            if write.version is not None and (there is None or there.version != write.version):
                raise ConflictError(f"{write.path} has another version")
        elif isinstance(write, Update):
            if there is None or there.version != write.version:
                raise ConflictError(f"{write.path} has another version")
        elif there and isinstance(write, Create):
            raise ConflictError(f"{write.path} is there already")

    def _apply(self, write: Write, data: Fields) -> Version:
        there = self._documents.get(write.path)
        if isinstance(write, Delete):
            if there:
                self.delete(write.path)
            return next(self._versions)
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
_FIXED = frozenset({float, bool, NoneType, datetime})
"""Of at most 8 bytes, whatever their value."""


def _plain(value: Any) -> Any:
    """Ten times as fast as `copy.deepcopy`, for the kinds of values that documents have."""
    if isinstance(value, dict):
        plain = {**value}
        for name, item in value.items():
            if type(item) not in _SCALARS:
                plain[name] = _plain(item)
        return plain
    if isinstance(value, list | tuple):
        return [item if type(item) in _SCALARS else _plain(item) for item in value]
    return value


def _check_storable(writes: Sequence[Write]) -> None:
    """Raise `StoreRefusedError` for the first document that Firestore refuses."""
    for write in writes:
        if fault := _path_fault(write.path):
            raise StoreRefusedError(f"a commit to the store was refused: {fault}")
        _check_whole(write.path, write.data)
    if sum(_most(write.data) for write in writes) <= MAX_COMMIT_BYTES:
        return
    size = sum(document_bytes(write.path, write.data) for write in writes)
    if size > MAX_COMMIT_BYTES:
        raise StoreRefusedError(f"a commit to the store was refused: it has {size:,} bytes")


def _check_whole(path: str, data: Fields) -> None:
    """Raise `StoreRefusedError` where Firestore refuses a whole document.

    One that is larger than any of its kind should be is an error of the test.
    """
    bound = LARGEST.get("/".join(path.split("/")[::2]), MAX_DOCUMENT_BYTES)
    if _most(data) <= min(SMALL, bound):
        return
    if fault := unusable_fields(path, data):
        raise StoreRefusedError(f"a commit to the store was refused: {fault}")
    if (size := document_bytes(path, data)) > bound:
        raise AssertionError(f"{path} has {size:,} bytes, and its kind at most {bound:,}")
    entries = entries_of(path, data)
    if entries > MAX_ENTRIES:
        raise StoreRefusedError(
            f"a commit to the store was refused: {path} has {entries:,} entries in indexes"
        )


_path_fault = lru_cache(maxsize=10_000)(unusable_path)


def entries_of(path: str, data: Fields) -> int:
    """Return the entries of a document in indexes, without those that the deployment turns off."""
    exempt = _exempt().get(path.split("/")[-2], frozenset())
    return sum(index_entries(value) for name, value in data.items() if name not in exempt)


def _most(value: Any, depth: int = 0) -> float:
    """The most bytes that a value can have, and as many entries; infinite where it needs a look.

    Ten times as fast as a look, which most documents of a simulation do not need.
    """
    size: float
    if depth > MAX_DEPTH:
        size = math.inf
    elif type(value) is dict:
        size = sum(map(_most_of_name, value))
        for item in value.values():
            size += 9 if type(item) in _FIXED else _most(item, depth + 1)
    elif type(value) is list or type(value) is tuple:
        is_nested = any(isinstance(item, list | tuple) for item in value)
        size = math.inf if is_nested else sum(_most(item, depth + 1) for item in value)
    elif isinstance(value, bytes) or (isinstance(value, str) and value.isascii()):
        size = len(value)
    elif type(value) is int:
        size = 0 if -(2**63) <= value < 2**63 else math.inf
    else:
        size = 0 if type(value) in _FIXED else math.inf
    return size + 9


@lru_cache(maxsize=10_000)
def _most_of_name(name: Any) -> float:
    """Return the most bytes that a field's name can have; infinite where it needs a look."""
    usual = type(name) is str and name.isascii() and 0 < len(name) < 50 and name[:2] != "__"
    return len(name) + 9 if usual else math.inf


@cache
def _exempt() -> Mapping[str, Set[str]]:
    """The fields without indexes, by the name of their collection."""
    names: dict[str, set[str]] = {}
    for override in json.loads(_INDEXES.read_text())["fieldOverrides"]:
        if not override["indexes"]:
            names.setdefault(override["collectionGroup"], set()).add(override["fieldPath"])
    return names


_RANKS = {NoneType: 0, bool: 1, int: 2, float: 2, datetime: 3, str: 4, bytes: 5}
"""The order of values of different types, of those that can be ordered here."""


def _rank(value: Any) -> int:
    kind = type(value)
    return _RANKS[kind] if kind in _RANKS else _RANKS[datetime] * isinstance(value, datetime)


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
        case "not-in":
            return data[name] is not None and data[name] not in value
        case "<=":  # only values of the same type are compared
            return _rank(data[name]) == _rank(value) and bool(data[name] <= value)
        case ">":
            return _rank(data[name]) == _rank(value) and bool(data[name] > value)
        case _:
            raise NotImplementedError(operator)


def _narrowed(query: Query, document: Document) -> Document:
    if query.fields is None:
        return document
    data = {name: document.data[name] for name in query.fields if name in document.data}
    return Document(document.path, data, document.version)
