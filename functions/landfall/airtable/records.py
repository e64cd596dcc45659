"""The records of a base on their way through a run: read in pages, packed into documents.

A page document holds many pages of several tables. Each page carries the number of the `listing` in
which it was read: when a listing expires, its table is read again from the start in the next
listing, and the pages of the expired one are skipped when the documents are read back.
"""

import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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

    That is the `offset` of the next page and its `size`; `number` stands for the records. A page
    may be stored in parts, of which only the `last` changes that state.
    """

    table: str
    listing: int
    records: Sequence[Record]
    offset: str | None = None
    size: int = PAGE_SIZE
    number: int = 0
    bytes: int = 0
    last: bool = True


def pack(page: ReadPage) -> list[Packed]:
    """Return the page in pieces of at most `MAX_PACKED_BYTES` bytes. Raises `StepError`."""
    return [piece for _, piece in packed_parts(page)]


def packed_parts(page: ReadPage) -> list[tuple[ReadPage, Packed]]:
    """Return the parts of the page of which each is a piece, with it. Raises `StepError`."""
    head, records = _json([page.table, page.listing]), _json({"records": page.records})
    data = zlib.compress(head + b"\n" + records)  # a character that JSON has only between its parts
    if len(data) <= MAX_PACKED_BYTES:
        return [(page, Packed(data, len(page.records)))]
    if len(page.records) == 1:
        raise StepError(
            Reason.RECORD_TOO_LARGE,
            f"record {page.records[0]['id']} of table {page.table!r} does not fit into a document",
        )
    half = len(page.records) // 2
    first = replace(page, records=page.records[:half], last=False)
    return [*packed_parts(first), *packed_parts(replace(page, records=page.records[half:]))]


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


def unpack(fields: Fields) -> list[StoredPage]:
    """Return the pages of a page document."""
    return [_stored(zlib.decompress(data)) for data in fields["packed"]]


def _stored(data: bytes) -> StoredPage:
    head, page = data.split(b"\n", 1)
    return StoredPage(*_head.decode(head), page)


def whole_tables(
    stored: Iterable[Fields],
    listings: Mapping[str, int],
    fields: Mapping[str, Sequence[str]],
    created: Collection[str] = (),
    checkboxes: Mapping[str, Collection[str]] = MappingProxyType({}),
    primaries: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Table]:
    """Return each table with these fields, with the records in the order of its last listing.

    `created` are the tables that include the creation time of each record; `checkboxes` are the
    fields of each table that have checkboxes, and `primaries` its field with the records' names,
    where they were read.
    """
    readers = {
        table: TableReader(
            table,
            fields[table],
            table in created,
            checkboxes.get(table, ()),
            primaries.get(table, ""),
        )
        for table in listings
    }
    with garbage.paused():
        for document in stored:
            for page in unpack(document):
                if page.listing == listings[page.table]:
                    readers[page.table].add(page.page, document.get("updated_at"))
    return {table: reader.table for table, reader in readers.items()}
