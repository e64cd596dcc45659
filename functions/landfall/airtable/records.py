"""The records of a base on their way through a run: read in pages, packed into documents.

A page document holds many pages of several tables. Each page carries the number of the `listing` in
which it was read: when a listing expires, its table is read again from the start in the next
listing, and the pages of the expired one are skipped when the documents are read back.
"""

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from landfall.airtable.protocols import PAGE_SIZE, Record
from landfall.airtable.snapshot import Table, TableReader
from landfall.process import garbage
from landfall.reasons import Reason, StepError
from landfall.store.documents import Fields
from landfall.store.packed import MAX_PACKED_BYTES, Packed


@dataclass(frozen=True)
class ReadPage:
    """Records of one table, the listing in which they were read, and the state after them.

    That is the `offset` of the next page and its `size`; `number` stands for the records.
    """

    table: str
    listing: int
    records: Sequence[Record]
    offset: str | None = None
    size: int = PAGE_SIZE
    number: int = 0


def pack(page: ReadPage) -> list[Packed]:
    """Return the page in pieces of at most `MAX_PACKED_BYTES` bytes. Raises `StepError`."""
    return _pieces(page.table, page.listing, page.records)


def _pieces(table: str, listing: int, page: Sequence[Record]) -> list[Packed]:
    head, records = _json([table, listing]), _json({"records": page})
    data = zlib.compress(head + b"\n" + records)  # a character that JSON has only between its parts
    if len(data) <= MAX_PACKED_BYTES:
        return [Packed(data, len(page))]
    if len(page) == 1:
        raise StepError(
            Reason.RECORD_TOO_LARGE,
            f"record {page[0]['id']} of table {table!r} does not fit into a document",
        )
    half = len(page) // 2
    return [*_pieces(table, listing, page[:half]), *_pieces(table, listing, page[half:])]


def _json(content: Any) -> bytes:
    try:
        return msgspec.json.encode(content)
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot encode
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


@dataclass(frozen=True)
class StoredPage:
    """A `ReadPage` unpacked from a document: its `page` is JSON in Airtable's form."""

    table: str
    listing: int
    page: bytes


_head = msgspec.json.Decoder(tuple[str, int])


def unpack(fields: Fields) -> Iterator[StoredPage]:
    """Yield the pages of a page document, one at a time: together they may have a thousand times
    its bytes.
    """
    return (_stored(zlib.decompress(data)) for data in fields["packed"])


def _stored(data: bytes) -> StoredPage:
    head, page = data.split(b"\n", 1)
    return StoredPage(*_head.decode(head), page)


class WholeTables:
    """The tables with these fields, with the records in the order of each one's last listing.

    `created` are the tables that include the creation time of each record; `checkboxes` are the
    fields of each table that have checkboxes, and `primaries` its field with the records' names,
    where they were read.
    """

    def __init__(
        self,
        listings: Mapping[str, int],
        fields: Mapping[str, Sequence[str]],
        created: Collection[str] = (),
        checkboxes: Mapping[str, Collection[str]] = MappingProxyType({}),
        primaries: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._listings = listings
        self._readers = {
            table: TableReader(
                table,
                fields[table],
                table in created,
                checkboxes.get(table, ()),
                primaries.get(table, ""),
            )
            for table in listings
        }

    def add(self, stored: Iterable[Fields]) -> None:
        """Append the pages of further documents, of which one at a time is unpacked."""
        with garbage.paused():
            for document in stored:
                for page in unpack(document):
                    if page.listing == self._listings[page.table]:
                        self._readers[page.table].add(page.page, document.get("updated_at"))

    @property
    def tables(self) -> dict[str, Table]:
        """Return the tables of the documents so far."""
        return {table: reader.table for table, reader in self._readers.items()}


def whole_tables(
    stored: Iterable[Fields],
    listings: Mapping[str, int],
    fields: Mapping[str, Sequence[str]],
    created: Collection[str] = (),
    checkboxes: Mapping[str, Collection[str]] = MappingProxyType({}),
    primaries: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Table]:
    """Return the `WholeTables` of these documents."""
    whole = WholeTables(listings, fields, created, checkboxes, primaries)
    whole.add(stored)
    return whole.tables
