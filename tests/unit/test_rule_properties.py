"""What holds for every kind of rule, over records that hypothesis makes up.

Neither the order of the records nor the pages in which they come change what is found; and a
message says nothing of either. The rules are the examples of their reference.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from landfall.airtable.snapshot import Snapshot, TableReader
from landfall.integrity.rules.evaluate import Finding, evaluate
from landfall.integrity.rules.kinds import KINDS, Rule
from landfall.integrity.rules.rule import BaseRule

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
IDS = [f"rec{n:014}" for n in range(12)]

TEXTS = [
    "Active",
    "active ",
    "",
    " ",
    "Ada Lovelace",
    "lovelace, ada",
    "ada@example.org",
    "x@",
    "7",
]
CELLS = st.one_of(
    st.none(),
    st.sampled_from(TEXTS),
    st.sampled_from(["2026-03-01", "2026-02-01", "2026-03-02T06:00:00.000Z", "2027-01-01"]),
    st.sampled_from([0, 1, -3, 7, 2.5, True, False]),
    st.lists(st.sampled_from([*IDS, "Active"]), max_size=3),
)


def example(kind: str) -> BaseRule:
    rule: BaseRule = TypeAdapter(Rule).validate_python(yaml.safe_load(KINDS[kind].example))
    return rule


def fields_of(rule: BaseRule) -> dict[str, list[str]]:
    """The fields of each table that the rule reads."""
    fields: dict[str, list[str]] = {table: [] for table in rule.tables()}
    for table, field in rule.reads():
        fields[table].append(field)
    return fields


def snapshot_of(
    fields: dict[str, list[str]], records: dict[str, list[Any]], random: Random
) -> Snapshot:
    """The records in an order and in pages that `random` draws."""
    tables = {}
    for name, names in fields.items():
        reader = TableReader(name, names, created=True)
        rest = random.sample(records[name], len(records[name]))
        while rest:
            size = random.randint(1, 5)
            reader.add(msgspec.json.encode({"records": rest[:size]}))
            rest = rest[size:]
        tables[name] = reader.table
    return Snapshot(tables, NOW)


def _cells(names: Sequence[str], palette: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(dict.fromkeys(names, st.sampled_from(palette)))


def canonical(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.records, finding.key))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_neither_order_nor_pages_change_what_is_found(kind, data):
    """The same findings, with the same words, from every order and every cut into pages; and from
    looking at each cell, where the values of a field are known."""
    rule = example(kind)
    fields = fields_of(rule)
    palette = data.draw(st.lists(CELLS, min_size=1, max_size=4))  # few, so that records clash
    palette += [f"{cell.upper()} " for cell in palette if isinstance(cell, str)]
    records = {
        name: data.draw(st.lists(_cells(names, palette), max_size=12))
        for name, names in fields.items()
    }
    for made in records.values():
        made[:] = [
            {"id": IDS[n], "createdTime": f"2026-02-{n + 1:02}T00:00:00.000Z", "fields": cells}
            for n, cells in enumerate(made)
        ]
    snapshots = [
        snapshot_of(fields, records, Random(data.draw(st.integers(0, 99)))) for _ in range(2)
    ]
    by_cell = {name: replace(it, different={}) for name, it in snapshots[0].tables.items()}
    first, *others = (
        evaluate(rule, it) for it in (*snapshots, replace(snapshots[0], tables=by_cell))
    )
    assert len({(found.records, found.key) for found in first.findings}) == len(first.findings)
    for other in others:
        assert canonical(first.findings) == canonical(other.findings)
        assert first.inconclusive == other.inconclusive
        assert first.measured == other.measured
