"""Whether a scan fits its base: what it names is there, and can be what the rules ask of it.

Pure: from the scan's tables and rules and the base's schema to what does not fit. A kind of rule
says of itself what cannot fit it (`misfits`) and what is worth knowing (`remarks`).
"""

from collections.abc import Iterator, Mapping, Sequence

from landfall.airtable.fields import Schema, computed, shown_type
from landfall.airtable.schema import named
from landfall.airtable.unknown_fields import Fit, Remark, unknown
from landfall.integrity.rules.condition_fit import of_condition
from landfall.integrity.rules.rule import BaseRule


def fit(tables: Mapping[str, Sequence[str]], rules: Sequence[BaseRule], schema: Schema) -> Fit:
    """How a scan's tables and rules fit the base. A rule whose fields are not all there is passed
    over: what it lacks is said once, of `tables`."""
    misfits = [Remark(None, message) for message in unknown(tables, schema)]
    remarks = []
    for rule in rules:
        if not _is_there(rule, schema):
            continue
        misfits += [Remark(rule.id, message) for message in _misfits(rule, schema)]
        remarks += [Remark(rule.id, message) for message in _remarks(rule, schema)]
    return Fit(misfits, remarks)


def _is_there(rule: BaseRule, schema: Schema) -> bool:
    tables = {name: named(schema.tables, name) for name in rule.tables()}
    return all(tables.values()) and all(
        (table := tables[name]) and named(table.fields, field) for name, field in rule.reads()
    )


def _misfits(rule: BaseRule, schema: Schema) -> Iterator[str]:
    for table, name in rule.reads():
        field = schema.field(table, name)
        if field.options.get("isValid") is False:
            yield f"{name!r} is a {field.type} that Airtable calls invalid: it has no values"
    if rule.when:
        for message in of_condition(rule.when, schema.table(rule.table)):
            yield f"when: {message}"
    yield from rule.misfits(schema)


def _remarks(rule: BaseRule, schema: Schema) -> Iterator[str]:
    for table, name in rule.looks_at():
        field = schema.field(table, name)
        if computed(field):
            yield f"{name!r} is computed ({shown_type(field)}): nobody can mend it in its own cell"
    yield from rule.remarks(schema)
