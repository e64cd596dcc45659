"""Plain values of a definition or a request: text, numbers, true and false, lists, and names with
values.

Whatever the form of a text (YAML, JSON), its numbers are read here, and its values are within
bounds.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
"""The names and list places that lead to a value."""

MAX_DEPTH = 16
"""Levels of lists and names within one another; conditions of conditions need no more."""

MAX_DIGITS = 17
"""Digits that a number with a fraction keeps: those of a 64-bit float."""

WHOLE_NUMBERS = range(-(2**63), 2**63)
"""Whole numbers that can be stored: those of 64 bits."""


@dataclass(frozen=True)
class Content:
    """The values of a text, and the line of each: the first is 1.

    `commented` has the empty values with a comment behind them, which may be meant as text.
    """

    value: Any
    lines: Mapping[Path, int] = field(default_factory=dict)
    commented: Collection[Path] = ()

    def line(self, path: Path) -> int | None:
        """Return the line of a value or, where it is missing, of the group that lacks it.

        None for what the whole text lacks.
        """
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path) if path else None


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def number(text: str) -> int | float:
    """Return the number of a text in JSON's form. Raises `ValueError`, with the fix."""
    digits = sum(character.isdigit() for character in re.split("[eE]", text)[0].lstrip("-0."))
    if re.fullmatch(r"-?\d+", text):
        # the length comes first: Python does not convert any number of digits
        if digits <= len(str(WHOLE_NUMBERS.stop)) and int(text) in WHOLE_NUMBERS:
            return int(text)
        raise ValueError(f"{shorten(text)} is too large for a number; put it in quotes")
    if not math.isfinite(float(text)):
        raise ValueError(f"{shorten(text)} is too large for a number; put it in quotes")
    if digits > MAX_DIGITS:
        raise ValueError(
            f"{shorten(text)} is too long for a number, which keeps {MAX_DIGITS} digits; shorten "
            "it, or put it in quotes"
        )
    return float(text)


def problems(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the place and the problem of each value that cannot be stored."""
    match value:
        case dict() | list() if len(path) == MAX_DEPTH:
            yield path, f"{_named(path)}is nested more than {MAX_DEPTH} levels deep; use fewer"
        case dict():
            for name, one in value.items():
                for problem in _text_problems(name):
                    yield (*path, name), f"the name {shorten(name)!r} {problem}"
                yield from problems(one, (*path, name))
        case list():
            for place, one in enumerate(value):
                yield from problems(one, (*path, place))
        case str():
            yield from ((path, f"{_named(path)}{problem}") for problem in _text_problems(value))


def _named(path: Path) -> str:
    parts = (f" item {part + 1}" if isinstance(part, int) else f".{part}" for part in path)
    return f"`{''.join(parts).lstrip('. ')}` " if path else "this "


def _text_problems(text: str) -> Iterator[str]:
    found = _CONTROL.search(text)
    if found:
        yield f"has the control character {control(found[0])}; remove it"


def control(character: str) -> str:
    """Return the code of a character that cannot be shown, such as U+0007."""
    return f"U+{ord(character):04X}"


def shorten(text: str) -> str:
    """Return a text of the user for a message, cut to one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
