"""Fit of a classification to its base: each case is a line."""

import pytest

from landfall.airtable.fields import Schema
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.classification.fit import misfits
from tests.fakes.elements import a_classification

SELECT = {"choices": [{"name": "high"}, {"name": "medium"}, {"name": "low"}]}
FIELDS = [
    FieldSchema("fld1", "Name", "singleLineText"),
    FieldSchema("fld2", "Description", "multilineText"),
    FieldSchema("fld3", "Text", "singleLineText"),
    FieldSchema("fld4", "Level", "singleSelect", SELECT),
    FieldSchema("fld5", "Tick", "checkbox"),
    FieldSchema("fld6", "Number", "number"),
    FieldSchema("fld8", "Many", "multipleSelects", SELECT),
    FieldSchema("fld9", "Day", "date"),
    FieldSchema("fld10", "New", "somethingNew"),
    FieldSchema("fld7", "Worked out", "formula", {"result": {"type": "singleLineText"}}),
]
SCHEMA = Schema([TableSchema("tbl1", "Elements", FIELDS)])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"criticality": "Text", "pii_flag": "Tick", "confidence": "Number"}, ""),
        ({"criticality": "Level", "rationale": "fld3"}, ""),
        ({"criticality": "Levle"}, "no field 'Levle'; did you mean 'Level'?"),
        ({"criticality": "Worked out"}, "its value cannot be edited"),
        ({"pii_flag": "Text"}, "it is a singleLineText, and pii_flag is yes or no: use a checkbox"),
        ({"confidence": "Tick"}, "confidence is a number"),
        ({"state": "Level"}, "it has no option changed, confirmed; add it"),
        ({"rationale": "Level"}, "it is a singleSelect, which takes only its options"),
        ({"criticality": "Many"}, "it is a multipleSelects, and criticality is text"),
        ({"criticality": "Day"}, "it is a date, and criticality is text"),
        ({"criticality": "New"}, ""),
    ],
)
def test_a_written_field_must_fit(fields, says):
    """The field exists, is editable, and accepts the values."""
    found = list(misfits(a_classification(write_back={"fields": fields}), SCHEMA))
    assert len(found) == bool(says)
    assert says in "".join(found)


def test_a_read_field_must_exist():
    """The misfit suggests the probable name."""
    scan = a_classification(mapping={"name": "Name", "source": "Descripton"})
    (misfit,) = misfits(scan, SCHEMA)
    assert misfit.endswith("has no field 'Descripton'; did you mean 'Description'?")


def test_a_missing_table():
    """It is reported once, whatever would be read and written."""
    scan = a_classification(table="Element", write_back={"fields": {"criticality": "Text"}})
    (misfit,) = misfits(scan, SCHEMA)
    assert "no table 'Element'; did you mean 'Elements'?" in misfit
