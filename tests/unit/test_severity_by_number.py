"""A severity by number counts the records in findings, for every kind of rule."""

from collections import Counter
from typing import Any

import pytest

from landfall.integrity.rules.kinds import KINDS
from tests.fakes.rules import report, rule

BY_NUMBER = {"warning": 3, "critical": "50%"}

EACH: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "required": ({"field": "F"}, {}, {"F": "x"}),
    "forbidden": ({"field": "F"}, {"F": "x"}, {"G": "x"}),
    "allowed_values": ({"field": "F", "values": ["x"]}, {"F": "y"}, {"F": "x"}),
    "format": ({"field": "F", "format": "email"}, {"F": "y"}, {"F": "x@example.org"}),
    "type": ({"field": "F", "type": "text"}, {"F": 1}, {"F": "x"}),
    "range": ({"field": "F", "at_least": 1}, {"F": 0}, {"F": 1}),
    "compare": ({"left": "F", "op": "equals", "right": "G"}, {"F": 0, "G": 1}, {"F": 1, "G": 1}),
    "link": (
        {"field": "F", "to": {"table": "T"}, "max": 1}, {"F": ["x", "rec0", "rec1"]}, {},
    ),
    "freshness": (
        {"field": "F", "of": "each", "within": "7d"}, {"F": "2020-01-01"}, {"F": "2026-03-02"},
    ),
    "sql": (
        {"query": "SELECT id FROM T WHERE F = 1", "fields": {"T": ["F"]}}, {"F": 1}, {"F": 0},
    ),
    "metric": (
        {"measure": "sum", "field": "F", "at_least": {"info": 99}}, {"F": "x"}, {"F": 1},
    ),
}  # fmt: skip
"""Kinds that judge each record: settings, and the cells of a bad and of a good one."""

GROUPS: dict[str, dict[str, Any]] = {
    "unique": {"fields": ["F"]},
    "duplicate": {"likely": [[{"field": "F", "exact": "text"}]]},
}
"""Kinds whose findings are groups of records with equal values in F."""

ABOUT_THE_TABLE: dict[str, dict[str, Any]] = {
    "volume": {"at_least": 100},
    "drift": {"field": "F", "measure": "no_value", "at_most": "0%"},
    "freshness": {"field": "F", "within": "7d"},
}
"""Kinds whose findings are about the table as a whole."""


def severities(kind: str, settings: dict[str, Any], rows: list[dict[str, Any]], by: Any) -> Any:
    """Return the number of findings by severity."""
    of = rule(kind, severity=by, **settings)
    return Counter(finding.severity for finding in report(of, rows).findings)


def test_every_kind_is_here():
    """A new kind has to say which of its records count."""
    assert {*EACH, *GROUPS, *ABOUT_THE_TABLE} == set(KINDS)


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize(
    ("bad", "severity"), [(2, "info"), (3, "warning"), (9, "warning"), (10, "critical")]
)
def test_each_record_counts_once(kind, bad, severity):
    """Of 20; a record with two problems in its links has two findings."""
    settings, wrong, right = EACH[kind]
    found = severities(kind, settings, [right] * (20 - bad) + [wrong] * bad, BY_NUMBER)
    assert found == {severity: bad * (2 if kind == "link" else 1)}


@pytest.mark.parametrize("kind", GROUPS)
@pytest.mark.parametrize(
    ("groups", "severity"),
    [((2,), "info"), ((3,), "warning"), ((2, 2), "warning"), ((10,), "critical"),
     ((5, 5), "critical"), ((2, 2, 2, 3), "warning")],
)  # fmt: skip
def test_each_record_of_a_group_counts(kind, groups, severity):
    """Of 20; ten with one key are one finding, of ten records."""
    rows = [{"F": f"same {n}"} for n, size in enumerate(groups) for _ in range(size)]
    rows += [{"F": f"other {n}"} for n in range(20 - len(rows))]
    assert severities(kind, GROUPS[kind], rows, BY_NUMBER) == {severity: len(groups)}


def test_a_large_group_counts_whole():
    """The records that a finding does not list count too."""
    by = {"critical": 10_001}
    assert severities("unique", GROUPS["unique"], [{"F": 1}] * 10_001, by) == {"critical": 1}


def test_a_record_in_two_groups_counts_once():
    """Two rows of a link that both are wrong; the same record in a likely and a possible group."""
    settings: dict[str, Any] = {
        "likely": [[{"field": "F", "exact": "text"}]],
        "possible": [[{"field": "G", "exact": "text"}]],
    }
    rows = [{"F": "a", "G": "x"}, {"F": "a"}, {"F": "b", "G": "x"}, {"F": "c"}]
    assert severities("duplicate", settings, rows, {"critical": 3}) == {"info": 2}
    assert severities("duplicate", settings, rows, {"critical": 2}) == {"critical": 1, "info": 1}


@pytest.mark.parametrize("kind", ABOUT_THE_TABLE)
@pytest.mark.parametrize("rows", [1, 9])
def test_a_finding_about_the_table_has_the_worst(kind, rows):
    """It has no records to count, and a table with few records left is no smaller problem."""
    cells = [{"F": "2020-01-01"}] if kind == "freshness" else [{"G": "x"}]
    settings = ABOUT_THE_TABLE[kind]
    assert severities(kind, settings, cells * rows, {"warning": 5, "critical": 500}) == {
        "critical": 1
    }
    assert severities(kind, settings, cells * rows, {"warning": 500}) == {"warning": 1}


def test_an_emptied_table_has_the_worst():
    """There are neither records nor shares of them."""
    assert severities("volume", {"at_least": 1}, [], {"warning": 500}) == {"warning": 1}


def test_levels_keep_their_severity():
    """Records behind the number of a metric are not in its findings."""
    settings = {"measure": "count", "at_least": {"info": 1}}
    assert severities("metric", settings, [{"F": 1}] * 9, {"critical": 1}) == {"info": 1}
