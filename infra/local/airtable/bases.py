"""The bases that a stand-in serves: plain frozen data, in Airtable's own vocabulary.

A `Record` is one of Airtable's list-records responses:
`{"id": "rec…", "createdTime": "2024-05-01T09:00:00.000Z", "fields": {name: value}}`.
An empty cell is absent from `fields`; it is never `None` or `""`.
"""

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]


def random_id(prefix: str, source: random.Random) -> str:
    """Return a random id in Airtable's format: a prefix ("rec"), and 14 letters or digits."""
    return prefix + "".join(source.choices(string.ascii_letters + string.digits, k=14))


@dataclass(frozen=True)
class Field:
    """A field of a table. `type` and `options` are Airtable's ("singleSelect", {"choices": []})."""

    id: str
    name: str
    type: str
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class TableData:
    """A table. Its first field is the primary one; `records` are in the order of a listing."""

    id: str
    name: str
    fields: tuple[Field, ...]
    records: tuple[Record, ...] = ()

    def __post_init__(self) -> None:
        if not self.fields:
            raise ValueError(f"table {self.name!r} has no fields: Airtable requires a primary one")


@dataclass(frozen=True)
class BaseData:
    """A base with its tables. Its id is "app" and 14 letters or digits."""

    id: str
    name: str
    tables: tuple[TableData, ...]
