"""The school's answer key is exact: plain SQL over the base, which shares no code with it, agrees.

The rules as the SQL below states them:
required: a cell with a value. Absent, null, "", blanks only and [] are no value; 0 and false are.
unique: records with equal keys are one finding. A record that lacks part of its key is left out.
Text is compared exactly, or with ignore_case after strip and casefold.
allowed_values: a value, or an element of a list, that is not in the list.
link: an element that is no record id of the target table or, by key, no value of the target field;
numbers and text are never equal. For these last two a missing value is no finding.
metric: entries of a student (and class) within days, both ends included. A share of too few says
nothing. Days in a row pass over days without entries; weeks in a row are those of the calendar.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from infra.local.airtable.bases import BaseData, Record
from infra.local.samples.school.base import school
from infra.local.samples.school.lessons import LESSONS
from landfall.scans.settings import SEVERITIES

Rule: TypeAlias = dict[str, Any]
ROOT = Path(__file__).parents[2]
SCAN = yaml.safe_load((ROOT / "infra/local/samples/school.yaml").read_text(encoding="utf-8"))
METRIC_RULES = [rule for rule in SCAN["rules"] if rule["kind"] == "metric"]

SCHEMA = """
CREATE TABLE record (tbl, id);
CREATE TABLE cell (tbl, id, field, json);
CREATE VIEW filled AS
    SELECT *, trim(cell.json ->> '$', char(9, 10, 11, 12, 13, 32, 160)) AS bare,
        json_type(cell.json) AS type
    FROM cell WHERE cell.json NOT IN ('null', '[]') AND NOT (type = 'text' AND bare = '');
