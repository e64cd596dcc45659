"""A setting that does not exist: the one that may be meant, and those of its place."""

import pytest

from landfall.integrity.rules.kinds import KINDS
from landfall.kinds.definition import DefinitionError, parse
from landfall.kinds.problems import KIND_SYNONYMS, no_kind
from landfall.kinds.table import KINDS as SCANS
from landfall.scans.setting_groups import groups_at, names_of, places
from landfall.scans.unknown_settings import OPPOSITES, SYNONYMS
from tests.unit.test_definition import GOOD, changed

MEANT = [
    (changed("schedule", "enabled", False), "schedule.enabled", "'paused', its opposite"),
    (changed("schedule", "active", True), "schedule.active", "'paused', its opposite"),
    (changed("schedule", "tz", "UTC"), "schedule.tz", "'time_zone'"),
    (changed("schedule", "timeZone", "UTC"), "schedule.timeZone", "'time_zone'"),
    (changed("schedule", "Time-Zone", "UTC"), "schedule.Time-Zone", "'time_zone'"),
    (changed("schedule", "until", "2026-12-31"), "schedule.until", "'stop_at'"),
    (changed("schedule", "cron", "0 6 * * *"), "schedule.cron", "`schedule.cadence.cron`"),
    (changed("schedule", "daily", "06:00"), "schedule.daily", "`schedule.cadence.daily`"),
    (changed("max_runs", 3), "max_runs", "`schedule.max_runs`"),
    (changed("max_records", 3), "max_records", "`limits.max_records`"),
    (changed("timeout", 3), "timeout", "`limits.deadline_seconds`"),
    (changed("checks", []), "checks", "'rules'"),
    (changed("output", {}), "output", "'write_back'"),
    (changed("rules", 0, "column", "Name"), "rule name: column", "'field'"),
    (changed("rules", 0, "priority", "high"), "rule name: priority", "'severity'"),
    (changed("rules", 0, "if", {}), "rule name: if", "'when'"),
    (changed("rules", 0, "enabled", False), "rule name: enabled", ""),
    (changed("rules", 0, "when", {"field": "Name", "min": 1}), "when.min", "'at_least'"),
    (changed("rules", 0, "when", {"field": "Name", "regex": "x"}), "when.regex", "'matches'"),
    (changed("rules", 0, "when", {"field": "Name", "empty": 1}), "when.empty", "'has_value', its"),
    (
        changed("rules", 0, "when", {"all": [{"field": "Name", "in": ["x"]}]}),
        "when.all item 1.in",
        "'one_of'",
    ),
    (changed("rules", 0, "severity", {"error": 3}), "severity.error", ""),
]  # fmt: skip


@pytest.mark.parametrize(("content", "place", "meant"), MEANT, ids=[one[1] for one in MEANT])
def test_what_may_be_meant_is_said_with_what_there_is(content, place, meant):
    """By another word, another place, another spelling; and never only that it is wrong."""
    with pytest.raises(DefinitionError) as refused:
        parse(content, "s")
    (line,) = [one for one in str(refused.value).split("\n") if "no such setting" in one]
    assert f"{place}: there is no such setting; " in line
    assert (f"did you mean {meant}" in line) if meant else "did you mean" not in line
    assert "there are " in line


def test_what_there_is_is_that_of_the_place():
    """The settings of a group, and not of all groups of a rule."""
    content = changed("rules", 3, "to", "colour", 1)
    with pytest.raises(DefinitionError, match=r"there are table, field, when$"):
        parse(content, "s")
    content = GOOD | {"write_back": {"table": "I", "fields": {"finding_id": "K", "colour": "x"}}}
    with pytest.raises(DefinitionError, match=r"there are finding_id, rule_id, .*, link$"):
        parse(content, "s")


def test_a_synonym_stands_for_a_setting_that_exists():
    """Of a definition, or of a request to the api."""
    scans = [kind.scan() for kind in SCANS.values()]
    groups = [*scans, *KINDS.values()]
    settings = {name for group in groups for name in [*names_of(group), *places(group)]}
    of_requests = {"scan_id", "page_token", "limit", "why", "until", "state", "rule"}
    meant = {one for synonyms in SYNONYMS.values() for one in synonyms}
    assert meant - settings - of_requests == set()
    assert set(OPPOSITES) <= set(SYNONYMS)


def test_a_synonym_of_a_kind_stands_for_one_that_exists():
    """Of a rule, or of a scan; and for no kind that there is."""
    assert set(KIND_SYNONYMS.values()) <= {*KINDS, *SCANS}
    assert not set(KIND_SYNONYMS) & {*KINDS, *SCANS}
    assert "did you mean 'format'? there are" in no_kind("Regex", KINDS, "rule")
    assert "did you mean 'required'? there are" in no_kind("not-null", KINDS, "rule")
    assert "did you mean 'site'? there are" in no_kind("website", SCANS, "scan")


def test_a_group_is_found_by_its_tags():
    """A choice between groups has a part of its own in pydantic's location."""
    rule = KINDS["required"]
    location = ["when", "(all)", "all", 1, "(not)", "not", "(any)"]
    assert [group.__name__ for group in groups_at(rule, location)] == ["AnyOf"]
    assert groups_at(rule, ["name", "x"]) == []
