"""Structured data of a page (JSON-LD)."""

import json
from collections.abc import Sequence
from typing import Any

from landfall.site.markup import MAX_ITEMS


def types_of(text: str) -> Sequence[str]:
    """Return the `@type`s of JSON-LD, at any depth; none if it is not JSON."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return _types(content)


def _types(content: Any) -> Sequence[str]:
    found: list[str] = []
    left = [content]
    while left and len(found) < MAX_ITEMS:
        one = left.pop()
        if isinstance(one, dict):
            kind = one.get("@type")
            kinds = kind if isinstance(kind, list) else [kind]
            found += [name for name in kinds if isinstance(name, str)]
            left += one.values()
        elif isinstance(one, list):
            left += one
    return found
