"""What Landfall needs from a document store: read, find, and commit with preconditions.

A commit is all or nothing. Each write of it may name the version of the document that it was
made for; when any document has another version by then, nothing is written and `ConflictError`
is raised. That is the only lock there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from landfall.reasons import LandfallError

Fields = dict[str, Any]
Version = Any
"""Opaque; equal only for the same state of the same document."""


@dataclass(frozen=True)
class Document:
    """One document as it was read. `path` is like "runs/r1/steps/fetch"."""

    path: str
    data: Fields
    version: Version

    @property
    def id(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Create:
    """Write a document that must not be there yet."""

    path: str
    data: Fields


@dataclass(frozen=True)
class Update:
    """Replace some top-level fields of a document that still has `version`."""

    path: str
    data: Fields
    version: Version


@dataclass(frozen=True)
class Put:
    """Write a whole document, whatever was there. Only where the last writer may win."""

    path: str
    data: Fields


Write = Create | Update | Put

Direction = Literal["asc", "desc"]


@dataclass(frozen=True)
class Query:
    """Documents of a collection, or of every collection of that name (`group`).

    `where` has (field, one of "==", "<=" and "in", value). `order` is a field and a direction;
    without one, documents come in the order of their ids. `fields` narrows what is
    read of each; `after` is the id to go on after (only without `order`).
    """

    collection: str
    where: Sequence[tuple[str, str, Any]] = ()
    order: tuple[str, Direction] | None = None
    limit: int | None = None
    group: bool = False
    fields: tuple[str, ...] | None = None
    after: str | None = None


class ConflictError(LandfallError):
    """A document had another version, or was there already: nothing was written."""

    code = "store_unavailable"
    answer = "Firestore did not answer; try again"


class StoreError(LandfallError):
    """The store did not answer in time or refused; a commit may or may not have happened."""

    # 500, not 503: that would make Cloud Tasks slow the whole queue down
    code = "store_unavailable"
    answer = "Firestore did not answer; try again"


class IndexMissingError(StoreError):
    """A query needs an index that the database does not have, or has not built yet."""

    code = "index_missing"
    answer = ""


class SchemaError(LandfallError):
    """A document is of a version that this Landfall does not know: it is not used, nor written."""

    code = "schema_newer"


class Store(Protocol):
    """Firestore, or the store in memory that passes the same tests."""

    async def read(self, *paths: str) -> list[Document | None]:
        """The documents at these paths, in this order; None where there is none."""
        ...

    async def find(self, query: Query) -> list[Document]:
        """The documents that a query selects."""
        ...

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """Make all the writes or none; the new versions, in the same order."""
        ...


@dataclass
class Meter:
    """Operations as Firestore bills them: a document read or written is one each."""

    reads: int = 0
    writes: int = 0
    commits: int = 0
