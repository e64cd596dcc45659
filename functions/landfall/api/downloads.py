"""Answers of the api that are files: JSON, or CSV for a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Self, TypeVar

from landfall.api.spreadsheet import spreadsheet_cell

_Item = TypeVar("_Item")


PIECE_SIZE = 500
"""Items in a piece of a download, some 200 kB together."""


@dataclass(frozen=True)
class Download:
    """An answer that is a file. Each piece of its text is made when it is sent.

    A long file cannot be sent as a whole: Cloud Run takes 32 MiB.
    """

    name: str
    media_type: str
    pieces: Iterator[str]

    @classmethod
    def json(cls, items: Sequence[Any], name: str) -> Self:
        """Make a JSON file: a list with an item a line."""
        return cls(f"{name}.json", "application/json", _json(items))

    @classmethod
    def csv(cls, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], name: str) -> Self:
        """Make a CSV file with these columns; a row may have more."""
        return cls(f"{name}.csv", "text/csv; charset=utf-8", _csv(rows, columns))


def _json(items: Sequence[Any]) -> Iterator[str]:
    between = "[\n"
    for some in _together(items):
        yield between + ",\n".join(json.dumps(it, ensure_ascii=False, default=_iso) for it in some)
        between = ",\n"
    yield "\n]\n" if items else "[]\n"


def _csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, extrasaction="ignore")
    file.write("\ufeff")  # a byte-order mark: without it, Excel does not read UTF-8
    writer.writeheader()
    yield file.getvalue()
    for some in _together(rows):
        file.seek(0)
        file.truncate()
        writer.writerows(
            {column: spreadsheet_cell(row[column]) for column in columns} for row in some
        )
        yield file.getvalue()


def _together(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while some := list(islice(iterator, PIECE_SIZE)):
        yield some


def _iso(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
