"""Mistakes in a person's YAML, in plain words: the place, and what to write.

PyYAML's errors, and what it takes for ordinary letters though nobody sees or means it so.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from landfall.scans.plain import shorten

Explain = Callable[["_Spot"], str]


class _Spot:
    """The place of an error: its line, and the text from there on."""

    def __init__(self, error: yaml.MarkedYAMLError, text: str) -> None:
        self.problem = str(error.problem)
        self.context = str(error.context)
        self.mark: Any = error.problem_mark or error.context_mark
        self.begin: Any = error.context_mark or self.mark
        self.lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)  # as PyYAML counts lines

    @property
    def line(self) -> str:
        """The line of the problem."""
        return self.lines[self.mark.line] if self.mark.line < len(self.lines) else ""

    @property
    def lines_at_fault(self) -> Iterator[tuple[int, str]]:
        """The number and the text of each line that may have the mistake: the upper ones first."""
        above = (at for at in reversed(range(self.mark.line)) if self.lines[at].strip())
        for at in sorted({self.begin.line, next(above, 0), self.mark.line}):
            yield from ((at, line) for line in self.lines[at : at + 1])

    @property
    def before(self) -> str:
        """The part of the line before the problem, without blanks and the dash of a list."""
        return self.line[: self.mark.column].strip("- ")

    @property
    def character(self) -> str:
        """The character at the problem; empty at the end of the text."""
        return self.line[self.mark.column : self.mark.column + 1]

    @property
    def columns(self) -> list[int]:
        """The columns at which this line may begin, as those above do: the innermost first."""
        is_item = self.line.lstrip().startswith("- ")
        columns: list[int] = []
        for line in reversed(self.lines[: self.mark.line]):
            dashes = re.match(r" *(?:- +)*(?=[^ #])", line)
            if dashes:
                outer = len(line) - len(line.lstrip(" "))
                column = outer if is_item else dashes.end()
                columns += [column] if not columns or column < columns[-1] else []
        return columns

    def begins(self, mark: Any) -> str:
        """Return the text from a mark to its end, for a message."""
        rest = self.lines[mark.line][mark.column :] if mark.line < len(self.lines) else ""
        return shorten(rest.split(" #")[0].strip(" ,]}"))


def in_plain_words(error: yaml.MarkedYAMLError, text: str) -> tuple[Any, str]:
    """Return the mark of the error's place, and the problem with its fix."""
    spot = _Spot(error, text)
    for at, line in spot.lines_at_fault:
        for form, say in _SLIPS:
            slip = form.match(line)
            if slip:
                return yaml.Mark("", 0, at, slip.start(1), None, 0), say(slip[1])
    if re.match(r" *\t", spot.line) and "quoted" not in spot.context:
        return spot.mark, "use spaces, not a tab, to move a line to the right"
    for context, problem, explain in _EXPLANATIONS:
        if re.search(context, spot.context) and re.search(problem, spot.problem):
            found = explain(spot)
            return (spot.begin if explain in _AT_THE_BEGIN else spot.mark), found
    return spot.mark, f"this cannot be read: {spot.problem}"


_ODD = "\u00a0\u00ad\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u2064\u2066-\u2069\u3000\ufeff"
"""Blanks other than the ordinary one, and characters that nobody sees, for a regular expression."""


def _odd_blank(character: str) -> str:
    return f"write an ordinary blank in place of this {_called(character)}"


def _called(character: str) -> str:
    return f"{unicodedata.name(character).lower()} (U+{ord(character):04X})"


_SLIPS: list[tuple[re.Pattern[str], Callable[[str], str]]] = [
    (re.compile(rf"(?: *(?:- +)*|[^\"'#]*?(?::|^ *-) *)([{_ODD}])"), _odd_blank),
    (
        re.compile("(```|~~~)"),
        lambda fence: (
            f"remove each line that begins with {fence}, which is no part of a definition"
        ),
    ),
    (
        re.compile(r" *([\u2010-\u2015\u2212\u2022\u2023\u2043\u25aa\u25cf\u25e6\u00b7])\s"),
        lambda sign: f"begin a list item with '- ', not with {sign}",
    ),
    (re.compile(r" *(-)(?=[a-z_]+:(\s|$))"), lambda _: "put a blank behind the '-' of a list item"),
]
"""Beginnings of lines that look right where they are not, and the message for the sign at fault."""

_QUOTES: Mapping[str, str] = {
    "\u201c": "\u201d\u201c",
    "\u201d": "\u201d",
    "\u201e": "\u201c\u201d",
    "\u00ab": "\u00bb",
    "\u00bb": "\u00ab",
    "\u2018": "\u2019",
    "\u201a": "\u2018\u2019",
}
"""Quotes as text processors write them, and those that close them."""


def looks_otherwise(text: str) -> str:
    """Return why a text without quotes is not what it looks like, with the fix; empty if it is."""
    odd = re.match(rf"[{_ODD}]", text) or re.search(rf"[{_ODD}]\Z", text)
    if odd:
        end = "begins" if odd.start() == 0 else "ends"
        return (
            f"this {end} with a {_called(odd[0])}, which nobody sees; remove it, or put the text "
            "in quotes"
        )
    closing = _QUOTES.get(text[:1], "")
    inside = text.strip("".join(_QUOTES) + "\u2019")
    ends = [at for at, character in enumerate(text) if at and character in closing]
    unclosed = not ends and closing not in "\u2018\u2019"  # an apostrophe may begin a word
    if inside and closing and (unclosed or ends[:1] == [len(text) - 1]):
        return (
            f'{shorten(text)} has curly quotes, which are part of a text here; write "'
            f"{shorten(inside)}\", or '{shorten(text)}' if you mean them"
        )
    return ""


