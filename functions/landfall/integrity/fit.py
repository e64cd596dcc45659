"""Whether a scan fits its base: what it names is there, and can be what the rules ask of it.

Pure: from the scan's tables and rules and the base's schema to what does not fit. A kind of rule
says of itself what cannot fit it (`misfits`) and what is worth knowing (`remarks`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from landfall.airtable.fields import Schema, computed, shown_type
from landfall.airtable.schema import named
from landfall.airtable.values import cut
from landfall.integrity.rules.condition_fit import of_condition
from landfall.integrity.rules.rule import BaseRule
from landfall.scans.settings import suggest


class Remark(NamedTuple):
    """A sentence about a rule, or about `tables`."""

    rule_id: str | None
    message: str


@dataclass(frozen=True)
class Fit:
    """What does not fit, and what does but is worth knowing."""

    misfits: list[Remark]
    remarks: list[Remark]


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


def unknown(tables: Mapping[str, Sequence[str]], schema: Schema) -> Iterator[str]:
    """What of these tables and fields the base does not have, and what was probably meant."""
    for name, fields in tables.items():
        table = named(schema.tables, name)
        if table is None:
            there = [table.name for table in schema.tables]
            fix = suggest(name, there, f"it has {cut(', '.join(there))}")
            yield f"the base has no table {name!r}; {fix}"
            continue
        there = [field.name for field in table.fields]
        for field in fields:
            if named(table.fields, field) is None:
                fix = suggest(field, there, f"it has {cut(', '.join(there))}")
                yield f"table {name!r} has no field {field!r}; {fix}"


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
