"""A definition is checked at the door: every mistake is named with its file, place and fix."""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from landfall.deadlines import LADDER
from landfall.integrity.rules.kinds import KINDS
from landfall.integrity.rules.link import Link
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import DefinitionError, load, parse
from landfall.kinds.table import KINDS as SCANS
from landfall.scans.setting_groups import groups_at, names_of
from landfall.scans.yaml_text import read_text
from tests.fakes.world import a_scan, integrity

SAMPLES = sorted((Path(__file__).parents[2] / "infra/local/samples").glob("*.yaml"))

GOOD: dict[str, Any] = {
    "id": "people",
    "kind": "integrity",
    "base": "appPeople00000001",
    "tables": {"People": ["Name", "Team"], "Teams": ["Code"]},
    "rules": [
        {"id": "name", "kind": "required", "table": "People", "field": "Name"},
        {"id": "once", "kind": "unique", "table": "People", "fields": ["Name", "Team"]},
        {"id": "codes", "kind": "allowed_values", "table": "Teams", "field": "Code", "values": [1]},
        {
            "id": "team",
            "kind": "link",
            "table": "People",
            "field": "Team",
            "to": {"table": "Teams", "field": "Code"},
        },
    ],
    "limits": {"max_records": 1000},
    "schedule": {"cadence": {"daily": ["06:00"]}, "time_zone": "Europe/Berlin"},
}
GONE = object()


def changed(*path_and_value: Any) -> dict[str, Any]:
    """GOOD with another value at a path; GONE takes it out."""
    *path, last, value = path_and_value
    content = copy.deepcopy(GOOD)
    place: Any = content
    for part in path:
        place = place[part]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return content


def problems(content: Any) -> list[str]:
    """The lines of the error, without the file's name, which is checked, and without the line as it
    was meant, which `test_mistakes.py` checks."""
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    with pytest.raises(DefinitionError) as caught:
        load(text, "scan.yaml")
    lines = str(caught.value).split("\n")
    assert all(line.startswith("scan.yaml: ") for line in lines)
    lines = [re.sub(r"; write (line \d+ as )?`[^`]*`$", "", line) for line in lines]
    return [re.sub(r"(, line \d+(?=: )|line \d+: )", "", line[11:], count=1) for line in lines]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_samples_load(sample):
    """What we hand out is right, and named like its file."""
    scan = load(sample.read_text(encoding="utf-8"), sample.name)
    assert scan.id == sample.stem
    assert scan.schedule is not None


def test_a_small_definition_is_enough():
    """Name, limits and schedule may be left out; the limits are those of the ladder then."""
    content = {name: GOOD[name] for name in ("id", "kind", "base", "tables", "rules")}
    scan = integrity(load(yaml.safe_dump(content), "scan.yaml"))
    assert (scan.name, scan.schedule) == ("", None)
    assert (scan.limits.deadline_seconds, scan.limits.max_records) == (LADDER.run, 500_000)


def test_json_is_a_definition_too():
    """The form in which the api is sent one."""
    assert load(a_scan().model_dump_json(), "scan.json") == a_scan()


SCAN_SETTINGS = (
    "id, name, kind, time_zone, limits, schedule, notify, base, tables, record_names, region, "
    "rules, write_back"
)

