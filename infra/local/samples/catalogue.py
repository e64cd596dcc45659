"""A made-up data catalogue as an Airtable base: the data elements of a clinic and of a school.

They are in `catalogue.csv`, each with its classification, written by hand. It never comes from the
rules of the stand-in for the model (`openai/classification.py`), so it can judge them, and the code
that transports their answers. Some elements are badly described; two descriptions contain
instructions to the model, which must change nothing.
"""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from infra.local.airtable.bases import BaseData, Field, TableData

BASE_ID = "appCatalogue00001"
TABLE = "Data elements"
ELEMENTS = Path(__file__).with_name("catalogue.csv")

FIELDS = {
    "Name": "singleLineText",
    "Description": "multilineText",
    "Data type": "singleLineText",
    "Source": "singleLineText",
    "Business context": "multilineText",
    "Classification": "singleSelect",
    "Risk": "singleLineText",
    "Personal data": "checkbox",
    "Rationale": "multilineText",
    "Review": "singleLineText",
}

LABELS = ("HRCI", "Confidential", "Proprietary", "Public")
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "singleSelect": {
        "choices": [{"id": f"selCatalogue{n:05}", "name": label} for n, label in enumerate(LABELS)]
    },
    "checkbox": {"icon": "check", "color": "greenBright"},
}


def catalogue() -> BaseData:
    """Return the base, in which no classification is written to the records yet."""
    fields = tuple(
        Field(f"fldCatalogue{number:05}", name, kind, OPTIONS.get(kind))
        for number, (name, kind) in enumerate(FIELDS.items(), 1)
    )
    records = tuple(_record(number, row) for number, row in enumerate(_rows(), 1))
    return BaseData(
        BASE_ID, "Data catalogue", (TableData("tblCatalogue00001", TABLE, fields, records),)
    )


def answer_key() -> dict[str, str]:
    """Return the classification of each element, by its record id."""
    return {_id(number): row[-1] for number, row in enumerate(_rows(), 1)}


@cache
def _rows() -> list[list[str]]:
    """Return the elements: a cell for each of the first five fields, and the classification."""
    with ELEMENTS.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def _record(number: int, row: list[str]) -> dict[str, Any]:
    cells = dict(zip(FIELDS, row[:5], strict=False))
    return {
        "id": _id(number),
        "createdTime": "2026-05-26T09:00:00.000Z",
        "fields": {name: text for name, text in cells.items() if text},
    }


def _id(number: int) -> str:
    return f"recCatalogue{number:05}"
