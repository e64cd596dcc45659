"""Cells: what counts as a value, when two are equal, and how a message shows them."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, TypeVar

from landfall.airtable.snapshot import Table

_T = TypeVar("_T")

SHOWN = 120
"""Characters of a value, or of several together, that a message shows."""

ASKED_AT_ONCE = 64
"""Questions between two looks at the budget. The slowest, about a phone number, takes 0.3 ms."""


def has_value(value: Any) -> bool:
    """0 and false are values; nothing, blank text and an empty list are not."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value != [] and value != {}


def is_number(value: Any) -> bool:
    """Neither true nor false is one, nor is what is not finite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def values_of(value: Any) -> list[Any]:
    """The items of a list, or the value itself; without those that are no value."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if has_value(item)]


def comparable(value: Any, fold: Callable[[str], str] = str) -> Any:
    """A hashable stand-in for equality: 1 is 1.0, but neither "1" nor true.

    `fold` makes texts equal that are to be taken so.
    """
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, list):
        return ("list", *(comparable(item, fold) for item in value))
    if isinstance(value, dict):
        items = sorted(value.items())
        return ("map", *((name, comparable(item, fold)) for name, item in items))
    return value


class Answers(dict[str, _T]):
    """What a question has for an answer, by text: each text is asked about once."""

    def __init__(
        self, question: Callable[[str], _T], check: Callable[[], None] = lambda: None
    ) -> None:
        """`check` is the scope's, for slow questions; it is called every `ASKED_AT_ONCE`."""
        super().__init__()
        self._question, self._check = question, check

    def __missing__(self, text: str) -> _T:
        if len(self) % ASKED_AT_ONCE == 0:
            self._check()
        answer = self[text] = self._question(text)
        return answer


def not_fine(
    column: Sequence[Any], fine: Callable[[str], bool], check: Callable[[], None]
) -> Iterator[tuple[int, list[Any]]]:
    """Where a value, or an item of a list, is no text that is fine; and those of the cell."""
    known = Answers(fine, check)
    rows = [
        row
        for row, value in enumerate(column)
        if value is not None and not (value.__class__ is str and known[value])
    ]
    for row in rows:
        wrong = [
            item for item in values_of(column[row]) if not (item.__class__ is str and known[item])
        ]
        if wrong:
            yield row, wrong


def others(
    table: Table, field: str, known: AbstractSet[Any], say: Callable[[list[Any]], _T]
) -> Iterable[tuple[int, _T]]:
    """The rows with values that are not among the known, and what `say` says of those.

    `known` has stand-ins (`comparable`). `say` is asked once for a text that stands alone.
    """

    def said(value: Any) -> Any:
        items = [item for item in values_of(value) if comparable(item) not in known]
        return say(items) if items else None

    column = table.columns[field]
    rows = table.where(field, lambda values: _unknown(values, known))
    texts = Answers(said)
    answers = [
        texts[value] if (value := column[row]).__class__ is str else said(value) for row in rows
    ]
    return ((row, it) for row, it in zip(rows, answers, strict=True) if it is not None)


def _unknown(values: Sequence[Any], known: AbstractSet[Any]) -> list[int]:
    """Where there is a value that is not itself among the known; most cells need no call to tell.

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


def one_or_all(values: Sequence[Any]) -> Any:
    """The only one of several values, or all of them."""
    return values[0] if len(values) == 1 else list(values)


def listed(values: Sequence[Any]) -> str:
    """Several values for a message."""
    return shown(values[0]) if len(values) == 1 else cut(", ".join(map(shown, values)))


def shown(value: Any) -> str:
    """A value for a message."""
    return cut("" if value is None else repr(value) if isinstance(value, str) else str(value))


def cut(text: str) -> str:
    """At most `SHOWN` characters."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