BAD: list[tuple[Any, str]] = [
    # what is missing, or should not be there
    (changed("base", GONE), "base: this is missing; add it"),
    (changed("rules", 0, "field", GONE), "rule name: give either `field` or `any_of`"),
    (changed("rules", 3, "to", "table", GONE), "rule team: to.table: this is missing; add it"),
    (changed("schedule", "cadence", GONE), "schedule.cadence: this is missing; add it"),
    (
        changed("owner", "me"),
        f"owner: there is no such setting; did you mean `rules.owner`? there are {SCAN_SETTINGS}",
    ),
    (
        changed("names", "x"),
        f"names: there is no such setting; did you mean 'name'? there are {SCAN_SETTINGS}",
    ),
    (
        changed("rules", 1, "ignorecase", True),
        "rule once: ignorecase: there is no such setting; did you mean 'ignore_case'? there are "
        f"{', '.join(KINDS['unique'].model_fields)}",
    ),
    (
        changed("rules", 3, "to", "feld", "Code"),
        "rule team: to.feld: there is no such setting; did you mean 'field'? there are table, "
        "field, when",
    ),
    (
        changed("limits", "max_record", 1),
        "limits.max_record: there is no such setting; did you mean 'max_records'? there are "
        "deadline_seconds, max_records",
    ),
    (
        changed("schedule", "timezone", "UTC"),
        "schedule.timezone: there is no such setting; did you mean 'time_zone'? there are "
        "cadence, time_zone, overlap, catch_up, max_runs, stop_at, paused",
    ),
    (
        changed("schedule", "cadence", {"weekly": {"days": "mon", "times": "06:00", "x": 1}}),
        "schedule.cadence.weekly.x: there is no such setting; there are days, times",
    ),
    # what kind it is
    (
        changed("kind", "sight"),
        "kind: there is no kind of scan 'sight'; did you mean 'site'? there are integrity, "
        "classification, site",
    ),
    (
        changed("rules", 0, "kind", GONE),
        f"rule name: kind: this is missing; add one of {', '.join(KINDS)}",
    ),
    (
        changed("rules", 0, "kind", "require"),
        "rule name: kind: there is no kind of rule 'require'; did you mean 'required'? there are "
        f"{', '.join(KINDS)}",
    ),
    (
        changed("rules", 0, "kind", "fuzzy"),
        "rule name: kind: there is no kind of rule 'fuzzy'; "
        f"there are {', '.join(KINDS)}",
    ),
    (
        changed("rules", 0, "severity", "bad"),
        "rule name: severity: must be 'info', 'warning' or 'critical' (got 'bad')",
    ),
    # what the rules name and `tables` does not list
    (
        changed("rules", 0, "field", "Nmae"),
        "rule name: field 'Nmae' is not in `tables.People`; did you mean 'Name'?",
    ),
    (
        changed("rules", 1, "fields", ["Name", "Phone"]),
        "rule once: field 'Phone' is not in `tables.People`; add it there",
    ),
    (
        changed("rules", 2, "table", "Team"),
        "rule codes: table 'Team' is not in `tables`; did you mean 'Teams'?",
    ),
    (
        changed("rules", 3, "to", "table", "Zoo"),
        "rule team: table 'Zoo' is not in `tables`; add it there",
    ),
    (
        changed("rules", 3, "to", "field", "Kode"),
        "rule team: field 'Kode' is not in `tables.Teams`; did you mean 'Code'?",
    ),
    (changed("rules", 2, "id", "name"), "rule name: id: 'name' is used twice; rename one"),
    # values that are not of the form
    (
        changed("base", "app123"),
        "base: a base's id is `app` and 14 letters or digits: see the base's web address "
        "(got 'app123')",
    ),
    (
        changed("id", "My Scan"),
        "id: use lower-case letters and digits, with single hyphens between them (got 'My Scan')",
    ),
    (
        changed("rules", 0, "id", "a--b"),
        "rule a--b: id: use lower-case letters and digits, with single hyphens between them "
        "(got 'a--b')",
    ),
    (changed("id", 2026), "id: expected text; put it in quotes (got 2026)"),
    (changed("rules", 0, "field", ""), "rule name: field: must not be empty"),
    (changed("rules", []), "rules: give at least one"),
    (changed("tables", {}), "tables: give at least one"),
    (changed("rules", 2, "values", []), "rule codes: values: give at least one"),
    (changed("tables", ["People"]), "tables: expected `name: value` lines (got ['People'])"),
    (
        changed("tables", "People", "Name"),
        "tables.People: expected a list, such as [A, B] (got 'Name')",
    ),
    (
        changed("tables", "People", ["Name", 1]),
        "tables.People item 2: expected text; put it in quotes (got 1)",
    ),
    (changed("rules", 0, "name"), "rule number 1: expected `name: value` lines (got 'name')"),
    (changed("schedule", "daily"), "schedule: expected `name: value` lines (got 'daily')"),
    (
        changed("rules", 2, "values", [["x"]]),
        "rule codes: values item 1: must be text, a number, true or false (got ['x'])",
    ),
    (
        changed("rules", 2, "values", ["x", {"y": 1}]),
        "rule codes: values item 2: must be text, a number, true or false (got {'y': 1})",
    ),
    (
        changed("limits", "deadline_seconds", 10),
        f"limits.deadline_seconds: must be greater than or equal to {LADDER.stale:g} (got 10)",
    ),
    # schedules
    (
        changed("schedule", "time_zone", "Europe/Berln"),
        "schedule.time_zone: unknown time zone 'Europe/Berln': "
        'give a tz database name, such as "Europe/Berlin"',
    ),
    (
        changed("schedule", "cadence", {"daily": "06:00", "every_minutes": 5}),
        "schedule.cadence: give exactly one of cron, every_minutes, daily, weekly, at; "
        "got daily, every_minutes",
    ),
    (
        changed("schedule", "cadence", {"daily": ["6:00"]}),
        "schedule.cadence.daily item 1: '6:00' is not a time of day: "
        "write HH:MM, such as 06:00 or 18:30",
    ),
    (
        changed("schedule", "stop_at", "2026-12-01T06:00:00"),
        "schedule.stop_at: say in which time zone, such as 2026-12-01T06:00:00+01:00",
    ),
    (
        changed("schedule", "max_runs", 0),
        "schedule.max_runs: must be greater than or equal to 1 (got 0)",
    ),
    # settings in another form
    (
        changed("rules", 0, "field", ["Name"]),
        "rule name: field: expected one text, not a list; remove the brackets or dashes "
        "(got ['Name'])",
    ),
    # not a definition at all
    ("", "this is empty; begin with `id: my-scan`"),
    ("# only a comment", "this is empty; begin with `id: my-scan`"),
    ("- id: people", "expected `name: value` lines that begin with `id: my-scan`"),
    ("people", "expected `name: value` lines that begin with `id: my-scan`"),
    (
        "id: people\nname: a: b",
        "line 2, column 8: put the text behind the first ': ' in quotes: it has another ': ', or "
        "ends in ':'",
    ),
    ("id: people\nid: persons", "line 2, column 1: 'id' is given twice; remove one"),
    ("tables: {A: [x], B: [y], A: [z]}", "line 1, column 26: 'A' is given twice; remove one"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_a_mistake_is_named_with_its_place_and_fix(content, problem):
    """One mistake, one line: file, path, what is wrong, what to write."""
    assert problems(content) == [problem]


POINT = "; a number has digits and one point: 1234.5"


@pytest.mark.parametrize(
    ("bound", "fix"),
    [
        ("5", "; write 5 without quotes"),
        (" 2.5 ", "; write 2.5 without quotes"),
        *((number, POINT) for number in ("1,5", "1.000,5", "1,000", "1 000", "2.5%", "\u20ac5,00")),
        ("\u22125.5", POINT),
        ("1990-1-1", ""),
        ("01.01.1990", ""),
    ],
)
def test_a_number_in_another_form_is_pointed_out(bound, fix):
    """As people in many countries write it."""
    (problem,) = problems(changed("rules", 0, "when", {"field": "Name", "at_least": bound}))
    assert problem.endswith(f"(got {bound!r}){fix}")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (changed("schedule", "stop_at", "1770000000"), "write a date, a time and a zone: 2026-"),
        (changed("schedule", "stop_at", "5"), "write a date, a time and a zone: 2026-"),
        (
            changed("schedule", "cadence", {"at": "2026-02-30T06:00"}),
            "schedule.cadence.at item 1: '2026-02-30T06:00' is no date and time: day",
        ),
    ],
)
def test_a_time_is_a_date_and_a_time(content, says):
    """Neither seconds since 1970 nor a day that no month has."""
    (problem,) = problems(content)
    assert says in problem


