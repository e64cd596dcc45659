"""A rule that looked at nothing is not healthy: an empty table, a `when` or a field without any."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from landfall.integrity.findings.packing import pack_reports, unpack_reports
from landfall.integrity.findings.rule_state import content_of
from landfall.integrity.rules.evaluate import IF_NORMAL, RuleReport, evaluate
from landfall.integrity.rules.kinds import KINDS, Rule
from landfall.scans.yaml_text import read_text
from tests.fakes.rules import NOW, report, rule
from tests.fakes.snapshots import snapshot

JUDGES_NOTHING = ("volume",)
"""Kinds for which an empty table is something to judge."""


def example(kind: str, **more: Any) -> Rule:
    """Return the example of a kind's reference, with further settings."""
    settings = read_text(KINDS[kind].example).value | more
    made: Rule = TypeAdapter(Rule).validate_python(settings)
    return made


def tried(of: Rule, **tables: Sequence[dict[str, Any]]) -> RuleReport:
    """Return the report of a rule on these rows; tables that are not given are empty."""
    records = {
        name: [
            {"id": f"rec{n}", "createdTime": "2026-03-02T06:00:00.000Z", "fields": cells}
            for n, cells in enumerate(tables.get(name, ()))
        ]
        for name in of.tables()
    }
    return evaluate(of, snapshot(records, reads=of.reads(), now=NOW))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table(kind):
    """Every kind is inconclusive, with the reason and the fix, unless it counts records."""
    of = example(kind)
    answer = tried(of)
    if kind in JUDGES_NOTHING:
        assert (answer.inconclusive, answer.nothing, len(answer.findings)) == ("", "", 1)
        return
    assert answer.inconclusive == f"table {of.table!r} has no records; {IF_NORMAL}"
    assert (answer.findings, answer.measured, answer.emptied) == ((), None, False)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in JUDGES_NOTHING])
def test_an_empty_table_may_be_normal(kind):
    """With `allow_empty` there is a note instead."""
    answer = tried(example(kind, allow_empty=True))
    assert (answer.inconclusive, answer.findings) == ("", ())
    assert answer.note.endswith("has no records")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in JUDGES_NOTHING])
def test_a_condition_that_holds_for_no_record(kind):
    """For example `equals: Activ`, or an option that somebody has renamed."""
    of = example(kind, when={"field": "Kind", "equals": "Activ"})
    cells = {field: "x" for table, field in of.reads() if table == of.table} | {"Kind": "Active"}
    answer = tried(of, **{of.table: [cells]})
    why = f"no record of {of.table!r} satisfies `when`: Kind is 'Activ'"
    assert (answer.inconclusive, answer.records) == (f"{why}; {IF_NORMAL}", 0)
    assert not answer.emptied


@pytest.mark.parametrize(
    "of",
    [
        rule("unique", fields=["F"]),
        rule("unique", fields=["F", "G"]),
        rule("allowed_values", field="F", values=["x"]),
        rule("format", field="F", format="email"),
        rule("type", field="F", type="text"),
        rule("range", field="F", at_least=1),
        rule("compare", left="F", op="equals", right="G"),
        rule("duplicate", of="person", field="F"),
        rule("freshness", field="F", within="7d", of="each"),
        rule("freshness", field="F", within="7d"),
        rule("link", field="F", to={"table": "T"}),
    ],
    ids=lambda of: f"{of.kind}-{'-'.join(map(str, of.judged_fields()))}",
)
def test_a_field_without_any_value(of):
    """A record without a value is skipped; of nothing but such records there is nothing to say."""
    answer = report(of, [{"G": "x"}, {"F": None}, {"F": " "}, {"F": []}])
    assert answer.inconclusive.startswith("no record that r checks has a value in 'F'")
    assert answer.inconclusive.endswith(IF_NORMAL)
    assert answer.emptied
    assert not report(of, [{"G": "x", "F": None}, {"F": "x", "G": "x"}]).nothing


