"""The integrity rules, with results worked out by hand."""

from collections.abc import Sequence
from typing import Any

import pytest

from landfall.airtable.fetched import Unresolved
from landfall.airtable.protocols import Record
from landfall.airtable.values import MAX_DISPLAY
from landfall.integrity.report import why_inconclusive
from landfall.integrity.rules.allowed_values import AllowedValues
from landfall.integrity.rules.evaluate import MAX_RECORDS_LISTED, Finding
from landfall.integrity.rules.evaluate import evaluate as report_of
from landfall.integrity.rules.kinds import Rule
from landfall.integrity.rules.link import Link, Target
from landfall.integrity.rules.required import Required
from landfall.integrity.rules.unique import Unique
from tests.fakes.rules import report, rule
from tests.fakes.snapshots import snapshot

Tables = dict[str, list[Record]]

NBSP = "\u00a0"
ABSENT = "(absent)"
NO_VALUES: list[Any] = [ABSENT, None, "", " ", "\t\n", NBSP, f" {NBSP}\u2003", [], {}]
VALUES = [0, 0.0, True, "0", "x", [0], {"id": "x"}]


def records(prefix: str, *cells: Any, field: str = "F") -> list[Record]:
    """Return one record a cell: rec1, rec2, ...; ABSENT leaves the cell out."""
    return [
        {"id": f"{prefix}{number}", "fields": {} if cell is ABSENT else {field: cell}}
        for number, cell in enumerate(cells, 1)
    ]


def people(*rows: dict[str, Any]) -> Tables:
    return {"T": [{"id": f"rec{number}", "fields": row} for number, row in enumerate(rows, 1)]}


def evaluate(rule: Rule, tables: Tables) -> Sequence[Finding]:
    return report_of(rule, snapshot(tables, reads=rule.reads())).findings


def found(rule: Rule, tables: Tables) -> list[tuple[str, ...]]:
    return [finding.records for finding in evaluate(rule, tables)]


def required() -> Required:
    return Required(id="r", kind="required", table="T", field="F")


def unique(*fields: str, ignore_case: bool = False) -> Unique:
    return Unique(
        id="u", kind="unique", table="T", fields=list(fields or "F"), ignore_case=ignore_case
    )


def allowed(*values: Any) -> AllowedValues:
    return AllowedValues(id="a", kind="allowed_values", table="T", field="F", values=list(values))


def link(to_field: str | None = None) -> Link:
    to = Target(table="Other", field=to_field)
    return Link(id="l", kind="link", table="T", field="F", to=to)


@pytest.mark.parametrize("cell", NO_VALUES, ids=repr)
def test_required_reports_what_is_no_value(cell):
    """Absent, null, blank text (including a no-break space) and empty lists are no values."""
    assert found(required(), {"T": records("rec", cell)}) == [("rec1",)]


@pytest.mark.parametrize("cell", VALUES, ids=repr)
def test_required_takes_zero_for_a_value(cell):
    """0 and a list with any value are values."""
    assert found(required(), {"T": records("rec", cell)}) == []


def test_required_reports_each_record_in_their_order():
    """One finding a record, and none about another field."""
    tables = people({"F": "x"}, {"G": "x"}, {"F": 0}, {"F": " "})
    assert found(required(), tables) == [("rec2",), ("rec4",)]


def test_unique_reports_a_group_once():
    """Three equal records are one finding with all three; a pair is another."""
    tables = {"T": records("rec", "a", "b", "a", "c", "b", "a")}
    assert found(unique(), tables) == [("rec1", "rec3", "rec6"), ("rec2", "rec5")]


@pytest.mark.parametrize("cell", NO_VALUES, ids=repr)
def test_unique_leaves_out_what_has_no_value(cell):
    """Two records without the value are not equal."""
    assert found(unique(), {"T": records("rec", cell, cell)}) == []


def test_unique_leaves_out_half_a_key():
    """With several fields, a record that lacks one of them equals no other."""
    tables = people({"A": 1, "B": 2}, {"A": 1}, {"A": 1}, {"A": 1, "B": ""}, {"A": 1, "B": 2})
    assert found(unique("A", "B"), tables) == [("rec1", "rec5")]


def test_unique_keeps_fields_apart():
    """The key is the tuple of the values, not their concatenation, and their order counts."""
    tables = people({"A": "ab", "B": "c"}, {"A": "a", "B": "bc"}, {"A": "c", "B": "ab"})
    assert found(unique("A", "B"), tables) == []


def test_unique_compares_text_exactly():
    """Case and whitespace count by default."""
    tables = {"T": records("rec", "a", "A", " a", "a ")}
    assert found(unique(), tables) == []


