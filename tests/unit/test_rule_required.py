"""`required` with `any_of`, and `forbidden`; `required` of one field is in test_rules.py."""

import random
from typing import Any

import pytest

from tests.fakes.rules import message_about, report, rows, rows_of, rule

CONTACT = rule("required", any_of=["Phone", "Email"])
NO_VALUES = ["", " \t\u00a0", [], {}, False]
VALUES = [0, 0.0, True, "x", " x", ["x"], {"id": "x"}]


def test_one_of_the_fields_is_enough():
    """Any of them is; 0 is a value and a blank is not."""
    records: list[dict[str, Any]] = [
        {"Phone": "1"},
        {"Email": "e"},
        {},
        {"Phone": " ", "Email": []},
        {"Phone": 0},
    ]
    assert rows_of(CONTACT, records) == [2, 3]
    three = rule("required", any_of=["Phone", "Email", "Fax"])
    assert rows_of(three, [*records, {"Fax": "1"}]) == [2, 3]


def test_it_says_which_fields():
    """The fields are in the message, in the field of the finding, and in the sentence."""
    (finding,) = report(CONTACT, [{}]).findings
    assert finding.message == "none of Phone, Email has a value"
    assert finding.field == "Phone or Email"
    assert CONTACT.sentence() == "Phone or Email has a value"
    assert CONTACT.reads() == [("T", "Phone"), ("T", "Email")]


@pytest.mark.parametrize("settings", [{}, {"field": "F", "any_of": ["G"]}])
def test_one_of_the_two_settings_is_given(settings):
    """Neither is too little, both contradict each other."""
    with pytest.raises(ValueError, match="give either `field` or `any_of`"):
        rule("required", **settings)


def test_what_should_have_no_value():
    """0 is a value, blanks, an empty list and false are not."""
    cells = [None, *NO_VALUES, *VALUES]
    assert rows(rule("forbidden", field="F"), cells) == [6, 7, 8, 9, 10, 11, 12]
    assert message_about(rule("forbidden", field="F"), "x") == "F is 'x', but should have no value"


def test_forbidden_where_a_condition_holds():
    """The usual case: an active student has not left."""
    left = rule("forbidden", field="Left", when={"field": "Status", "equals": "Active"})
    records = [
        {"Status": "Active", "Left": "2026-01-01"},
        {"Status": "Gone", "Left": "2026-01-01"},
        {"Status": "Active"},
    ]
    assert rows_of(left, records) == [0]
    assert left.sentence() == "Left has no value"


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_a_loop_over_the_records(seed):
    """Random cells; `forbidden` finds exactly those that `required` does not."""
    rng = random.Random(seed)
    records = [
        {
            name: rng.choice([*NO_VALUES, *VALUES])
            for name in ("F", "Phone", "Email")
            if rng.random() < 0.7
        }
        for _ in range(200)
    ]

    def empty(record, name):
        return str(record.get(name, "")).strip() in ("", "[]", "{}", "False")

    gone = [n for n, record in enumerate(records) if empty(record, "F")]
    unreachable = [
        n for n in range(200) if empty(records[n], "Phone") and empty(records[n], "Email")
    ]
    assert rows_of(rule("required", field="F"), records) == gone
    assert rows_of(rule("forbidden", field="F"), records) == sorted({*range(200)} - {*gone})
    assert rows_of(CONTACT, records) == unreachable