def _in_quotes(spot: _Spot) -> str:
    return _quote(spot.begins(spot.begin))


def _cannot_begin(spot: _Spot) -> str:
    return "use spaces, not a tab" if spot.character == "\t" else _quote(spot.begins(spot.mark))


def _quote(text: str) -> str:
    return f"put '{text}' in quotes: without them, a text cannot begin with {text[:1]}"


def _second_colon(spot: _Spot) -> str:
    if ": " in spot.before:
        return "put the text behind the first ': ' in quotes: it has another ': ', or ends in ':'"
    if not spot.before:
        return "a name is missing before this ':'"
    return _wrong_column(spot)


def _not_its_end(spot: _Spot) -> str:
    if not spot.before:
        return _wrong_column(spot)
    value = re.sub(r"^[^:]*: +", "", spot.line.strip(" -"))
    return f"put the whole text in quotes: {shorten(value)} goes on behind what looks like its end"


def _wrong_column(spot: _Spot) -> str:
    here, columns = len(spot.line) - len(spot.line.lstrip(" ")), spot.columns
    if spot.line.lstrip().startswith(": "):
        return "a name is missing before this ':'"
    if here in columns:
        return (
            "this line is not of the kind of those above it: put a blank behind the ':' of each "
            "`name: value`, and a list below a name of its own"
        )
    to_the = "left" if all(column < here for column in columns) else "left or right"
    shown = " or ".join(_blanks(column) for column in columns[:3])
    return f"this line belongs further {to_the}: {shown} before it, as lines above have"


def _blanks(count: int) -> str:
    return {0: "no blank", 1: "1 blank"}.get(count, f"{count} blanks")


def _no_colon(_: _Spot) -> str:
    return (
        "this is neither `name: value` nor a list item `- value`: a ':' with a blank behind it is "
        "missing, or the quotes around a longer text"
    )


def _not_closed(spot: _Spot) -> str:
    begun = re.split(r"[,\[{]|: ", spot.line[: spot.mark.column])[-1].lstrip()
    if begun and spot.character in set("?[{") and not begun[-1].isspace():
        return (
            f"put the text that begins with '{shorten(begun)}{spot.character}' in quotes: between "
            f"brackets or braces, it cannot have a {spot.character}"
        )
    bracket = "[" if "sequence" in spot.context else "{"
    where = f"the {bracket} of line {spot.begin.line + 1} is not closed"
    return f"a comma is missing before this, or {where}{_comment(spot)}"


def _comment(spot: _Spot) -> str:
    """Return a hint at the nearest comment that begins between a bracket and its end."""
    for at in reversed(range(min(spot.mark.line + 1, len(spot.lines)))):
        before, sign, _ = spot.lines[at].partition(" #")
        if sign and max(map(before.rfind, "[{")) > max(map(before.rfind, "]}")):
            return f": a comment begins at the ' #' of line {at + 1}; put text with a # in quotes"
    return ""


def _open_quote(_: _Spot) -> str:
    return "the quote that begins here is not closed"


def _escape(_: _Spot) -> str:
    return "put this text in single quotes: in double quotes, a backslash has its own meaning"


def _list_item(_: _Spot) -> str:
    return "a list item `- ` cannot begin here: put it on a line of its own below the name"


def _nothing_there(spot: _Spot) -> str:
    begin = spot.character
    if not begin:
        return "the text ends here, but a bracket or brace is still open"
    return (
        f"a value is missing before this '{begin}', or text with a '{begin}' lacks its quotes"
        f"{_comment(spot)}"
    )


def _left_over(spot: _Spot) -> str:
    if any(line.startswith("%") for line in spot.lines):
        return _directive(spot)
    return "this does not belong to what stands above it; begin each setting at the left margin"


def _directive(_: _Spot) -> str:
    return "remove each line that begins with %"


def _marker(_: _Spot) -> str:
    return "a line `---` or `...` cannot stand within a text; close its quotes above, or indent it"


_EXPLANATIONS: list[tuple[str, str, Explain]] = [
    ("block scalar|an alias|an anchor|a tag", "", _in_quotes),
    ("parsing a node", "undefined tag handle", _in_quotes),
    ("directive", "", _directive),
    ("", "directive|incompatible YAML|duplicate tag handle", _directive),
    ("next token", "cannot start any token", _cannot_begin),
    ("simple key", "", _no_colon),
    ("quoted", "escape", _escape),
    ("quoted", "document separator", _marker),
    ("quoted", "", _open_quote),
    ("", "sequence entries", _list_item),
    ("", "mapping keys are not", _cannot_begin),
    ("", "mapping values", _second_colon),
    ("flow (sequence|mapping)", "expected ','", _not_closed),
    ("", "node content", _nothing_there),
    ("", "block end", _not_its_end),
    ("", "document start", _left_over),
]
"""The context and the problem of PyYAML's errors, and the explanation; the first that fits."""

_AT_THE_BEGIN = {_in_quotes, _no_colon, _open_quote}
"""Explanations of what begins at the context, while the problem shows later."""
