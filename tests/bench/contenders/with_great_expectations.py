"""The rules as expectations of Great Expectations on pandas, with the ids of the records."""

import json
import os
import sys
from pathlib import Path

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # before it is imported: it looks at once

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from flight_rules import ENGINES, ONCE
from reading import read


def main(folder: Path, out: Path) -> None:
    """Read the tables, write the ids of the records that each rule finds."""
    tables = {
        name: pd.DataFrame({column.name: column.to_numpy() for column in table})
        for name, table in read(folder).items()
    }
    planes, airports = list(tables["planes"]["tailnum"]), list(tables["airports"]["faa"])
    suites = {
        "planes": {
            "plane-tailnum-unique": gxe.ExpectColumnValuesToBeUnique(column="tailnum"),
            "plane-year": gxe.ExpectColumnValuesToNotBeNull(column="year"),
            "plane-engine": gxe.ExpectColumnValuesToBeInSet(column="engine", value_set=ENGINES),
            "plane-seats": between("seats", 2, 400),
        },
        "airports": {
            "airport-name-unique": gxe.ExpectColumnValuesToBeUnique(column="name"),
            "airport-tz": between("tz", -10, -5),
        },
        "flights": {
            "flight-tailnum": gxe.ExpectColumnValuesToNotBeNull(column="tailnum"),
            "flight-departure": gxe.ExpectColumnValuesToNotBeNull(column="dep_delay"),
            "flight-delay": between("dep_delay", -60, 720),
            "flight-plane": gxe.ExpectColumnValuesToBeInSet(column="tailnum", value_set=planes),
            "flight-dest": gxe.ExpectColumnValuesToBeInSet(column="dest", value_set=airports),
            "flight-carrier": gxe.ExpectColumnValuesToBeInSet(
                column="carrier", value_set=list(tables["airlines"]["carrier"])
            ),
            "flight-once": gxe.ExpectCompoundColumnsToBeUnique(column_list=ONCE),
        },
    }
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("pages")
    format_ = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}
    found = {}
    for name, expectations in suites.items():
        whole = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
        batch = whole.get_batch({"dataframe": tables[name]})
        for rule, expectation in expectations.items():
            expectation.meta = {"rule": rule}
        suite = gx.ExpectationSuite(name, list(expectations.values()))
        for result in batch.validate(suite, result_format=format_).results:
            unexpected = result.result.get("unexpected_index_list") or []
            rule = result.expectation_config.meta["rule"]
            found[rule] = [item["id"] for item in unexpected]
    out.write_text(json.dumps(found), encoding="utf-8")


def between(column: str, least: int, most: int) -> gxe.ExpectColumnValuesToBeBetween:
    """Return the expectation that a column has values in a range."""
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=least, max_value=most)


main(Path(sys.argv[1]), Path(sys.argv[2]))
