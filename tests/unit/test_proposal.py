"""Proposals: what is worth checking in a base, with true counts, and as a text that is valid."""

from typing import Any

import pytest

from landfall.airtable.fields import Schema
from landfall.airtable.snapshot import Snapshot
from landfall.kinds.definition import load
from landfall.proposal.learned_pattern import learned_pattern
from landfall.proposal.proposals import Proposal, propose
from landfall.proposal.robust_bounds import lower_bound, upper_bound
from landfall.proposal.scan_text import scan_text
from landfall.scans.yaml_text import MAX_YAML
from tests.fakes.typed_bases import typed_base

BASE = "appProposed000001"


def of(**columns: Any) -> dict[str, Any]:
    """Return a base of one table with these fields."""
    return {"T": columns}


def proposed(tables: Any, **settings: Any) -> list[Proposal]:
    """Return the rules that are proposed for a base."""
    return propose(*typed_base(tables), **settings)


def kinds(found: list[Proposal], field: str) -> dict[str, dict[str, Any]]:
    """Return the settings of the rules about a field, by their kinds."""
    rules = [it.settings for it in found]
    return {
        it["kind"]: it
        for it in rules
        if field in (it.get("field"), it.get("left"), *it.get("fields", ()))
    }


def emails(count: int) -> list[Any]:
    """Return addresses that all differ."""
    return [f"person.{n}@clinic.example" for n in range(count)]


def test_a_rule_says_what_it_rests_on_and_the_records_that_break_it() -> None:
    """The counts are those of the engine: evidence, breaks, three examples, a confidence."""
    cells = emails(200)
    cells[7] = cells[90] = cells[100] = cells[150] = None
    (found,) = [
        it
        for it in proposed(of(Mail=("email", cells)))
        if it.settings["kind"] == "required" and it.settings["field"] == "Mail"
    ]
    assert found.evidence == "filled in 196 of 200"
    assert (found.records, found.breaks, len(found.examples)) == (200, 4, 3)
    assert found.examples[0].records == ("rec00000000000007",)
    assert 0.9 < found.confidence < 0.98
    assert not found.guard
    assert found.sentence == "Mail has a value"


@pytest.mark.parametrize(
    ("kind", "cells", "rule"),
    [
        ("email", [*emails(50), "no address"], {"kind": "format", "format": "email"}),
        ("url", ["https://a.example/x"] * 50 + ["a,b"], {"kind": "format", "format": "url"}),
        ("phoneNumber", ["(212) 555-0100"] * 40, {"format": "phone", "region": "US"}),
        ("singleLineText", ["2026-01-02"] * 30 + ["1.2.26"], {"format": "date"}),
        (
            "singleLineText",
            [f"AB-{n:04}" for n in range(60)] + ["AB-12"],
            {"kind": "format", "pattern": r"AB-\d{4}"},
        ),
        (
            "singleLineText",
            ["red", "green"] * 60 + ["gren"],
            {"kind": "allowed_values", "values": ["green", "red"]},
        ),
        ("formula", [1, 2, {"error": "#ERROR!"}] * 10, {"kind": "type", "type": "any"}),
        ("number", [*range(10, 90), 99_999], {"kind": "range"}),
        ("singleLineText", ["ab cd", "ef"] * 9 + ["gh "] + emails(9), {"kind": "format"}),
        ("singleLineText", [f"w{chr(n)}" for n in range(97, 122)] + ["n/a"], {"kind": "forbidden"}),
    ],
)  # fmt: skip
def test_types_and_values_propose_their_rules(kind: str, cells: Any, rule: Any) -> None:
    """A field with some records that do not fit the others gets the rule that finds them."""
    found = proposed(of(F=(kind, cells)), min_confidence=0)
    assert any(rule.items() <= it.settings.items() for it in found), [it.settings for it in found]


def test_nothing_is_proposed_that_airtable_enforces() -> None:
    """Options of a select, values of computed fields, checkboxes, types: none is a rule."""
    choices = {"choices": [{"name": "Yes"}, {"name": "No"}]}
    found = proposed(
        of(
            Select=(("singleSelect", choices), ["Yes", "No"] * 100),
            Number=("autoNumber", list(range(200))),
            Created=("createdTime", ["2026-01-01T00:00:00.000Z"] * 200),
            Done=("checkbox", [True, None] * 100),
        )
    )
    rules = {(it["kind"], it.get("field")) for it in (p.settings for p in found)}
    assert rules == {("required", "Select"), ("volume", None)}


