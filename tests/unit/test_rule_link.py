"""`link`: the number of links, their targets, and links back. (Broken links: `test_rules`.)"""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from landfall.airtable.protocols import Record
from landfall.integrity.rules.evaluate import Finding, evaluate
from landfall.integrity.rules.link import Link
from tests.fakes.snapshots import snapshot

Rows = dict[str, dict[str, Any]]

STUDENTS: Rows = {
    "s1": {"Class": ["c1"], "Room": "A"},
    "s2": {"Class": ["c1", "c2"], "Room": "A"},
    "s3": {"Class": ["c2", "gone"], "Room": "B"},
    "s4": {"Room": "C"},
    "s5": {"Class": ["c3"], "Room": ["C", "D"]},
}
CLASSES: Rows = {
    "c1": {"Status": "Active", "Students": ["s1", "s2", "s4"], "Class Room": ["A"]},
    "c2": {"Status": "Ended", "Students": ["s3", "nobody"], "Class Room": "B"},
    "c3": {"Students": ["s5"], "Class Room": ["D", "C", "C"]},
}


def rule(to: Any = None, **more: Any) -> Link:
    to = {"table": "Classes"} | (to or {})
    return Link.model_validate(
        {"id": "l", "kind": "link", "table": "Students", "field": "Class", "to": to} | more
    )


def records(rows: Rows) -> list[Record]:
    return [{"id": id_, "fields": row} for id_, row in rows.items()]


def findings(rule: Link, students: Rows = STUDENTS, classes: Rows = CLASSES) -> Sequence[Finding]:
    tables = {"Students": records(students), "Classes": records(classes)}
    return evaluate(rule, snapshot(tables, reads=rule.reads())).findings


def problems(*of: Any, **more: Any) -> list[tuple[str, str, str]]:
    """Return (record, key, value) of the findings other than broken links."""
    return [(f.records[0], f.key, f.value) for f in findings(rule(*of, **more)) if f.key]


def test_too_few_links_and_too_many():
    """An empty cell has no link; a broken link is only broken."""
    assert problems(min=1) == [("s4", "number", "")]
    assert problems(max=1) == [
        ("s2", "number", "['c1', 'c2']"),
    ]
    assert [record for record, *_ in problems(max=0)] == ["s1", "s2", "s3", "s5"]
    assert problems(min=1, max=2) == [("s4", "number", "")]


def test_a_linked_record_is_as_it_must_be():
    """A broken link is not reported for its target too; a missing value does not satisfy."""
    active = {"when": {"field": "Status", "equals": "Active"}}
    assert problems(active) == [
        ("s2", "when", "'c2'"),
        ("s3", "when", "'c2'"),
        ("s5", "when", "'c3'"),
    ]
    nobody = {"when": {"field": "Status", "equals": "Nothing"}}
    assert [record for record, *_ in problems(nobody)] == ["s1", "s2", "s3", "s5"]


def test_links_go_both_ways():
    """s2 links to c2, which does not link back; c1 links to s4, which does not link to it."""
    assert problems(back="Students") == [("s2", "back", "'c2'"), ("s4", "back", "'c1'")]
    only = {"field": "Room", "equals": "A"}
    assert problems(back="Students", when=only) == [("s2", "back", "'c2'")]


def test_both_directions_of_one_record_are_one_finding():
    """The message has both."""
    students: Rows = {"s1": {"Class": ["c1"]}}
    classes: Rows = {"c1": {}, "c2": {"Students": ["s1"]}}
    (finding,) = findings(rule(back="Students"), students, classes)
    assert finding.value == "['c1', 'c2']"
    assert finding.message == (
        "Class links to 'c1', whose Students does not link back;"
        " Class does not link to 'c2', whose Students links here"
    )


def test_a_field_is_the_same_there():
    """Order does not matter, and a value equals a list of it; each linked record must have it."""
    same = {"Room": "Class Room"}
    assert problems(same=same) == [("s2", "same Room", "'A'")]
    messages = [f.message for f in findings(rule(same=same)) if f.key]
    assert messages == ["Room is 'A', but Class Room of 'c2' is 'B'"]


