"""The content that the fields of a base can hold, by Airtable's schema, and misfits with it.

Types and options are those of https://airtable.com/developers/web/api/field-model. Whatever the
schema leaves open (a type that is not listed here, a formula without a result yet) fits anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from landfall.airtable.cells import is_blank
from landfall.airtable.schema import FieldSchema, TableSchema, named
from landfall.airtable.values import display_list
from landfall.scans.settings import suggest

Holds = Literal["text", "numbers", "dates", "booleans", "record ids", "objects"]
"""The content of a cell, or of each item of a list. A date is text in a date format."""

_HOLDS: Mapping[str, Holds] = {
    **dict.fromkeys(("singleLineText", "multilineText", "richText"), "text"),
    **dict.fromkeys(("email", "url", "phoneNumber"), "text"),
    **dict.fromkeys(("singleSelect", "multipleSelects", "externalSyncSource"), "text"),
    **dict.fromkeys(("barcode", "aiText"), "text"),
    **dict.fromkeys(("number", "percent", "currency", "rating", "duration"), "numbers"),
    **dict.fromkeys(("count", "autoNumber"), "numbers"),
    **dict.fromkeys(("date", "dateTime", "createdTime", "lastModifiedTime"), "dates"),
    "checkbox": "booleans",
    "multipleRecordLinks": "record ids",
    **dict.fromkeys(("singleCollaborator", "multipleCollaborators"), "objects"),
    **dict.fromkeys(("createdBy", "lastModifiedBy"), "objects"),
    **dict.fromkeys(("multipleAttachments", "button"), "objects"),
}

_DERIVED = ("formula", "rollup", "multipleLookupValues")
"""Types whose `result` is the type of the computed value."""

_COMPUTED = {
    *(*_DERIVED, "count", "autoNumber", "createdTime", "lastModifiedTime"),
    *("createdBy", "lastModifiedBy", "button", "aiText", "externalSyncSource"),
}


@dataclass(frozen=True)
class Schema:
    """The tables of a base, by name or id."""

    tables: Sequence[TableSchema]

    def table(self, name: str) -> TableSchema:
        """Return a table that exists."""
        table = named(self.tables, name)
        assert table is not None
        return table

    def field(self, table: str, name: str) -> FieldSchema:
        """Return a field that exists."""
        field = named(self.table(table).fields, name)
        assert field is not None
        return field


def computed(field: FieldSchema) -> bool:
    """Return whether Airtable computes the field, so that nobody can edit it."""
    return field.type in _COMPUTED


def display_type(field: FieldSchema) -> str:
    """Return the type for a message, including the type of a computed field's result."""
    result = _result(field)
    return field.type if result is field else f"{field.type} of {result.type or 'unknown type'}"


def holds(field: FieldSchema) -> Holds | None:
    """Return the content of the field's cells; None if the schema leaves that open."""
    return _HOLDS.get(_result(field).type)


def is_list(field: FieldSchema) -> bool:
    """Return whether the field's cells are lists. Those of a lookup are, whatever they contain."""
    return any(one.type.startswith("multiple") for one in (field, _result(field)))


def choices(field: FieldSchema) -> list[str] | None:
    """Return the options of a select; None for any other field."""
    result = _result(field)
    if result.type not in ("singleSelect", "multipleSelects"):
        return None
    return [choice["name"] for choice in result.options.get("choices", ())]


def _result(field: FieldSchema) -> FieldSchema:
    """Return the field, or the result of a computed one, without a type if it is unknown."""
    if field.type not in _DERIVED:
        return field
    result = field.options.get("result") or {}
    return FieldSchema(field.id, field.name, result.get("type", ""), result.get("options") or {})


def content_misfits(field: FieldSchema, wanted: Holds, why: str) -> Iterator[str]:
    """Yield a sentence if the field cannot hold what is wanted. Text can be a date."""
    has = holds(field)
    if has not in (None, wanted) and {has, wanted} != {"text", "dates"}:
        yield f"{why}, but {_description(field)}"


def link_misfits(field: FieldSchema, table: str, schema: Schema, why: str) -> Iterator[str]:
    """Yield a sentence if the field does not hold ids of this table's records."""
    yield from content_misfits(field, "record ids", why)
    linked = _result(field).options.get("linkedTableId")
    if linked and linked != schema.table(table).id:
        there = named(schema.tables, linked)
        yield f"{field.name!r} links to {there.name if there else linked!r}, not to {table!r}"


def bound_misfits(field: FieldSchema, setting: str, bound: int | float | str) -> Iterator[str]:
    """Yield a sentence if the field's values cannot be compared with this number or date."""
    if isinstance(bound, str):
        yield from content_misfits(field, "dates", f"`{setting}: {bound}` needs dates")
    else:
        yield from content_misfits(field, "numbers", f"`{setting}: {bound}` needs numbers")


def value_misfits(field: FieldSchema, setting: str, values: Sequence[Any]) -> Iterator[str]:
    """Yield a sentence for values that the field can never have. A blank text is no value."""
    has, options = holds(field), choices(field)
    values = [value for value in values if not (isinstance(value, str) and is_blank(value))]
    if has is None:
        return
    strange = [value for value in values if not _can_hold(value, has)]
    if strange:
        why = f"which {field.name!r} can never hold: {_description(field)}"
        yield f"`{setting}` has {display_list(strange)}, {why}"
    if options is not None:
        known = [*options, *strange]
        for value in [value for value in values if value not in known]:
            fix = suggest(value, options, f"there are {display_list(options)}")
            yield f"`{setting}` has {value!r}, which is not an option of {field.name!r}; {fix}"


def _can_hold(value: Any, has: Holds) -> bool:
    if isinstance(value, bool):
        return has == "booleans"
    if isinstance(value, str):
        return has in ("text", "dates", "record ids")
    return has == "numbers"


def comparison_misfits(one: FieldSchema, other: FieldSchema) -> Iterator[str]:
    """Yield a sentence if no value of one field can equal one of the other."""
    first, second = holds(one), holds(other)
    if first and second:
        kinds = {"text" if has == "dates" else has for has in (first, second)}
        if len(kinds) > 1:
            yield f"their values can never be equal: {_description(one)}, and {_description(other)}"


def _description(field: FieldSchema) -> str:
    return f"{field.name!r} is {display_type(field)}, which holds {holds(field)}"
