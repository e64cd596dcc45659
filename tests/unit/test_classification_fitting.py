"""Whether a classification fits its base: each case is a line."""

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
    FieldSchema("fld7", "Worked out", "formula", {"result": {"type": "singleLineText"}}),
]
SCHEMA = Schema([TableSchema("tbl1", "Elements", FIELDS)])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"criticality": "Text", "pii_flag": "Tick", "confidence": "Number"}, ""),
        ({"criticality": "Level", "rationale": "fld3"}, ""),
        ({"criticality": "Levle"}, "no field 'Levle'; did you mean 'Level'?"),
        ({"criticality": "Worked out"}, "which nobody can fill in"),
        ({"pii_flag": "Text"}, "it is a singleLineText, and pii_flag is yes or no: a checkbox"),
        ({"confidence": "Tick"}, "confidence is a number"),
        ({"state": "Level"}, "it has no option changed, confirmed; add it"),
    ],
)
def test_what_is_filled_in_must_fit(fields, says):
    """The field is there, people can fill it in, and it takes what is to stand in it."""
    found = list(misfits(a_classification(write_back={"fields": fields}), SCHEMA))
    assert len(found) == bool(says)
    assert says in "".join(found)


def test_what_is_read_must_be_there():
    """With what was probably meant."""
    scan = a_classification(mapping={"name": "Name", "source": "Descripton"})
    (said,) = misfits(scan, SCHEMA)
    assert said.endswith("has no field 'Descripton'; did you mean 'Description'?")


def test_a_table_that_is_not_there():
    """Is said once, whatever would be read and filled in."""
    scan = a_classification(table="Element", write_back={"fields": {"criticality": "Text"}})
    (said,) = misfits(scan, SCHEMA)
    assert "no table 'Element'; did you mean 'Elements'?" in said