@pytest.mark.parametrize(
    ("here", "there", "same"),
    [
        (None, None, True),
        ("", None, True),
        ("x", None, False),
        (None, "x", False),
        ("x", "X", False),
        (1, "1", False),
        (1, 1.0, True),
        (True, 1, False),
        (["x", "y"], ["y", "x"], True),
        (["x", "y"], "x", False),
        ([{"id": 1}], {"id": 1}, True),
    ],
)
def test_what_is_the_same(here, there, same):
    """Two missing values are the same; text, numbers and booleans are different."""
    students, classes = {"s1": {"Class": ["c1"], "A": here}}, {"c1": {"B": there}}
    found = findings(rule(same={"A": "B"}), students, classes)
    assert [finding.key for finding in found] == ([] if same else ["same A"])


def test_by_key_one_of_several_is_enough():
    """If two records have the key, one that satisfies the condition and has the value is enough."""
    students: Rows = {"s1": {"Class": "math", "Room": "B"}, "s2": {"Class": "art", "Room": "B"}}
    classes: Rows = {
        "c1": {"Code": "math", "Status": "Ended", "R": "A"},
        "c2": {"Code": "math", "Status": "Active", "R": "B"},
        "c3": {"Code": "art", "Status": "Ended", "R": "A"},
    }
    to = {"field": "Code", "when": {"field": "Status", "equals": "Active"}}
    found = findings(rule(to, same={"Room": "R"}), students, classes)
    assert [(f.records, f.key) for f in found] == [(("s2",), "when"), (("s2",), "same Room")]


@pytest.mark.parametrize("order", [1, -1])
def test_by_key_it_is_one_record_that_has_it_all(order):
    """Not the condition of one, a value of another and a second value of a third; what the closest
    one lacks is a finding."""
    classes: Rows = {
        "c1": {"Code": "math", "Status": "Ended", "R": "B", "T": "ann"},
        "c2": {"Code": "math", "Status": "Active", "R": "A", "T": "ann"},
        "c3": {"Code": "math", "Status": "Active", "R": "B", "T": "bob"},
        "c4": {"Code": "math", "Status": "Active", "R": ["C"], "T": "cem"},
        "c5": {"Code": "old", "Status": "Ended", "R": "A", "T": "ann"},
        "c6": {"Code": "old", "Status": "Ended", "R": "B", "T": "bob"},
    }
    classes = dict([*classes.items()][::order])
    to = {"field": "Code", "when": {"field": "Status", "equals": "Active"}}
    same = {"Room": "R", "Teacher": "T"}

    def found(room, teacher, link="math"):
        student = {"Class": link, "Room": room, "Teacher": teacher}
        return [(f.key, f.message) for f in findings(rule(to, same=same), {"s": student}, classes)]

    assert found("A", "ann") == found(["B"], "bob") == found("C", "cem") == []
    assert found("B", "ann") == [("same Teacher", "Teacher is 'ann', but T of 'math' is 'bob'")]
    assert found("C", "ann") == [("same Teacher", "Teacher is 'ann', but T of 'math' is 'cem'")]
    assert [key for key, _ in found("X", "dan")] == ["same Room", "same Teacher"]
    assert [key for key, _ in found("A", "ann", "old")] == ["when"]
    assert [key for key, _ in found("A", "bob", "old")] == ["when", "same Teacher"]
    assert found("A", "ann", ["math", "none", "old"])[0][0] == ""


def test_many_records_of_one_key_are_looked_through_once():
    """5,000 records of a key with 5,000 links to it would be 25 million comparisons."""
    number = 5000
    students: Rows = {f"s{n}": {"Class": "k", "Room": n % 7} for n in range(number)}
    classes: Rows = {f"c{n}": {"Code": "k", "R": -1 - n % 3} for n in range(number)}
    of = rule({"field": "Code"}, same={"Room": "R"})
    assert len(findings(of, students, classes)) == number


@pytest.mark.parametrize(
    ("links", "found"),
    [
        (["c1", "c1"], []),
        (["c1", "c2"], ["number"]),
        (["c1", "lost"], [""]),
        (["c1", "c2", "lost"], ["", "number"]),
        (["lost", "lost"], [""]),
        (["lost", "gone"], [""]),
        ([], ["number"]),
        (None, ["number"]),
    ],
)
def test_links_that_count(links, found):
    """Each once; a broken one counts for `min` and not for `max`, so it is only broken."""
    students, classes = {"s": {"Class": links}}, {"c1": {"Code": "c1"}, "c2": {"Code": "c2"}}
    for to in ({}, {"field": "Code"}):
        answer = findings(rule(to, min=1, max=1), students, classes)
        assert [finding.key for finding in answer] == found
        assert all(finding.message.count("lost") < 2 for finding in answer)


