"""The rules as checks of Soda on DuckDB, whose sampler takes all failed rows, not a hundred."""

import json
import logging
import sys
from pathlib import Path

import duckdb
from soda.sampler.sample_context import SampleContext
from soda.sampler.sampler import Sampler
from soda.scan import Scan

COLUMNS = {
    "airlines": {"carrier": "VARCHAR"},
    "airports": {"faa": "VARCHAR", "name": "VARCHAR", "tz": "BIGINT"},
    "planes": {"tailnum": "VARCHAR", "year": "BIGINT", "engine": "VARCHAR", "seats": "BIGINT"},
    "flights": {
        "year": "BIGINT",
        "month": "BIGINT",
        "day": "BIGINT",
        "carrier": "VARCHAR",
        "flight": "BIGINT",
        "tailnum": "VARCHAR",
        "dest": "VARCHAR",
        "dep_delay": "BIGINT",
    },
}

ALL = "samples limit: 10000000"

CHECKS = f"""
checks for planes:
  - failed rows:
      name: plane-tailnum-unique
      {ALL}
      fail query: >-
        SELECT id FROM planes WHERE tailnum IN
        (SELECT tailnum FROM planes GROUP BY tailnum HAVING count(*) > 1)
  - missing_count(year) = 0:
      name: plane-year
      {ALL}
  - invalid_count(engine) = 0:
      name: plane-engine
      valid values: [Turbo-fan, Turbo-jet, Turbo-prop, Turbo-shaft, Reciprocating]
      {ALL}
  - invalid_count(seats) = 0:
      name: plane-seats
      valid min: 2
      valid max: 400
      {ALL}
checks for airports:
  - failed rows:
      name: airport-name-unique
      {ALL}
      fail query: >-
        SELECT id FROM airports WHERE name IN
        (SELECT name FROM airports GROUP BY name HAVING count(*) > 1)
  - invalid_count(tz) = 0:
      name: airport-tz
      valid min: -10
      valid max: -5
      {ALL}
checks for flights:
  - missing_count(tailnum) = 0:
      name: flight-tailnum
      {ALL}
  - missing_count(dep_delay) = 0:
      name: flight-departure
      {ALL}
  - invalid_count(dep_delay) = 0:
      name: flight-delay
      valid min: -60
      valid max: 720
      {ALL}
  - values in (tailnum) must exist in planes (tailnum):
      name: flight-plane
      {ALL}
  - values in (dest) must exist in airports (faa):
      name: flight-dest
      {ALL}
  - values in (carrier) must exist in airlines (carrier):
      name: flight-carrier
      {ALL}
  - failed rows:
      name: flight-once
      {ALL}
      fail query: >-
        SELECT id FROM flights JOIN
        (SELECT year, month, day, carrier, flight FROM flights
        GROUP BY ALL HAVING count(*) > 1) USING (year, month, day, carrier, flight)
"""  # noqa: S608  our own text


class Ids(Sampler):
    """A sampler that stores the ids of the failed rows of each check."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def store_sample(self, sample_context: SampleContext) -> None:
        """Store the ids of all the failed rows of a check."""
        sample = sample_context.sample
        names = [column.name for column in sample.get_schema().columns]
        place = names.index("id")
        ids = [row[place] for row in sample.get_rows()]
        self.found[sample_context.check_name] = ids


def main(folder: Path, out: Path) -> None:
    """Read the tables, write the ids of the records that each rule finds."""
    connection = duckdb.connect()
    for name, columns in COLUMNS.items():
        fields = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        picked = ", ".join(f'r.fields."{column}" AS "{column}"' for column in columns)
        record = f"STRUCT(id VARCHAR, fields STRUCT({fields}))[]"
        connection.execute(
            f"CREATE TABLE {name} AS SELECT r.id AS id, {picked} FROM "  # noqa: S608  our own names
            f"(SELECT unnest(records) AS r FROM read_json('{folder / name}.ndjson', "
            f"format = 'newline_delimited', columns = {{records: '{record}'}}))"
        )
    logging.disable(logging.CRITICAL)
    ids = Ids()
    scan = Scan()
    scan.disable_telemetry()
    scan.set_data_source_name("pages")
    scan.add_duckdb_connection(connection, "pages")
    scan.add_sodacl_yaml_str(CHECKS)
    scan.sampler = ids
    scan.execute()
    if scan.has_error_logs():
        sys.exit(scan.get_error_logs_text())
    out.write_text(json.dumps(ids.found), encoding="utf-8")


main(Path(sys.argv[1]), Path(sys.argv[2]))
