"""What a person sees of `infra/local/run`, whatever it does."""

from rich.console import Console

LOG_WIDTH = 120
"""Columns of what is not shown on a terminal."""

COLOURS = {
    "healthy": "green",
    "warning": "yellow",
    "critical": "red",
    "inconclusive": "magenta",
    "info": "cyan",
}
"""Of verdicts and severities."""


def make_console(as_lines: bool) -> Console:
    """Standard output; standard error where that is for a script's lines."""
    console = Console(stderr=as_lines, highlight=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    return console


def plural(number: int, what: str) -> str:
    """Return a number with its noun, in the plural where that is due."""
    return f"{number} {what}{'s' * (number != 1)}"


def complain(console: Console, what: str, error: Exception) -> None:
    """Say what did not come about, and why."""
    console.print(what, style="red", end=" ")
    console.print(str(error), soft_wrap=True, markup=False)