def test_no_link_is_allowed():
    """With `max: 0` a broken link is only broken."""
    students: Rows = {"s1": {"Class": ["lost"]}, "s2": {"Class": ["c1"]}, "s3": {}}
    found = findings(rule(max=0), students, {"c1": {}})
    assert [(f.records[0], f.key) for f in found] == [("s1", ""), ("s2", "number")]


def test_problems_of_a_record_stand_together():
    """In the order of the records, each kind of problem is a finding with its own key."""
    active = {"when": {"field": "Status", "equals": "Active"}}
    found = findings(rule(active, max=1, back="Students", same={"Room": "Class Room"}))
    assert [(f.records[0], f.key) for f in found] == [
        ("s2", "number"), ("s2", "when"), ("s2", "back"), ("s2", "same Room"),
        ("s3", ""), ("s3", "when"),
        ("s4", "back"),
        ("s5", "when"),
    ]  # fmt: skip


def test_a_link_reads_what_it_compares():
    """This includes the fields of the other table."""
    active = {"when": {"field": "Status", "equals": "Active"}}
    assert rule(active, back="Students", same={"Room": "Class Room"}).reads() == [
        ("Students", "Class"), ("Students", "Room"),
        ("Classes", "Status"), ("Classes", "Students"), ("Classes", "Class Room"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"min": 3, "max": 2}, "min: must not be above `max`"),
        ({"back": "S", "to": {"table": "C", "field": "Code"}}, "back: needs links by record id"),
    ],
)
def test_settings_that_do_not_fit(more, says):
    """Such settings are rejected when the definition is read."""
    with pytest.raises(ValidationError, match=says):
        rule(**more)


def naive(students: Rows, classes: Rows) -> set[tuple[str, str]]:
    """Return (student, key) of the rule's expected findings, record by record."""
    found = set()
    for id_, student in students.items():
        links = [link for link in student.get("Class") or [] if link]
        there = {link: classes[link] for link in links if link in classes}
        backs = {c for c, row in classes.items() if id_ in (row.get("Students") or [])}
        problems = {
            "": len(there) < len(set(links)),
            "number": not links or len(there) > 2,
            "when": any(row.get("Status") != "Active" for row in there.values()),
            "back": bool(set(there) ^ backs),
            "same Room": any(_set(row, "R") != _set(student, "Room") for row in there.values()),
        }
        found |= {(id_, key) for key, wrong in problems.items() if wrong}
    return found


def _set(row: dict[str, Any], field: str) -> set[str]:
    value = row.get(field)
    items = value if isinstance(value, list) else [value]
    return {json.dumps(item) for item in items if item not in (None, "", [])}


@pytest.mark.parametrize("seed", range(200))
def test_the_same_as_record_by_record(seed):
    """Random tables, against one loop over students and classes."""
    random = Random(seed)

    def rooms() -> Any:
        return random.choice([None, "A", "B", "", ["A"], ["B", "A"], ["A", "B"], 1, True])

    def links(prefix: str) -> Any:
        numbers = random.sample(range(6), random.choice([0, 0, 1, 1, 1, 2, 3]))
        return [f"{prefix}{number}" for number in numbers] or (
            None if random.random() < 0.5 else []
        )

    students = {f"s{n}": {"Class": links("c"), "Room": rooms()} for n in range(random.randrange(6))}
    classes = {
        f"c{n}": {
            "Status": random.choice(["Active", "Active", "Ended", None]),
            "Students": links("s"),
            "R": rooms(),
        }
        for n in range(random.randrange(6))
    }
    active = {"when": {"field": "Status", "equals": "Active"}}
    found = findings(
        rule(active, min=1, max=2, back="Students", same={"Room": "R"}), students, classes
    )
    assert {(f.records[0], f.key) for f in found} == naive(students, classes)
    assert len({(f.records, f.key) for f in found}) == len(found)
