"""Cells: what counts as a value, when two are equal, and how a message shows them."""

from collections.abc import Sequence
from typing import Any

SHOWN = 120
"""Characters of a value, or of several together, that a message shows."""


def has_value(value: Any) -> bool:
    """0 and false are values; nothing, blank text and an empty list are not."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value != [] and value != {}


def values_of(value: Any) -> list[Any]:
    """The items of a list, or the value itself; without those that are no value."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if has_value(item)]


def comparable(value: Any, ignore_case: bool = False) -> Any:
    """A hashable stand-in for equality: 1 is 1.0, but neither "1" nor true."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str):
        return value.strip().casefold() if ignore_case else value
    if isinstance(value, list):
        return ("list", *(comparable(item, ignore_case) for item in value))
    if isinstance(value, dict):
        items = sorted(value.items())
        return ("map", *((name, comparable(item, ignore_case)) for name, item in items))
    return value


def one_or_all(values: Sequence[Any]) -> Any:
    """The only one of several values, or all of them."""
    return values[0] if len(values) == 1 else list(values)


def listed(values: Sequence[Any]) -> str:
    """Several values for a message."""
    return cut(", ".join(shown(value) for value in values))


def shown(value: Any) -> str:
    """A value for a message."""
    return cut("" if value is None else repr(value) if isinstance(value, str) else str(value))


def cut(text: str) -> str:
    """At most `SHOWN` characters."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