def test_code_in_a_definition_is_refused():
    """YAML's tags make no objects."""
    (problem,) = problems("id: !!python/object/apply:os.getcwd []")
    assert "!!python/object/apply:os.getcwd changes a value's type, which is not allowed" in problem


def test_all_problems_of_form_are_reported_at_once():
    """Nobody has to start five times to find five mistakes."""
    content = GOOD | {"id": 1, "base": "x", "rules": [{}, {"kind": "link", "field": "F"}], "x": 1}
    places = [line.partition(":")[0] for line in problems(content)]
    assert places == ["id", "base", "rule number 1", *["rule number 2"] * 3, "x"]


def test_all_rules_that_do_not_fit_are_reported_at_once():
    """A file in which a table was renamed names every rule to mend, each once."""
    rules = [rule | {"id": "same"} for rule in GOOD["rules"]]
    found = problems(GOOD | {"tables": {"Team": ["Code"]}, "rules": rules[1:]})
    assert [line.partition(";")[0] for line in found] == [
        "rule same: id: 'same' is used twice",
        "rule same: id: 'same' is used twice",
        "rule same: table 'People' is not in `tables`",
        "rule same: table 'Teams' is not in `tables`",
        "rule same: table 'People' is not in `tables`",
        "rule same: table 'Teams' is not in `tables`",
    ]


