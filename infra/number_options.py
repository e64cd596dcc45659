"""Numbers of the command line: digits alone, within bounds."""

import argparse
import re
from collections.abc import Callable

LONGEST_WAIT = 3600
"""Most seconds that a command waits."""

LARGEST = 1_000_000
"""Largest count: more than the records of a base, or the runs and page hours of any month."""

SHOWN = 20
"""Characters that are shown of what is no number."""


def count(least: int = 0, instead: str = "") -> Callable[[str], int]:
    """Return the parser of a whole number from `least` to `LARGEST`.

    `instead` is what a message also offers.
    """

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= LARGEST:
            raise argparse.ArgumentTypeError(
                f"use a whole number from {least} to {LARGEST:,}{instead}, not {text[:SHOWN]!r}"
            )
        return int(text)

    return parse


def seconds(text: str) -> float:
    """Parse seconds that a command waits, up to `LONGEST_WAIT`."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or float(text) > LONGEST_WAIT:
        raise argparse.ArgumentTypeError(
            f"use seconds from 0 to {LONGEST_WAIT:,}, not {text[:SHOWN]!r}"
        )
    return float(text)
