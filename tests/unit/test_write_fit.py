"""`write_back` is compared with the table of findings: each case is a line."""

from typing import Any

import pytest

from landfall.airtable.fields import Schema
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.integrity.write_back import MOMENTS, NUMBERS, FieldNames
from landfall.integrity.write_fit import write_misfits
from tests.fakes.world import a_scan


def select(*options: str) -> dict[str, Any]:
    """The options of a single select."""
    return {"choices": [{"name": option} for option in options]}


TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    "Key": ("singleLineText", {}),
    "Text": ("singleLineText", {}),
    "Long": ("multilineText", {}),
    "Rich": ("richText", {}),
    "Address": ("url", {}),
    "Number": ("number", {}),
    "Number 2": ("number", {}),
    "Day": ("date", {}),
    "Moment": ("dateTime", {}),
    "Tick": ("checkbox", {}),
    "Many": ("multipleSelects", select("info", "warning", "critical")),
    "Severity": ("singleSelect", select("info", "warning", "critical")),
    "Two": ("singleSelect", select("info", "warning")),
    "State": ("singleSelect", select("open", "reopened", "ignored", "resolved")),
    "Rule": ("singleSelect", select("name")),
    "Person": ("singleCollaborator", {}),
    "Worked out": ("formula", {"result": {"type": "singleLineText"}}),
    "New": ("somethingNew", {}),
    "Note # 1": ("singleLineText", {}),
}
FIELDS = [FieldSchema(f"fld{n}", name, *TYPES[name]) for n, name in enumerate(TYPES)]
PEOPLE = TableSchema("tblPeople", "People", [FieldSchema("fldN", "Name", "singleLineText")])
SCHEMA = Schema([PEOPLE, TableSchema("tblIssues", "Issues", FIELDS)])


def misfits(fields: dict[str, str], **write_back: Any) -> list[str]:
    """The misfits of a scan that writes these fields."""
    named = {"finding_id": "Key"} | fields
    scan = a_scan(write_back={"table": "Issues", "fields": named} | write_back)
    return list(write_misfits(scan, SCHEMA, SCHEMA))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, ""),
        ({"finding_id": "Long", "severity": "Severity", "state": "State", "rule_id": "Rule"}, ""),
        ({"severity": "Text", "state": "Rich", "link": "Address", "message": "New"}, ""),
        ({"record_count": "Number", "occurrences": "Number 2", "first_seen": "Moment"}, ""),
        ({"last_seen": "Text"}, ""),
        ({"finding_id": "fld0"}, ""),
        # the key
        ({"rule_id": "Rule"}, ""),
        ({"message": "Note"}, "no field 'Note'; put 'Note # 1' in quotes, because a comment"),
        ({"finding_id": "Kee"}, "table 'Issues' has no field 'Kee'; did you mean 'Key'?"),
        ({"finding_id": "Rich"}, "it is a richText, and finding_id is the text by which rows"),
        ({"finding_id": "Worked out"}, "it is a formula of singleLineText, and its value cannot"),
        ({"finding_id": "Number"}, "write_back.fields.finding_id: field 'Number': it is a number"),
        # types
        ({"severity": "Sverity"}, "has no field 'Sverity'; did you mean 'Severity'?"),
        ({"severity": "Two"}, "it has no option critical; add it, or use a text field"),
        ({"severity": "Many"}, "it is a multipleSelects, and severity is text"),
        ({"state": "Severity"}, "it has no option open, reopened, ignored, resolved; add it"),
        ({"message": "Severity"}, "which takes only its options; use a text field"),
        ({"message": "Number"}, "it is a number, and message is text"),
        ({"rule_id": "Person"}, "it is a singleCollaborator, and rule_id is text"),
        ({"record_count": "Text"}, "it is a singleLineText, and record_count is a number"),
        ({"occurrences": "Tick"}, "it is a checkbox, and occurrences is a number"),
        ({"first_seen": "Day"}, "it is a date, and first_seen is a date with a time"),
        ({"message": "Text", "value": "fld1"}, "it is also the field of `value`; use one for each"),
    ],
)
def test_a_written_field_must_fit(fields: dict[str, str], says: str) -> None:
    """It exists, can be edited, and takes what is written; the message says what to use."""
    found = misfits(fields)
    assert len(found) == bool(says)
    assert says in "".join(found)
    assert all(one.startswith("write_back") for one in found)


def test_the_table_must_exist() -> None:
    """Once, whatever would be written to it."""
    (misfit,) = misfits({"severity": "Severity"}, table="Isues")
    assert misfit == "write_back: the base has no table 'Isues'; did you mean 'Issues'?"


def test_the_table_must_not_be_one_that_is_checked() -> None:
    """Whichever of the two names it by its id; in another base, it is another table."""
    fields = {"finding_id": "Name"}
    (misfit,) = misfits(fields, table="tblPeople")
    assert misfit.startswith("write_back.table: 'tblPeople' is a table that the scan checks")
    assert misfits(fields, table="tblPeople", base="appElsewhere00001") == []


def test_a_scan_without_write_back_fits() -> None:
    """There is nothing to compare."""
    assert list(write_misfits(a_scan(), SCHEMA, Schema([]))) == []


def test_numbers_and_moments_are_properties() -> None:
    """Every other property is written as text."""
    assert {*NUMBERS, *MOMENTS} < set(FieldNames.model_fields)
