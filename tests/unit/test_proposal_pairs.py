"""Proposals about several fields and tables: order, conditions, keys, links, people, age."""

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from landfall.integrity.rules.evaluate import evaluate
from landfall.proposal.proposals import Proposal, propose
from landfall.proposal.scan_text import scan_text
from tests.fakes.planted_bases import clinic, judge, shop
from tests.fakes.typed_bases import typed_base
from tests.unit.test_proposal import assert_read_back

COUNT = 120


def day(number: int) -> str:
    """Return a day, so many after the first of 2025."""
    return (date(2025, 1, 1) + timedelta(days=number)).isoformat()


def one_of(rule: dict[str, Any], tables: Any) -> Proposal:
    """Return the one proposed rule with these settings."""
    found = propose(*typed_base(tables), min_confidence=0, limit=500)
    assert_read_back(found)
    fits = [it for it in found if rule.items() <= it.settings.items()]
    assert len(fits) == 1, [it.settings for it in found]
    return fits[0]


def broken(proposal: Proposal) -> set[int]:
    """Return the numbers of the records that break a rule."""
    return {int(record[-10:]) for record in proposal.affected}


def test_an_end_is_not_before_its_start() -> None:
    """By the names, or because dates that overlap are nearly always in one order."""
    starts = [day(3 * n) for n in range(COUNT)]
    ends = [day(3 * n + 40) for n in range(COUNT)]
    ends[7] = day(0)
    of = {"Start": ("date", starts), "End": ("date", ends)}
    rule = {"kind": "compare", "left": "End", "op": "at_least", "right": "Start"}
    assert broken(one_of(rule, {"Trips": of})) == {7}
    rule = {"kind": "compare", "left": "B", "op": "at_least", "right": "A"}
    unnamed = {"A": ("date", starts), "B": ("date", ends)}
    assert broken(one_of(rule, {"Trips": unnamed})) == {7}