@pytest.mark.parametrize(
    "of",
    [
        rule("forbidden", field="F"),
        rule("required", field="F"),
        rule("link", field="F", to={"table": "T"}, min=1),
        rule("link", field="F", to={"table": "T"}, back="G"),
        rule("drift", field="F", measure="no_value", at_most="100%"),
        rule("drift", field="F", measure="distinct", at_most=3),
        rule("volume", at_least=1),
        rule("freshness", created=True, within="9999d"),
    ],
    ids=str,
)
def test_a_rule_for_which_no_value_is_something(of):
    """It judges each record, with a value or not."""
    answer = report(of, [{"F": None}], created=["2026-03-02T06:00:00.000Z"])
    assert (answer.inconclusive, answer.nothing) == ("", "")


def test_a_query_over_an_empty_table():
    """It may join with it, and so find nothing; one that finds something did look."""
    of = example("sql")
    answer = tried(of, Classes=[{"Seats": 1}])
    assert answer.inconclusive.startswith("table 'Students', which the query sees, has no records")
    of = example("sql", query="SELECT id FROM Classes WHERE Seats = 1")
    assert len(tried(of, Classes=[{"Seats": 1}]).findings) == 1


def test_findings_are_something():
    """An empty table is too little for a limit, whatever else the rule would look at."""
    of = rule("drift", field="F", measure="distinct", at_least=1)
    answer = report(of, [])
    assert (len(answer.findings), answer.inconclusive) == (1, "")


def test_an_empty_table_is_normal_or_not_for_the_same_rule():
    """The setting does not change what a rule checks, so its findings stay its own."""
    of = rule("required", field="F")
    assert content_of(of) == content_of(of.model_copy(update={"allow_empty": True}))


def test_a_note_is_kept_while_other_rules_are_evaluated():
    """The reports of a long evaluation are stored in parts."""
    of = rule("required", field="F", allow_empty=True)
    (unpacked,) = unpack_reports([one.data for one in pack_reports([report(of, [])])], [of])
    assert unpacked.note == "table 'T' has no records"
    of = rule("format", field="F", format="email")
    answers = [report(of, [{"F": cell}]) for cell in (None, "x")]
    (unpacked,), (other,) = (
        unpack_reports([one.data for one in pack_reports([answer])], [of]) for answer in answers
    )
    assert (unpacked.emptied, other.emptied) == (True, False)


@pytest.mark.parametrize("error", [{"error": "#ERROR!"}, {"specialValue": "NaN"}])
def test_errors_are_no_values_that_could_be_the_same(error):
    """`unique` skips them, so a formula that fails everywhere is no proof that none is twice."""
    for fields, cells in ((["F"], {"F": error}), (["F", "G"], {"F": [error], "G": "x"})):
        answer = report(rule("unique", fields=fields), [cells, cells])
        assert answer.inconclusive.endswith(IF_NORMAL)
        assert not answer.emptied
        assert not report(rule("unique", fields=fields), [cells, {"F": "x", "G": "x"}]).nothing


def test_a_query_that_failed_is_no_query_over_nothing():
    """`allow_empty` is about the empty table: it resolves no finding of a query that failed."""
    query = "SELECT Name AS id FROM T LEFT JOIN Exceptions ON Exceptions.id = T.id"
    fields = {"T": ["Name"], "Exceptions": []}
    of = rule("sql", query=query, fields=fields, allow_empty=True)
    answer = tried(of, T=[{"Name": "x"}])
    assert (answer.note, answer.inconclusive[:13]) == ("", "the query ret")


def test_duplicates_need_a_value_for_each_condition():
    """Where no record has all that an alternative compares, no two can be found to be the same."""
    name: dict[str, Any] = {"field": ["F", "G"], "exact": "name"}
    email: dict[str, Any] = {"field": "E", "exact": "email"}
    phone: dict[str, Any] = {"field": "P", "exact": "phone", "or_missing": True}
    rows = [{"F": "Ann Lee"}, {"G": "Ann Lee"}, {"E": "a@school.example"}]
    answer = report(rule("duplicate", likely=[[name, email, phone]]), rows)
    assert answer.inconclusive.startswith("no record that r checks has all values to compare in (")
    assert answer.inconclusive.endswith(IF_NORMAL)
    assert answer.emptied
    assert not report(rule("duplicate", likely=[[name, email, phone]]), []).emptied
    for likely in ([[name, phone]], [[name, email], [email]]):
        assert not report(rule("duplicate", likely=likely), rows[1:]).nothing
    assert not report(rule("duplicate", likely=[[name, email]]), [rows[0] | rows[2]]).nothing