@pytest.mark.parametrize("name", ["required", "unique", "link", "kind", "rules"])
def test_a_table_may_be_called_like_a_rule_or_a_setting(name):
    """Places in errors are right also where a table has the name of a kind of rule."""
    content = copy.deepcopy(GOOD) | {"tables": GOOD["tables"] | {name: ["Name", 7]}}
    assert problems(content) == [f"tables.{name} item 2: expected text; put it in quotes (got 7)"]
    content["tables"][name] = ["Name"]
    content["rules"][0] |= {"table": name}
    assert integrity(parse(content, "scan.yaml")).rules[0].table == name


def test_yes_and_no_are_text():
    """They are choices of a select field far more often than YAML's true and false."""
    text = yaml.safe_dump(changed("rules", 2, "values", [])).replace(
        "values: []", "values: [Yes, no, on, true, 1]"
    )
    values = load(text, "scan.yaml").document()["rules"][2]["values"]
    assert values == ["Yes", "no", "on", True, 1]
    assert [type(value) for value in values[3:]] == [bool, int]


def test_a_switch_may_still_say_yes():
    """`paused: yes` is what a person writes."""
    scan = load(yaml.safe_dump(changed("schedule", "paused", "yes")), "scan.yaml")
    assert scan.schedule is not None
    assert scan.schedule.paused is True


def test_a_link_may_point_to_its_own_table():
    """A link by ids reads no field of its target."""
    scan = integrity(parse(changed("rules", 3, "to", {"table": "People"}), "scan.yaml"))
    (link,) = [rule for rule in scan.rules if isinstance(rule, Link)]
    assert link.reads() == [("People", "Team")]


def test_the_version_ignores_the_schedule():
    """Another cadence does not change what is found; so it is the same definition."""
    often = changed(
        "schedule", {"cadence": {"every_minutes": 5}, "time_zone": "Europe/Berlin", "max_runs": 3}
    )
    versions = {
        IntegrityScan.model_validate(content).version()
        for content in (GOOD, often, GOOD | {"schedule": None, "time_zone": "Europe/Berlin"})
    }
    assert len(versions) == 1


CHANGES = [
    ("name", "People"),
    ("base", "appPeople00000002"),
    ("tables", "People", ["Name", "Team", "Age"]),
    ("rules", 0, "severity", "critical"),
    ("rules", 1, "ignore_case", True),
    ("rules", 2, "values", ["1"]),
    ("rules", 3, "to", {"table": "Teams"}),
    ("limits", "max_records", 1001),
]


def test_the_version_changes_with_everything_else():
    """Each of these can change what a run does; none is taken for another."""
    versions = [IntegrityScan.model_validate(changed(*change)).version() for change in CHANGES]
    versions.append(IntegrityScan.model_validate(GOOD).version())
    assert len(set(versions)) == len(CHANGES) + 1
    assert all(len(version) == 16 for version in versions)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_what_is_stored_reads_back_the_same(sample):
    """A run evaluates the definition that was saved, with the types of its values."""
    scan = load(sample.read_text(encoding="utf-8"), sample.name)
    again = parse(scan.document(), "stored")
    assert again == scan
    assert again.version() == scan.version()
    rules, read_back = (getattr(one, "rules", ()) for one in (scan, again))
    assert repr(read_back) == repr(rules)


LOADS = """
import json, sys
from landfall.kinds.definition import parse
parse(json.load(sys.stdin), "scan.json")
print(json.dumps(list(sys.modules)))
"""


