"""The tables and fields of a base, from its schema."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar


@dataclass(frozen=True)
class FieldSchema:
    """A field of a base: its id (`fld...`), name, type in Airtable's terms, and options."""

    id: str
    name: str
    type: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableSchema:
    """A table of a base: its id (`tbl...`), name and fields.

    `primary` is the primary field, whose value is the name of a record; None if it is unknown.
    """

    id: str
    name: str
    fields: Sequence[FieldSchema]
    primary: FieldSchema | None = None


Named = TypeVar("Named", FieldSchema, TableSchema)


def named(items: Sequence[Named], name: str) -> Named | None:
    """Return the table or field with this name or, if there is none, with this id."""
    by_name = next((one for one in items if one.name == name), None)
    return by_name or next((one for one in items if one.id == name), None)