def test_unique_ignores_case_by_casefold_and_blanks_around():
    """ß is ss, a no-break space is whitespace; whitespace inside counts."""
    cells = ["Straße", f"{NBSP}STRASSE ", "Stra sse", "strasse\n"]
    tables = {"T": records("rec", *cells)}
    assert found(unique(ignore_case=True), tables) == [("rec1", "rec2", "rec4")]


@pytest.mark.parametrize("ignore_case", [False, True])
def test_unique_tells_text_numbers_and_truth_apart(ignore_case):
    """1 is 1.0, and neither is "1" nor true."""
    tables = {"T": records("rec", 1, "1", True, 1.0, ["1"], [1], 0, False)}
    assert found(unique(ignore_case=ignore_case), tables) == [("rec1", "rec4")]


def test_unique_compares_lists_and_maps_by_content():
    """A list equals one with the same elements, and a map, in any order."""
    cells = [["a", "B"], ["B", "a"], ["a", "B"], ["a", "b"], {"x": 1, "y": [2]}, {"y": [2], "x": 1}]
    tables = {"T": records("rec", *cells)}
    assert found(unique(), tables) == [("rec1", "rec2", "rec3"), ("rec5", "rec6")]
    assert found(unique(ignore_case=True), tables)[0] == ("rec1", "rec2", "rec3", "rec4")


@pytest.mark.parametrize("cell", NO_VALUES, ids=repr)
def test_allowed_values_passes_over_no_value(cell):
    """Requiring a value is the job of another rule."""
    assert found(allowed("x"), {"T": records("rec", cell)}) == []


def test_allowed_values_compares_exactly():
    """Text with case and whitespace; numbers by value; true is not 1."""
    tables = {"T": records("rec", "Active", "active", "Active ", 7, 7.0, "7", 7.5, True, 0)}
    wrong = found(allowed("Active", 7), tables)
    assert wrong == [("rec2",), ("rec3",), ("rec6",), ("rec7",), ("rec8",), ("rec9",)]


def test_allowed_values_looks_at_each_of_a_list():
    """One finding a record, whose value is all the wrong items; blanks in a list do not count."""
    tables = {"T": records("rec", ["a", "b"], ["a", "x"], ["x", "", None, "y"], [""])}
    findings = [(f.records, f.value) for f in evaluate(allowed("a", "b"), tables)]
    assert findings == [(("rec2",), "'x'"), (("rec3",), "['x', 'y']")]


def test_allowed_values_can_be_truth_and_zero():
    """`values: [false, 0]` allows those, and not values that Python considers equal."""
    tables = {"T": records("rec", False, 0, True, "0")}
    assert found(allowed(False, 0), tables) == [("rec3",), ("rec4",)]
    assert found(allowed(False), tables) == [("rec2",), ("rec3",), ("rec4",)]


def test_link_by_ids_finds_the_orphan_beside_a_valid_one():
    """One finding a record; its value is only the broken links."""
    tables = {
        "T": records("rec", ["other1"], ["other1", "gone"], ["gone", "lost"], "other2"),
        "Other": records("other", "a", "b"),
    }
    findings = [(f.records, f.value) for f in evaluate(link(), tables)]
    assert findings == [(("rec2",), "'gone'"), (("rec3",), "['gone', 'lost']")]


def test_link_by_ids_is_exact():
    """An id of the table itself, or one in another case, is no record of the target."""
    tables = {"T": records("rec", ["rec1"], ["OTHER1"]), "Other": records("other", "rec1")}
    assert found(link(), tables) == [("rec1",), ("rec2",)]


@pytest.mark.parametrize("cell", NO_VALUES, ids=repr)
def test_link_passes_over_no_value(cell):
    """A missing link is not broken, even if the target has a record without a value."""
    tables = {"T": records("rec", cell), "Other": records("other", cell)}
    assert found(link(), tables) == found(link("F"), tables) == []


def test_link_by_key_with_text_numbers_and_lists():
    """Every value of the cell must occur in the target's field, including inside lists."""
    tables = {
        "T": records("rec", "a", 7, "7", ["a", "b"], ["a", "x"], 7.0, True, "A"),
        "Other": records("other", ["a", "b"], 7, ABSENT, 1),
    }
    assert found(link("F"), tables) == [("rec3",), ("rec5",), ("rec7",), ("rec8",)]


def test_link_to_an_empty_table_dangles():
    """A target without records has nothing to link to."""
    tables: Tables = {"T": records("rec", ["other1"], ABSENT), "Other": []}
    assert found(link(), tables) == found(link("F"), tables) == [("rec1",)]


@pytest.mark.parametrize("rule", [required(), unique(), allowed("x"), link(), link("F")])
def test_no_records_no_findings(rule):
    """An empty table breaks no rule."""
    assert found(rule, {"T": [], "Other": []}) == []


