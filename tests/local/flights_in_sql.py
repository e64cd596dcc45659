"""The findings of the flights scan, computed a second time: plain SQL over the package's own CSV.

It shares with `infra.local.samples.flights` the numbering of rows and the form of a record id, and
nothing else: the files are read whole by `csv`, SQL decides what is missing, doubled or dangling.

The rules it restates. required: a field without a value ("NA" or "" in these files). unique: one
finding a group of records with equal keys; a record that lacks part of its key is left out.
allowed_values: a value outside the list. link by key: a value that does not occur in the target.
For the last two a missing value is no finding. A finding is the sorted tuple of its record ids.
"""

import csv
import sqlite3
import zipfile
from collections.abc import Iterable
from io import TextIOWrapper

from infra.local.airtable.bases import BaseData
from infra.local.samples.flights import data_folder, flight_rows, record_id

# Every statement answers (group, table, row): rows of one group are one finding.
SQL = {
    "plane-tailnum-unique": """
        SELECT tailnum, 'planes', row FROM planes WHERE tailnum IN
        (SELECT tailnum FROM planes GROUP BY tailnum HAVING count(*) > 1)""",
    "plane-year": "SELECT row, 'planes', row FROM planes WHERE year IS NULL",
    "plane-speed": "SELECT row, 'planes', row FROM planes WHERE speed IS NULL",
    "plane-engine": """
        SELECT row, 'planes', row FROM planes WHERE engine NOT IN
        ('Turbo-fan', 'Turbo-jet', 'Turbo-prop', 'Turbo-shaft', 'Reciprocating')""",
    "airport-name-unique": """
        SELECT lower(trim(name)), 'airports', row FROM airports WHERE lower(trim(name)) IN
        (SELECT lower(trim(name)) FROM airports GROUP BY 1 HAVING count(*) > 1)""",
    "airport-tz": """
        SELECT row, 'airports', row FROM airports
        WHERE CAST(tz AS INTEGER) NOT BETWEEN -10 AND -5""",
    "airport-dst": "SELECT row, 'airports', row FROM airports WHERE dst NOT IN ('A', 'N')",
    "airport-tzone": "SELECT row, 'airports', row FROM airports WHERE tzone IS NULL",
    "flight-tailnum": "SELECT row, 'flights', row FROM flights WHERE tailnum IS NULL",
    "flight-departure": "SELECT row, 'flights', row FROM flights WHERE dep_delay IS NULL",
    "flight-plane": """
        SELECT row, 'flights', row FROM flights
        WHERE tailnum IS NOT NULL AND tailnum NOT IN (SELECT tailnum FROM planes)""",
    "flight-dest": """
        SELECT row, 'flights', row FROM flights
        WHERE dest IS NOT NULL AND dest NOT IN (SELECT faa FROM airports)""",
    "flight-carrier": """
        SELECT row, 'flights', row FROM flights
        WHERE carrier IS NOT NULL AND carrier NOT IN (SELECT carrier FROM airlines)""",
    "flight-once": """
        SELECT month || '-' || day || ' ' || carrier || flight, 'flights', row
        FROM flights JOIN (
            SELECT year, month, day, carrier, flight FROM flights
            GROUP BY year, month, day, carrier, flight HAVING count(*) > 1
        ) USING (year, month, day, carrier, flight)""",
}


def expected_findings(base: BaseData) -> dict[str, set[tuple[str, ...]]]:
    """Return rule id -> findings of samples/flights.yaml in `flights(limit)`, for any limit.

    From `base` only the number of flights is taken.
    """
    count = next(len(table.records) for table in base.tables if table.name == "flights")
    db = _load(set(flight_rows(count)))
    return {rule: _findings(db.execute(statement)) for rule, statement in SQL.items()}


def _findings(answer: sqlite3.Cursor) -> set[tuple[str, ...]]:
    groups: dict[object, list[str]] = {}
    for group, table, row in answer:
        groups.setdefault(group, []).append(record_id(table, row))
    return {tuple(sorted(ids)) for ids in groups.values()}


def _load(flights_wanted: set[int]) -> sqlite3.Connection:
    folder = data_folder()
    db = sqlite3.connect(":memory:")
    for name in ("airlines", "airports", "planes"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            _insert(db, name, file, None)
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as raw:
        _insert(db, "flights", TextIOWrapper(raw, encoding="utf-8", newline=""), flights_wanted)
    return db


def _insert(
    db: sqlite3.Connection, name: str, file: Iterable[str], wanted: set[int] | None
) -> None:
    reader = csv.reader(file)
    columns = next(reader)
    db.execute(f"CREATE TABLE {name} (row INTEGER PRIMARY KEY, {', '.join(columns)})")
    marks = ", ".join("nullif(nullif(?, 'NA'), '')" for _ in columns)
    rows = ((row, *cells) for row, cells in enumerate(reader, 1) if not wanted or row in wanted)
    db.executemany(f"INSERT INTO {name} VALUES (?, {marks})", rows)  # noqa: S608  our own names
