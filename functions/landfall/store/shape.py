"""The shape of a stored document: the types of its fields, as a class has them.

Somebody may edit a document by hand, and leave a number as text or a status that there is not.
`check` names the field of such a document, and `repaired` gives what to put in its place. The times
of Firestore are of a class of their own, which msgspec and pydantic refuse or convert.
"""

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from landfall.store.documents import Fields, UnreadableError

MAX_SHOWN = 60
"""Characters of a value that a message has."""

_WORDS: Mapping[type, str] = {
    datetime: "a time",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Mapping: "a map",
    Sequence: "a list",
    types.NoneType: "null",
    bytes: "bytes",
}


@dataclass(frozen=True)
class _FieldShape:
    """A field: its possible types, and its possible texts where it has no others."""

    name: str
    required: bool
    types: tuple[type, ...]
    texts: tuple[str, ...]

    def fits(self, value: Any) -> bool:
        """Return whether a value is of the field's type."""
        if isinstance(value, str):  # a sequence, too
            return str in self.types and (not self.texts or value in self.texts)
        if isinstance(value, bool):  # a whole number, too
            return bool in self.types
        return isinstance(value, self.types)

    def misfit(self, fields: Fields) -> str:
        """Return what is wrong with the field; empty if nothing is."""
        if self.name not in fields:
            return f"`{self.name}` is missing" if self.required else ""
        value = fields[self.name]
        if self.fits(value):
            return ""
        words = ", ".join(self.texts) or " or ".join(map(_WORDS.__getitem__, self.types))
        return f"`{self.name}` is {repr(value)[:MAX_SHOWN]}, and not {words}"

    def default(self, now: datetime) -> Any:
        """Return the value for a document that has none which fits."""
        if types.NoneType in self.types:
            return None
        if self.texts:
            return self.texts[0]
        made: Mapping[type, Any] = {Mapping: {}, Sequence: [], datetime: now}
        kind = self.types[0]
        return made[kind] if kind in made else kind()


@cache
def _shape(form: type) -> tuple[_FieldShape, ...]:
    """Return the fields that a document has for a dataclass: those that are not its parents'."""
    inherited = {name for parent in form.__mro__[1:] for name in vars(parent).get(_FIELDS, ())}
    hints = get_type_hints(form)
    return tuple(
        _FieldShape(one.name, one.default is MISSING, *_possible(hints[one.name]))
        for one in fields(form)
        if one.name not in inherited
    )


_FIELDS = "__dataclass_fields__"


def _possible(hint: Any) -> tuple[tuple[type, ...], tuple[str, ...]]:
    """Return the types and texts of an annotation."""
    origin = get_origin(hint) or hint
    if origin in (Union, types.UnionType):
        parts = [_possible(one) for one in get_args(hint)]
        return tuple(kind for kinds, _ in parts for kind in kinds), tuple(
            text for _, texts in parts for text in texts
        )
    if origin is Literal:
        return (str,), get_args(hint)
    if issubclass(origin, StrEnum):
        return (str,), tuple(map(str, origin))
    if origin is dict:
        return (Mapping,), ()
    return ((float, int) if origin is float else (origin,)), ()


def fitting(form: type, path: str, stored: Fields, fix: str) -> Fields:
    """Return the fields of a document that a dataclass has. One with a default may be absent.

    Raises `UnreadableError`, which says what does not fit, and the `fix`.
    """
    fields: Fields = {}
    for name, usual, one in _usual(form):
        value = stored.get(name, MISSING)
        if type(value) not in usual and not one.fits(value):
            if wrong := one.misfit(stored):
                raise UnreadableError(f"{path} cannot be read: {wrong}; {fix}")
            continue
        fields[name] = value
    return fields


@cache
def _usual(form: type) -> tuple[tuple[str, frozenset[type], _FieldShape], ...]:
    """Return each field with the types that need no closer look: most values have one of them."""
    made: Mapping[Any, type] = {Mapping: dict, Sequence: list}
    return tuple(
        (one.name, frozenset(made.get(it, it) for it in one.types if not one.texts), one)
        for one in _shape(form)
    )


def repaired(form: type, stored: Fields, now: datetime) -> Fields:
    """Return values for the fields of a document that do not fit."""
    return {one.name: one.default(now) for one in _shape(form) if one.misfit(stored)}
