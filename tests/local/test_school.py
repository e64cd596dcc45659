"""The school's answer key is exact: plain SQL over the base, which shares no code with it, agrees.

The rules as the SQL below states them:
required: a cell with a value. Absent, null, "", blanks only and [] are no value; 0 and false are.
unique: records with equal keys are one finding. A record that lacks part of its key is left out.
Text is compared exactly, or with ignore_case after strip and casefold.
allowed_values: a value, or an element of a list, that is not in the list.
link: an element that is no record id of the target table or, by key, no value of the target field;
numbers and text are never equal. For these last two a missing value is no finding.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from infra.local.base_model import Base, Record
from infra.local.school import school

Rule: TypeAlias = dict[str, Any]
ROOT = Path(__file__).parents[2]
SCAN = yaml.safe_load((ROOT / "infra/local/samples/school.yaml").read_text(encoding="utf-8"))

SCHEMA = """
CREATE TABLE record (tbl, id);
CREATE TABLE cell (tbl, id, field, json);
CREATE VIEW filled AS
    SELECT *, trim(cell.json ->> '$', char(9, 10, 11, 12, 13, 32, 160)) AS bare,
        json_type(cell.json) AS type
    FROM cell WHERE cell.json NOT IN ('null', '[]') AND NOT (type = 'text' AND bare = '');
CREATE TABLE element (tbl, id, field, value);
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


def load(base: Base) -> sqlite3.Connection:
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
    return {"required": REQUIRED, "unique": UNIQUE, "allowed_values": ALLOWED_VALUES}[rule["kind"]]


def findings(db: sqlite3.Connection, rule: Rule) -> set[tuple[str, ...]]:
    target = {f"to_{name}": value for name, value in rule.get("to", {}).items()}
    lists = {name: json.dumps(rule[name]) for name in ("fields", "values") if name in rule}
    groups: dict[str, set[str]] = {}
    for group, record in db.execute(
        statement(rule), {"ignore_case": False} | rule | target | lists
    ):
        groups.setdefault(group, set()).add(record)
    return {tuple(sorted(ids)) for ids in groups.values()}


@pytest.fixture(scope="module")
def made():
    return school()


def rows(base: Base, table: str) -> tuple[Record, ...]:
    return next(t.records for t in base.tables if t.name == table)


@pytest.mark.parametrize("seed", [20261122, 1, 2])
def test_the_key_is_what_the_rules_find(seed):
    """No planted defect is missed, and nothing that was not planted is a defect, for any seed."""
    base, key = school(seed)
    db = load(base)
    assert {rule["id"]: findings(db, rule) for rule in SCAN["rules"]} == key


def test_a_seed_gives_the_same_bytes(made):
    """Another process, which hashes text differently, makes the same base."""
    code = (
        "import json; from dataclasses import asdict; from infra.local.school import school;"
        "print(json.dumps(asdict(school()[0])))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    other = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert other.strip() == json.dumps(asdict(made[0]))


def test_another_seed_gives_another_school(made):
    """The seed is used: nothing here is true of one data set only."""
    assert school(1)[0] != made[0]


def test_sizes(made):
    """About 2,000 records; the sizes are what the sample's page count rests on."""
    sizes = {table.name: len(table.records) for table in made[0].tables}
    assert sizes == {
        "Students": 400, "Parents": 420, "Contractors": 60, "Classes": 60, "Attendance": 1068,
    }  # fmt: skip


def test_every_rule_has_defects_of_its_own(made):
    """A rule nobody planted a defect for would prove nothing."""
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
    """Every table and field the scan names is in the base, and every field a rule names is read."""
    there = {table.name: {field.name for field in table.fields} for table in made[0].tables}
    assert all(set(fields) <= there[table] for table, fields in SCAN["tables"].items())
    for rule in SCAN["rules"]:
        named = {*rule.get("fields", ()), rule.get("field")} - {None}
        assert named <= set(SCAN["tables"][rule["table"]])


def test_cells_are_as_airtable_gives_them(made):
    """Ids have Airtable's shape; what is empty (no text, no links, an unchecked box) is absent."""
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
    """The base holds each value that a nearly right rule gets wrong."""
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
