"""Comparison of a scan with its base: the fields exist, and can hold what the rules need.

Pure: from the scan's tables and rules and the base's schema to misfits. Each kind of rule lists its
own misfits (`misfits`) and remarks (`remarks`).
"""

from collections.abc import Iterator, Mapping, Sequence

from landfall.airtable.fields import Schema, computed, display_type
from landfall.airtable.schema import named
from landfall.airtable.unknown_fields import Fit, Remark, unknown
from landfall.integrity.rules.condition_fit import condition_misfits
from landfall.integrity.rules.rule import BaseRule


def fit(tables: Mapping[str, Sequence[str]], rules: Sequence[BaseRule], schema: Schema) -> Fit:
    """Compare a scan's tables and rules with the base. A rule with missing fields is skipped: they
    are reported once, under `tables`."""
    misfits = [Remark(None, message) for message in unknown(tables, schema)]
    remarks = []
    for rule in rules:
        if not _exists(rule, schema):
            continue
        misfits += [Remark(rule.id, message) for message in _misfits(rule, schema)]
        remarks += [Remark(rule.id, message) for message in _remarks(rule, schema)]
    return Fit(misfits, remarks)


def _exists(rule: BaseRule, schema: Schema) -> bool:
    tables = {name: named(schema.tables, name) for name in rule.tables()}
    return all(tables.values()) and all(
        (table := tables[name]) and named(table.fields, field) for name, field in rule.reads()
    )


def _misfits(rule: BaseRule, schema: Schema) -> Iterator[str]:
    for table, name in rule.reads():
        field = schema.field(table, name)
        if field.options.get("isValid") is False:
            yield f"{name!r} is a {field.type} that Airtable reports as invalid: it has no values"
    if rule.when:
        for message in condition_misfits(rule.when, schema.table(rule.table)):
            yield f"when: {message}"
    yield from rule.misfits(schema)


def _remarks(rule: BaseRule, schema: Schema) -> Iterator[str]:
    for table, name in rule.looks_at():
        field = schema.field(table, name)
        if computed(field):
            yield f"{name!r} is computed ({display_type(field)}): its value cannot be edited"
    yield from rule.remarks(schema)
