"""Firestore's order of values of all types, and the values at the field paths of a document."""

import math
from collections.abc import Mapping
from typing import Any

from google.cloud.firestore_v1.field_path import FieldPath

Key = tuple[Any, ...]
"""A key that sorts as Firestore does. Its first part is the rank of the type."""

_RANKS = {
    name: rank
    for rank, names in enumerate(
        [
            ("null_value", None),
            ("boolean_value",),
            ("integer_value", "double_value"),
            ("timestamp_value",),
            ("string_value",),
            ("bytes_value",),
            ("reference_value",),
            ("geo_point_value",),
            ("array_value",),
            ("map_value",),
        ]
    )
    for name in names
}


def key_of(value: Any) -> Key:
    """Return the key of a value, which is a message of type `Value`."""
    kind = value.WhichOneof("value_type")
    rank, content = _RANKS[kind], _content(value, kind)
    match kind:
        case None | "null_value":
            return (rank,)
        case "double_value" if math.isnan(content):
            return (rank, 0)
        case "integer_value" | "double_value":
            return (rank, 1, content)
        case "timestamp_value":
            return (rank, content.seconds, content.nanos)
        case "string_value":
            return (rank, content.encode())
        case "reference_value":
            return (rank, *content.split("/"))
        case "geo_point_value":
            return (rank, content.latitude, content.longitude)
        case "array_value":
            return (rank, tuple(key_of(item) for item in content.values))
        case "map_value":
            items = sorted(content.fields.items())
            return (rank, tuple((name, key_of(item)) for name, item in items))
    return (rank, content)


def _content(value: Any, kind: str | None) -> Any:
    return getattr(value, kind) if kind else None


def parts_of(path: str) -> tuple[str, ...]:
    """Return the names of a field path such as a.`b c`."""
    parts: tuple[str, ...] = tuple(FieldPath.from_api_repr(path).parts)
    return parts


def value_at(fields: Mapping[str, Any], path: str) -> Any | None:
    """Return the value at a field path, or None."""
    *parents, last = parts_of(path)
    for parent in parents:
        if parent not in fields:
            return None
        fields = fields[parent].map_value.fields
    return fields.get(last)


def put_at(to: Any, path: str, value: Any | None) -> None:
    """Set the value at a field path in the map `to`, with the maps on the way; None removes it."""
    *parents, last = parts_of(path)
    for parent in parents:
        to = to[parent].map_value.fields
    if value is not None:
        to[last].CopyFrom(value)
    elif last in to:
        del to[last]
