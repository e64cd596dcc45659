"""The integrity rules: each looks at whole tables and yields findings.

A finding is about one record, or about a group of records that clash. Its fingerprint is made of
the rule and the records, so the same finding of a later run has the same one.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.definition import AllowedValues, Link, Required, Rule, Unique
from landfall.records import Record

Tables = Mapping[str, Sequence[Record]]

SHOWN = 120
"""Characters of a value, or of several together, that a message shows."""


@dataclass(frozen=True)
class Finding:
    """What a rule found wrong: the records, the field, the value, and a sentence."""

    rule_id: str
    table: str
    records: tuple[str, ...]
    field: str
    value: str
    severity: str
    message: str

    @property
    def fingerprint(self) -> str:
        """32 hex digits of rule and records; the order of the records does not matter."""
        identity = "\n".join([self.rule_id, *sorted(self.records)])
        return hashlib.sha256(identity.encode()).hexdigest()[:32]


def evaluate(rule: Rule, tables: Tables) -> Iterator[Finding]:
    """Everything that the rule finds wrong, in the order of the records."""
    return _EVALUATE[type(rule)](rule, tables)


def has_value(value: Any) -> bool:
    """0 and false are values; nothing, blank text and an empty list are not."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value != [] and value != {}


def _required(rule: Required, tables: Tables) -> Iterator[Finding]:
    for record in tables[rule.table]:
        value = record["fields"].get(rule.field)
        if not has_value(value):
            yield _finding(rule, [record], rule.field, value, f"{rule.field} has no value")


def _unique(rule: Unique, tables: Tables) -> Iterator[Finding]:
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in tables[rule.table]:
        values = [record["fields"].get(field) for field in rule.fields]
        if all(has_value(value) for value in values):
            key = tuple(comparable(value, rule.ignore_case) for value in values)
            groups.setdefault(key, []).append(record)
    fields = " + ".join(rule.fields)
    for records in groups.values():
        if len(records) > 1:
            values = [records[0]["fields"][field] for field in rule.fields]
            shown = values[0] if len(values) == 1 else values
            message = f"{len(records)} records have the same {fields}: {_shown(shown)}"
            yield _finding(rule, records, fields, shown, message)


def _allowed_values(rule: AllowedValues, tables: Tables) -> Iterator[Finding]:
    allowed = {comparable(value) for value in rule.values}
    for record in tables[rule.table]:
        wrong = [
            value
            for value in _values(record["fields"].get(rule.field))
            if comparable(value) not in allowed
        ]
        if wrong:
            message = f"{rule.field} is {_listed(wrong)}, which is not among the allowed values"
            yield _finding(rule, [record], rule.field, _one_or_all(wrong), message)


def _link(rule: Link, tables: Tables) -> Iterator[Finding]:
    known = _linkable(rule, tables)
    where = f"{rule.to.table}.{rule.to.field}" if rule.to.field else rule.to.table
    for record in tables[rule.table]:
        missing = [
            value
            for value in _values(record["fields"].get(rule.field))
            if comparable(value) not in known
        ]
        if missing:
            message = f"{rule.field} points to {_listed(missing)}, which is not in {where}"
            yield _finding(rule, [record], rule.field, _one_or_all(missing), message)


def _linkable(rule: Link, tables: Tables) -> set[Any]:
    target = tables[rule.to.table]
    if rule.to.field is None:
        return {comparable(record["id"]) for record in target}
    field = rule.to.field
    return {
        comparable(value) for record in target for value in _values(record["fields"].get(field))
    }


_EVALUATE: dict[type, Callable[[Any, Tables], Iterator[Finding]]] = {
    Required: _required,
    Unique: _unique,
    AllowedValues: _allowed_values,
    Link: _link,
}


def _finding(
    rule: Rule, records: Sequence[Record], field: str, value: Any, message: str
) -> Finding:
    ids = tuple(record["id"] for record in records)
    return Finding(rule.id, rule.table, ids, field, _shown(value), rule.severity, message)


def comparable(value: Any, ignore_case: bool = False) -> Any:
    """A hashable stand-in for equality: 1 is 1.0, but neither "1" nor true."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str):
        return value.strip().casefold() if ignore_case else value
    if isinstance(value, list):
        return ("list", *(comparable(item, ignore_case) for item in value))
    if isinstance(value, dict):
        items = sorted(value.items())
        return ("map", *((name, comparable(item, ignore_case)) for name, item in items))
    return value


def _values(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if has_value(item)]


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _listed(values: list[Any]) -> str:
    return _cut(", ".join(_shown(value) for value in values))


def _shown(value: Any) -> str:
    return _cut("" if value is None else repr(value) if isinstance(value, str) else str(value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
