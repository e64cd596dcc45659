"""Protocols of the clients that read and write a base, and what they exchange."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from landfall.airtable.schema import TableSchema
from landfall.deadlines import Deadline
from landfall.store.documents import Fields

Record = dict[str, Any]
"""As Airtable has it: {"id": "rec...", "createdTime": ..., "fields": {name: value}}."""

ROWS_MOST = 10
"""Records of a writing request: the most that Airtable takes."""


@dataclass(frozen=True)
class RecordPage:
    """An answer to one listing request: at most 100 records, and where the listing goes on."""

    records: Sequence[Record]
    offset: str | None


class OffsetExpiredError(Exception):
    """The listing is gone: the table must be read again from the start."""


class BaseReader(Protocol):
    """Reads one base. Raises `StepError` with a `base_...` reason, by the deadline at the latest.

    Only one of these reads a base at a time, so it can keep to the limit of requests a second.
    """

    async def schema(self, deadline: Deadline) -> Sequence[TableSchema]:
        """The tables of the base."""
        ...

    async def page(
        self, table: str, fields: Sequence[str], offset: str | None, deadline: Deadline
    ) -> RecordPage:
        """The next page of a listing. Raises `OffsetExpiredError`."""
        ...

    async def close(self) -> None:
        """Let go of every connection and thread."""
        ...


class BaseWriter(Protocol):
    """Writes to one base; under the same terms as a `BaseReader`."""

    async def upsert(
        self, table: str, merge_on: str, rows: Sequence[Fields], deadline: Deadline
    ) -> None:
        """Update the record that has a row's value in the field `merge_on`, or create it.

        All of the rows, `ROWS_MOST` at most, or none. Cells that a row does not name stay.
        """
        ...

    async def update(self, table: str, rows: Mapping[str, Fields], deadline: Deadline) -> None:
        """Give the records of these ids these cells; None empties one.

        All of the rows, `ROWS_MOST` at most, or none. Cells that a row does not name stay.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection and thread."""
        ...


class Base(BaseReader, BaseWriter, Protocol):
    """Reads a base and writes to it."""


class Bases(Protocol):
    """Opens bases. Raises `StepError` where there is no key."""

    def base(self, base_id: str) -> Base:
        """Open a base."""
        ...
