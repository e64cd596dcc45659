"""Misfits between a condition and the fields of its table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from landfall.airtable.fields import bound_misfits, content_misfits, holds, value_misfits
from landfall.airtable.schema import FieldSchema, TableSchema, named
from landfall.integrity.rules.conditions import AllOf, AnyOf, Condition, FieldCondition, Not


def condition_misfits(condition: Condition, table: TableSchema) -> Iterator[str]:
    """Yield a sentence for each part of a condition that cannot fit the fields of its table."""
    match condition:
        case AllOf(all=several) | AnyOf(any=several):
            for one in several:
                yield from condition_misfits(one, table)
        case Not(not_=one):
            yield from condition_misfits(one, table)
        case FieldCondition():
            field = named(table.fields, condition.field)
            assert field is not None
            for name, value in condition.model_dump(exclude_none=True, exclude={"field"}).items():
                yield from _MISFITS[name](field, name, value)


def _text_misfits(field: FieldSchema, setting: str, _: str) -> Iterator[str]:
    if holds(field) != "record ids":
        yield from content_misfits(field, "text", f"`{setting}` needs text")


_MISFITS: Mapping[str, Callable[[FieldSchema, str, Any], Iterator[str]]] = {
    "has_value": lambda *_: iter(()),
    "equals": lambda field, name, value: value_misfits(field, name, [value]),
    "not_equals": lambda field, name, value: value_misfits(field, name, [value]),
    "one_of": value_misfits,
    "none_of": value_misfits,
    "contains": _text_misfits,
    "matches": _text_misfits,
    **dict.fromkeys(("above", "at_least", "below", "at_most"), bound_misfits),
}