CREATE TABLE element (tbl, id, field, value);
CREATE INDEX of_record ON element (id, field);
"""
FLATTEN = """
INSERT INTO element
SELECT filled.tbl, filled.id, field, e.value FROM filled, json_each(filled.json) AS e
"""
# Every statement answers (group, record id): the records of one group are one finding.
REQUIRED = """
SELECT id, id FROM record WHERE tbl = :table
AND id NOT IN (SELECT id FROM filled WHERE tbl = :table AND field = :field)
"""
UNIQUE = """
WITH part AS (
    SELECT id, CASE WHEN :ignore_case AND type = 'text'
        THEN replace(lower(bare), 'ß', 'ss') ELSE filled.json END AS text
    FROM filled WHERE tbl = :table AND field IN (SELECT value FROM json_each(:fields))
    AND (:when IS NULL OR id IN (
        SELECT id FROM element WHERE tbl = :table AND field = :when AND value = :equals
    ))
    ORDER BY id, field
), key AS (
    SELECT id, group_concat(text, char(31)) AS text FROM part
    GROUP BY id HAVING count(*) = json_array_length(:fields)
)
SELECT text, id FROM key WHERE text IN (SELECT text FROM key GROUP BY text HAVING count(*) > 1)
"""
ALLOWED_VALUES = """
SELECT id, id FROM element WHERE tbl = :table AND field = :field
AND value NOT IN (SELECT value FROM json_each(:values))
"""
LINK = """
SELECT id, id FROM element WHERE tbl = :table AND field = :field
AND value NOT IN (SELECT id FROM record WHERE tbl = :to_table)
"""
LINK_BY_KEY = """
SELECT id, id FROM element WHERE tbl = :table AND field = :field
AND value NOT IN (SELECT value FROM element WHERE tbl = :to_table AND field = :to_field)
"""
ENTRIES = """
WITH entry AS (
    SELECT student.value AS student, coalesce(class.value, '') AS class, date.value AS day,
        presence.value IN (SELECT value FROM json_each(:presences)) AS fits
    FROM element AS student
    JOIN element AS date ON date.id = student.id AND date.field = 'Date'
    JOIN element AS presence ON presence.id = student.id AND presence.field = 'Presence'
    LEFT JOIN element AS class ON class.id = student.id AND class.field = :class
    WHERE student.tbl = :table AND student.field = 'Student'
    AND student.value IN (SELECT id FROM record WHERE tbl = :about)
    AND date.value BETWEEN :first AND :last
)
"""
SHARE = """
SELECT student, student FROM entry GROUP BY student
HAVING count(*) >= :minimum AND sum(fits) * 100 >= :level * count(*)
"""
COUNT = """
SELECT student, student FROM entry GROUP BY student HAVING sum(fits) >= :level
"""
DAYS_IN_A_ROW = """
, day AS (SELECT student, class, day, min(fits) AS fits FROM entry GROUP BY 1, 2, 3)
, island AS (
    SELECT *, row_number() OVER (PARTITION BY student, class ORDER BY day)
        - row_number() OVER (PARTITION BY student, class, fits ORDER BY day) AS number FROM day
)
SELECT student || class, student FROM island WHERE fits
GROUP BY student, class, number HAVING count(*) >= :level
"""
WEEKS_IN_A_ROW = """
, week AS (
    SELECT DISTINCT student,
        cast((julianday(day) - julianday('2001-01-01')) / 7 AS integer) AS week  -- a Monday
    FROM entry WHERE fits
)
, island AS (
    SELECT *, week - row_number() OVER (PARTITION BY student ORDER BY week) AS number FROM week
)
SELECT student, student FROM island GROUP BY student, number HAVING count(*) >= :level
"""
METRICS = {
    "share": SHARE, "count": COUNT,
    "days_in_a_row": DAYS_IN_A_ROW, "weeks_in_a_row": WEEKS_IN_A_ROW,
}  # fmt: skip
TODAY = date(2026, 11, 22)


def load(base: BaseData) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    for table in base.tables:
        db.executemany(
            "INSERT INTO record VALUES (?, ?)", ((table.name, r["id"]) for r in table.records)
        )
        db.executemany(
            "INSERT INTO cell VALUES (?, ?, ?, ?)",
            (
                (table.name, record["id"], field, json.dumps(value, ensure_ascii=False))
                for record in table.records
                for field, value in record["fields"].items()
            ),
        )
    db.execute(FLATTEN)
    return db


def statement(rule: Rule) -> str:
    if rule["kind"] == "link":
        return LINK_BY_KEY if "field" in rule["to"] else LINK
    if rule["kind"] == "metric":
        return ENTRIES + METRICS[rule["measure"]]
    return {"required": REQUIRED, "unique": UNIQUE, "allowed_values": ALLOWED_VALUES}[rule["kind"]]


def findings(
    db: sqlite3.Connection, rule: Rule, severity: str = "info", today: date = TODAY
) -> set[tuple[str, ...]]:
    """Return the findings of a rule; of a metric, those of at least this severity."""
    target = {f"to_{name}": value for name, value in rule.get("to", {}).items()}
    lists = {name: json.dumps(rule[name]) for name in ("fields", "values") if name in rule}
    when = {"when": None, "equals": None}
    if "when" in rule:
        when = {"when": rule["when"]["field"], "equals": rule["when"]["equals"]}
    defaults = {"ignore_case": False, "minimum": 5}
    values = defaults | rule | target | lists | when
    if rule["kind"] == "metric":
        values |= counted(rule, severity, today)
    groups: dict[str, set[str]] = {}
    for group, record in db.execute(statement(rule), values):
        groups.setdefault(group, set()).add(record)
    return {tuple(sorted(ids)) for ids in groups.values()}


def counted(rule: Rule, severity: str, today: date) -> dict[str, Any]:
    """Return what a metric counts, its days, and its threshold."""
    where = rule["where"]
    length = re.fullmatch(r"(?:today-)?(\d+)([dw])", "".join(rule["window"].values()))
    assert length
    back = int(length[1]) * {"d": 1, "w": 7}[length[2]] - ("last" in rule["window"])
    return {
        "presences": json.dumps(where.get("one_of", [where.get("equals")])),
        "class": (rule["per"] + [None])[1],
        "first": f"{today - timedelta(days=back)}",
        "last": f"{today}",
        "level": float(str(rule["at_least"][severity]).rstrip("%")),
    }


@pytest.fixture(scope="module")
def made():
    return school(today=TODAY)


def rows(base: BaseData, table: str) -> tuple[Record, ...]:
    return next(t.records for t in base.tables if t.name == table)


@pytest.mark.parametrize("seed", [20261122, 1, 2])
def test_the_key_is_what_the_rules_find(seed):
    """For any seed, the findings are exactly the planted defects."""
    base, key = school(seed, TODAY)
    db = load(base)
    assert {rule["id"]: findings(db, rule) for rule in SCAN["rules"]} == key


@pytest.mark.parametrize("later", [0, 1])
@pytest.mark.parametrize("day", range(7))
def test_the_key_is_true_on_every_day(made, day, later):
    """The key holds on any weekday, over New Year, and on the day after the base is made."""
    today = date(2026, 12, 29) + timedelta(days=day)
    base, key = school(today=today)
    db, then = load(base), today + timedelta(days=later)
    assert key == made[1]
    assert {r["id"]: findings(db, r, today=then) for r in METRIC_RULES} == {
        r["id"]: key[r["id"]] for r in METRIC_RULES
    }


def test_the_severities_of_the_book_are_those_of_the_rules(made):
    """The number of findings of each metric and level is that of the lessons."""
    db = load(made[0])
    for rule in METRIC_RULES:
        said = Counter(found[rule["id"]] for _, found in LESSONS if rule["id"] in found)
        info, warning, critical = (len(findings(db, rule, level)) for level in SEVERITIES)
        reached = {"info": info - warning, "warning": warning - critical, "critical": critical}
        assert reached == said
        assert min(reached.values()) >= 1


def test_a_seed_gives_the_same_bytes(made):
    """Another process, which hashes text differently, makes the same base."""
    code = (
        "import json; from dataclasses import asdict; from datetime import date;"
        "from infra.local.samples.school.base import school;"
        f"print(json.dumps(asdict(school(today=date.fromisoformat('{TODAY}'))[0])))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    other = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert other.strip() == json.dumps(asdict(made[0]))


def test_another_seed_gives_another_school(made):
    """The seed is used: the tests are not about one data set only."""
    assert school(1, TODAY)[0] != made[0]


def test_sizes(made):
    """There are about 3,000 records; the sample's page count depends on the sizes."""
    sizes = {table.name: len(table.records) for table in made[0].tables}
    assert sizes == {
        "Students": 400, "Parents": 420, "Contractors": 60, "Classes": 60, "Attendance": 2104,
    }  # fmt: skip


