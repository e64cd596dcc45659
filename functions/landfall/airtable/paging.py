"""Pages of a listing that fit into memory: fewer records at a time where they have many bytes.

A page has a place in a `Room` before it is asked for, and no more of it is read than the place has.
"""

from landfall.airtable.fetch_cursor import TableCursor
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

SHRINK = 4
"""Factor by which a page is made smaller that has too many bytes."""


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
