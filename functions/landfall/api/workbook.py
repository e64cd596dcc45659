"""An answer of the api as a workbook for a spreadsheet: cells of text and numbers, and no formula.

A workbook is complete before its first byte is sent, since its directory is at its end.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from landfall.api.spreadsheet import moment_in_words

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

MAX_ROWS = 20_000
"""Rows of a workbook: 20 columns of so many take a processor two seconds, and a file 1.5 MB."""

MAX_TEXT = 30_000_000
"""Characters of a workbook: it is in memory while it is sent."""

MAX_CELL = 32_767
"""Characters of a cell, in Excel."""

LONGER = "Only the first {:,} rows are in this file. Narrow the filters, or save all as CSV."
"""The last row of a workbook that is not complete."""

TOGETHER = 100
"""Rows between two moments in which others go on."""

CHUNK = 100_000
"""Bytes that are sent at once."""

# no way to a formula or a link but by the method that says so
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}

_UNUSABLE = re.compile("[\ud800-\udfff]")
"""Half characters, which no file can have."""


async def workbook(
    rows: AsyncIterator[Mapping[str, Any]], columns: Sequence[str], title: str
) -> AsyncIterator[bytes]:
    """Yield the bytes of a workbook of one sheet, with at most `MAX_ROWS` rows."""
    from xlsxwriter import Workbook

    with TemporaryDirectory() as folder:
        path = Path(folder, "made.xlsx")
        book = Workbook(path, {**_OPTIONS, "tmpdir": folder})
        try:
            await _fill(book, rows, columns, title)
        finally:
            await asyncio.to_thread(book.close)
        with await asyncio.to_thread(path.open, "rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk


async def _fill(
    book: "Workbook", rows: AsyncIterator[Mapping[str, Any]], columns: Sequence[str], title: str
) -> None:
    sheet = book.add_worksheet(title)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(columns) - 1, 18)
    bold = book.add_format({"bold": True})
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column, bold)
    count, room = 0, MAX_TEXT
    async for row in rows:
        if count == MAX_ROWS or room < 0:
            sheet.write_string(count + 1, 0, LONGER.format(count), bold)
            break
        count += 1
        room -= sum(_write(sheet, count, place, row[it]) for place, it in enumerate(columns))
        if count % TOGETHER == 0:
            await asyncio.sleep(0)
    sheet.autofilter(0, 0, count, len(columns) - 1)


def _write(sheet: "Worksheet", row: int, column: int, value: Any) -> int:
    """Write a cell, and return the characters of its text."""
    if isinstance(value, int | float):
        sheet.write_number(row, column, value)
        return 0
    text = moment_in_words(value) if isinstance(value, datetime) else str(value or "")
    if text:
        sheet.write_string(row, column, _UNUSABLE.sub("\ufffd", text[:MAX_CELL]))
    return len(text)
