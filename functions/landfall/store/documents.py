"""The document store that Landfall needs: read, find, and commit with preconditions.

A commit is all or nothing. A write may name the version of the document that it was made for. If
any document has another version by then, nothing is written and `ConflictError` is raised. There
is no other lock.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from landfall.reasons import LandfallError

T = TypeVar("T")
U = TypeVar("U")

Fields = dict[str, Any]
Version = Any
"""Opaque; equal only for the same state of the same document."""


@dataclass(frozen=True)
class Document:
    """A document as it was read. `path` is like "runs/r1/steps/fetch"."""

    path: str
    data: Fields
    version: Version

    @property
    def id(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Create:
    """Write a document that must not exist yet."""

    path: str
    data: Fields


@dataclass(frozen=True)
class Update:
    """Replace top-level fields of a document that must still have `version`."""

    path: str
    data: Fields
    version: Version


@dataclass(frozen=True)
class Put:
    """Write a whole document without a precondition: only where the last writer may win."""

    path: str
    data: Fields


@dataclass(frozen=True)
class Delete:
    """Remove a document, whether it is there or not; with a `version`, if it still has that."""

    path: str
    version: Version | None = None

    @property
    def data(self) -> Fields:
        """Return no fields."""
        return {}


Write = Create | Update | Put | Delete

Direction = Literal["asc", "desc"]


@dataclass(frozen=True)
class Query:
    """A query for documents of a collection, or of every collection of that name (`group`).

    `where` has (field, one of "==", "<=", ">", "in" and "not-in", value). `order` is a field and a
    direction; without one, documents are in the order of their ids. `fields` selects the fields to
    read. `after` is the id to start after (only without `order`).
    """

    collection: str
    where: Sequence[tuple[str, str, Any]] = ()
    order: tuple[str, Direction] | None = None
    limit: int | None = None
    group: bool = False
    fields: tuple[str, ...] | None = None
    after: str | None = None


class ConflictError(LandfallError):
    """A document had another version, or existed already: nothing was written."""

    code = "store_contended"
    answer = "others changed the same at the same moment; try again"


class StoreError(LandfallError):
    """The store did not answer in time, or cannot at the moment. A commit may have happened."""

    # 500, not 503: that would make Cloud Tasks slow the whole queue down
    code = "store_unavailable"
    answer = "Firestore cannot be used at the moment; try again"


class IndexMissingError(StoreError):
    """A query needs an index that is missing, or not built yet."""

    code = "index_missing"
    answer = ""


class StoreRefusedError(StoreError):
    """The store will never do this: a document that it cannot keep, a query that it does not know,
    or a project without rights or database. The message says which. Nothing was written.
    """

    code = "store_refused"
    answer = ""


class SchemaError(LandfallError):
    """A document has a schema version that this Landfall cannot read: it is neither used nor
    updated.
    """

    code = "schema_newer"


class UnreadableError(SchemaError):
    """A document is not as any Landfall writes it: somebody has edited it. It is neither used nor
    updated; the message says what is wrong, and the fix.
    """

    code = "document_unreadable"


class Store(Protocol):
    """A document store: Firestore, or the one in memory, which passes the same tests."""

    async def read(self, *paths: str) -> list[Document | None]:
        """Return the documents at these paths, in this order; None for a missing one."""
        ...

    async def find(self, query: Query) -> list[Document]:
        """Return the documents that match a query."""
        ...

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Apply all the writes or none. Return the new versions, in the same order."""
        ...


@dataclass
class Meter:
    """Operations as Firestore bills them: one for each document that is read or written."""

    reads: int = 0
    writes: int = 0
    commits: int = 0


async def both(one: Awaitable[T], other: Awaitable[U]) -> tuple[T, U]:
    """Return the results of two reads at the same time, as `together`."""
    found: list[Any] = await together(one, other)
    return found[0], found[1]


async def together(*reads: Awaitable[T]) -> list[T]:
    """Return the results of reads at the same time: a slow store takes as long as for one.

    When one fails, the others are cancelled, and the error raised.
    """
    import asyncio  # not for whoever needs the protocol alone

    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
