"""One definition of no value and of a cell's values, for every shape that Airtable sends."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyairtable.models.schema import FieldType

from landfall.airtable.cells import content, has_value, is_blank, values_of
from landfall.airtable.fields import Holds, computed, holds
from landfall.airtable.schema import FieldSchema
from landfall.airtable.snapshot import Table, TableReader
from landfall.airtable.values import cell_text, display
from landfall.classification.elements import elements_of
from landfall.integrity.rules.kinds import KINDS
from landfall.integrity.rules.rule import BaseRule
from tests.fakes.cells import ABSENT, BLANKS, ERRORS, FILE, NOTHING, PERSON, SHAPES, Shape, ai
from tests.fakes.rules import message_about, report, rows, rows_of, rule

DERIVED = {"formula", "rollup", "multipleLookupValues"}


def read(cells: Sequence[Any], times: int = 1, **more: Any) -> Table:
    """Return the table of a field with these cells, on pages that are repeated."""
    fields = [{} if cell is ABSENT else {"F": cell} for cell in cells]
    records = [{"id": f"rec{n}", "fields": it} for n, it in enumerate(fields)]
    reader = TableReader("T", ["F"], created=False, **more)
    for _ in range(times):
        reader.add(msgspec.json.encode({"records": records}))
    return reader.table


def test_the_shapes_of_every_type_of_field_are_here():
    """Of every type that pyairtable knows. What a type holds is known, or is in its result; only
    that of `manualSort` is nowhere documented."""
    assert {*SHAPES} == {type_.value for type_ in FieldType}
    known = {type_ for type_ in SHAPES if holds(FieldSchema("fld1", "F", type_))}
    assert known == SHAPES.keys() - DERIVED - {"manualSort"}
    assert {*get_args(Holds)} == {holds(FieldSchema("fld1", "F", type_)) for type_ in known}
    assert all(computed(FieldSchema("fld1", "F", type_)) for type_ in DERIVED)


@pytest.mark.parametrize("times", [1, 3], ids=["once", "repeated"])
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(shape, id=f"{type_} {shape.sent!r}")
        for type_, shapes in SHAPES.items()
        for shape in shapes
    ],
)
def test_the_content_of_every_shape(shape: Shape, times: int) -> None:
    """Alone and among others, whether equal cells are stored once or not."""
    checkboxes = ["F"] if shape.of_checkbox else []
    for others in ([], ["x"], [1, 2.5], [["rec1"], {"id": "x"}]):
        column = read([*others, shape.sent], times, checkboxes=checkboxes).columns["F"]
        assert repr(column[len(others)]) == repr(shape.expected)
        assert len(column) == times * (len(others) + 1)


@pytest.mark.parametrize("cell", NOTHING, ids=repr)
def test_nothing_is_nothing(cell: Any) -> None:
    """Whatever it looks like, and in a list of lists of it."""
    assert read([cell]).columns["F"] == [None]
    if cell is not ABSENT:
        assert content([cell]) is content([[cell], [[None, cell]]]) is None


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.sampled_from([it for it in NOTHING if it is not ABSENT]), st.lists, max_leaves=20
    )
)
def test_no_nesting_of_nothing_is_something(cell: Any) -> None:
    """Lists of lists of nothing have no content, and one value within is found."""
    assert content(cell) is None
    assert content([cell, "x", cell]) == ["x"]


def test_a_nest_without_a_bottom_is_read():
    """No depth of lists exhausts the stack."""
    nest: list[Any] = ["x"]
    for _ in range(100_000):
        nest = [nest]
    assert content(nest) == ["x"]
    while nest != ["x"]:  # nor may freeing it
        nest = nest[0]


@pytest.mark.parametrize("text", BLANKS, ids=repr)
def test_a_text_that_shows_nothing_is_blank(text: str) -> None:
    """A letter makes it a text, wherever it is."""
    assert is_blank(text)
    assert not any(is_blank(it) for it in (f"{text}x", f"x{text}", f"{text}ü{text}", f"{text}0"))


RULES: Sequence[BaseRule] = [
    rule("required", field="F"),
    rule("required", any_of=["F", "G"]),
    rule("forbidden", field="F"),
    rule("unique", fields=["F"]),
    rule("unique", fields=["F", "G"], ignore_case=True, ignore_spaces=True),
    rule("allowed_values", field="F", values=["x", 1, True]),
    *(rule("format", field="F", format=of) for of in ("email", "phone", "url", "date")),
    rule("format", field="F", format="pattern", pattern="x+"),
    *(
        rule("type", field="F", type=of)
        for of in ("any", "text", "number", "boolean", "date", "list", "record_links")
    ),
    rule("range", field="F", at_least=5),
    rule("range", field="F", at_most="today"),
    rule("compare", left="F", op="equals", right="G"),
    rule("compare", left="F", op="not_equals", right="G"),
    rule("compare", left="G", op="at_least", right="F"),
    rule("freshness", field="F", within="7d", of="each"),
    rule("freshness", field="F", within="7d"),
    rule("link", field="F", to={"table": "T"}, min=1, max=1, back="F"),
    rule("link", field="F", to={"table": "T", "field": "G"}),
    rule("link", field="G", to={"table": "T", "field": "G"}, same={"F": "F"}),
    rule("duplicate", of="person", field="F"),
    rule("duplicate", likely=[[{"field": "F", "exact": "value"}]]),
    rule("duplicate", likely=[[{"field": "F", "overlap": 1}]]),
    rule("duplicate", likely=[[{"field": "G", "exact": "text"}, {"field": "F", "equals": "x"}]]),
    rule("metric", measure="count", per=["F"], at_least={"info": 1}),
    rule("metric", measure="sum", field="F", at_least={"info": 0}),
    rule("metric", measure="count", date="F", window={"last": "30d"}, at_least={"info": 1}),
    rule("volume", at_least=9, when={"field": "F", "has_value": True}),
    rule("drift", field="F", measure="no_value", at_most="0%"),
    rule("drift", field="F", measure="distinct", at_most=0),
    rule("drift", field="F", measure="shares", change="1%"),
    rule("sql", fields={"T": ["F"]}, query="SELECT id, F AS value FROM T WHERE F IS NULL"),
    *(
        rule("required", field="None", when={"field": "F", **test})
        for test in (
            {"has_value": True},
            {"has_value": False},
            {"equals": "x"},
            {"equals": ""},
            {"not_equals": "x"},
            {"one_of": ["x", 1]},
            {"none_of": ["x", ""]},
            {"contains": "e"},
            {"matches": ".*"},
            {"above": -1},
            {"below": "today"},
        )
    ),
]


def test_every_kind_is_here():
    """Each kind of rule reads cells."""
    assert {one.kind for one in RULES} == {*KINDS}


@pytest.mark.parametrize("cell", NOTHING, ids=repr)
def test_every_kind_of_rule_takes_nothing_for_an_absent_cell(cell: Any) -> None:
    """Findings, messages, measurements and reasons are those of records that lack the field."""
    for of in RULES:
        seen = [outcome(of, it) for it in (cell, ABSENT)]
        assert seen[0] == seen[1], of


def outcome(of: BaseRule, cell: Any) -> Any:
    there: dict[str, Any] = {} if cell is ABSENT else {"F": cell}
    records: list[dict[str, Any]] = [{"G": "g"} | there, there, {"F": "x", "G": "h"}, there]
    got = report(of, records)
    return got.findings, got.inconclusive, got.records, got.measured


@pytest.mark.parametrize("cell", NOTHING, ids=repr)
def test_classification_takes_nothing_for_an_absent_cell(cell: Any) -> None:
    """A record without a text is no element."""
    assert elements_of(read([cell]), {"name": "F"}, str) == []


ERROR_ROWS: Mapping[str, tuple[BaseRule, bool]] = {
    "required": (rule("required", field="F"), True),
    "forbidden": (rule("forbidden", field="F"), False),
    "type": (rule("type", field="F", type="any"), True),
    "format": (rule("format", field="F", format="pattern", pattern=".*"), True),
    "range": (rule("range", field="F", at_least=0), True),
    "range of dates": (rule("range", field="F", at_most="today"), True),
    "allowed_values": (rule("allowed_values", field="F", values=["x"]), True),
    "compare": (rule("compare", left="F", op="equals", right="F 2"), True),
    "compare, different": (rule("compare", left="F", op="not_equals", right="F 2"), True),
    "freshness": (rule("freshness", field="F", within="7d", of="each"), True),
    "link": (rule("link", field="F", to={"table": "T"}), True),
    "metric": (rule("metric", measure="sum", field="F", at_least={"info": 99}), True),
    "equals": (rule("required", field="None", when={"field": "F", "contains": "E"}), False),
    "has_value": (rule("required", field="None", when={"field": "F", "has_value": True}), False),
    "not_equals": (rule("required", field="None", when={"field": "F", "not_equals": "x"}), True),
}


@pytest.mark.parametrize("cell", ERRORS, ids=repr)
@pytest.mark.parametrize("name", ERROR_ROWS)
def test_an_error_is_no_value_and_not_nothing(name: str, cell: Any) -> None:
    """What requires a value finds it, and so does what checks one; nothing takes it for one."""
    of, found = ERROR_ROWS[name]
    fine = {"F": 1 if name in ("range", "metric") else "x", "F 2": "x"}
    good = [] if name in ("format",) else [fine]
    records = [{"F": cell, "F 2": cell}, *good]
    wrong = {record for finding in report(of, records).findings for record in finding.records}
    assert ("rec0" in wrong) == found


@pytest.mark.parametrize("cell", ERRORS, ids=repr)
def test_errors_are_equal_to_nothing(cell: Any) -> None:
    """Neither to each other in `unique` and `duplicate`, nor as a group of a metric."""
    for of in (
        rule("unique", fields=["F"]),
        rule("duplicate", likely=[[{"field": "F", "exact": "value"}]]),
        rule("metric", measure="count", per=["F"], at_least={"info": 1}),
        rule("drift", field="F", measure="distinct", at_most=0),
    ):
        assert not report(of, [{"F": cell}] * 3).findings


@pytest.mark.parametrize(
    ("of", "cell", "message"),
    [
        (rule("required", field="F"), {"error": "#ERROR!"}, "F has no value: the error #ERROR!"),
        (rule("required", field="F"), [None, ""], "F has no value"),
        (
            rule("range", field="F", at_least=5),
            {"specialValue": "NaN"},
            "F is the error NaN, which is not a number",
        ),
        (
            rule("format", field="F", format="email"),
            {"state": "generated", "isStale": True, "value": "Ask Ann"},
            "F is 'Ask Ann', which is not an e-mail address",
        ),
        (
            rule("type", field="F", type="text"),
            {"state": "error", "errorType": "emptyDependency", "isStale": False, "value": None},
            "F holds the error emptyDependency",
        ),
        (
            rule("forbidden", field="F"),
            [PERSON],
            "F is [Ann <ann@clinic.example>], but should have no value",
        ),
        (rule("forbidden", field="F"), [FILE], "F is [scan.pdf], but should have no value"),
        (
            rule("forbidden", field="F"),
            {"text": "01234567", "type": "upce"},
            "F is '01234567', but should have no value",
        ),
    ],
)
def test_a_message_shows_what_a_person_sees(of: BaseRule, cell: Any, message: str) -> None:
    """The text of an AI field and of a barcode, a person and a file by name, an error as one."""
    assert message_about(of, cell) == message


def test_the_text_of_an_ai_field_is_its_value():
    """For rules, conditions, prompts and the names of records."""
    cells = [ai("generated", "ann@x.org"), ai("loading", "ann@x.org"), "ann@x.org", "x"]
    assert rows(rule("format", field="F", format="email"), cells) == [3]
    assert rows(rule("allowed_values", field="F", values=["ann@x.org"]), cells) == [3]
    assert rows(rule("type", field="F", type="text"), cells) == []
    (finding,) = report(rule("unique", fields=["F"]), [{"F": cell} for cell in cells]).findings
    assert finding.records == ("rec0", "rec1", "rec2")
    found = elements_of(read(cells), {"name": "F"}, str)
    assert [element.parts["name"] for element in found] == ["ann@x.org"] * 3 + ["x"]


def test_people_and_files_are_compared_by_their_ids():
    """Airtable gives a file another address in every answer, and a person may get another name."""
    later = [FILE | {"url": "https://v5.airtableusercontent.com/v3/u/2/b"}]
    renamed = PERSON | {"name": "Ann B."}
    cells: list[Any] = [[FILE], later, PERSON, renamed, [PERSON], FILE | {"id": "att2"}]
    found = report(rule("unique", fields=["F"]), [{"F": cell} for cell in cells]).findings
    assert [finding.records for finding in found] == [("rec0", "rec1"), ("rec2", "rec3")]


TAGS = [["a", "b"], ["b", "a"], ["a", "b", "a"], ["a"], ["b", "a", None]]


def test_the_order_of_a_list_does_not_count():
    """Nor do its empty items; how often a value is there does."""
    found = report(rule("unique", fields=["F"]), [{"F": tags} for tags in TAGS]).findings
    assert [finding.records for finding in found] == [("rec0", "rec1", "rec4")]
    pairs = [{"F": TAGS[0], "G": tags} for tags in TAGS]
    assert rows_of(rule("compare", left="F", op="equals", right="G"), pairs) == [2, 3]
    same = rule("duplicate", likely=[[{"field": "F", "exact": "value"}]])
    (group,) = report(same, [{"F": tags} for tags in TAGS]).findings
    assert group.records == ("rec0", "rec1", "rec4")


CHECKED: list[Any] = [True, ABSENT, [True, None], [None], [True]]
"""Checkboxes, and lookups of them."""


def checked(of: BaseRule, cells: Sequence[Any] = CHECKED) -> list[int]:
    """Return the rows that are found, of records with these checkboxes."""
    records = [{"N": "n"} | ({} if cell is ABSENT else {"F": cell}) for cell in cells]
    found = report(of, records, checkboxes=["F"]).findings
    return sorted({int(record[3:]) for finding in found for record in finding.records})


def when_checked(**test: Any) -> list[int]:
    return checked(rule("required", field="None", when={"field": "F", **test}))


def test_an_unchecked_checkbox_is_false():
    """Airtable leaves it out of the record. In a lookup, it is false if one of them is."""
    assert when_checked(equals=False) == when_checked(one_of=[False, "x"]) == [1, 2, 3]
    assert when_checked(not_equals=True) == when_checked(none_of=[True]) == [1, 3]
    assert when_checked(equals=True) == when_checked(one_of=[True]) == [0, 2, 4]
    assert when_checked(not_equals=False) == [0, 4]
    assert checked(rule("allowed_values", field="F", values=[True])) == [1, 2, 3]
    assert checked(rule("allowed_values", field="F", values=[True, False])) == []
    assert checked(rule("type", field="F", type="boolean"), CHECKED[:2]) == []


def test_nobody_has_entered_an_unchecked_checkbox():
    """It has no value for what requires one, as an HTML form understands it."""
    assert checked(rule("required", field="F")) == [1, 3]
    assert checked(rule("forbidden", field="F")) == [0, 2, 4]
    assert when_checked(has_value=True) == [0, 2, 4]
    assert when_checked(has_value=False) == [1, 3]


def test_unchecked_checkboxes_are_compared():
    """They are a value of a group, of two records, and of two fields."""
    two = [True, ABSENT, ABSENT]
    assert checked(rule("unique", fields=["N", "F"]), two) == [1, 2]
    alike = [[{"field": "N", "exact": "text"}, {"field": "F", "equals": False}]]
    assert checked(rule("duplicate", likely=alike), two) == [1, 2]
    pairs: list[dict[str, Any]] = [{"F": True, "G": True}, {"F": True}, {"G": True}, {}]
    same = rule("compare", left="F", op="equals", right="G")
    assert rows_of(same, pairs, checkboxes=["F", "G"]) == [1, 2]
    groups = rule("metric", measure="count", per=["F"], at_least={"info": 1})
    found = report(groups, pairs, checkboxes=["F"]).findings
    assert [finding.key for finding in found] == ['[["bool", true]]', '[["bool", false]]']
    none = rule("sql", fields={"T": ["F"]}, query="SELECT id FROM T WHERE F = 0")
    assert checked(none, two) == [1, 2]


def test_a_field_that_is_no_checkbox_is_not_false():
    """Empty text is another thing than false."""
    of = rule("required", field="None", when={"field": "F", "equals": False})
    assert rows(of, ["x", None, 0, True]) == []


LISTS: list[Any] = [[3, 12], [3, 7], 7, [12], "7", [7, {"error": "#ERROR!"}]]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"above": 5, "below": 10}, [1, 2, 5]),
        ({"above": 5, "not_equals": 12}, [1, 2, 5]),
        ({"equals": 7, "below": 10}, [1, 2, 5]),
        ({"not_equals": 7}, [0, 3, 4]),
        ({"none_of": [3, "7"]}, [2, 3, 5]),
        ({"equals": 3, "has_value": True}, [0, 1]),
    ],
    ids=str,
)
def test_one_item_of_a_list_satisfies_all_tests(test: dict[str, Any], expected: list[int]) -> None:
    """And none of them is what is excluded."""
    assert rows(rule("required", field="None", when={"field": "F", **test}), LISTS) == expected


BLANKS_AROUND = [" 2026-03-01", "2026-03-01 ", "2026-03-01\n", "\u00a02026-03-01", "2026-03-01"]


@pytest.mark.parametrize(
    "of",
    [
        rule("format", field="F", format="date"),
        rule("format", field="F", format="date", date_format="%Y-%m-%d"),
        rule("format", field="F", format="pattern", pattern="2026.*1"),
        rule("type", field="F", type="date"),
        rule("range", field="F", at_most="2026-12-31"),
        rule("compare", left="F", op="at_least", right="Day"),
        rule("compare", left="F", op="equals", right="Day"),
        rule("freshness", field="F", within="30d", of="each"),
        rule("allowed_values", field="F", values=["2026-03-01"]),
        rule("link", field="F", to={"table": "T", "field": "Day"}),
        rule("metric", measure="count", date="F", window={"last": "1d"}, at_least={"info": 9}),
        rule("required", field="None", when={"field": "F", "not_equals": "2026-03-01"}),
        rule("required", field="None", when={"not": {"field": "F", "at_most": "today"}}),
    ],
    ids=lambda of: of.sentence(),
)
def test_blanks_around_a_text_are_part_of_it(of: BaseRule) -> None:
    """For every kind: it is another text, and no date."""
    records = [{"F": cell, "Day": "2026-03-01"} for cell in BLANKS_AROUND]
    assert rows_of(of, records) == [0, 1, 2, 3]


def test_blanks_around_a_text_make_it_another():
    """`unique` and `duplicate` say which of their settings leave blanks out of account."""
    cells = [{"F": cell} for cell in BLANKS_AROUND]
    assert not report(rule("unique", fields=["F"]), cells).findings
    assert report(rule("unique", fields=["F"], ignore_spaces=True), cells).findings
    newest = rule("freshness", field="F", within="1d")
    assert "has a date" in report(newest, cells[:4]).inconclusive


def test_values_and_texts_of_a_cell():
    """An error is shown, and it is no value and no text."""
    error, both = {"error": "#ERROR!"}, [1, {"specialValue": "NaN"}]
    assert [values_of(it) for it in (None, False, error, both)] == [[], [False], [], [1]]
    assert [has_value(it) for it in (None, False, error, both, 0)] == [False] * 3 + [True] * 2
    assert [cell_text(it) for it in (False, error, both, [True, False])] == ["", "", "1", "true"]
    assert display([1, error]) == "[1, the error #ERROR!]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u0645\u0647\u200c\u0647\u0627", "'\u0645\u0647\u200c\u0647\u0627'"),
        ("\U0001f469\u200d\U0001f680", "'\U0001f469\u200d\U0001f680'"),
        ("\u05d3\u05e0\u05d4", "'\u05d3\u05e0\u05d4'"),
        ("\u0646\u200c", "'\u0646\\u200c'"),
        ("Ann\u200d", "'Ann\\u200d'"),
        ("\u00e9\\u200c\u00e9", "'\u00e9\\\\u200c\u00e9'"),
        ("\u0646\u202e\u0646", "'\u0646\\u202e\u0646'"),
        ("a\u00a0b\x1b", "'a\\xa0b\\x1b'"),
    ],
)  # fmt: skip
def test_what_shows_nothing_is_seen_where_it_is_a_mistake(text, shown):
    """Persian, Hindi and emoji are written with joiners; elsewhere they make two values differ."""
    assert display(text) == shown
    assert display([text]) == f"[{shown}]"
