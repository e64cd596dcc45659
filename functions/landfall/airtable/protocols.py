"""Protocols of the clients that read and write a base, and the data that they exchange."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from landfall.airtable.schema import TableSchema
from landfall.deadlines import Deadline
from landfall.store.documents import Fields

Record = dict[str, Any]
"""A record in Airtable's form: {"id": "rec...", "createdTime": ..., "fields": {name: value}}."""

PAGE_SIZE = 100
"""Records of a page: the most that Airtable returns."""

MAX_PAGE_BYTES = 2 * 2**20
"""Bytes of a page of several records. One that becomes objects takes up to ten times its bytes."""

MAX_RECORD_BYTES = 4 * MAX_PAGE_BYTES
"""Bytes of a page of one record. Airtable has up to 100,000 characters in a cell."""

MAX_ROWS = 10
"""Records of a write request: the most that Airtable accepts."""


@dataclass(frozen=True)
class RecordPage:
    """The response to a listing request: its records, the offset of the next page, its bytes."""

    records: Sequence[Record]
    offset: str | None
    bytes: int = field(default=0, compare=False)


class OffsetExpiredError(Exception):
    """The listing has expired: the table must be read again from the start."""


class PageTooLargeError(Exception):
    """The page has more bytes than are read at once: ask for fewer records."""


class BaseReader(Protocol):
    """Reads one base. Raises `StepError` with a `base_...` reason, by the deadline at the latest.

    Only one reader at a time reads a base, so it can keep to the rate limit.
    """

    async def schema(self, deadline: Deadline) -> Sequence[TableSchema]:
        """Return the tables of the base."""
        ...

    async def page(
        self,
        table: str,
        fields: Sequence[str],
        offset: str | None,
        deadline: Deadline,
        size: int = PAGE_SIZE,
        max_bytes: int = MAX_PAGE_BYTES,
    ) -> RecordPage:
        """Return the next page of a listing, of at most so many records and bytes.

        Raises `OffsetExpiredError`, `PageTooLargeError`.
        """
        ...

    async def close(self) -> None:
        """Close every connection and thread."""
        ...


class BaseWriter(Protocol):
    """Writes to one base; under the same terms as a `BaseReader`."""

    async def upsert(
        self, table: str, merge_on: str, rows: Sequence[Fields], deadline: Deadline
    ) -> None:
        """Update the record that has a row's value in the field `merge_on`, or create it.

        Writes all rows, at most `MAX_ROWS`, or none. Cells that a row does not name are unchanged.
        """
        ...

    async def update(self, table: str, rows: Mapping[str, Fields], deadline: Deadline) -> None:
        """Set these cells of the records with these ids; None empties a cell.

        Writes all rows, at most `MAX_ROWS`, or none. Cells that a row does not name are unchanged.
        """
        ...

    async def close(self) -> None:
        """Close every connection and thread."""
        ...


class Base(BaseReader, BaseWriter, Protocol):
    """Reads a base and writes to it."""


class Bases(Protocol):
    """Opens bases. Raises `StepError` where there is no key."""

    def base(self, base_id: str) -> Base:
        """Open a base."""
        ...
