"""Pages of a listing that fit into memory: fewer records at a time where they have many bytes."""

from landfall.airtable.fetch_cursor import TableCursor
from landfall.airtable.protocols import BaseReader, PageTooLargeError, RecordPage
from landfall.deadlines import Deadline

SHRINK = 4
"""Factor by which a page is made smaller that has too many bytes."""


async def next_page(
    reader: BaseReader, name: str, table: TableCursor, offset: str | None, deadline: Deadline
) -> RecordPage:
    """Return the page at an offset, and leave in `table.size` how many records to ask for next.

    Raises `OffsetExpiredError`, `StepError`.
    """
    while table.size > 1:
        try:
            return await reader.page(name, table.ask, offset, deadline, table.size)
        except PageTooLargeError:
            table.size = max(1, table.size // SHRINK)
    return await reader.page(name, table.ask, offset, deadline, table.size)
