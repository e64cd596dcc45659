"""The tables and fields of a base, as its schema has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar


@dataclass(frozen=True)
class FieldSchema:
    """A field of a base: its id (`fld...`), name, type as Airtable calls it, and options."""

    id: str
    name: str
    type: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableSchema:
    """A table of a base: its id (`tbl...`), name and fields."""

    id: str
    name: str
    fields: Sequence[FieldSchema]


Named = TypeVar("Named", FieldSchema, TableSchema)


def named(those: Sequence[Named], name: str) -> Named | None:
    """The one that has this name or, where none has, this id."""
    by_name = next((one for one in those if one.name == name), None)
    return by_name or next((one for one in those if one.id == name), None)
