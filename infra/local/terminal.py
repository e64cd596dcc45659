"""The output of `infra/local/run` for a person."""

import os
import re
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from landfall.airtable.values import printable

LOG_WIDTH = 120
"""Columns of output that does not go to a terminal, unless `COLUMNS` says how many."""

COLOURS = {
    "healthy": "green",
    "warning": "yellow",
    "critical": "red",
    "inconclusive": "magenta",
    "info": "cyan",
}
"""Colours of verdicts and severities."""


class PlainConsole(Console):
    """A console whose texts cannot control it: they have names of records, titles of web sites
    and words of a model."""

    def print(self, *objects: Any, **settings: Any) -> None:
        """Print as a console does, with a blank for each control character but a line break."""
        super().print(*map(_harmless, objects), **settings)


def _harmless(printed: Any) -> Any:
    if isinstance(printed, Text):
        text = printed.copy()
        text.plain = _harmless(text.plain)
        return text
    return "\n".join(map(printable, printed.split("\n"))) if isinstance(printed, str) else printed


def make_console(as_lines: bool) -> Console:
    """Return a console on standard output, or on standard error if scripts read the former."""
    console = PlainConsole(stderr=as_lines, highlight=False)
    if not console.is_terminal:
        told = re.fullmatch("[1-9][0-9]{1,2}", os.environ.get("COLUMNS", ""))
        console.width = int(told[0]) if told else LOG_WIDTH
    return console


MIN_TEXT = 40
"""Columns of the text of an entry, however narrow the terminal is."""


@dataclass(frozen=True)
class Entry:
    """An entry of a report: a head, and a text that is wrapped beside it.

    The text begins `indent` columns from the left, below a head that is longer.
    """

    head: Text = field(default_factory=Text)
    text: Text = field(default_factory=Text)
    indent: int = 0


def print_entry(console: Console, entry: Entry) -> None:
    """Print an entry: nothing of it is cut, whatever the width of the terminal."""
    head, indent = entry.head, entry.indent
    text = entry.text
    lines = list(text.wrap(console, max(MIN_TEXT, console.width - indent))) if text else []
    for line in lines:
        line.rstrip()
    if head and lines and head.cell_len < indent:
        console.print(head + Text(" " * (indent - head.cell_len)) + lines.pop(0), soft_wrap=True)
    elif head:
        console.print(head)
    for line in lines:
        console.print(Text(" " * indent) + line, soft_wrap=True)


def plural(number: int, what: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {what}{'s' * (number != 1)}"


def complain(console: Console, what: str, error: Exception) -> None:
    """Print what failed, and why."""
    console.print(what, style="red", end=" ")
    console.print(str(error), soft_wrap=True, markup=False)
