"""Answers of the api that are files: JSON, or CSV and XLSX for a spreadsheet."""

import csv
import io
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from landfall.api.spreadsheet import spreadsheet_cell
from landfall.api.workbook import workbook

_Item = TypeVar("_Item")

Items = Iterable[_Item] | AsyncIterable[_Item]
"""Items that are there, or that come one after the other."""

PIECE_SIZE = 500
"""Items in a piece of a download, some 200 kB together."""

PIECE_LENGTH = 500_000
"""Characters after which a piece of a download ends, however few items it has."""


@dataclass(frozen=True)
class Download:
    """An answer that is a file. Each piece of a text is made when it is sent.

    A long file cannot be sent as a whole: Cloud Run takes 32 MiB. Items that come one after the
    other are never in memory together. Where one of them fails, the connection breaks,
    so that nobody takes a part of a file for the whole.
    """

    name: str
    media_type: str
    pieces: AsyncIterator[Any]
    """Pieces of text, or of bytes."""

    @classmethod
    def text(cls, text: str, name: str, media_type: str) -> Self:
        """Make a file of a text."""
        return cls(name, media_type, _each([text]))

    @classmethod
    def json(cls, items: Items[Any], name: str) -> Self:
        """Make a JSON file: a list with an item a line."""
        return cls(f"{name}.json", "application/json", _json(items))

    @classmethod
    def csv(cls, rows: Items[Mapping[str, Any]], columns: Sequence[str], name: str) -> Self:
        """Make a CSV file with these columns; a row may have more."""
        return cls(f"{name}.csv", "text/csv; charset=utf-8", _csv(rows, columns))

    @classmethod
    def xlsx(cls, rows: Items[Mapping[str, Any]], columns: Sequence[str], name: str) -> Self:
        """Make a workbook with these columns, and at most `workbook.MAX_ROWS` rows."""
        title = name.rpartition("-")[2]
        return cls(f"{name}.xlsx", _WORKBOOK, workbook(_each(rows), columns, title))


_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def _json(items: Items[Any]) -> AsyncIterator[str]:
    between, lines, room = "[\n", list[str](), PIECE_LENGTH
    async for item in _each(items):
        lines.append(json.dumps(item, ensure_ascii=False, default=_iso))
        room -= len(lines[-1])
        if len(lines) == PIECE_SIZE or room < 0:
            yield between + ",\n".join(lines)
            between, lines, room = ",\n", [], PIECE_LENGTH
    if lines:
        yield between + ",\n".join(lines)
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


async def _csv(rows: Items[Mapping[str, Any]], columns: Sequence[str]) -> AsyncIterator[str]:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, extrasaction="ignore")
    file.write("\ufeff")  # a byte-order mark: without it, Excel does not read UTF-8
    writer.writeheader()
    yield file.getvalue()
    file.seek(file.truncate(0))
    count = 0
    async for row in _each(rows):
        writer.writerow({column: spreadsheet_cell(row[column]) for column in columns})
        count += 1
        if count % PIECE_SIZE == 0 or file.tell() > PIECE_LENGTH:
            yield file.getvalue()
            file.seek(file.truncate(0))
    if file.tell():
        yield file.getvalue()


async def _each(items: Items[_Item]) -> AsyncIterator[_Item]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def _iso(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