def test_every_rule_has_defects_of_its_own(made):
    """A rule without a planted defect would prove nothing."""
    assert {rule["id"] for rule in SCAN["rules"]} == set(made[1])
    assert min(len(found) for found in made[1].values()) >= 2


def test_a_group_is_one_finding(made):
    """Three equal records are one finding, not three and not two."""
    sizes = Counter(
        len(ids) for rule, found in made[1].items() for ids in found if "unique" in rule
    )
    assert sizes[3] >= 4
    assert set(sizes) == {2, 3}


def test_the_scan_reads_what_is_there(made):
    """Every table and field of the scan is in the base, and every field of a rule is read."""
    there = {table.name: {field.name for field in table.fields} for table in made[0].tables}
    assert all(set(fields) <= there[table] for table, fields in SCAN["tables"].items())
    for rule in SCAN["rules"]:
        named = {*rule.get("fields", ()), *rule.get("per", ())} | {rule.get("field")} - {None}
        assert named <= set(SCAN["tables"][rule["table"]])


def test_cells_are_as_airtable_gives_them(made):
    """Ids have Airtable's format; an empty cell (no text, no links, an unchecked box) is absent."""
    base, _ = made
    ids = [r["id"] for t in base.tables for r in t.records]
    ids += [item.id for t in base.tables for item in (t, *t.fields)]
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 17 and i.isalnum() and i[:3] in {"rec", "tbl", "fld"} for i in ids)
    cells = [v for t in base.tables for r in t.records for v in r["fields"].values()]
    assert not any(cell is None or cell is False or cell in ("", []) for cell in cells)


def repeats(cell: list[str]) -> bool:
    return len(set(cell)) < len(cell)


# A rule implemented a little wrong meets one of these: (table, how many at least, what it is).
TRICKY: dict[str, tuple[str, int, Callable[[dict[str, Any]], bool]]] = {
    "0 is a value": ("Classes", 2, lambda c: c.get("Capacity") == 0),
    "blanks are none": ("Students", 3, lambda c: c.get("Email", "x").strip() == ""),
    "wrong case": ("Students", 1, lambda c: c.get("Status") == "active"),
    "a blank too many": ("Students", 1, lambda c: c.get("Status") == "Active "),
    "no value is allowed": ("Students", 1, lambda c: "Status" not in c),
    "text for a number": ("Students", 1, lambda c: c.get("Grade") == "7"),
    "the same link twice": ("Students", 1, lambda c: repeats(c.get("Parents", []))),
    "no links": ("Students", 1, lambda c: "Parents" not in c),
    "keys without a value": ("Contractors", 4, lambda c: not c.get("Email", " ").strip()),
    "one wrong element": ("Contractors", 1, lambda c: c.get("Subjects") == ["Art", "Alchemy"]),
    "two wrong elements": ("Contractors", 1, lambda c: c.get("Teaches") == ["999", "998"]),
    "casefold, not lower": ("Contractors", 1, lambda c: "Groß" in c.get("Email", "")),
    "number for a key": ("Attendance", 1, lambda c: c.get("Class Code") == 1206),
    "blanks for a key": ("Attendance", 1, lambda c: c.get("Class Code") == "  "),
    "half a key": ("Attendance", 3, lambda c: "Class Code" not in c),
    "case is exact": ("Classes", 1, lambda c: c.get("Code", "1").islower()),
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKY)
def test_tricky_cells_are_there(made, name):
    """The base has each value that an almost correct rule gets wrong."""
    table, at_least, is_one = TRICKY[name]
    assert sum(is_one(record["fields"]) for record in rows(made[0], table)) >= at_least


def test_an_orphan_hides_beside_a_valid_link(made):
    """A cell with one good and one dangling id is one finding."""
    base, key = made
    parents = {record["id"] for record in rows(base, "Parents")}
    cells = {(r["id"],): set(r["fields"].get("Parents", ())) for r in rows(base, "Students")}
    mixed = {finding for finding, ids in cells.items() if ids & parents and ids - parents}
    assert len(mixed) == 1
    assert mixed <= key["student-parents"]