MESSAGES: list[tuple[Rule, Any, str, str]] = [
    (required(), " ", "F", "F has no value"),
    (allowed("x"), "y", "F", "F is 'y', which is not among the allowed values"),
    (allowed("x"), ["y", 3], "F", "F is 'y', 3, which is not among the allowed values"),
    (link(), ["gone"], "F", "F links to 'gone', which is not in Other"),
    (link("Code"), 5, "F", "F links to 5, which is not in Other.Code"),
]


@pytest.mark.parametrize(("rule", "cell", "field", "message"), MESSAGES)
def test_a_finding_says_what_is_wrong(rule, cell, field, message):
    """A finding has a sentence for people, the field, and the rule's severity."""
    (finding,) = evaluate(rule, {"T": records("rec", cell), "Other": []})
    assert (finding.field, finding.message) == (field, message)
    assert (finding.rule_id, finding.table, finding.severity) == (rule.id, "T", "warning")


def test_a_group_says_its_values():
    """The message has the values of the whole key, once."""
    tables = people({"A": "x", "B": 2}, {"A": "x", "B": 2})
    (finding,) = evaluate(unique("A", "B"), tables)
    assert finding.message == "2 records have the same A + B: ['x', 2]"
    assert (finding.field, finding.value) == ("A + B", "['x', 2]")


def test_long_values_are_shortened():
    """A novel in a cell does not become a novel in a finding."""
    (finding,) = evaluate(allowed("x"), {"T": records("rec", "y" * 100_000)})
    assert finding.value == "'" + "y" * (MAX_DISPLAY - 4) + "..."
    assert len(finding.message) < 2 * MAX_DISPLAY


def test_many_wrong_values_are_shortened_too():
    """A cell with a thousand broken links makes one finding of one line."""
    cell = [f"gone{number}" for number in range(1000)]
    (finding,) = evaluate(link(), {"T": records("rec", cell), "Other": []})
    assert len(finding.value) == MAX_DISPLAY
    assert len(finding.message) < 3 * MAX_DISPLAY


def test_a_finding_lists_a_bounded_number_of_records():
    """A group too large for a document has its full count, and always lists the same records."""
    cells = ["same"] * (MAX_RECORDS_LISTED + 5)
    (finding,) = evaluate(unique(), {"T": records("rec", *cells)})
    (again,) = evaluate(unique(), {"T": records("rec", *cells)[::-1]})
    assert (len(finding.records), finding.record_count) == (
        MAX_RECORDS_LISTED,
        MAX_RECORDS_LISTED + 5,
    )
    assert finding.records == again.records


MISSING_TABLE: Unresolved = {"table": "Other", "field": None}
MISSING_FIELD: Unresolved = {"table": "T", "field": "F"}
WHY: list[tuple[Rule, list[Unresolved], str]] = [
    (required(), [], ""),
    (required(), [MISSING_FIELD], "table 'T' has no field 'F'"),
    (required(), [MISSING_TABLE, {"table": "T", "field": "G"}], ""),
    (required(), [{"table": "T", "field": None}], "the base has no table 'T'"),
    (unique("A", "F"), [MISSING_FIELD], "table 'T' has no field 'F'"),
    (allowed("x"), [MISSING_FIELD], "table 'T' has no field 'F'"),
    (link(), [MISSING_TABLE], "the base has no table 'Other'"),
    (link(), [{"table": "Other", "field": "F"}], ""),
    (link("F"), [{"table": "Other", "field": "F"}], "table 'Other' has no field 'F'"),
    (link("F"), [{"table": "T", "field": "F"}], "table 'T' has no field 'F'"),
]


@pytest.mark.parametrize(("rule", "unresolved", "why"), WHY)
def test_a_rule_says_what_the_base_lacks(rule, unresolved, why):
    """Only what this rule reads: its own table and fields, and those it links to."""
    assert why_inconclusive(rule, unresolved) == why


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "required", "field": "Gone", "message": "{Name} has none"},
        {"kind": "sql", "query": "SELECT id, Name AS message FROM T", "fields": {"T": ["Name"]}},
        {"kind": "type", "field": "Person", "type": "number"},
        {"kind": "type", "field": "Failed", "type": "number"},
    ],
)
def test_what_a_finding_says_controls_no_terminal(settings):
    """A message is one line for people, whatever a cell holds; other scripts stay as they are."""
    odd = "\u05d3\u05e0\u05d4\x1b[2J\r\n\x9b\u202e\u0646\u200c\u0647"
    person = {"id": "usr1", "name": odd, "email": "a@school.example"}
    (it,) = report(
        rule(**settings), [{"Name": odd, "Person": person, "Failed": {"error": odd}}]
    ).findings
    assert "\u05d3\u05e0\u05d4 [2J    \u0646\u200c\u0647" in it.message
    assert not {"\x1b", "\x9b", "\u202e"} & {*it.value}
