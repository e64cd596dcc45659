"""The pages of a run that are being read, or wait to be stored: no more than there is room for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from landfall.airtable.fetch_cursor import TableCursor
from landfall.airtable.protocols import MAX_PAGE_BYTES, MAX_RECORD_BYTES, Record
from landfall.airtable.records import ReadPage, pack
from landfall.process.room import Room, Seat
from landfall.store.packed import Packed

MAX_WAITING_BYTES = MAX_RECORD_BYTES
"""Bytes of the pages of a run. All runs that an instance reads at once have eight times as many."""

MIN_PLACE = 2**17
"""Bytes that every page has a place for: those of 100 records of 1.3 kB."""


@dataclass(frozen=True)
class WaitingPage:
    """A page that waits to be stored, without its records: they are in its pieces."""

    page: ReadPage
    pieces: Sequence[Packed]
    place: Seat


class Inbox:
    """The pages of a run. A page has a place before it is asked for, and until it is stored."""

    def __init__(self) -> None:
        self._pages: list[WaitingPage] = []
        self._room = Room(MAX_WAITING_BYTES)

    def __len__(self) -> int:
        return len(self._pages)

    async def place(self, page_bytes: int = MAX_PAGE_BYTES) -> Seat:
        """Return a place for the page after one of so many bytes, once there is room."""
        return await self._room.take(min(MAX_PAGE_BYTES, max(MIN_PLACE, 4 * page_bytes)))

    def add(self, name: str, table: TableCursor, records: Sequence[Record], place: Seat) -> None:
        """Let the records of a page, after which a table is so, wait in its place, compressed.

        Raises `StepError`.
        """
        number = table.latest[-1]
        page = ReadPage(name, table.listing, records, table.offset, table.size, number)
        pieces = pack(page)
        place.shrink(min(place.bytes, sum(len(piece.data) for piece in pieces)))
        self._pages.append(WaitingPage(replace(page, records=()), pieces, place))

    def taken(self) -> list[WaitingPage]:
        """Return the pages that wait, which are to be stored now. Their places remain taken."""
        pages, self._pages = self._pages, []
        return pages
