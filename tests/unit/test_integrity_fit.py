"""A scan is compared with the base's schema: every kind of misfit is reported, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pytest

from landfall.airtable.fields import Holds, Schema, computed, holds
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.airtable.unknown_fields import Fit
from landfall.integrity.fit import fit
from landfall.integrity.rules.kinds import KINDS
from landfall.integrity.rules.rule import SampleSupport
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import parse
from landfall.scans.yaml_text import read_text
from tests.fakes.world import integrity

SELECT = {"choices": [{"id": f"sel{name}", "name": name} for name in ("Active", "Gone", "New")]}
TO_CLASSES = {"linkedTableId": "tblClasses"}


def field(name: str, kind: str, options: Mapping[str, Any] | None = None) -> FieldSchema:
    return FieldSchema(f"fld{name}", name, kind, options or {})


def worked_out(name: str, kind: str, result: str, options: Any = None) -> FieldSchema:
    return field(name, kind, {"isValid": True, "result": {"type": result, "options": options}})


PEOPLE = [
    field("Name", "singleLineText"),
    field("Email", "email"),
    field("Age", "number"),
    field("Born", "date"),
    field("Consent", "checkbox"),
    field("Status", "singleSelect", SELECT),
    field("Tags", "multipleSelects", SELECT),
    field("Class", "multipleRecordLinks", TO_CLASSES),
    field("Photo", "multipleAttachments"),
    field("Photo 2", "multipleAttachments"),
    field("Summary", "aiText"),
    field("Barcode", "barcode"),
    field("Code", "singleLineText"),
    field("New thing", "somethingNew"),
    worked_out("Years", "formula", "number"),
    worked_out("Label", "formula", "singleLineText"),
    worked_out("Class Status", "multipleLookupValues", "singleSelect", SELECT),
    worked_out("Class of Class", "multipleLookupValues", "multipleRecordLinks", TO_CLASSES),
    field("Open", "rollup", {"isValid": True, "result": None}),
    field("Broken", "formula", {"isValid": False, "result": None}),
]
CLASSES = [field("Code", "singleLineText"), field("Room", "number"), field("Since", "date")]
CLASSES += [
    field("Students", "multipleRecordLinks", {"linkedTableId": "tblPeople"}),
    field("Lead", "multipleRecordLinks", {"linkedTableId": "tblTeachers"}),
]
SCHEMA = Schema(
    [
        TableSchema("tblPeople", "People", PEOPLE),
        TableSchema("tblClasses", "Classes", CLASSES),
        TableSchema("tblTeachers", "Teachers", [field("Name", "singleLineText")]),
    ]
)
ALL = {
    "People": [field.name for field in PEOPLE],
    "Classes": [field.name for field in CLASSES],
    "Teachers": ["Name"],
}


def scan(*rules: Mapping[str, Any], tables: Mapping[str, Sequence[str]] = ALL) -> IntegrityScan:
    content = {"id": "s", "kind": "integrity", "base": "appPeople00000001"}
    numbered = [
        {"id": f"r{number}", "table": "People", **rule} for number, rule in enumerate(rules)
    ]
    return integrity(parse(content | {"tables": tables, "rules": numbered}, "scan.yaml"))


def fitted(*rules: Mapping[str, Any], tables: Mapping[str, Sequence[str]] = ALL) -> Fit:
    one = scan(*rules, tables=tables)
    return fit(one.tables, one.rules, SCHEMA)


def allowed(name: str, *values: Any) -> dict[str, Any]:
    return {"kind": "allowed_values", "field": name, "values": list(values)}


def link(name: str, table: str, to_field: str | None = None) -> dict[str, Any]:
    to = {"table": table} | ({"field": to_field} if to_field else {})
    return {"kind": "link", "field": name, "to": to}


def link_when(name: str, **condition: Any) -> dict[str, Any]:
    to = {"table": "Classes", "when": {"field": name, **condition}}
    return {"kind": "link", "field": "Class", "to": to}


def compare(left: str, op: str, right: str, plus: Any = None) -> dict[str, Any]:
    more = {} if plus is None else {"plus": plus}
    return {"kind": "compare", "left": left, "op": op, "right": right, **more}


def duplicate(*conditions: Mapping[str, Any]) -> dict[str, Any]:
    exact = {"field": "Code", "exact": "value"}
    return {"kind": "duplicate", "likely": [[exact, *conditions]]}


def metric(**more: Any) -> dict[str, Any]:
    return {"kind": "metric", "measure": "count", "at_least": {"info": 5}, **more}


def when(**condition: Any) -> dict[str, Any]:
    return {"kind": "required", "field": "Name", "when": condition}


GOOD = [
    {"kind": "required", "field": "Email"},
    {"kind": "unique", "fields": ["Name", "Born"]},
    allowed("Status", "Active", "Gone", "New"),
    allowed("Tags", "Active", "New"),
    allowed("Class Status", "Active"),
    allowed("Age", 1, 2.5),
    allowed("Born", "2026-01-01"),
    {"kind": "format", "field": "Summary", "format": "email"},
    {"kind": "type", "field": "Barcode", "type": "text"},
    when(field="Summary", contains="x"),
    allowed("Consent", True, False),
    when(field="Consent", equals=False),
    when(field="Status", equals=""),
    when(field="Age", none_of=[5, " "]),
    allowed("Years", 7),
    allowed("New thing", 1, "x", True),
    allowed("Open", 1, "x", True),
    link("Class", "Classes"),
    link("Class of Class", "Classes"),
    link("New thing", "Classes"),
    link("Class", "Classes") | {"back": "Students", "same": {"Age": "Room", "Born": "Code"}},
    link_when("Room", above=5),
    link("Code", "Classes", "Code"),
    link("Born", "Classes", "Code"),
    link("Years", "Classes", "Room"),
    {"kind": "forbidden", "field": "Email"},
    {"kind": "required", "any_of": ["Email", "Photo"]},
    {"kind": "format", "field": "Tags", "format": "email"},
    {"kind": "format", "field": "Born", "format": "date"},
    *({"kind": "type", "field": "Photo", "type": kind} for kind in ("any", "list", "attachments")),
    {"kind": "type", "field": "Class of Class", "type": "record_links"},
    {"kind": "type", "field": "Born", "type": "date"},
    {"kind": "type", "field": "Open", "type": "text"},
    {"kind": "range", "field": "Years", "at_least": 1},
    {"kind": "range", "field": "Born", "at_most": "today"},
    compare("Age", ">=", "Years", 1),
    compare("Born", "<", "Label", "30d"),
    compare("Class", "=", "Class of Class"),
    {"kind": "freshness", "field": "Born", "within": "7d"},
    {"kind": "freshness", "created": True, "within": "7d"},
    {"kind": "metric", "measure": "mean", "field": "Age", "at_least": {"info": 5}},
    duplicate({"field": "Born", "date_within": 3}, {"field": "Status", "equals": "New"}),
    {"kind": "duplicate", "of": "person", "field": "Name", "also": {"Born": "date"}},
    metric(date="Born", window={"last": "30d"}, per=["Class"], about="Classes"),
    when(field="Age", at_least=5, below=10.5),
    when(field="Born", above="today-30d"),
    when(field="Name", above="2026-01-01"),  # text may say a date
    when(field="Status", equals="Active", matches="A.*"),
    when(field="Class", contains="rec"),
    when(any=[{"field": "Open", "above": 1}, {"not": {"field": "Photo", "has_value": True}}]),
]


@pytest.mark.parametrize("rule", GOOD, ids=str)
def test_what_fits_is_no_misfit(rule: Mapping[str, Any]) -> None:
    """This includes fields whose content the schema leaves open."""
    assert fitted(rule).misfits == []


MISFITS = [
    (allowed("Age", "x", 2), "`values` has 'x', which 'Age' can never hold: 'Age' is number"),
    (allowed("Name", 7, True), "`values` has 7, true, which 'Name' can never hold"),
    (allowed("Photo", "x"), "multipleAttachments, which holds objects"),
    (allowed("Label", 7), "formula of singleLineText, which holds text"),
    (allowed("Status", "active"), "not an option of 'Status'; did you mean 'Active'?"),
    (allowed("Tags", "Xyz"), "not an option of 'Tags'; there are 'Active', 'Gone', 'New'"),
    (allowed("Class Status", "Actve"), "did you mean 'Active'?"),
    (link("Code", "Classes"), "links are record ids, but 'Code' is singleLineText"),
    (link("Class", "Teachers"), "'Class' links to 'Classes', not to 'Teachers'"),
    (link("Class of Class", "People"), "links to 'Classes', not to 'People'"),
    (link("Class", "Classes") | {"back": "Code"}, "`back` needs record ids, but 'Code'"),
    (link("Class", "Classes") | {"back": "Lead"}, "'Lead' links to 'Teachers', not to 'People'"),
    (link("Class", "Classes") | {"same": {"Age": "Code"}}, "same: their values can never"),
    (link_when("Code", above=5), "to.when: `above: 5` needs numbers, but 'Code'"),
    (link("Age", "Classes", "Code"), "their values can never be equal"),
    (link("Class", "Classes", "Code"), "which holds record ids, and 'Code' is singleLineText"),
    ({"kind": "format", "field": "Age", "format": "email"}, "`format: email` needs text"),
    ({"kind": "type", "field": "Name", "type": "integer"}, "`type: integer` needs numbers"),
    ({"kind": "type", "field": "Tags", "type": "text"}, "each cell of 'Tags' is a list"),
    ({"kind": "type", "field": "Name", "type": "list"}, "each cell of 'Name' is one value"),
    ({"kind": "range", "field": "Name", "above": 5}, "`above: 5` needs numbers, but 'Name'"),
    ({"kind": "range", "field": "Age", "above": "today"}, "`above: today` needs dates"),
    (compare("Age", "=", "Name"), "their values can never be equal"),
    (compare("Name", "<", "Email", 5), "`plus: 5` needs numbers"),
    (compare("Age", "<", "Years", "5d"), "`plus: 5d` needs dates"),
    (compare("Photo", "<", "Photo 2"), "`op: <` needs an order, but 'Photo' holds objects"),
    ({"kind": "freshness", "field": "Age", "within": "7d"}, "the rule needs dates, but 'Age'"),
    (duplicate({"field": "Age", "date_within": 3}), "`date_within` needs dates, but 'Age'"),
    (duplicate({"field": ["Name", "Age"], "similar": "name"}), "`similar` needs text, but 'Age'"),
    (duplicate({"field": "Status", "equals": "new"}), "did you mean 'New'?"),
    (metric(measure="sum", field="Name"), "`measure: sum` needs numbers"),
    (metric(date="Age", window={"last": "30d"}), "`date` needs dates, but 'Age'"),
    (metric(per=["Name"], about="Classes"), "the first field of `per` must be a link, but 'Name'"),
    (metric(per=["Class"], about="Teachers"), "'Class' links to 'Classes', not to 'Teachers'"),
    (metric(where={"field": "Status", "equals": "new"}), "where: `equals` has 'new'"),
    (when(field="Name", above=5), "when: `above: 5` needs numbers, but 'Name'"),
    (when(field="Age", below="today"), "when: `below: today` needs dates, but 'Age'"),
    (when(field="Age", contains="x"), "when: `contains` needs text, but 'Age'"),
    (when(field="Status", one_of=["Activ"]), "did you mean 'Active'?"),
    (when(all=[{"not": {"field": "Age", "equals": "5"}}]), "'5', which 'Age' can never hold"),
    (when(any=[{"field": "Age", "none_of": ["x"]}]), "`none_of` has 'x'"),
    ({"kind": "required", "field": "Broken"}, "Airtable reports as invalid"),
]


@pytest.mark.parametrize(("rule", "says"), MISFITS, ids=str)
def test_a_misfit_is_named(rule: Mapping[str, Any], says: str) -> None:
    """One sentence for each, with the rule's id, the field and its type or the fix."""
    (misfit,) = fitted({"kind": "required", "field": "Email"}, rule).misfits
    assert misfit.rule_id == "r1"
    assert says in misfit.message


