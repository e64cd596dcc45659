"""The tables of the contenders on polars, with only the fields that the rules need."""

from pathlib import Path

import polars as pl

FIELDS = {
    "airlines": {"carrier": pl.String},
    "airports": {"faa": pl.String, "name": pl.String, "tz": pl.Int64},
    "planes": {
        "tailnum": pl.String,
        "year": pl.Int64,
        "engine": pl.String,
        "seats": pl.Int64,
    },
    "flights": {
        "year": pl.Int64,
        "month": pl.Int64,
        "day": pl.Int64,
        "carrier": pl.String,
        "flight": pl.Int64,
        "tailnum": pl.String,
        "dest": pl.String,
        "dep_delay": pl.Int64,
    },
}


def read(folder: Path) -> dict[str, pl.DataFrame]:
    """Read the tables. A line is a page, which has a list of records."""
    return {name: _table(folder / f"{name}.ndjson", FIELDS[name]) for name in FIELDS}


def _table(path: Path, fields: dict[str, pl.DataType]) -> pl.DataFrame:
    record = pl.Struct({"id": pl.String, "fields": pl.Struct(fields)})
    pages = pl.read_ndjson(path, schema={"records": pl.List(record)})
    return pages.explode("records").unnest("records").unnest("fields")