def test_a_bound_is_never_the_extreme_of_the_sample() -> None:
    """A bound lies in the gap between the usual numbers and absurd ones, and is a round number."""
    usual = sorted([*range(100, 200)] * 3)
    assert upper_bound(usual) is lower_bound(usual) is None
    found = upper_bound([*usual, 90_000])
    assert found is not None
    assert 199 < found < 90_000
    assert found not in (199.0, 90_000.0)
    assert upper_bound([*usual, 230, 260, 300]) is None  # a tail, and no gap
    low = lower_bound([-5_000, *usual])
    assert low is not None
    assert -5_000 < low < 100


def test_patterns_are_learned_from_codes_and_not_from_words() -> None:
    """A form with a digit that nearly all texts have; its rare lengths are left out."""
    codes = {f"INV-{n:05}": 1 for n in range(100)}
    assert learned_pattern(codes) == r"INV-\d{5}"
    assert learned_pattern({**codes, "inv 7": 1, "?": 1}) == r"INV-\d{5}"
    assert learned_pattern({"Ann Lee": 5, "Bo Day": 5}) is None
    assert learned_pattern({"x" * 10_000: 50}) is None
    assert learned_pattern({}) is None


HOSTILE = [
    "# no comment\nrules: []",
    "a: b\n- c",
    "\u2028line\u2029break\x85",
    "\x1b[31mred\x00\ud800",
    "{[&*!|>'\"%@`",
    "---\n...",
    "\ufeff\ufffe",
    "'; DROP TABLE",
    "${HOME} $(id) `id`",
    "}" * 50 + "{Name}",
    "yes",
    "007",
    "a" * 300,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_and_no_cell_breaks_the_text(text: str) -> None:
    """The door reads back the same rules, whatever tables, fields and cells are called."""
    cells = [f"{text[:100]}{n}" for n in range(60)]
    few = [text[:100], "two", "three"] * 20
    tables: dict[str, Any] = {
        text: {text: ("singleLineText", [*cells[:-1], None]), "F": ("singleLineText", few)},
        "T": {"Status": ("singleLineText", [text] * 40 + ["ok"] * 19 + [f"{text} "])},
    }
    try:
        schema, snapshot = typed_base(tables)
    except UnicodeEncodeError:  # no JSON has it
        schema, snapshot = typed_base(
            {k.replace("\ud800", ""): v for k, v in _clean(tables).items()}
        )
    found = propose(schema, snapshot, min_confidence=0)
    assert_read_back(found)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\ud800", "?")
    if isinstance(value, dict):
        return {_clean(k): _clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_clean(item) for item in value)
    return value


def assert_read_back(found: list[Proposal]) -> None:
    """Assert that the text of a proposal is a definition with just these rules."""
    text = scan_text("suggested", BASE, found, "all records")
    assert len(text) <= MAX_YAML
    scan = load(text, "proposal")
    rules = scan.rules  # type: ignore[attr-defined]
    assert [rule.model_dump() for rule in rules] == [it.rule.model_dump() for it in found]


def a_school(count: int = 120) -> dict[str, Any]:
    """Return a base with some of everything."""
    mails = emails(count)
    mails[5] = mails[6]
    mails[9] = "nobody"
    return {
        "Students": {
            "ID": ("singleLineText", [f"S-{n:04}" for n in range(count)]),
            "Mail": ("email", mails),
            "Class": ("singleLineText", ["5a", "5b", "6c"] * (count // 3)),
            "Points": ("number", [n % 37 + 1 for n in range(count - 1)] + [9_000]),
        },
        "Empty": {"Name": ("singleLineText", [])},
        "Few": {"Name": ("singleLineText", ["x", "y"])},
    }


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_data_does_not_count(seed: int) -> None:
    """The same data in another order of records, fields and tables: the same text."""

    def text(schema: Schema, snapshot: Snapshot) -> str:
        return scan_text("suggested", BASE, propose(schema, snapshot), "all")

    assert text(*typed_base(a_school(), shuffle=seed)) == text(*typed_base(a_school()))


def test_confidence_and_limit_keep_a_proposal_short() -> None:
    """The most worthy rules come first, and none has less than the confidence asked for."""
    every = proposed(a_school(), min_confidence=0)
    assert [it.worth for it in every] == sorted((it.worth for it in every), reverse=True)
    assert proposed(a_school(), min_confidence=0, limit=2) == every[:2]
    sure = proposed(a_school(), min_confidence=0.95)
    assert 0 < len(sure) < len(every)
    assert all(it.confidence >= 0.95 for it in sure)


def test_a_base_without_records_has_a_text_that_says_so() -> None:
    """Nothing is proposed for nothing."""
    assert proposed({"Empty": {"Name": ("singleLineText", [])}}) == []
    assert "No rule was found" in scan_text("suggested", BASE, [], "nothing")
