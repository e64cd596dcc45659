"""The values of a field by name, as `drift` stores their shares, and the names in earlier runs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import msgspec

from landfall.airtable.cells import content, error_of, values_of
from landfall.airtable.values import comparable, display

FALSE, TRUE = "false", "true"


def name_of_value(key: Any) -> str:
    """Return the name of a value from its `comparable`: its JSON, or that of its id."""
    if isinstance(key, tuple) and key[0] in ("bool", "id"):
        key = key[1]
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    return msgspec.json.encode(key).decode()


def labels_of(column: Iterable[Any]) -> dict[str, str]:
    """Return the text for people of each object, such as a person, by its name."""
    items = (item for cell in column if cell.__class__ in (dict, list) for item in values_of(cell))
    objects = (item for item in items if item.__class__ is dict)
    return dict(sorted((name_of_value(comparable(it)), display(it)) for it in objects))


def labels_in(measured: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that an earlier run stored."""
    return {item["value"]: item["label"] for item in measured["shares"] if "label" in item}


def shares_in(measured: Mapping[str, Any]) -> dict[str, Fraction]:
    """Return the share of each value in an earlier run, under the name that it has now."""
    shares: dict[str, Fraction] = defaultdict(Fraction)
    for item in measured["shares"]:
        if name := _name_now(item["value"]):
            shares[name] += Fraction(item["count"], measured["records"])
    return shares


def _name_now(name: str) -> str:
    """Return the name of a value from one of any version; empty if it is no value any more.

    Earlier versions named fractions by all of their digits, and people, texts of AI fields and
    errors by their whole cells.
    """
    if name.startswith('"') or name in (FALSE, TRUE) or '"list"' in name:
        return name
    value = content(_cell(msgspec.json.decode(name)))
    return "" if value is None or error_of(value) else name_of_value(comparable(value))


def _cell(part: Any) -> Any:
    """Return the cell of a `comparable` from JSON."""
    match part:
        case ["map", *items]:
            return {name: _cell(value) for name, value in items}
        case ["bool", value]:
            return value
        case _:
            return part
