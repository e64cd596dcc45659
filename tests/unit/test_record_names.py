"""The names of records beside their ids in findings: read from the schema, bounded, one line."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from landfall.airtable.fetch_cursor import opened, wanted
from landfall.airtable.links import Origin
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.airtable.snapshot import Table
from landfall.airtable.values import MAX_DISPLAY
from landfall.integrity.findings.ledger import Ledger, merge
from landfall.integrity.findings.packing import pack_reports, unpack_reports
from landfall.integrity.report import run_report
from landfall.integrity.rules.evaluate import (
    MAX_RECORDS_LISTED,
    MAX_RECORDS_NAMED,
    Finding,
    RuleReport,
    name_of,
    with_names,
)
from landfall.store.limits import unusable_fields
from landfall.store.packed import MAX_PACKED_BYTES
from tests.fakes.rules import rule
from tests.fakes.world import a_scan

NAME, EMAIL = FieldSchema("fld1", "Name"), FieldSchema("fld2", "Email")
PEOPLE = TableSchema("tbl1", "People", [EMAIL, NAME], NAME)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("Ann", "Ann"),
        (" Ann \n Smith\t", "Ann Smith"),
        ("Ann\x1b[31m\u202e Smith", "Ann [31m Smith"),
        ("\u0646\u200c\u0647", "\u0646\u200c\u0647"),
        (7, "7"),
        (None, ""),
        (["a", "b"], "a, b"),
        ({"label": "x", "name": "Zoë"}, "Zoë"),
        ("x" * 500, "x" * (MAX_DISPLAY - 3) + "..."),
    ],
)
def test_a_name_is_one_short_line(cell, name):
    """Whatever type the primary field has; nothing in it moves a terminal's cursor."""
    assert name_of(cell) == name


@pytest.mark.parametrize(
    ("fields", "ask", "cells"),
    [
        (["Email"], ["Email", "Name"], {"Email": "e", "Name": "n"}),
        (["Name", "Email"], ["Name", "Email"], {"Name": "n", "Email": "e"}),
        (["fld1"], ["Name"], {"fld1": "n"}),
        ([], ["Name"], {"Name": "n"}),
    ],
)
def test_the_primary_field_is_read_once(fields, ask, cells):
    """By the base's schema; where the scan lists it, under the name that the scan gives it."""
    table = opened(a_scan(tables={"People": fields}, rules=RULES), [PEOPLE]).tables["People"]
    assert (table.ask, table.fields) == (ask, fields)
    record = {"id": "rec1", "createdTime": "", "fields": {"Name": "n", "Email": "e", "Age": 1}}
    (kept,) = wanted(table, [record])
    assert kept["fields"] == cells
    assert kept["fields"][table.primary] == "n"


RULES = [{"id": "v", "kind": "volume", "table": "People", "at_least": 1}]


@pytest.mark.parametrize("more", [{"record_names": False}, {}])
def test_names_are_left_unread(more):
    """Where the scan does not want them, or the schema does not tell."""
    table = TableSchema("tbl1", "People", [EMAIL, NAME], NAME if more else None)
    cursor = opened(a_scan(tables={"People": ["Email"]}, rules=RULES, **more), [table])
    assert (cursor.tables["People"].ask, cursor.tables["People"].primary) == (["Email"], "")


def a_report(*findings: Finding) -> RuleReport:
    return RuleReport(rule("required", field="F"), findings)


def a_finding(*records: str, table: str = "T") -> Finding:
    return Finding("r", table, records, "F", "", "warning", "m", record_count=len(records))


def named(findings: list[Finding], *tables: Table) -> list[Any]:
    (report,) = with_names([a_report(*findings)], {table.name: table for table in tables})
    return [finding.names for finding in report.findings]


def test_each_record_has_its_name():
    """In the order of the finding's records, also of another table; one that is gone has none."""
    names = Table("T", {}, ["rec1", "rec2"], names=["Ann", None])
    other = Table("U", {}, ["rec3"], names=["Zoë"])
    found = [a_finding("rec2", "rec1"), a_finding("rec3", table="U"), a_finding("rec9")]
    assert named([*found, a_finding()], names, other) == [("", "Ann"), ("Zoë",), ("",), ()]
    assert named([a_finding("rec1")], Table("T", {}, ["rec1"])) == [()]


def test_a_finding_of_any_size_fits_into_a_document():
    """The longest names, of characters that no compression makes smaller."""
    numbers = sorted(Random(1).sample(range(10**14), MAX_RECORDS_LISTED))
    ids = [f"rec{number:014}" for number in numbers]
    rng, characters = Random(2), range(0x20000, 0x2A000)
    names = [
        "".join(map(chr, rng.choices(characters, k=MAX_DISPLAY + 10)))
        for _ in range(MAX_RECORDS_NAMED)
    ]
    names += [""] * (len(ids) - len(names))
    finding = a_finding(*ids)
    (report,) = with_names([a_report(finding)], {"T": Table("T", {}, ids, names=names)})
    assert [len(name) for name in report.findings[0].names] == [MAX_DISPLAY] * MAX_RECORDS_NAMED
    (packed,) = pack_reports([report])
    assert len(packed.data) <= MAX_PACKED_BYTES
    assert unpack_reports([packed.data], [report.rule]) == [report]


@pytest.mark.parametrize("rules", [100, 101, 500])
def test_a_report_fits_into_the_document_of_its_run(rules):
    """However long the texts of its rules and findings are, in characters of three bytes."""
    long = "\u5b66" * 200
    reports = []
    for number in range(rules):
        of = rule("required", field="F", id=f"r{number}", name=long, owner=long)
        found = [
            Finding(
                of.id, "T", (f"rec{n:014}",), "F", long, "warning", long * 3, names=(long[:120],)
            )
            for n in range(5)
        ]
        reports.append(RuleReport(of, found, records=5))
    merged = merge(Ledger(), "scan/base", reports, {}, "run", datetime(2026, 3, 2, tzinfo=UTC))
    fields = run_report(Origin("app", {"T": "tbl"}), merged, reports).fields
    assert len(fields["rules"]) == rules
    assert unusable_fields("runs/m-1", {"report": fields, "more": "x" * 100_000}) == ""
    sample = fields["rules"][0]["samples"][0]
    assert sample["record_name"].startswith("\u5b66")