def test_a_process_holds_only_the_kinds_of_rules_that_its_scan_has():
    """A cold start pays for no other kind, nor for a library that none of them uses."""
    loaded = subprocess.run(
        [sys.executable, "-c", LOADS],
        input=json.dumps(GOOD),
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(json.loads(loaded.stdout))
    kinds = {kind for kind in KINDS if f"landfall.integrity.rules.{kind}" in modules}
    assert kinds == {rule["kind"] for rule in GOOD["rules"]}
    assert not modules & {"re2", "phonenumbers", "rapidfuzz", "anyascii", "nicknames"}


ODD_VALUES: list[Any] = [
    *(None, True, -1, 1.5, 10**18, "", "x y", "2026-02-30", "é" * 5000, "1e99999999%", "[", "'"),
    *([], {}, [[]], {"a": 1}),
]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values, of a list only the first two."""
    items = enumerate(value[:2]) if isinstance(value, list) else ()
    for name, inner in value.items() if isinstance(value, dict) else items:
        yield (*path, name)
        yield from _paths(inner, (*path, name))


def _definition_with(kind: str) -> dict[str, Any]:
    """A definition with the example of a kind of rule, or the sample of a kind of scan."""
    if kind not in KINDS:
        return dict(read_text((SAMPLES[0].parent / f"{kind}.yaml").read_text()).value)
    rule = read_text(KINDS[kind].example).value
    return GOOD | {"rules": [rule]}


@pytest.mark.parametrize("kind", [*KINDS, "catalogue", "gym"])
def test_an_odd_value_of_any_setting_is_no_bug(kind):
    """It is taken, or refused in a few words; whatever it is, and wherever it is."""
    content = _definition_with(kind)
    for path in _paths(content):
        for odd in ODD_VALUES:
            changed_content = copy.deepcopy(content)
            place: Any = changed_content
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = odd
            shown = ""
            try:
                parse(changed_content, "s")
            except DefinitionError as error:
                shown = str(error)
            assert len(shown) < 30_000, path
            assert not re.search("Input should|Value error|valid (string|integer|dict)", shown)


ODD_TEXTS = [
    *("%d.%d.%m.%Y", "%", "%Q", "1/0%", "1e400", "0x1p9", "9" * 5000, "-0", "inf%", "²", "٣"),
    *("(", "a{9999}", "(?P<a>x)(?P<a>y)", "\\", "\\1", "*/0 * * * *", "0-99999999999 * * * *"),
    *("99999999999 days", "P1Y", "T", "0000-00-00", "9999-12-31T23:59:59-23:59", "24:00"),
    *("../../etc", "Europe/", "http://[", "https://a:99999/", "SELECT", "WITH x AS", "`", "\u202e"),
    *(".", "..", "__x__", "*", "~", "é" * 500, "\ufdfa" * 50, "{}", "${x}", "%(x)s", "null"),
]
"""Texts that some language of patterns, moments, numbers or queries has a rule about."""


def _settings_of(kind: type[BaseModel]) -> Iterator[tuple[str, list[str]]]:
    """Each setting, and those of the groups that may stand there."""
    for name in names_of(kind):
        inner = [one for group in groups_at(kind, [name]) for one in names_of(group)]
        yield name, inner


@pytest.mark.parametrize("kind", [*KINDS, "catalogue", "gym"])
def test_an_odd_text_in_any_setting_is_no_bug(kind):
    """Also in those that no example has, and in all of a group at once: it is refused in words."""
    content = _definition_with(kind)
    refused = []
    group: Any = content["rules"][0] if kind in KINDS else content
    model = KINDS[kind] if kind in KINDS else SCANS[content["kind"]].scan()
    for name, inner in _settings_of(model):
        before = group.get(name, GONE)
        for odd in ODD_TEXTS:
            for value in (odd, dict.fromkeys(inner, odd)) if inner else (odd, [odd]):
                group[name] = value
                try:
                    parse(content, "s")
                except DefinitionError as error:
                    refused.append(str(error))
        del group[name]
        if before is not GONE:
            group[name] = before
    assert all(refused), kind
    assert len(refused) > len(ODD_TEXTS), kind


BEFORE = """id: a
kind: integrity
base: appPeople00000001
tables: {People: [Name]}
rules:"""


@pytest.mark.parametrize("setting", ["field: # of people", "field:   # People"])
def test_a_comment_in_place_of_a_value_is_pointed_out(setting):
    """A name may begin with #, and nobody sees that it is lost."""
    text = f"{BEFORE}\n- id: a\n  kind: required\n  table: People\n  {setting}\n"
    with pytest.raises(DefinitionError) as refused:
        load(text, "s")
    assert "give either `field` or `any_of`; on line 9, ' #' begins a comment" in str(refused.value)


def test_a_comment_behind_a_group_is_only_that():
    """It takes no value away."""
    text = BEFORE.replace("rules:", "rules:  # two") + "\n- {id: a, kind: required, table: People}"
    with pytest.raises(DefinitionError) as refused:
        load(text, "s")
    assert "give either `field` or `any_of`" in str(refused.value)
    assert "comment" not in str(refused.value)
