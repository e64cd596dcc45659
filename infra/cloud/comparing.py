"""What differs between what is wanted and what is there."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def differences(wanted: Any, there: Any, at: str = "") -> list[str]:
    """A line for each value of `wanted` that is another in `there`, which may hold more.

    Google adds what it chose itself to mappings. A list must be the same from end to end; of
    lists of {"name": ...} the order does not matter.
    """
    if isinstance(wanted, Mapping):
        there = there if isinstance(there, Mapping) else {}
        return [
            line
            for name, value in wanted.items()
            for line in differences(value, there.get(name), f"{at}.{name}" if at else name)
        ]
    if _is_list(wanted) and _is_list(there) and len(wanted) == len(there):
        pairs = zip(_in_order(wanted), _in_order(there), strict=True)
        return [
            line
            for number, (one, other) in enumerate(pairs)
            for line in differences(one, other, f"{at}[{_name(one, number)}]")
        ]
    if _plain(wanted) == _plain(there):
        return []
    return [f"{at}: {_shown(there)} -> {_shown(wanted)}"]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _in_order(values: Sequence[Any]) -> Sequence[Any]:
    named = all(isinstance(value, Mapping) and "name" in value for value in values)
    return sorted(values, key=lambda value: str(value["name"])) if named else values


def _name(value: Any, number: int) -> str:
    return str(value["name"]) if isinstance(value, Mapping) and "name" in value else str(number)


def _plain(value: Any) -> Any:
    """0, false and nothing are left out of Google's answers; lists in annotations are JSON."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value if value not in (0, "", [], {}) else None


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."
