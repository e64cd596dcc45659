"""Answers of the api that are files: JSON, or CSV for a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self


@dataclass(frozen=True)
class Download:
    """An answer that is a file."""

    name: str
    media_type: str
    text: str

    @classmethod
    def json(cls, items: Sequence[Any], name: str) -> Self:
        """A JSON file with a list."""
        text = json.dumps(items, ensure_ascii=False, default=_iso)
        return cls(f"{name}.json", "application/json", text)

    @classmethod
    def csv(cls, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], name: str) -> Self:
        """A CSV file with these columns; a row may have more."""
        file = io.StringIO()
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow({column: _cell(row[column]) for column in columns})
        # a byte-order mark: without one, Excel reads UTF-8 as something else
        return cls(f"{name}.csv", "text/csv; charset=utf-8", "\ufeff" + file.getvalue())


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return _iso(value)
    # a spreadsheet would take it for a formula, some also in full width, or behind a line's end
    return f"'{value}" if isinstance(value, str) and value[:1] in _BEGIN_FORMULAS else value


_BEGIN_FORMULAS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def _iso(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
