"""The rules written by hand, in polars."""

import json
import sys
from pathlib import Path

import polars as pl
from flight_rules import ENGINES, ONCE
from reading import read


def main(folder: Path, out: Path) -> None:
    """Read the tables, write the ids of the records that each rule finds."""
    tables = read(folder)
    planes, airports, flights = tables["planes"], tables["airports"], tables["flights"]
    found = {
        "plane-tailnum-unique": repeated(planes, ["tailnum"]),
        "plane-year": planes.filter(pl.col("year").is_null()),
        "plane-engine": planes.filter(~pl.col("engine").is_in(ENGINES)),
        "plane-seats": planes.filter(~pl.col("seats").is_between(2, 400)),
        "airport-name-unique": repeated(airports, ["name"]),
        "airport-tz": airports.filter(~pl.col("tz").is_between(-10, -5)),
        "flight-tailnum": flights.filter(blank("tailnum")),
        "flight-departure": flights.filter(pl.col("dep_delay").is_null()),
        "flight-delay": flights.filter(~pl.col("dep_delay").is_between(-60, 720)),
        "flight-plane": absent(flights, "tailnum", planes, "tailnum"),
        "flight-dest": absent(flights, "dest", airports, "faa"),
        "flight-carrier": absent(flights, "carrier", tables["airlines"], "carrier"),
        "flight-once": repeated(flights, ONCE),
    }
    ids = {rule: frame["id"].to_list() for rule, frame in found.items()}
    out.write_text(json.dumps(ids), encoding="utf-8")


def blank(field: str) -> pl.Expr:
    """Match no value, and text of blanks."""
    return pl.col(field).is_null() | (pl.col(field).str.strip_chars() == "")


def repeated(table: pl.DataFrame, fields: list[str]) -> pl.DataFrame:
    """Select records that have all of the fields, with the same values as another record."""
    return table.drop_nulls(fields).filter(pl.struct(fields).is_duplicated())


def absent(table: pl.DataFrame, field: str, others: pl.DataFrame, key: str) -> pl.DataFrame:
    """Select records whose value is not a key of the others."""
    return table.drop_nulls(field).join(others, left_on=field, right_on=key, how="anti")


main(Path(sys.argv[1]), Path(sys.argv[2]))
