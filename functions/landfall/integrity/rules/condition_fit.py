"""Misfits between a condition and the fields of its table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from landfall.airtable.fields import holds, never, not_of, not_of_bound
from landfall.airtable.schema import FieldSchema, TableSchema, named
from landfall.integrity.rules.conditions import AllOf, AnyOf, Condition, FieldCondition, Not


def of_condition(condition: Condition, table: TableSchema) -> Iterator[str]:
    """What in a condition cannot fit the fields of its table, all of which are there."""
    match condition:
        case AllOf(all=several) | AnyOf(any=several):
            for one in several:
                yield from of_condition(one, table)
        case Not(not_=one):
            yield from of_condition(one, table)
        case FieldCondition():
            field = named(table.fields, condition.field)
            assert field is not None
            for name, value in condition.model_dump(exclude_none=True, exclude={"field"}).items():
                yield from _CONDITIONS[name](field, name, value)


def _of_text(field: FieldSchema, setting: str, _: str) -> Iterator[str]:
    if holds(field) != "record ids":
        yield from not_of(field, "text", f"`{setting}` wants text")


_CONDITIONS: Mapping[str, Callable[[FieldSchema, str, Any], Iterator[str]]] = {
    "has_value": lambda *_: iter(()),
    "equals": lambda field, name, value: never(field, name, [value]),
    "not_equals": lambda field, name, value: never(field, name, [value]),
    "one_of": never,
    "none_of": never,
    "contains": _of_text,
    "matches": _of_text,
    **dict.fromkeys(("above", "at_least", "below", "at_most"), not_of_bound),
}
