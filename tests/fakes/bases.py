"""Small Airtable bases, and a local Airtable that serves them without the real one's rate limit."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.airtable.bases import BaseData, Field, Record, TableData
from infra.local.airtable.server import LocalAirtable

KEY = "patTest0000000000.00000000000000000000000000000000"
BASE = "appPeople00000001"
"""The base of `world.a_scan`."""

Rows = int | Sequence[Mapping[str, Any]]
"""A number of made-up people, or the cells of each record."""


def record_id(number: int, prefix: str = "rec") -> str:
    """(7, "tbl") -> "tbl00000000000007"."""
    return f"{prefix}{number:014}"


def a_base(base_id: str = BASE, /, **tables: Rows) -> BaseData:
    """A base with these tables. Records are numbered from 1 through all of them."""
    made: list[TableData] = []
    first = 1
    for number, (name, rows) in enumerate(tables.items(), 1):
        cells = people(rows) if isinstance(rows, int) else rows
        made.append(_table(number, name, cells, first))
        first += len(cells)
    return BaseData(base_id, "A base", tuple(made))


def people(count: int) -> list[dict[str, Any]]:
    """Return cells of people who break no rule; `Secret` is a field that no scan reads."""
    return [
        {
            "Name": f"Person {n}",
            "Email": f"person.{n}@example.org",
            "Age": n,
            "Secret": f"s3cret{n}",
        }
        for n in range(count)
    ]


def a_server(*bases: BaseData, **settings: Any) -> LocalAirtable:
    """The stand-in without a limit of requests, unless the settings say otherwise."""
    return LocalAirtable(bases, **{"api_key": KEY, "requests_per_second": 100_000, **settings})


def _table(number: int, name: str, rows: Sequence[Mapping[str, Any]], first: int) -> TableData:
    names = list(dict.fromkeys(["Name", "Email", *(key for row in rows for key in row)]))
    fields = [
        Field(record_id(100 * number + position, "fld"), name, "singleLineText")
        for position, name in enumerate(names)
    ]
    records = [_record(place, cells) for place, cells in enumerate(rows, first)]
    return TableData(record_id(number, "tbl"), name, tuple(fields), tuple(records))


def _record(number: int, cells: Mapping[str, Any]) -> Record:
    created = "2026-01-01T00:00:00.000Z"
    return {"id": record_id(number), "createdTime": created, "fields": dict(cells)}
