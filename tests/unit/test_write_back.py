"""The written properties of a finding, and the findings due: pure, so each case is a line."""

from datetime import datetime, timedelta, timezone

import pytest

from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.findings.views import COLUMNS
from landfall.integrity.findings.write_progress import AFTER_ALL, WriteProgress, pending_entries
from landfall.integrity.rules.evaluate import Finding
from landfall.integrity.write_back import FieldNames, WriteBack
from landfall.kinds.definition import DefinitionError, parse
from tests.fakes.world import START, a_scan

FIELDS = {"finding_id": "Fingerprint", "state": "State", "first_seen": "Since"}


def an_entry(entry_id: str, resolved_at: datetime | None = None) -> FindingEntry:
    finding = Finding("email", "People", ("rec1",), "Email", "", "warning", "no e-mail")
    state = "resolved" if resolved_at else "open"
    return FindingEntry(entry_id, "email/People", finding, state, 1, 0, START, resolved_at, ())  # type: ignore[arg-type]


def test_every_property_of_the_csv_file_can_be_written():
    """The names are the same."""
    assert tuple(FieldNames.model_fields) == COLUMNS


def test_a_row_has_the_mapped_fields_alone():
    """Moments have the format of Airtable's dates: UTC, with milliseconds."""
    issues = WriteBack.model_validate({"table": "Issues", "fields": FIELDS})
    seen = datetime(2026, 3, 2, 8, 0, tzinfo=timezone(timedelta(hours=2)))
    finding = dict.fromkeys(COLUMNS, "x") | {"finding_id": "f1", "state": "open"}
    row = issues.row(finding | {"first_seen": seen})
    assert row == {"Fingerprint": "f1", "State": "open", "Since": "2026-03-02T06:00:00.000Z"}


ENTRIES = [an_entry(entry_id) for entry_id in ("c", "a", "e")]
DUE = [
    ("", set(), "a", ["a", "c", "e"]),
    ("c", set(), "c", ["c", "e"]),
    ("d", {"a"}, "a", ["a", "e"]),
    (AFTER_ALL, {"c"}, "c", ["c"]),
    (AFTER_ALL, set(), AFTER_ALL, []),
]


@pytest.mark.parametrize(("before", "changed", "then", "ids"), DUE)
def test_what_is_due(before, changed, then, ids):
    """Changed and pending findings, by id; the table is current up to the first of them."""
    written, due = pending_entries(WriteProgress("t", START, before), ENTRIES, changed)
    assert (written.before, [entry.id for entry in due]) == (then, ids)


def test_what_was_resolved_before_the_first_write_is_not_due():
    """It was never in the table; a finding resolved since may be."""
    long_ago, since = START - timedelta(days=1), START + timedelta(days=1)
    entries = [an_entry("a", long_ago), an_entry("b", since)]
    _, due = pending_entries(WriteProgress("t", START), entries, set())
    assert [entry.id for entry in due] == ["b"]


def test_another_target_is_distinct():
    """With other fields, another table or another base, everything is sent again."""
    first = WriteBack.model_validate({"table": "Issues", "fields": FIELDS})
    again = WriteBack.model_validate(first.model_dump())
    others = [
        first.model_copy(update=change)
        for change in ({"table": "X"}, {"base": "appIssues00000001"})
    ] + [WriteBack.model_validate({"table": "Issues", "fields": {"finding_id": "Fingerprint"}})]
    assert again.target() == first.target()
    assert len({first.target(), *(other.target() for other in others)}) == 4


BAD = [
    ({"table": "Issues"}, "write_back.fields: this is missing; add it"),
    ({"table": "Issues", "fields": {}}, "write_back.fields.finding_id: this is missing; add it"),
    (
        {"table": "Issues", "fields": FIELDS | {"sevrity": "S"}},
        "write_back.fields.sevrity: there is no such setting; did you mean 'severity'? there are "
        f"{', '.join(FieldNames.model_fields)}",
    ),
    (
        {"table": "Issues", "fields": FIELDS | {"message": "State"}},
        "write_back.fields: 'State' is the field of both 'state' and 'message'",
    ),
    (
        {"table": "Issues", "feilds": {}, "fields": FIELDS},
        "write_back.feilds: there is no such setting; did you mean 'fields'? there are "
        "table, fields, base",
    ),
    (
        {"table": "Issues", "fields": FIELDS, "base": "issues"},
        "write_back.base: a base's id is `app` and 14 letters or digits: see the base's web "
        "address (got 'issues')",
    ),
    (
        {"table": "People", "fields": FIELDS},
        "write_back.table: 'People' is a table that the scan checks; give one that is for "
        "findings only",
    ),
]


@pytest.mark.parametrize(("write_back", "problem"), BAD)
def test_mistakes_are_named_at_the_door(write_back, problem):
    """The error has the place and the fix."""
    with pytest.raises(DefinitionError) as caught:
        parse(a_scan().document() | {"write_back": write_back}, "scan.yaml")
    assert str(caught.value) == f"scan.yaml: {problem}"


def test_a_table_of_another_base_may_have_the_name_of_a_scanned_one():
    """It is another table."""
    write_back = {"table": "People", "fields": FIELDS, "base": "appIssues00000001"}
    assert a_scan(write_back=write_back).write_base == "appIssues00000001"
