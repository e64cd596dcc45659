"""The rules as schemas of pandera on polars, whose failure cases have the row numbers."""

import json
import sys
from pathlib import Path

import pandera.polars as pa
import polars as pl
from flight_rules import ENGINES, ONCE
from pandera.errors import SchemaErrors
from reading import read


def main(folder: Path, out: Path) -> None:
    """Read the tables, write the ids of the records that each rule finds."""
    tables = read(folder)
    known = {
        "flight-plane": tables["planes"]["tailnum"].to_list(),
        "flight-dest": tables["airports"]["faa"].to_list(),
        "flight-carrier": tables["airlines"]["carrier"].to_list(),
    }
    # `error` is not only the name: without it, the message has all of the values
    isin = {rule: pa.Check.isin(values, error=rule) for rule, values in known.items()}
    schemas = {
        "planes": {
            "tailnum": pa.Column(str, [once(["tailnum"], "plane-tailnum-unique")], nullable=True),
            "year": pa.Column(int, [there("plane-year")], nullable=True),
            "engine": pa.Column(str, [pa.Check.isin(ENGINES, error="plane-engine")], nullable=True),
            "seats": pa.Column(
                int, [pa.Check.in_range(2, 400, error="plane-seats")], nullable=True
            ),
        },
        "airports": {
            "name": pa.Column(str, [once(["name"], "airport-name-unique")], nullable=True),
            "tz": pa.Column(int, [pa.Check.in_range(-10, -5, error="airport-tz")], nullable=True),
        },
        "flights": {
            "tailnum": pa.Column(
                str, [there("flight-tailnum"), isin["flight-plane"]], nullable=True
            ),
            "dep_delay": pa.Column(
                int,
                [there("flight-departure"), pa.Check.in_range(-60, 720, error="flight-delay")],
                nullable=True,
            ),
            "dest": pa.Column(str, [isin["flight-dest"]], nullable=True),
            "carrier": pa.Column(
                str, [isin["flight-carrier"], once(ONCE, "flight-once")], nullable=True
            ),
        },
    }
    found: dict[str, list[str]] = {}
    for name, columns in schemas.items():
        try:
            pa.DataFrameSchema(columns).validate(tables[name], lazy=True)
        except SchemaErrors as errors:
            cases = errors.failure_cases
            for (rule,), some in cases.group_by("check"):
                found[rule] = tables[name]["id"].gather(some["index"]).to_list()
    out.write_text(json.dumps(found), encoding="utf-8")


def there(rule: str) -> pa.Check:
    """Return a check of rows without a value; a failure of `nullable=False` would name no rule."""
    return pa.Check(
        lambda data: data.lazyframe.select(pl.col(data.key).is_not_null()),
        error=rule,
        ignore_na=False,
    )


def once(fields: list[str], rule: str) -> pa.Check:
    """Return a check for repeated rows, which `unique` of a schema does not report."""
    lacking = pl.any_horizontal(pl.col(field).is_null() for field in fields)
    return pa.Check(
        lambda data: data.lazyframe.select(lacking | ~pl.struct(fields).is_duplicated()),
        error=rule,
        ignore_na=False,
    )


main(Path(sys.argv[1]), Path(sys.argv[2]))
