"""A definition in plain sentences: every rule, the cost of a month, and what nobody looks at."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.local.check.explaining import explained, fields_of
from infra.local.samples.school.base import school
from infra.local.scan_files import load_file
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import parse
from landfall.kinds.explaining import explain
from landfall.scans.explanation import MAX_NAMES, KnownSource, runs_a_month
from landfall.site.scan import SiteScan

SAMPLES = sorted((Path(__file__).parents[2] / "infra/local/samples").glob("*.yaml"))
NOW = datetime(2026, 12, 1, tzinfo=UTC)

SCAN: dict[str, Any] = {
    "id": "own",
    "kind": "integrity",
    "base": "appOwn00000000001",
    "tables": {"People": ["Email", "Notes"], "Rooms": ["Name"]},
    "rules": [{"id": "email", "kind": "required", "table": "People", "field": "Email"}],
    "schedule": {"cadence": {"daily": "06:00"}},
}


UNKNOWN = KnownSource()


def _explain(changes: dict[str, Any], known: KnownSource = UNKNOWN) -> dict[str, Any]:
    return explain(parse(SCAN | changes, "own"), known, NOW)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_explained(sample: Path) -> None:
    """Each rule or criterion has one sentence, and no part is empty."""
    scan = load_file(sample)
    found = explained(scan, UNKNOWN, NOW)
    assert all(found[part] for part in ("checks", "costs", "unseen", "schedule"))
    if isinstance(scan, IntegrityScan):
        for rule, sentence in zip(scan.rules, found["checks"], strict=True):
            assert rule.requirement in sentence
            assert rule.id in sentence
    if isinstance(scan, SiteScan):
        criteria = [it.good for dimension in scan.rubric.dimensions for it in dimension.criteria]
        assert len(found["checks"]) == len(criteria)


def test_what_no_rule_reads_is_named() -> None:
    """A field and a table that are read for nothing; then what is not read at all."""
    *idle, rest = _explain({})["unseen"]
    assert idle == [
        "People: Notes: read, and nothing looks at it.",
        "Rooms: it is read, and nothing looks at it.",
    ]
    assert "--explain" in rest
    base = {"People": ["Email", "Notes", "Phone"], "Rooms": ["Name"], "Bills": ["Sum"]}
    assert _explain({}, KnownSource(fields=base))["unseen"][2:] == [
        "People: Phone: not read.",
        "Tables that are not read: Bills.",
    ]


def test_a_field_of_a_condition_or_a_message_is_looked_at() -> None:
    """It is no field that could be left out."""
    rule = SCAN["rules"][0] | {"when": {"field": "Notes", "equals": "x"}}
    said = SCAN["rules"][0] | {"message": "{Notes} has no address"}
    for one in (rule, said):
        assert not any("Notes" in it for it in _explain({"rules": [one]})["unseen"][:-1])


def test_many_names_are_bounded() -> None:
    """A base of 500 fields is one short sentence."""
    fields = [f"F{number}" for number in range(500)]
    sentence = _explain({}, KnownSource(fields={"People": ["Email", "Notes", *fields]}))["unseen"]
    assert any(f"F{MAX_NAMES - 1} and 480 more" in it for it in sentence)


def test_the_cost_is_that_of_a_run_and_of_a_month() -> None:
    """Airtable gives 100 records a call, and the last page of each table may be short."""
    (calls, documents, model) = _explain({}, KnownSource(1_234, 45))["costs"]
    assert calls.startswith("A run makes at most 15 calls to Airtable, 450 a month with 30 runs")
    assert documents == "The last run wrote 45 documents of Firestore, 1,350 a month with 30 runs."
    assert model == "It asks no language model."
    unknown = _explain({"schedule": None})["costs"][0]
    assert unknown.startswith("A run makes at least 3 calls to Airtable: ")


def test_the_calls_are_a_bound() -> None:
    """The school's run makes 34: the fields, and 33 pages of five tables."""
    base, _ = school()
    records = [len(table.records) for table in base.tables]
    scan = load_file(next(it for it in SAMPLES if it.stem == "school"))
    pages = sum(-(-count // 100) for count in records)
    (first, *_) = explain(scan, KnownSource(sum(records)), NOW)["costs"]
    most = int(first.removeprefix("A run makes at most ").split()[0])
    assert 1 + pages <= most <= 1 + pages + len(records)


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ({"cadence": {"daily": "06:00"}}, 30),
        ({"cadence": {"every_minutes": 15}}, 2_880),
        ({"cadence": {"daily": "06:00"}, "max_runs": 7}, 7),
        ({"cadence": {"daily": "06:00"}, "paused": True}, 0),
        ({"cadence": {"daily": "06:00"}, "stop_at": "2026-12-11T00:00:00+00:00"}, 10),
    ],
)
def test_the_runs_of_a_month_are_those_of_the_schedule(schedule: dict[str, Any], runs: int) -> None:
    """Of a dense schedule they are estimated, within a hundredth."""
    scan = parse(SCAN | {"schedule": schedule}, "own")
    assert runs_a_month(scan.schedule, NOW) == pytest.approx(runs, rel=0.01)


def test_a_budget_is_the_bound_of_a_model() -> None:
    """In dollars, questions and tokens, for a run and a day; without one, it says so."""
    scan: dict[str, Any] = {
        "id": "c",
        "kind": "classification",
        "base": "appOwn00000000001",
        "table": "Elements",
        "mapping": {"name": "Name"},
        "model": {"budget": {"run": {"max_dollars": 0.5, "max_calls": 10}, "day": {}}},
    }
    costs = explain(parse(scan, "c"), KnownSource(95), NOW)["costs"]
    assert "about 10 for 95 elements" in costs[-1]
    assert "at most $0.50 and 10 questions; a day, without a limit" in costs[-1]


def test_tables_and_fields_are_known_by_name_or_id() -> None:
    """And the primary field counts as read where findings have the names of records."""
    fields = [FieldSchema(id=f"fld{n}", name=f"F{n}", type="singleLineText") for n in (1, 2, 3)]
    table = TableSchema("tblPeople00000000", "People", fields, primary=fields[0])
    rule = SCAN["rules"][0] | {"table": "tblPeople00000000", "field": "fld2"}
    own = {"tables": {"tblPeople00000000": ["fld2"]}, "rules": [rule]}
    scan = parse(SCAN | own, "own")
    assert isinstance(scan, IntegrityScan)
    assert fields_of(scan, [table]) == {"tblPeople00000000": ["fld2", "F3"]}
    named = parse(SCAN | {"record_names": False}, "own")
    assert isinstance(named, IntegrityScan)
    assert fields_of(named, [table]) == {"People": ["F1", "F2", "F3"]}
