"""Values: when two are equal, which ones a rule rejects, and how a message displays them."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, TypeVar

from landfall.airtable.cells import contents_of, error_of, has_value
from landfall.airtable.numbers import counted
from landfall.airtable.snapshot import Table

_T = TypeVar("_T")

MAX_DISPLAY = 120
"""Characters of a value, or of several together, in a message."""

CHECK_INTERVAL = 64
"""Computations between two checks of the budget. The slowest, for a phone number, takes 0.3 ms."""


def comparable(value: Any, fold: Callable[[str], str] = str) -> Any:
    """Return a hashable key for equality: 1 equals 1.0, but neither "1" nor true. Of numbers, it is
    the one that is `counted`.

    The order of a list does not count. A person and a file are compared by their ids: Airtable
    gives a file another address each time. `fold` maps texts that are to be equal to the same text.
    """
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, list):
        return ("list", frozenset(Counter(comparable(item, fold) for item in value).items()))
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            return ("id", value["id"])
        items = sorted(value.items())
        return ("map", *((name, comparable(item, fold)) for name, item in items))
    return counted(value) if isinstance(value, float) else value


class TextCache(dict[str, _T]):
    """A function's results by text: each text is computed once."""

    def __init__(
        self, compute: Callable[[str], _T], check: Callable[[], None] = lambda: None
    ) -> None:
        """Create a cache; `check`, the scope's, is called every `CHECK_INTERVAL` texts."""
        super().__init__()
        self._compute, self._check = compute, check

    def __missing__(self, text: str) -> _T:
        if len(self) % CHECK_INTERVAL == 0:
            self._check()
        value = self[text] = self._compute(text)
        return value


def rejected_items(
    column: Sequence[Any], accepts: Callable[[str], bool], check: Callable[[], None]
) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows with values or list items that are not an accepted text, and those items."""
    known = TextCache(accepts, check)
    rows = [
        row
        for row, value in enumerate(column)
        if value is not None and not (value.__class__ is str and known[value])
    ]
    for row in rows:
        wrong = [
            item for item in contents_of(column[row]) if not (item.__class__ is str and known[item])
        ]
        if wrong:
            yield row, wrong


def unknown_items(
    table: Table, field: str, known: AbstractSet[Any], describe: Callable[[list[Any]], _T]
) -> Iterable[tuple[int, _T]]:
    """Return the rows with values that are not among the known, and `describe` of these values.

    `known` has keys of equality (`comparable`). `describe` is called once for a text on its own.
    """

    def described(value: Any) -> Any:
        items = [item for item in contents_of(value) if comparable(item) not in known]
        return describe(items) if items else None

    column = table.columns[field]
    rows = table.where(field, lambda values: _unknown_rows(values, known))
    texts = TextCache(described)
    descriptions = [
        texts[value] if (value := column[row]).__class__ is str else described(value)
        for row in rows
    ]
    return ((row, it) for row, it in zip(rows, descriptions, strict=True) if it is not None)


def _unknown_rows(values: Sequence[Any], known: AbstractSet[Any]) -> list[int]:
    """Return the rows with a value that is not itself known, without a call for most cells.

    To Python, true is 1.
    """
    if known.isdisjoint((0, 1)):
        with suppress(TypeError):  # there are lists or maps
            return [
                row for row, value in enumerate(values) if value is not None and value not in known
            ]
    texts = {key for key in known if key.__class__ is str}
    return [
        row
        for row, value in enumerate(values)
        if value is not None
        and not (value.__class__ is str and value in texts)
        and not (value.__class__ is list and _all_in(value, texts))
    ]


def _all_in(items: list[Any], texts: set[str]) -> bool:
    try:
        return texts.issuperset(items)
    except TypeError:  # there is a list or a map among them
        return False


def cell_text(cell: Any) -> str:
    """Return a cell as text: items separated by commas, a person or a file by its name.

    Empty if it has no value, like an unchecked checkbox and an error.
    """
    match cell:
        case _ if not has_value(cell):
            text = ""
        case bool():
            text = "true"
        case list():
            text = ", ".join(filter(None, map(cell_text, cell)))
        case {"name": str(name)} | {"filename": str(name)} | {"email": str(name)}:
            text = name
        case dict():
            text = json.dumps(cell, ensure_ascii=False, sort_keys=True)
        case float():
            text = str(counted(cell))
        case _:
            text = str(cell)
    # a lone surrogate cannot be sent
    return text.encode("utf-8", "replace").decode().strip()


def one_or_all(values: Sequence[Any]) -> Any:
    """Return the only one of several values, or all of them."""
    return values[0] if len(values) == 1 else list(values)


def display_list(values: Sequence[Any]) -> str:
    """Return several values for a message."""
    return display(values[0]) if len(values) == 1 else truncate(", ".join(map(display, values)))


def display(value: Any) -> str:
    """Return a value for a message."""
    return truncate(printable(_displayed(value)))


def _displayed(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            text = repr(value[:MAX_DISPLAY])
            return _JOINER.sub(lambda it: chr(int(it[1], 16)), text) if "\\u200" in text else text
        case list():
            return f"[{', '.join(map(_displayed, value[:MAX_DISPLAY]))}]"
        case dict() if error := error_of(value):
            return f"the error {error}"
        case {"name": str(name), "email": str(email)}:
            return f"{name} <{email}>"
        case dict():
            return cell_text(value)
        case bool():
            return str(value).lower()
        case float():
            return str(counted(value))
        case _:
            return str(value)


_JOINER = re.compile(r"(?<=[^\x00-\x7f])\\u(200[cd])(?=[^\x00-\x7f])")
"""A joiner as `repr` writes it, between letters of a script that joins them, or within an emoji.
Elsewhere it stays visible, as all else that shows nothing: there it is a mistake."""


def truncate(text: str, most: int = MAX_DISPLAY) -> str:
    """Return at most so many characters of a text, with dots at the end where it is cut."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of the text after them."""


def printable(text: str) -> str:
    """Return a text on one line, with a blank for each character that would control its display:
    of a terminal, or of what stands beside it."""
    return text if text.isprintable() else _UNPRINTABLE.sub(" ", text)