def test_what_the_base_lacks_is_named_once_with_what_was_probably_meant() -> None:
    """Tables and fields of `tables`; the rules that need them are skipped."""
    tables = {"People": ["Emial", "Zzz"], "Clases": ["Code"]}
    how = fitted(
        {"kind": "required", "field": "Emial"},
        {"kind": "required", "field": "Emial", "when": {"field": "Zzz", "above": 1}},
        {"kind": "required", "table": "Clases", "field": "Code"},
        tables=tables,
    )
    assert [misfit.rule_id for misfit in how.misfits] == [None] * 3
    emial, zzz, clases = (misfit.message for misfit in how.misfits)
    assert emial == "table 'People' has no field 'Emial'; did you mean 'Email'?"
    assert zzz.startswith("table 'People' has no field 'Zzz'; it has Name, Email, Age, ")
    assert clases == "the base has no table 'Clases'; did you mean 'Classes'?"
    assert how.remarks == []


def test_names_may_be_ids() -> None:
    """Ids survive renaming."""
    rule = allowed("fldStatus", "Active", "Gone", "Nwe") | {"table": "tblPeople"}
    (misfit,) = fitted(rule, tables={"tblPeople": ["fldStatus"]}).misfits
    assert "did you mean 'New'?" in misfit.message


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (allowed("Status", "Active", "New"), "'Status' also has the options 'Gone'"),
        ({"kind": "required", "field": "Years"}, "'Years' is computed (formula of number)"),
        ({"kind": "unique", "fields": ["Name", "Label"]}, "'Label' is computed"),
        ({"kind": "required", "field": "Consent"}, "an unchecked one has no value"),
    ],
    ids=str,
)
def test_what_is_worth_knowing_is_a_remark(rule: Mapping[str, Any], says: str) -> None:
    """It fits, but may be unexpected."""
    how = fitted(rule)
    assert how.misfits == []
    (remark,) = how.remarks
    assert (remark.rule_id, says in remark.message) == ("r0", True)


def test_what_holds_nothing_known_is_computed_or_new() -> None:
    """Every type in the tables of this test is known, except the unknown one."""
    unknown = {field.name for field in PEOPLE if holds(field) is None}
    assert unknown == {"New thing", "Open", "Broken"}
    assert {holds(field) for field in PEOPLE} - {None} == set(get_args(Holds))
    assert {field.name for field in PEOPLE if computed(field)} == {
        *("Years", "Label", "Class Status", "Class of Class", "Open", "Broken", "Summary")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_a_sample_tells(kind: str) -> None:
    """The example of every kind passes through all checks here."""
    content = read_text(KINDS[kind].example).value
    rule = KINDS[kind].model_validate(content)
    assert rule.sample_support() in get_args(SampleSupport)
    assert set(rule.looks_up_in()) <= set(rule.tables())