def test_a_field_that_is_there_where_another_says_so() -> None:
    """A reason that withdrawn students have and active ones have not."""
    status = ["Active", "Withdrawn"] * (COUNT // 2)
    reason = [None if n % 2 == 0 else f"moved {n % 7}" for n in range(COUNT)]
    reason[11], reason[20] = None, "why"
    of = {"Status": ("singleLineText", status), "Reason": ("singleLineText", reason)}
    when = {"field": "Status", "equals": "Withdrawn"}
    rule = {"kind": "required", "field": "Reason", "when": when}
    assert broken(one_of(rule, {"Students": of})) == {11}
    when = {"field": "Status", "equals": "Active"}
    rule = {"kind": "forbidden", "field": "Reason", "when": when}
    assert broken(one_of(rule, {"Students": of})) == {20}


def test_a_key_of_two_fields_and_one_that_decides_another() -> None:
    """One entry a student and day; one city a postcode, found by a query."""
    random = Random(1)
    pairs = random.sample([(s, d) for s in range(20) for d in range(30)], 300)
    pairs[5] = pairs[9]
    codes = [random.randrange(12) for _ in pairs]
    towns = [f"Town {chr(65 + code % 8)}" for code in codes]
    towns[44] = "Town Z"
    of = {
        "Student": ("singleLineText", [f"pupil {chr(97 + s)}" for s, _ in pairs]),
        "Day": ("date", [day(d) for _, d in pairs]),
        "Postcode": ("singleLineText", [f"{code:05}" for code in codes]),
        "Town": ("singleLineText", towns),
    }
    rule = {"kind": "unique", "fields": ["Day", "Student"]}
    assert broken(one_of(rule, {"Entries": of})) == {5, 9}
    name = "Town is the same in all records with the same Postcode"
    assert broken(one_of({"kind": "sql", "name": name}, {"Entries": of})) == {44}


def test_a_total_is_the_product_of_two_numbers() -> None:
    """A total that somebody has typed otherwise breaks it."""
    price, number = [1.5 + n % 9 for n in range(COUNT)], [2 + n % 5 for n in range(COUNT)]
    totals = [a * b for a, b in zip(price, number, strict=True)]
    totals[30] += 1
    of = {"Number": ("number", number), "Price": ("number", price), "Sum": ("number", totals)}
    name = "Sum is the product of Number and Price"
    assert broken(one_of({"kind": "sql", "name": name}, {"Lines": of})) == {30}


def test_values_that_occur_in_another_table_are_links() -> None:
    """A code that is typed by hand, and what both records say of it."""
    codes = [f"K{chr(65 + n % 9)}{n % 9}" for n in range(COUNT)]
    rooms = [f"R{n % 9 * 7}" for n in range(COUNT)]
    codes[3], rooms[50] = "KX", "R1"
    tables = {
        "Lessons": {
            "Number": ("autoNumber", list(range(COUNT))),
            "Class": ("singleLineText", codes),
            "Room": ("singleLineText", rooms),
        },
        "Classes": {
            "Code": ("singleLineText", [f"K{chr(65 + n)}{n}" for n in range(9)]),
            "Place": ("singleLineText", [f"R{n * 7}" for n in range(9)]),
        },
    }
    to = {"table": "Classes", "field": "Code"}
    link = {"kind": "link", "table": "Lessons", "field": "Class", "to": to}
    found = one_of({**link, "same": {"Room": "Place"}}, tables)
    assert broken(found) == {3, 50}
    assert found.evidence == "Room equals Place of the linked record in 118 of 119"


def test_links_of_records_are_checked_where_airtable_does_not() -> None:
    """No rule about what Airtable enforces, unless a record proves that it does not."""
    to = {"linkedTableId": f"tbl{1:014}"}
    ids = [f"rec{1:04}{n:010}" for n in range(30)]
    links = [[ids[n % 30]] for n in range(COUNT)]
    tables: dict[str, Any] = {
        "Lessons": {"Teacher": (("multipleRecordLinks", to), links)},
        "Teachers": {"Name": ("singleLineText", [f"T {n}" for n in range(30)])},
    }
    found = propose(*typed_base(tables), min_confidence=0)
    assert not [it for it in found if it.rule.kind == "link"]
    links[4] = ["recGone0000000000"]
    links[8] = ids[:2]
    rule = {"kind": "link", "field": "Teacher", "max": 1}
    assert 8 in broken(one_of(rule, tables))


def test_people_and_tables_that_grow_stale() -> None:
    """A person who is there twice; a table that has had a record a day until lately."""
    names = [f"{a}{b} {c}son" for a in "ABCDEFGHIJ" for b in ("nna", "ert") for c in ("Lar", "Ove")]
    mails = [f"m{n}@x.example" for n in range(len(names))]
    names[5], mails[5] = names[30], mails[30]
    days = [day(400 + n) for n in range(len(names))]
    of = {
        "Name": ("singleLineText", names),
        "Email": ("email", mails),
        "Seen": ("date", days),
    }
    found = one_of({"kind": "duplicate", "of": "person"}, {"Members": of})
    assert {5, 30} <= broken(found)
    found = one_of({"kind": "freshness", "field": "Seen", "within": "3d"}, {"Members": of})
    assert found.breaks == 1


def test_what_is_planted_is_found() -> None:
    """The floor of a small base with defects of 20 kinds; `tests/bench` has larger ones."""
    base = clinic(Random(4), 300)
    schema, snapshot = base.base()
    assert len(base.planted()) >= 20
    findings = [
        (it.sentence, finding.records)
        for it in propose(schema, snapshot)
        for finding in evaluate(it.rule, snapshot).findings
        if finding.records
    ]
    judged = judge(base.planted(), findings)
    assert judged.recall >= 0.85, judged.missed
    assert judged.precision >= 0.8, judged.wrong


def test_the_order_of_related_tables_does_not_count() -> None:
    """Keys, conditions, links, people and sums as well."""
    base = shop(Random(2), 240)
    tables = {
        table: {name: (base.types[table][name], cells) for name, cells in columns.items()}
        for table, columns in base.tables.items()
    }

    def text(shuffle: int | None) -> str:
        found = propose(*typed_base(tables, shuffle=shuffle), min_confidence=0, limit=500)
        return scan_text("suggested", "appProposed000001", found, "all")

    assert text(1) == text(2) == text(None)


KINDS_OF_FIELDS = (
    *("singleLineText", "multilineText", "email", "url", "phoneNumber", "number", "currency"),
    *("date", "dateTime", "checkbox", "singleSelect", "multipleSelects", "formula", "rollup"),
    *("multipleLookupValues", "multipleRecordLinks", "multipleAttachments", "createdBy", "unknown"),
)
CELLS: tuple[Any, ...] = (
    *(None, "", " ", "x", "2026-01-01", "9" * 400, "a@b.example", "#", "\u2028", "n/a"),
    "0001-01-01",
    *(0, 1, -1, 10**400, 1.5, 1e308, True, "9999-12-31T23:59:59Z", "K-1", "K-2", "k 3"),
    *([], [None], ["a", "b"], ["recAAAAAAAAAAAAAA"], [["a"]], [1, "1"], [{"id": "x"}]),
    *({"error": "#ERROR!"}, {"specialValue": "NaN"}, {"id": "usrX", "email": "a@b.c"}),
    [{"error": "x"}],
)  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_no_cell_breaks_a_proposal(seed: int) -> None:
    """Any content in fields of any type and name, few different cells or many."""
    random = Random(seed)
    names = ["Name", "Start", "End", "Birth Date", "Code", "Amount", "Email", "Phone", "Zip", "X"]

    def cells() -> list[Any]:
        some = random.sample(CELLS, random.choice([2, 4, len(CELLS)]))
        return [random.choice(some) for _ in range(80)]

    tables: dict[str, Any] = {
        table: {name: (random.choice(KINDS_OF_FIELDS), cells()) for name in names}
        for table in ("Students", "Companies")
    }
    assert_read_back(propose(*typed_base(tables), min_confidence=0, limit=500))
