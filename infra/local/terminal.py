"""The output of `infra/local/run` for a person."""

from rich.console import Console

LOG_WIDTH = 120
"""Columns of output that does not go to a terminal."""

COLOURS = {
    "healthy": "green",
    "warning": "yellow",
    "critical": "red",
    "inconclusive": "magenta",
    "info": "cyan",
}
"""Colours of verdicts and severities."""


def make_console(as_lines: bool) -> Console:
    """Return a console on standard output, or on standard error if scripts read the former."""
    console = Console(stderr=as_lines, highlight=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    return console


def plural(number: int, what: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {what}{'s' * (number != 1)}"


def complain(console: Console, what: str, error: Exception) -> None:
    """Print what failed, and why."""
    console.print(what, style="red", end=" ")
    console.print(str(error), soft_wrap=True, markup=False)
