"""The limits of Firestore on paths and documents, to say what it refused.

Firestore's own messages name neither the document nor, mostly, the field ("Property x contains an
invalid nested entity"). The numbers are those of https://firebase.google.com/docs/firestore/quotas.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from landfall.store.documents import Fields, Query

MAX_NAME_BYTES = 1_500
"""Bytes of an id."""

MAX_FIELD_BYTES = 1_500
"""Bytes of the names on the way to a value, with a byte between two of them."""

MAX_QUERIED_BYTES = 1_500
"""Bytes of a text in a query: as many as an index has of a value."""

MAX_CHOICES = 30
"""Values of which a query takes one (`in`)."""

_MAX_VALUES = {"in": MAX_CHOICES, "not-in": 10}
"""Values of a condition, by its operator."""

MAX_DEPTH = 20
"""Maps and arrays within each other."""

MAX_VALUE_BYTES = 1_048_487
"""Bytes of a text or of bytes: 1 MiB less 89 bytes."""

MAX_DOCUMENT_BYTES = 1_048_576
"""Bytes of a document, counted as in https://firebase.google.com/docs/firestore/storage-size."""

MAX_ENTRIES = 40_000
"""Entries of a document in indexes."""

_RESERVED = re.compile(r"__.*__", re.DOTALL)

_BYTES = {type(None): 1, bool: 1, int: 8, float: 8}

_NESTED = (dict, list, tuple)

_SHOWN = 100
"""Characters of a name that a message shows."""


def unusable_path(path: str) -> str:
    """Return why no document can have this path; empty if one can."""
    ids = path.split("/")
    if len(ids) % 2:
        return f"{_shown(path)} is not the path of a document"
    for one in ids:
        if not one:
            return f"{_shown(path)} has an empty id"
        if one in (".", "..") or _RESERVED.fullmatch(one):
            return f"the id {_shown(one)} is reserved by Firestore"
        if problem := _text_problem(one, MAX_NAME_BYTES):
            return f"the id {_shown(one)} {problem}"
    return ""


def unusable_fields(path: str, fields: Fields) -> str:
    """Return why Firestore refuses a document of these fields; empty if it does not."""
    for place, problem in _problems(fields, "", 0):
        return f"{path}: {_shown(place)} {problem}"
    size = document_bytes(path, fields)
    if size > MAX_DOCUMENT_BYTES:
        return f"{path} has {size:,} bytes; Firestore takes {MAX_DOCUMENT_BYTES:,}"
    return ""


def unusable_query(query: Query) -> str:
    """Return why Firestore refuses a query; empty if it does not."""
    for name, operator, value in query.where:
        most = _MAX_VALUES.get(operator)
        if most and not 1 <= len(value) <= most:
            return f"`{name}` has {len(value)} choices; Firestore takes 1 to {most}"
        for one in value if most else [value]:
            is_text = isinstance(one, str)
            problem = _text_problem(one, MAX_QUERIED_BYTES) if is_text else _value_problem(one)
            if problem:
                return f"the value of `{name}` {problem}"
    return ""


def document_bytes(path: str, fields: Fields) -> int:
    """Return the size of a document."""
    return sum(len(one.encode()) + 1 for one in path.split("/")) + 16 + _bytes(fields) + 32


def cut_to(text: str, most: int) -> str:
    """Return the beginning of a text that has at most so many bytes."""
    return text.encode(errors="replace")[:most].decode(errors="ignore")


def index_entries(value: Any) -> int:
    """Return the entries of an indexed value in Firestore's own indexes of single fields.

    Each value has one in each direction. A map also has those of its values, and an array one for
    each of its different values.
    """
    if isinstance(value, dict):
        return 2 + sum(index_entries(one) for one in value.values())
    if isinstance(value, list | tuple):
        return 2 + len({repr(one) for one in value})
    return 2


def _problems(value: Any, place: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the place and kind of each problem; `depth` counts the maps and arrays around."""
    if depth > MAX_DEPTH:
        yield place, f"is nested more than {MAX_DEPTH} deep"
    elif isinstance(value, dict):
        for name, one in value.items():
            inner = f"{place}.{name}" if place else str(name)
            if problem := _name_problem(name, inner):
                yield inner, problem
            else:
                yield from _problems(one, inner, depth + isinstance(one, _NESTED))
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            inner = f"{place}[{number}]"
            if isinstance(one, list | tuple):
                yield inner, "is an array in an array"
            else:
                yield from _problems(one, inner, depth + isinstance(one, _NESTED))
    elif problem := _value_problem(value):
        yield place, problem


def _value_problem(value: Any) -> str:
    match value:
        case str():
            return _text_problem(value, MAX_VALUE_BYTES)
        case bytes():
            size = len(value)
            return _too_long(size, MAX_VALUE_BYTES) if size > MAX_VALUE_BYTES else ""
        case bool() | float() | None | datetime():
            return ""
        case int():
            return "" if -(2**63) <= value < 2**63 else "is a whole number beyond 64 bits"
        case _:
            return f"is a {type(value).__name__}, which Firestore does not have"


def _name_problem(name: Any, place: str) -> str:
    if not isinstance(name, str) or not name:
        return "is no name of a field: it must be text, and not empty"
    if _RESERVED.fullmatch(name):
        return "has a name that Firestore reserves"
    return _text_problem(place, MAX_FIELD_BYTES)


def _text_problem(text: str, max_bytes: int) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "has an unpaired surrogate"
    return _too_long(size, max_bytes) if size > max_bytes else ""


def _too_long(size: int, limit: int) -> str:
    return f"has {size:,} bytes; Firestore takes {limit:,}"


def _bytes(value: Any) -> int:
    match value:
        case dict():
            return sum(len(name.encode()) + 1 + _bytes(one) for name, one in value.items())
        case list() | tuple():
            return sum(map(_bytes, value))
        case str():
            return len(value.encode()) + 1
        case bytes():
            return len(value)
        case _:
            return _BYTES.get(type(value), 8)


def _shown(name: str) -> str:
    """Return a name as a message shows it: cut, and with escapes for what cannot be sent."""
    cut = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
    return ascii(cut) if not cut.isprintable() else f"`{cut}`"
