"""Differences between a wanted and an existing resource."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def differences(wanted: Any, existing: Any, at: str = "") -> list[str]:
    """Return a line for each value of `wanted` that differs in `existing`, which may hold more.

    Google adds values of its own to mappings. Lists must be equal throughout; lists of
    {"name": ...} are compared by name, in any order.
    """
    if isinstance(wanted, Mapping):
        existing = existing if isinstance(existing, Mapping) else {}
        return [
            line
            for name, value in wanted.items()
            for line in differences(value, existing.get(name), f"{at}.{name}" if at else name)
        ]
    pairs = _pairs(wanted, existing) if _is_list(wanted) and _is_list(existing) else None
    if pairs is not None:
        return [
            line for name, pair in pairs.items() for line in differences(*pair, f"{at}[{name}]")
        ]
    if _plain(wanted) == _plain(existing):
        return []
    return [f"{at}: {_shortened(existing)} -> {_shortened(wanted)}"]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _pairs(wanted: Sequence[Any], existing: Sequence[Any]) -> dict[Any, tuple[Any, Any]] | None:
    """Return the pairs to compare, by name or else by index; None if the lists cannot be paired."""
    if _are_named(wanted) and _are_named(existing):
        want, have = ({it["name"]: _nameless(it) for it in some} for some in (wanted, existing))
        return {name: (want.get(name), have.get(name)) for name in {**have, **want}}
    if len(wanted) == len(existing):
        return dict(enumerate(zip(wanted, existing, strict=True)))
    return None


def _nameless(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if name != "name"}


def _are_named(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(it, Mapping) and "name" in it for it in values)


def _plain(value: Any) -> Any:
    """Normalise a value: Google omits 0, false and empty; lists in annotations are JSON."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value if value not in (0, "0", "false", "", [], {}) else None


def _shortened(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."
