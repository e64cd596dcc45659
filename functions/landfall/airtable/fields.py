"""What the fields of a base can hold, as far as Airtable's schema tells, and what cannot fit them.

Types and options are those of https://airtable.com/developers/web/api/field-model. Whatever the
schema leaves open (a type that is not listed here, a formula that has no result yet) fits anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from landfall.airtable.schema import FieldSchema, TableSchema, named
from landfall.airtable.values import listed
from landfall.scans.settings import suggest

Holds = Literal["text", "numbers", "dates", "ticks", "record ids", "objects"]
"""What a cell has, or each item of a list. A date is text that says one; a box without a tick has
no value."""

_HOLDS: Mapping[str, Holds] = {
    **dict.fromkeys(("singleLineText", "multilineText", "richText"), "text"),
    **dict.fromkeys(("email", "url", "phoneNumber"), "text"),
    **dict.fromkeys(("singleSelect", "multipleSelects", "externalSyncSource"), "text"),
    **dict.fromkeys(("number", "percent", "currency", "rating", "duration"), "numbers"),
    **dict.fromkeys(("count", "autoNumber"), "numbers"),
    **dict.fromkeys(("date", "dateTime", "createdTime", "lastModifiedTime"), "dates"),
    "checkbox": "ticks",
    "multipleRecordLinks": "record ids",
    **dict.fromkeys(("singleCollaborator", "multipleCollaborators"), "objects"),
    **dict.fromkeys(("createdBy", "lastModifiedBy"), "objects"),
    **dict.fromkeys(("multipleAttachments", "barcode", "button", "aiText"), "objects"),
}

_OF_OTHERS = ("formula", "rollup", "multipleLookupValues")
"""Types whose `result` is the type of what was worked out."""

_COMPUTED = {
    *(*_OF_OTHERS, "count", "autoNumber", "createdTime", "lastModifiedTime"),
    *("createdBy", "lastModifiedBy", "button", "aiText", "externalSyncSource"),
}


@dataclass(frozen=True)
class Schema:
    """The tables of a base, by name or id."""

    tables: Sequence[TableSchema]

    def table(self, name: str) -> TableSchema:
        """A table that is there."""
        table = named(self.tables, name)
        assert table is not None
        return table

    def field(self, table: str, name: str) -> FieldSchema:
        """A field that is there."""
        field = named(self.table(table).fields, name)
        assert field is not None
        return field


def computed(field: FieldSchema) -> bool:
    """Whether Airtable fills the field: nobody can type into it."""
    return field.type in _COMPUTED


def shown_type(field: FieldSchema) -> str:
    """The type for a message, with that of what a computed field works out."""
    result = _result(field)
    return field.type if result is field else f"{field.type} of {result.type or 'no known type'}"


def holds(field: FieldSchema) -> Holds | None:
    """What its cells have; None where the schema leaves that open."""
    return _HOLDS.get(_result(field).type)


def is_list(field: FieldSchema) -> bool:
    """Whether its cells are lists. A lookup's are, whatever is in them."""
    return any(one.type.startswith("multiple") for one in (field, _result(field)))


def choices(field: FieldSchema) -> list[str] | None:
    """The options of a select; None for any other field."""
    result = _result(field)
    if result.type not in ("singleSelect", "multipleSelects"):
        return None
    return [choice["name"] for choice in result.options.get("choices", ())]


def _result(field: FieldSchema) -> FieldSchema:
    """The field, or what a computed one works out: a field without a type where nothing is said."""
    if field.type not in _OF_OTHERS:
        return field
    result = field.options.get("result") or {}
    return FieldSchema(field.id, field.name, result.get("type", ""), result.get("options") or {})


def not_of(field: FieldSchema, wanted: Holds, why: str) -> Iterator[str]:
    """That the field cannot hold what is wanted. Text can say a date, and a date is text."""
    has = holds(field)
    if has not in (None, wanted) and {has, wanted} != {"text", "dates"}:
        yield f"{why}, but {_is(field)}"


def not_linked(field: FieldSchema, table: str, schema: Schema, why: str) -> Iterator[str]:
    """That the field has no ids of this table's records."""
    yield from not_of(field, "record ids", why)
    linked = _result(field).options.get("linkedTableId")
    if linked and linked != schema.table(table).id:
        there = named(schema.tables, linked)
        yield f"{field.name!r} links to {there.name if there else linked!r}, not to {table!r}"


def not_of_bound(field: FieldSchema, setting: str, bound: int | float | str) -> Iterator[str]:
    """That the field cannot be on either side of a number or a date."""
    if isinstance(bound, str):
        yield from not_of(field, "dates", f"`{setting}: {bound}` wants dates")
    else:
        yield from not_of(field, "numbers", f"`{setting}: {bound}` wants numbers")


def never(field: FieldSchema, setting: str, values: Sequence[Any]) -> Iterator[str]:
    """Which of the values the field can never have."""
    has, options = holds(field), choices(field)
    if has is None:
        return
    strange = [value for value in values if not _can_be(value, has)]
    if strange:
        yield f"`{setting}` has {listed(strange)}, which {field.name!r} can never be: {_is(field)}"
    if False in [value for value in values if isinstance(value, bool)] and has == "ticks":
        yield f"`{setting}` has False, but a box without a tick has no value: say `has_value`"
    if options is not None:
        known = [*options, *strange]
        for value in [value for value in values if value not in known]:
            fix = suggest(value, options, f"there are {listed(options)}")
            yield f"`{setting}` has {value!r}, which is no option of {field.name!r}; {fix}"


def _can_be(value: Any, has: Holds) -> bool:
    if isinstance(value, bool):
        return has == "ticks"
    if isinstance(value, str):
        return has in ("text", "dates", "record ids")
    return has == "numbers"


def not_comparable(one: FieldSchema, other: FieldSchema) -> Iterator[str]:
    """That no value of one field can equal one of the other."""
    first, second = holds(one), holds(other)
    if first and second:
        kinds = {"text" if has == "dates" else has for has in (first, second)}
        if len(kinds) > 1:
            yield f"no value of one is ever one of the other: {_is(one)}, and {_is(other)}"


def _is(field: FieldSchema) -> str:
    return f"{field.name!r} is {shown_type(field)}, which holds {holds(field)}"
