"""Pages of a listing that fit into memory: fewer records at a time where they have many bytes.

A page has a place in a `Room` before it is asked for, and no more of it is read than the place has.
"""

from dataclasses import dataclass

from landfall.airtable.fetch_cursor import TableCursor, number_of
from landfall.airtable.protocols import (
    MAX_PAGE_BYTES,
    MAX_RECORD_BYTES,
    PAGE_SIZE,
    BaseReader,
    PageTooLargeError,
    RecordPage,
)
from landfall.deadlines import Deadline
from landfall.process.room import Seat
from landfall.reasons import Reason, StepError

MAX_REPEATS = 3
"""Pages in a row that bring no record which the pages before did not have, and promise more."""

SHRINK = 4
"""Factor by which a page is made smaller that has too many bytes."""


@dataclass
class Repeats:
    """The pages in a row of a table that brought nothing new: its listing may not end."""

    name: str
    number: int = 0

    def nothing_new(self, table: TableCursor, page: RecordPage) -> bool:
        """Return whether a page brings nothing and promises more; else `table` remembers it.

        Raises `StepError` if too many do in a row.
        """
        number = number_of(page.records)
        if page.offset is None or (page.records and number not in table.latest):
            self.number = 0
            table.remember(number)
            return False
        self.number += 1
        if self.number > MAX_REPEATS:
            raise StepError(
                Reason.BASE_MALFORMED,
                f"the listing of table {self.name!r} does not end: {self.number} pages in a row "
                "had no records, or those of pages before, and named a further page",
            )
        return True


async def next_page(
    reader: BaseReader,
    name: str,
    table: TableCursor,
    offset: str | None,
    place: Seat,
    deadline: Deadline,
) -> RecordPage:
    """Return the page at an offset, and leave in `table.size` how many records to ask for next.

    The place grows where the page needs more. Raises `OffsetExpiredError`, `StepError`.
    """
    while True:
        size = table.size
        try:
            page = await reader.page(name, table.ask, offset, deadline, size, place.bytes)
        except PageTooLargeError:
            if place.bytes < MAX_PAGE_BYTES:
                await place.change(MAX_PAGE_BYTES)
            elif table.size > 1:
                table.size = max(1, table.size // SHRINK)
            elif place.bytes < MAX_RECORD_BYTES:
                await place.change(MAX_RECORD_BYTES)
            else:
                raise _too_large(name) from None
        else:
            if page.bytes * 2 * SHRINK < MAX_PAGE_BYTES:
                table.size = min(PAGE_SIZE, size * 2)
            return page


def _too_large(table: str) -> StepError:
    return StepError(
        Reason.RECORD_TOO_LARGE,
        f"a record of table {table!r} has more than {MAX_RECORD_BYTES:,} bytes in the fields that "
        "the scan reads",
    )
